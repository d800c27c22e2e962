//! `process.list`: every process of this machine.

use stook_collector::{Collector, Description, Recorder, Task, TaskError};
use stook_examples::gather::processes::Processes;

use super::answer;

pub(super) const TOPIC: &str = "events.process.lifecycle";

pub(super) struct Procmond;

impl Collector for Procmond {
    fn describe(&self) -> Description {
        Description::of_kind("procmond").capability("process.list", 1, [TOPIC])
    }

    async fn task(&self, _: Task, results: &Recorder) -> Result<(), TaskError> {
        answer(results, TOPIC, || Processes::new()?.scan()).await
    }
}
