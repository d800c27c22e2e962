//! `process.integrity`: the SHA-256 of each running executable.

use std::sync::{Arc, Mutex, PoisonError};

use stook_collector::{Collector, Description, Recorder, Task, TaskError};
use stook_examples::gather::integrity::Checker;
use stook_examples::gather::processes::Processes;

use super::answer;

pub(super) const TOPIC: &str = "events.process.integrity";

/// Remembers hashes from one scan to the next.
#[derive(Default)]
pub(super) struct Procmond {
    checker: Arc<Mutex<Checker>>,
}

impl Collector for Procmond {
    fn describe(&self) -> Description {
        Description::of_kind("procmond").capability("process.integrity", 1, [TOPIC])
    }

    async fn task(&self, _: Task, results: &Recorder) -> Result<(), TaskError> {
        let checker = self.checker.clone();
        let gather = move || {
            let running = Processes::new()?.scan()?;
            // Whatever a panic left behind, each hash in it is right.
            Ok(checker.lock().unwrap_or_else(PoisonError::into_inner).check(&running))
        };
        answer(results, TOPIC, gather).await
    }
}
