//! `process.shard.I-of-N`: a share of the processes of this machine, each with the SHA-256 of its executable.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use stook_collector::{Collector, Description, Recorder, Task, TaskError};
use stook_examples::gather::integrity::{Checked, Checker};
use stook_examples::gather::processes::{Process, Processes};

use super::{integrity, processes, record};

/// Runs any of the shards, also several at once; so every such collector can stand in for every other.
pub(super) struct Procmond {
    shards: u32,
    checker: Arc<Mutex<Checker>>,
}

impl Procmond {
    pub(super) fn of(shards: u32) -> Self {
        Self { shards, checker: Arc::default() }
    }
}

impl Collector for Procmond {
    fn describe(&self) -> Description {
        let shards = 1..=self.shards;
        shards.fold(Description::of_kind("procmond"), |procmond, shard| {
            let name = format!("process.shard.{shard}-of-{}", self.shards);
            procmond.capability(&name, 1, [processes::TOPIC, integrity::TOPIC])
        })
    }

    async fn task(&self, task: Task, results: &Recorder) -> Result<(), TaskError> {
        let (shard, shards) = parse(task.capability.as_str())
            .ok_or_else(|| TaskError::new(format!("`{}` is no shard", task.capability)))?;
        let (at, checker) = (SystemTime::now(), self.checker.clone());
        let gather = move || {
            let mut running = Processes::new()?.scan()?;
            running.retain(|process| process.pid % shards + 1 == shard);
            let checked = checker.lock().unwrap_or_else(PoisonError::into_inner).check(&running);
            io::Result::Ok((running, checked))
        };
        let (running, checked): (Vec<Process>, Vec<Checked>) = tokio::task::spawn_blocking(gather).await??;
        record(results, processes::TOPIC, at, running).await?;
        record(results, integrity::TOPIC, at, checked).await
    }
}

/// Which shard a capability is, from 1, of how many.
fn parse(capability: &str) -> Option<(u32, u32)> {
    let (shard, shards) = capability.strip_prefix("process.shard.")?.split_once("-of-")?;
    Some((shard.parse().ok()?, shards.parse().ok()?))
}
