//! What waits for one sink.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::Parcel;

/// A queue with a bound that its producers respect: they ask [`has_room`](Self::has_room) before they bring
/// results in. Sets that are open already may still be released into it; their number has a limit of its own.
#[derive(Default)]
pub(super) struct Outbox {
    queue: Mutex<Queue>,
    changed: Condvar,
    length: AtomicUsize,
}

#[derive(Default)]
struct Queue {
    parcels: VecDeque<Arc<Parcel>>,
    closed: bool,
}

/// More than this, and the sink does not keep up.
const BOUND: usize = 1_024;

impl Outbox {
    pub(super) fn has_room(&self) -> bool {
        self.length.load(Ordering::Relaxed) < BOUND
    }

    /// True if there was nothing before: then somebody may wait, and it is the caller's duty to [`wake`](Self::wake).
    #[must_use]
    pub(super) fn push(&self, parcel: Arc<Parcel>) -> bool {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.parcels.push_back(parcel);
        self.length.store(queue.parcels.len(), Ordering::Relaxed);
        queue.parcels.len() == 1
    }

    /// There is something to [`peek`](Self::peek) at.
    pub(super) fn wake(&self) {
        self.changed.notify_one();
    }

    /// Up to `most` parcels, which stay in the queue until [`taken`](Self::taken). Waits for the first; `None` when
    /// the outbox is closed and empty.
    pub(super) fn peek(&self, most: usize) -> Option<Vec<Arc<Parcel>>> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        while queue.parcels.is_empty() {
            if queue.closed {
                return None;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        Some(queue.parcels.iter().take(most).cloned().collect())
    }

    /// Removes the first `count` parcels.
    pub(super) fn taken(&self, count: usize) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.parcels.drain(..count);
        self.length.store(queue.parcels.len(), Ordering::Relaxed);
    }

    /// Nothing more will come.
    pub(super) fn close(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.changed.notify_all();
    }

    /// Waits for `pause`, or only for a moment if the outbox is closed.
    pub(super) fn pause(&self, pause: Duration) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let (queue, _) = self
            .changed
            .wait_timeout_while(queue, pause, |queue| !queue.closed)
            .unwrap_or_else(PoisonError::into_inner);
        if queue.closed {
            drop(queue);
            std::thread::sleep(pause.min(Duration::from_millis(10)));
        }
    }
}
