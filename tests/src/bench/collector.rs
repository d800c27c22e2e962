//! The collectors of the benchmarks: this program, started again as `bench collect`.

use std::io::Read;
use std::process::ExitCode;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use stook_collector::{Collector, Description, Recorder, Task, TaskError, Value};

use super::clock;

/// The capability at which a collector says what it was given so far.
pub(super) const REPORT: &str = "bench.report";

/// Runs whatever it is given without end, and says when it was given how much.
struct Holder {
    capabilities: Vec<(String, u32)>,
    started: AtomicU64,
    last: AtomicI64,
}

/// Runs a collector to its end. Each word is a capability with its concurrency, `NAME:N`.
///
/// # Errors
/// If a word is none.
pub fn run(capabilities: &[String]) -> Result<ExitCode, String> {
    let capability = |word: &String| {
        let (name, concurrency) = word.split_once(':')?;
        Some((name.to_owned(), concurrency.parse().ok()?))
    };
    let capabilities: Option<Vec<_>> = capabilities.iter().map(capability).collect();
    let capabilities = capabilities.ok_or("a capability is NAME:CONCURRENCY, like bench.work:4")?;
    on_the_leash();
    let (started, last) = (AtomicU64::new(0), AtomicI64::new(0));
    Ok(stook_collector::run(Holder { capabilities, started, last }))
}

/// Lets this process end with the benchmark. Whoever is started by a host ends with that; another one would wait for the
/// next host.
pub(super) fn on_the_leash() {
    if std::env::var_os("STOOK_TOKEN").is_none() {
        std::thread::spawn(|| {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            std::process::exit(0);
        });
    }
}

impl Collector for Holder {
    fn describe(&self) -> Description {
        let description = Description::of_kind("bench").capability(REPORT, 1, [REPORT]);
        let add = |description: Description, (name, concurrency): &(String, u32)| {
            description.capability(name, *concurrency, ["bench.work"])
        };
        self.capabilities.iter().fold(description, add)
    }

    async fn task(&self, task: Task, results: &Recorder) -> Result<(), TaskError> {
        if task.capability.as_str() != REPORT {
            self.last.fetch_max(clock::now(), Ordering::Relaxed);
            self.started.fetch_add(1, Ordering::Release);
            return std::future::pending().await;
        }
        let started = self.started.load(Ordering::Acquire);
        let report =
            Value::from([("started", i64::try_from(started)?), ("last", self.last.load(Ordering::Relaxed))]);
        results.record(REPORT, &report).await?;
        Ok(())
    }
}
