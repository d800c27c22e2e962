//! The tasks that run.

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;

use stook_proto::Lease;
use stook_types::Capability;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

use crate::TaskError;

/// Running tasks, each known by its lease.
#[derive(Default)]
pub(crate) struct Tasks {
    running: JoinSet<Result<(), TaskError>>,
    leases: HashMap<Id, (Lease, Capability)>,
    handles: HashMap<Lease, AbortHandle>,
}

impl Tasks {
    pub(crate) fn spawn(
        &mut self,
        lease: Lease,
        capability: Capability,
        work: impl Future<Output = Result<(), TaskError>> + Send + 'static,
    ) {
        let handle = self.running.spawn(work);
        self.leases.insert(handle.id(), (lease, capability));
        self.handles.insert(lease, handle);
    }

    /// The next task that ends, and how. Waits for ever if none runs. Cancelling loses nothing.
    pub(crate) async fn next(&mut self) -> (Lease, Result<(), String>) {
        let Some(ended) = self.running.join_next_with_id().await else { return std::future::pending().await };
        let (id, outcome) = match ended {
            Ok((id, outcome)) => (id, outcome.map_err(TaskError::into_text)),
            Err(error) => (error.id(), Err(why(error))),
        };
        let (lease, _) = self.leases.remove(&id).expect("every task was noted when it was spawned");
        self.handles.remove(&lease);
        (lease, outcome)
    }

    /// Stops one at its next await; it ends as failed.
    pub(crate) fn cancel(&self, lease: Lease) {
        if let Some(handle) = self.handles.get(&lease) {
            handle.abort();
        }
    }

    /// Stops all at their next await.
    pub(crate) fn cancel_all(&mut self) {
        self.running.abort_all();
    }

    pub(crate) fn len(&self) -> usize {
        self.leases.len()
    }

    pub(crate) fn running(&self, capability: &Capability) -> usize {
        self.leases.values().filter(|(_, running)| running == capability).count()
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
