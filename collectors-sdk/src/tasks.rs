//! The tasks that run.

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use stook_proto::{Lease, TaskOutcome};
use stook_types::Capability;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use crate::TaskError;
use crate::cancellation::{Cancellation, Heed};

/// Running tasks, each known by its lease. Dropped, it cancels them all.
#[derive(Default)]
pub(crate) struct Tasks {
    running: JoinSet<Result<(), TaskError>>,
    leases: HashMap<Id, (Lease, Capability)>,
    handles: HashMap<Lease, (AbortHandle, Cancellation)>,
    /// How many run of each capability: counted as they come and go, for a host may send thousands at once.
    counts: HashMap<Capability, usize>,
    stopped: HashMap<Lease, Stopped>,
}

/// What the end of a task means that is being stopped, if it has none of its own.
struct Stopped {
    outcome: TaskOutcome,
    /// When its patience ends who has asked to be told; `None` for a thread, which is waited for.
    abort_at: Option<Instant>,
}

impl Tasks {
    pub(crate) fn spawn(
        &mut self,
        lease: Lease,
        capability: Capability,
        cancellation: Cancellation,
        work: impl Future<Output = Result<(), TaskError>> + Send + 'static,
    ) {
        let handle = self.running.spawn(work);
        *self.counts.entry(capability.clone()).or_default() += 1;
        self.leases.insert(handle.id(), (lease, capability));
        self.handles.insert(lease, (handle, cancellation));
    }

    /// The next task that ends, and how. Waits for ever if none runs. Cancelling loses nothing.
    pub(crate) async fn next(&mut self) -> (Lease, TaskOutcome) {
        loop {
            let abort_at = self.stopped.values().filter_map(|stopped| stopped.abort_at).min();
            tokio::select! {
                Some(ended) = self.running.join_next_with_id() => return self.ended(ended),
                () = until(abort_at) => self.abort_due(),
            }
        }
    }

    fn ended(&mut self, ended: Result<(Id, Result<(), TaskError>), JoinError>) -> (Lease, TaskOutcome) {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let (lease, capability) = self.leases.remove(&id).expect("every task was noted when it was spawned");
        if let Some(count) = self.counts.get_mut(&capability) {
            *count -= 1;
        }
        if let Some((_, cancellation)) = self.handles.remove(&lease) {
            // Whoever still has its recorder records nothing under a lease that has ended.
            cancellation.set();
        }
        let stopped = self.stopped.remove(&lease).map(|stopped| stopped.outcome);
        let outcome = match (ended, stopped) {
            (Ok((_, Ok(()))), _) => TaskOutcome::Done,
            // It ended early because it was told to: nothing is wrong with it.
            (Ok((_, Err(_))), Some(returned @ TaskOutcome::Returned(_))) => returned,
            (Ok((_, Err(error))), _) => TaskOutcome::Failed(error.into_text()),
            (Err(error), Some(outcome)) if error.is_cancelled() => outcome,
            (Err(error), _) => TaskOutcome::Failed(why(error)),
        };
        (lease, outcome)
    }

    /// Stops one, because the host wants it no more: at its next await, or `grace` after it was told if it asked for that.
    pub(crate) fn cancel(&mut self, lease: Lease, grace: Duration) {
        let thread =
            self.handles.get(&lease).is_some_and(|(_, cancellation)| cancellation.heed() == Heed::Thread);
        let grace = (!thread).then_some(grace);
        self.stop(lease, grace, || TaskOutcome::Failed("cancelled by the host".into()));
    }

    /// Stops all in the same way, threads too, because this collector leaves, so that others can have them.
    pub(crate) fn give_back(&mut self, reason: &str, grace: Duration) {
        for lease in self.handles.keys().copied().collect::<Vec<_>>() {
            self.stop(lease, Some(grace), || {
                TaskOutcome::Returned(format!("the collector leaves: {reason}"))
            });
        }
    }

    fn stop(&mut self, lease: Lease, grace: Option<Duration>, outcome: impl FnOnce() -> TaskOutcome) {
        let Some((handle, cancellation)) = self.handles.get(&lease) else { return };
        cancellation.set();
        if cancellation.heed() == Heed::No {
            handle.abort();
        }
        // Whoever asked first is the reason, and sets the time.
        let stopped =
            self.stopped.entry(lease).or_insert_with(|| Stopped { outcome: outcome(), abort_at: None });
        if let (None, Some(grace)) = (stopped.abort_at, grace) {
            stopped.abort_at = Some(Instant::now() + grace);
        }
    }

    fn abort_due(&mut self) {
        let now = Instant::now();
        for (lease, stopped) in &mut self.stopped {
            if stopped.abort_at.is_some_and(|at| at <= now)
                && let Some((handle, _)) = self.handles.get(lease)
            {
                stopped.abort_at = None;
                handle.abort();
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.leases.len()
    }

    pub(crate) fn running(&self, capability: &Capability) -> usize {
        self.counts.get(capability).copied().unwrap_or(0)
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        for (_, cancellation) in self.handles.values() {
            cancellation.set();
        }
    }
}

/// Until this moment; for ever if there is none.
pub(crate) async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
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
