//! `failover`: a collector is killed with all that it has in flight.

use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::Signal;
use stook::Event;

use super::fixture::{Fixture, PATIENCE, signal};
use super::report::{Outcome, Row};
use super::stats::Samples;
use super::{Bench, Halt, clock};

const TASKS: usize = 10_000;
const SURVIVORS: [&str; 3] = ["survivor-1", "survivor-2", "survivor-3"];

const CONFIG: &str = r#"
[dispatch]
restart = { use = "never" }

[collector.holder]
command = [@collect, "work:10000"]
publish = ["bench.#"]

[collector.survivor-1]
publish = ["bench.#"]
[collector.survivor-2]
publish = ["bench.#"]
[collector.survivor-3]
publish = ["bench.#"]
"#;

/// When the host noticed what.
#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    holder: Option<u32>,
    connected: usize,
    lost: i64,
    first: i64,
    last: i64,
    moved: usize,
    /// What the host's thread had of a processor until then.
    worked_at_loss: i64,
    worked_at_last: i64,
}

/// The times of one repetition, in milliseconds since the signal.
struct Times {
    lost: f64,
    first: f64,
    last: f64,
    received: f64,
    worked: f64,
}

pub(super) fn measure(bench: &mut Bench) -> Result<Outcome, Halt> {
    let repetitions = bench.amount(12, 100);
    let mut times = Vec::with_capacity(repetitions);
    for n in 0..repetitions {
        bench.goes_on(|| format!("repetition {} of {repetitions}", n + 1))?;
        times.push(once(bench)?);
    }
    let of = |time: fn(&Times) -> f64| times.iter().map(time).collect::<Samples>();
    let last = of(|times| times.last);
    Ok(Outcome {
        values: vec![("failover", last.p99())],
        rows: vec![
            Row::of("signal → last of 10,000 tasks assigned again", &last, "ms"),
            Row::of("  signal → host knows (exit, and what was buffered)", &of(|times| times.lost), "ms"),
            Row::of("  host knows → first assigned again", &of(|times| times.first - times.lost), "ms"),
            Row::of("  first → last assigned again", &of(|times| times.last - times.first), "ms"),
            Row::of(
                "  host knows → last, in processor time of the host's thread",
                &of(|times| times.worked),
                "ms",
            ),
            Row::of("signal → last of 10,000 tasks started by a survivor", &of(|times| times.received), "ms"),
        ],
        notes: vec![
            "3 survivors of 10,000 slots each; every task belongs to a set of its own".into(),
            "where wall time is far beyond processor time, something else ran on this machine".into(),
        ],
    })
}

fn once(bench: &mut Bench) -> Result<Times, Halt> {
    let marks = Arc::new(Mutex::new(Marks::default()));
    let noting = marks.clone();
    let note = move |event: &Event| noting.lock().unwrap_or_else(PoisonError::into_inner).note(event);
    let marks = || *marks.lock().unwrap_or_else(PoisonError::into_inner);

    let mut fixture = Fixture::start(CONFIG, note)?;
    bench.until("until the holder is connected", PATIENCE, || marks().holder.is_some())?;
    fixture.submit("work", TASKS)?;
    fixture.all_given(bench, &["holder"], TASKS)?;
    for id in SURVIVORS {
        fixture.join(id, &[format!("work:{TASKS}")])?;
    }
    bench.until("until the survivors are connected", PATIENCE, || marks().connected == SURVIVORS.len())?;
    let holder = marks().holder.ok_or_else(|| Halt::failed("the holder has no process"))?;
    let killed = clock::now();
    signal(holder, Signal::KILL)?;
    bench.until("until all is assigned again", PATIENCE, || marks().moved == TASKS)?;
    let received = fixture.all_given(bench, &SURVIVORS, TASKS)?;
    let marks = marks();
    let since = |then| clock::ms_between(killed, then);
    Ok(Times {
        lost: since(marks.lost),
        first: since(marks.first),
        last: since(marks.last),
        received: since(received),
        worked: clock::ms_between(marks.worked_at_loss, marks.worked_at_last),
    })
}

impl Marks {
    fn note(&mut self, event: &Event) {
        match event {
            Event::TaskAssigned { attempt: 2, .. } => {
                self.last = clock::now();
                if self.moved == 0 {
                    self.first = self.last;
                }
                self.moved += 1;
                if self.moved == TASKS {
                    self.worked_at_last = clock::of_this_thread();
                }
            }
            Event::CollectorLost { collector, .. } if collector.as_str() == "holder" => {
                (self.lost, self.worked_at_loss) = (clock::now(), clock::of_this_thread());
            }
            Event::CollectorConnected { collector, pid, .. } if collector.as_str() == "holder" => {
                self.holder = *pid;
            }
            Event::CollectorConnected { .. } => self.connected += 1,
            _ => {}
        }
    }
}
