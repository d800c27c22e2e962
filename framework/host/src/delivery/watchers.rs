//! Who waits for the sets of one correlation ID, beside the sinks: operators that have submitted a task.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stook_plugin::{AggregatedResult, SetKey};
use tokio::sync::mpsc;

/// Everybody who waits. Each is told without being waited for: who does not keep up is told nothing more, and knows it by
/// the end of its channel.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    /// So that nobody takes the lock while nobody waits.
    count: AtomicUsize,
    by_key: Mutex<ByKey>,
    last: AtomicUsize,
}

/// Who waits, each with a number of its own.
type ByKey = HashMap<SetKey, Vec<(usize, mpsc::Sender<AggregatedResult>)>>;

/// Waits for the sets of one key, until it is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    watchers: Arc<Watchers>,
    key: SetKey,
    number: usize,
    pub(crate) sets: mpsc::Receiver<AggregatedResult>,
}

/// Sets that may wait to be looked at.
const UNSEEN: usize = 64;

impl Watchers {
    pub(crate) fn watch(self: &Arc<Self>, key: SetKey) -> Watch {
        let (to, sets) = mpsc::channel(UNSEEN);
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        self.by_key().entry(key.clone()).or_default().push((number, to));
        self.count.fetch_add(1, Ordering::Release);
        Watch { watchers: self.clone(), key, number, sets }
    }

    pub(super) fn tell(&self, result: &AggregatedResult) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        if let Some(watching) = self.by_key().get_mut(&result.correlation_id) {
            watching.retain(|(_, to)| to.try_send(result.clone()).is_ok());
        }
    }

    fn by_key(&self) -> MutexGuard<'_, ByKey> {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut by_key = self.watchers.by_key();
        if let Some(watching) = by_key.get_mut(&self.key) {
            watching.retain(|(number, _)| *number != self.number);
            if watching.is_empty() {
                by_key.remove(&self.key);
            }
        }
        self.watchers.count.fetch_sub(1, Ordering::Release);
    }
}
