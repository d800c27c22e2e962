//! The smallest useful collector: how long this machine has been up.

use stook_collector::{Collector, Description, Recorder, Task, TaskError, Value};

struct Uptime;

impl Collector for Uptime {
    fn describe(&self) -> Description {
        Description::of_kind("uptime").capability("uptime.read", 1, ["events.host.uptime"])
    }

    async fn task(&self, _: Task, results: &Recorder) -> Result<(), TaskError> {
        let seconds = i64::try_from(sysinfo::System::uptime()?)?;
        results.record("events.host.uptime", &Value::from([("seconds", seconds)])).await?;
        Ok(())
    }
}

fn main() -> std::process::ExitCode {
    stook_collector::run(Uptime)
}

#[cfg(test)]
mod tests;
