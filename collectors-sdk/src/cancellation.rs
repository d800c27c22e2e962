//! That a task is over for the host, as the task gets to see it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::watch;

/// Shared by a task, what it records with, and whoever runs it.
#[derive(Clone, Debug)]
pub(crate) struct Cancellation(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    over: watch::Sender<bool>,
    heed: AtomicU8,
}

/// What a task does about being cancelled. The more it cares, the more it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Heed {
    /// Nothing: it is dropped at its next await.
    No,
    /// It has asked to be told, and is given time to end by itself.
    Asked,
    /// It runs on a thread, which nobody can stop: its place is taken until it returns.
    Thread,
}

impl Cancellation {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Shared { over: watch::Sender::new(false), heed: AtomicU8::new(Heed::No as u8) }))
    }

    /// The host wants no more of the task: it was cancelled, lost, given back, or has ended.
    pub(crate) fn set(&self) {
        self.0.over.send_replace(true);
    }

    pub(crate) fn is_set(&self) -> bool {
        *self.0.over.borrow()
    }

    pub(crate) async fn wait(&self) {
        // The sender is in `self`: it cannot be gone.
        let _ = self.0.over.subscribe().wait_for(|over| *over).await;
    }

    /// From here on it cares at least as much.
    pub(crate) fn will(&self, heed: Heed) {
        self.0.heed.fetch_max(heed as u8, Ordering::Relaxed);
    }

    pub(crate) fn heed(&self) -> Heed {
        match self.0.heed.load(Ordering::Relaxed) {
            0 => Heed::No,
            1 => Heed::Asked,
            _ => Heed::Thread,
        }
    }
}
