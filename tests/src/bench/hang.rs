//! `hang`: a collector is stopped as a debugger would stop it, and says nothing more.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use stook::Event;

use super::fixture::{Fixture, PATIENCE, signal};
use super::report::{Outcome, Row};
use super::stats::Samples;
use super::{Bench, Halt, clock};

/// What each collector holds when it is stopped.
const TASKS: usize = 10;
/// Collectors of a host that are stopped one after the other, within a heartbeat.
const HOLDERS: usize = 8;

/// Which detection is measured.
struct Detection {
    config: &'static str,
    heartbeat: Duration,
}

const DEFAULT: Detection = Detection { config: "", heartbeat: Duration::from_secs(2) };
const SHORT: Detection = Detection {
    config: r#"detect = { use = "deadline", heartbeat = "100ms", dead_after = "250ms" }"#,
    heartbeat: Duration::from_millis(100),
};

const PUBLISH: &str = "publish = [\"bench.#\"]\n";

/// What the host noticed, by the number of the collector.
#[derive(Debug, Default)]
struct Marks {
    pids: BTreeMap<usize, u32>,
    survivor: bool,
    /// How many tasks have moved, and when the last one did.
    moved: BTreeMap<usize, (usize, i64)>,
    exited: usize,
}

pub(super) fn measure(bench: &mut Bench) -> Result<Outcome, Halt> {
    let (default, short) = (bench.amount(1, 4), bench.amount(6, 30));
    let default = rounds(bench, &DEFAULT, default, "2s")?;
    let short = rounds(bench, &SHORT, short, "100ms")?;
    Ok(Outcome {
        values: vec![("hang", default.p99())],
        rows: vec![
            Row::of("defaults: heartbeat 2s, dead after 5s", &default, "heartbeats"),
            Row::of("heartbeat 100ms, dead after 250ms", &short, "heartbeats"),
        ],
        notes: vec![
            "from SIGSTOP, at any moment between two heartbeats, to the last of 10 tasks assigned again"
                .into(),
            "the limit is dead_after / heartbeat = 2.5, less the time since the last heartbeat".into(),
        ],
    })
}

fn rounds(bench: &mut Bench, detection: &Detection, rounds: usize, name: &str) -> Result<Samples, Halt> {
    let mut samples = Samples::new();
    for n in 0..rounds {
        bench.goes_on(|| format!("heartbeat {name}, round {} of {rounds}", n + 1))?;
        samples.extend(round(bench, detection)?);
    }
    Ok(samples)
}

/// Fills some collectors, each with tasks that only it can run, then lets one more in that can run them all, and stops
/// the others.
fn round(bench: &mut Bench, Detection { config, heartbeat }: &Detection) -> Result<Vec<f64>, Halt> {
    let mut config =
        format!("[dispatch]\nrestart = {{ use = \"never\" }}\n{config}\n[collector.survivor]\n{PUBLISH}");
    let work = |number: usize| format!("work.{number}");
    for number in 0..HOLDERS {
        let command = format!("[@collect, \"{}:{TASKS}\"]", work(number));
        let _ = writeln!(config, "[collector.holder-{number}]\ncommand = {command}\n{PUBLISH}");
    }
    let marks = Arc::new(Mutex::new(Marks::default()));
    let noting = marks.clone();
    let note = move |event: &Event| noting.lock().unwrap_or_else(PoisonError::into_inner).note(event);
    let marks = || marks.lock().unwrap_or_else(PoisonError::into_inner);

    let mut fixture = Fixture::start(&config, note)?;
    bench.until("until the holders are connected", PATIENCE, || marks().pids.len() == HOLDERS)?;
    for number in 0..HOLDERS {
        fixture.submit(&work(number), TASKS)?;
    }
    let names: Vec<_> = (0..HOLDERS).map(|number| format!("holder-{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    fixture.all_given(bench, &names, TASKS * HOLDERS)?;
    let all: Vec<_> = (0..HOLDERS).map(|number| format!("{}:{TASKS}", work(number))).collect();
    fixture.join("survivor", &all)?;
    bench.until("until the survivor is connected", PATIENCE, || marks().survivor)?;

    // Over one heartbeat, so that all the moments between two of them come up.
    let mut stopped = Vec::new();
    for number in 0..HOLDERS {
        let pid = marks().pids.get(&number).copied();
        stopped.push(clock::now());
        signal(pid.ok_or_else(|| Halt::failed("a holder has no process"))?, Signal::STOP)?;
        bench.pause("stops one after the other", *heartbeat / HOLDERS as u32)?;
    }
    let all = |marks: &Marks| marks.moved.values().filter(|(moved, _)| *moved == TASKS).count();
    bench.until("until all is assigned again", PATIENCE, || all(&marks()) == HOLDERS)?;
    // The host kills whom it has given up.
    bench.until("until the stopped ones are ended", PATIENCE, || marks().exited == HOLDERS)?;
    let marks = marks();
    let intervals = |(number, stopped): (usize, &i64)| {
        let (_, moved) = marks.moved.get(&number).copied().unwrap_or_default();
        clock::ms_between(*stopped, moved) / (heartbeat.as_secs_f64() * 1e3)
    };
    Ok(stopped.iter().enumerate().map(intervals).collect())
}

impl Marks {
    fn note(&mut self, event: &Event) {
        let number = |name: &str| name.rsplit(['-', '.']).next().and_then(|number| number.parse().ok());
        match event {
            Event::CollectorConnected { collector, pid, .. } => match (number(collector.as_str()), pid) {
                (Some(number), Some(pid)) => _ = self.pids.insert(number, *pid),
                _ => self.survivor = true,
            },
            Event::TaskAssigned { capability, attempt: 2, .. } => {
                let Some(number) = number(capability.as_str()) else { return };
                let (moved, last) = self.moved.entry(number).or_default();
                (*moved, *last) = (*moved + 1, clock::now());
            }
            Event::CollectorExited { .. } => self.exited += 1,
            _ => {}
        }
    }
}
