//! A collector.

use stook_collector::{Collector, Description, Recorder, Task, TaskError, Value};

struct Probe;

impl Collector for Probe {
    fn describe(&self) -> Description {
        Description::of_kind("CRATE").capability("CRATE.read", 1, ["events.CRATE"])
    }

    /// Called for each task. What it returns as an error, with `?`, is why the task failed.
    async fn task(&self, _: Task, results: &Recorder) -> Result<(), TaskError> {
        let found = Value::from([("answer", 42)]); // find something out here
        results.record("events.CRATE", &found).await?;
        Ok(())
    }
}

fn main() -> std::process::ExitCode {
    stook_collector::run(Probe)
}

#[cfg(test)]
mod tests;
