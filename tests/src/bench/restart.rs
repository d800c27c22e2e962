//! `restart`: a collector has ended, and its successor is registered.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rustix::process::Signal;
use stook::{Endpoint, Event};
use tokio::io::AsyncReadExt;
use tokio::runtime::Builder;
use tokio::time::timeout;

use super::fixture::{Children, Fixture, PATIENCE, program, signal};
use super::report::{Outcome, Row};
use super::stats::Samples;
use super::{Bench, Halt, clock};

const CONFIG: &str = r#"
[collector.mortal]
command = [@collect, "work:1"]
publish = ["bench.#"]
restart = { use = "immediate" }
"#;

/// What there is between a start of either kind and the next. The host makes up to eight starts at once and then four in
/// a second; this bucket is not what is measured.
const BETWEEN: Duration = Duration::from_millis(130);

#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    pid: Option<u32>,
    exited: i64,
    connected: i64,
    connections: usize,
}

pub(super) fn measure(bench: &mut Bench) -> Result<Outcome, Halt> {
    let repetitions = bench.amount(8, 100);
    let marks = Arc::new(Mutex::new(Marks::default()));
    let noting = marks.clone();
    let note = move |event: &Event| noting.lock().unwrap_or_else(PoisonError::into_inner).note(event);
    let marks = || *marks.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut whole, mut known, mut back, mut bare) =
        (Samples::new(), Samples::new(), Samples::new(), Samples::new());

    let fixture = Fixture::start(CONFIG, note)?;
    bench.until("until the collector is connected", PATIENCE, || marks().connections == 1)?;
    for n in 1..=repetitions {
        bench.goes_on(|| format!("repetition {n} of {repetitions}"))?;
        bench.pause("lets the host's bucket of starts fill", BETWEEN)?;
        bare.push(bare_start()?);
        bench.pause("lets the host's bucket of starts fill", BETWEEN)?;
        let pid = marks().pid.ok_or_else(|| Halt::failed("the collector has no process"))?;
        let killed = clock::now();
        signal(pid, Signal::KILL)?;
        bench.until("until it is back", PATIENCE, || marks().connections == n + 1)?;
        let marks = marks();
        whole.push(clock::ms_between(killed, marks.connected));
        known.push(clock::ms_between(killed, marks.exited));
        back.push(clock::ms_between(marks.exited, marks.connected));
    }
    drop(fixture);
    let limit = "the bare start";
    Ok(Outcome {
        values: Vec::new(),
        rows: vec![
            Row::of("signal → its successor is registered", &whole, "ms")
                .beside(whole.median() / bare.median(), limit),
            Row::of("  signal → the host has reaped it", &known, "ms"),
            Row::of("  reaped → registered", &back, "ms").beside(back.median() / bare.median(), limit),
            Row::of("bare start: spawn, connect, first words", &bare, "ms"),
        ],
        notes: vec!["ratios are of medians; restart policy `immediate`".into()],
    })
}

/// From spawning the same program to its first words, with nothing but a socket for it. In milliseconds.
fn bare_start() -> Result<f64, Halt> {
    let directory = tempfile::Builder::new().prefix("stook").tempdir().map_err(Halt::failed)?;
    let endpoint = Endpoint::in_directory(directory.path().join("host"));
    let runtime = Builder::new_current_thread().enable_all().build().map_err(Halt::failed)?;
    runtime.block_on(async {
        let lock = endpoint.lock().map_err(Halt::failed)?;
        let door = lock.bind().await.map_err(Halt::failed)?;
        let start = Instant::now();
        let words = ["collect", "work:1"].map(str::to_owned);
        let child = program(&endpoint, "mortal", &words).and_then(|mut program| program.spawn());
        let mut running = Children::default();
        running.add(child.map_err(Halt::failed)?);
        let first_words = async {
            let (stream, _) = door.accept().await.map_err(Halt::failed)?;
            (&stream).read_buf(&mut BytesMut::with_capacity(4096)).await.map_err(Halt::failed)?;
            Ok(start.elapsed().as_secs_f64() * 1e3)
        };
        timeout(PATIENCE, first_words).await.map_err(Halt::failed)?
    })
}

impl Marks {
    fn note(&mut self, event: &Event) {
        match event {
            Event::CollectorConnected { pid, .. } => {
                (self.pid, self.connected) = (*pid, clock::now());
                self.connections += 1;
            }
            Event::CollectorExited { .. } => self.exited = clock::now(),
            _ => {}
        }
    }
}
