//! Who looks on: is sent what is released as far as it keeps up, and holds up nobody.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::Notify;

use super::Parcel;

/// Everybody who looks on.
#[derive(Default)]
pub(crate) struct Lookers {
    /// So that nobody takes the lock while nobody looks on.
    any: AtomicBool,
    /// Copied to be changed, so that it is locked for a look only.
    all: RwLock<Arc<[Arc<Seen>]>>,
}

/// One who looks on, until it is dropped.
pub(crate) struct Looker {
    lookers: Arc<Lookers>,
    seen: Arc<Seen>,
}

/// What there is to be sent next.
pub(crate) enum Next {
    Set(Arc<Parcel>),
    /// So many sets were released here, and are not kept.
    Skipped(u64),
}

/// What one looks at, and what it has not been sent yet.
struct Seen {
    /// By the place of the aggregate among the specs.
    aggregates: Vec<bool>,
    row: Mutex<Row>,
    arrived: Notify,
}

#[derive(Default)]
struct Row {
    next: VecDeque<Next>,
    bytes: usize,
}

/// Who may look on at a time.
pub(crate) const LOOKERS: usize = 64;
/// More than this many sets, or bytes of them, are not kept for whoever is slow. One set is, however large.
const SETS: usize = 1_024;
const BYTES: usize = 16 * 1024 * 1024;

impl Lookers {
    /// From now on, at these aggregates. `None` if too many do.
    pub(crate) fn look(self: &Arc<Self>, aggregates: Vec<bool>) -> Option<Looker> {
        let seen = Arc::new(Seen { aggregates, row: Mutex::default(), arrived: Notify::new() });
        let has_room = self.change(|all| {
            let has_room = all.len() < LOOKERS;
            all.extend(has_room.then(|| seen.clone()));
            has_room
        });
        has_room.then(|| Looker { lookers: self.clone(), seen })
    }

    pub(super) fn tell(&self, aggregate: usize, parcel: &Arc<Parcel>) {
        if !self.any.load(Ordering::Acquire) {
            return;
        }
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner).clone();
        all.iter().filter(|seen| seen.aggregates[aggregate]).for_each(|seen| seen.push(parcel));
    }

    fn change<T>(&self, change: impl FnOnce(&mut Vec<Arc<Seen>>) -> T) -> T {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        let mut changed = all.to_vec();
        let given = change(&mut changed);
        self.any.store(!changed.is_empty(), Ordering::Release);
        *all = changed.into();
        given
    }
}

impl Looker {
    pub(crate) fn next(&self) -> Option<Next> {
        let mut row = self.seen.row();
        let next = row.next.pop_front()?;
        if let Next::Set(parcel) = &next {
            row.bytes -= parcel.bytes;
        }
        Some(next)
    }

    /// Returns when there may be a next one.
    pub(crate) async fn arrived(&self) {
        self.seen.arrived.notified().await;
    }
}

impl Drop for Looker {
    fn drop(&mut self) {
        self.lookers.change(|all| all.retain(|seen| !Arc::ptr_eq(seen, &self.seen)));
    }
}

impl Seen {
    fn push(&self, parcel: &Arc<Parcel>) {
        let mut row = self.row();
        let bytes = row.bytes + parcel.bytes;
        let first = row.next.is_empty();
        if first || (row.next.len() < SETS && bytes <= BYTES) {
            row.bytes = bytes;
            row.next.push_back(Next::Set(parcel.clone()));
        } else if let Some(Next::Skipped(sets)) = row.next.back_mut() {
            *sets += 1;
        } else {
            row.next.push_back(Next::Skipped(1));
        }
        drop(row);
        if first {
            self.arrived.notify_one();
        }
    }

    fn row(&self) -> MutexGuard<'_, Row> {
        self.row.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
