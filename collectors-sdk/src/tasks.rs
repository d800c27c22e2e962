//! The tasks that run.

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;

use stook_proto::{Lease, TaskOutcome};
use stook_types::Capability;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

use crate::TaskError;

/// Running tasks, each known by its lease.
#[derive(Default)]
pub(crate) struct Tasks {
    running: JoinSet<Result<(), TaskError>>,
    leases: HashMap<Id, (Lease, Capability)>,
    handles: HashMap<Lease, AbortHandle>,
    /// How many run of each capability: counted as they come and go, for a host may send thousands at once.
    counts: HashMap<Capability, usize>,
    /// What the end of those means that are being stopped, if they do not end by themselves before.
    stopped: HashMap<Lease, TaskOutcome>,
}

impl Tasks {
    pub(crate) fn spawn(
        &mut self,
        lease: Lease,
        capability: Capability,
        work: impl Future<Output = Result<(), TaskError>> + Send + 'static,
    ) {
        let handle = self.running.spawn(work);
        *self.counts.entry(capability.clone()).or_default() += 1;
        self.leases.insert(handle.id(), (lease, capability));
        self.handles.insert(lease, handle);
    }

    /// The next task that ends, and how. Waits for ever if none runs. Cancelling loses nothing.
    pub(crate) async fn next(&mut self) -> (Lease, TaskOutcome) {
        let Some(ended) = self.running.join_next_with_id().await else { return std::future::pending().await };
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let (lease, capability) = self.leases.remove(&id).expect("every task was noted when it was spawned");
        if let Some(count) = self.counts.get_mut(&capability) {
            *count -= 1;
        }
        self.handles.remove(&lease);
        let stopped = self.stopped.remove(&lease);
        let outcome = match ended {
            Ok((_, Ok(()))) => TaskOutcome::Done,
            Ok((_, Err(error))) => TaskOutcome::Failed(error.into_text()),
            Err(error) => match stopped {
                Some(outcome) if error.is_cancelled() => outcome,
                _ => TaskOutcome::Failed(why(error)),
            },
        };
        (lease, outcome)
    }

    /// Stops one at its next await, because the host wants it no more.
    pub(crate) fn cancel(&mut self, lease: Lease) {
        self.stop(lease, || TaskOutcome::Failed("cancelled by the host".into()));
    }

    /// Stops all at their next await, because this collector leaves, so that others can have them.
    pub(crate) fn give_back(&mut self, reason: &str) {
        for lease in self.handles.keys().copied().collect::<Vec<_>>() {
            self.stop(lease, || TaskOutcome::Returned(format!("the collector leaves: {reason}")));
        }
    }

    fn stop(&mut self, lease: Lease, outcome: impl FnOnce() -> TaskOutcome) {
        if let Some(handle) = self.handles.get(&lease) {
            // Whoever asked first is the reason.
            self.stopped.entry(lease).or_insert_with(outcome);
            handle.abort();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.leases.len()
    }

    pub(crate) fn running(&self, capability: &Capability) -> usize {
        self.counts.get(capability).copied().unwrap_or(0)
    }
}

/// A task's end that it did not choose, in words.
pub(crate) fn why(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => format!("panicked: {}", text(&*panic)),
        Err(_) => "cancelled".into(),
    }
}

fn text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("with something that is no text")
}
