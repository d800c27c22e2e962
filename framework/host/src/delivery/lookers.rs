//! Who looks on: is sent what is released as far as it keeps up, and holds up nobody.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::Notify;

use super::Parcel;

/// Everybody who looks on.
pub(crate) struct Lookers {
    /// So that nobody takes the lock while nobody looks on.
    any: AtomicBool,
    /// Copied to be changed, so that it is locked for a look only.
    all: RwLock<Arc<[Arc<View>]>>,
    kept: Arc<Kept>,
}

/// What is kept for all of them, in bytes.
struct Kept {
    most: usize,
    bytes: AtomicUsize,
}

/// One who looks on, until it is dropped.
pub(crate) struct Looker {
    lookers: Arc<Lookers>,
    view: Arc<View>,
}

/// What there is to be sent next.
pub(crate) enum Next {
    Set(Arc<Parcel>),
    /// So many sets were released here, and are not kept.
    Skipped(u64),
}

/// What one looks at, and what it has not been sent yet.
struct View {
    /// By the place of the aggregate among the specs.
    aggregates: Vec<bool>,
    row: Mutex<Row>,
    arrived: Notify,
    kept: Arc<Kept>,
}

#[derive(Default)]
struct Row {
    next: VecDeque<Next>,
    /// Of these, and of the one that was given last.
    bytes: usize,
    /// Those of the last one: it is being written until somebody asks for the next.
    given: usize,
}

/// Who may look on at a time.
pub(crate) const LOOKERS: usize = 64;
/// More than this many sets are not kept for whoever is slow.
const SETS: usize = 1_024;
/// A part of the host's memory, beside it, is for what is kept for all of them, and no more than this.
const PART: usize = 8;
const BYTES: usize = 64 * 1024 * 1024;

impl Lookers {
    /// Of a host with so much memory.
    pub(super) fn new(memory: usize) -> Self {
        let kept = Kept { most: BYTES.min(memory / PART), bytes: AtomicUsize::new(0) };
        Self { any: AtomicBool::new(false), all: RwLock::default(), kept: Arc::new(kept) }
    }

    /// What is kept for all of them, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.kept.bytes.load(Ordering::Relaxed)
    }

    /// From now on, at these aggregates. `None` if too many do.
    pub(crate) fn look(self: &Arc<Self>, aggregates: Vec<bool>) -> Option<Looker> {
        let view = Arc::new(View {
            aggregates,
            row: Mutex::default(),
            arrived: Notify::new(),
            kept: self.kept.clone(),
        });
        let has_room = self.change(|all| {
            let has_room = all.len() < LOOKERS;
            all.extend(has_room.then(|| view.clone()));
            has_room
        });
        has_room.then(|| Looker { lookers: self.clone(), view })
    }

    pub(super) fn tell(&self, aggregate: usize, parcel: &Arc<Parcel>) {
        if !self.any.load(Ordering::Acquire) {
            return;
        }
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner).clone();
        all.iter().filter(|view| view.aggregates[aggregate]).for_each(|view| view.push(parcel));
    }

    fn change<T>(&self, change: impl FnOnce(&mut Vec<Arc<View>>) -> T) -> T {
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
        let mut row = self.view.row();
        let written = std::mem::take(&mut row.given);
        row.bytes -= written;
        self.view.kept.bytes.fetch_sub(written, Ordering::Relaxed);
        let next = row.next.pop_front()?;
        if let Next::Set(parcel) = &next {
            row.given = parcel.bytes;
        }
        Some(next)
    }

    /// Returns when there may be a next one.
    pub(crate) async fn arrived(&self) {
        self.view.arrived.notified().await;
    }
}

impl Drop for Looker {
    fn drop(&mut self) {
        self.lookers.change(|all| all.retain(|view| !Arc::ptr_eq(view, &self.view)));
    }
}

impl View {
    fn push(&self, parcel: &Arc<Parcel>) {
        let mut row = self.row();
        let first = row.next.is_empty();
        if row.next.len() < SETS && self.kept.keep(row.bytes, parcel.bytes) {
            row.bytes += parcel.bytes;
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

impl Drop for View {
    fn drop(&mut self) {
        let row = self.row.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.kept.bytes.fetch_sub(row.bytes, Ordering::Relaxed);
    }
}

impl Kept {
    /// Keeps so many more bytes for one for whom so many are kept already, if it then has no more than what was free for
    /// everybody: those who do not read at all leave something to those who do.
    fn keep(&self, has: usize, more: usize) -> bool {
        let add = |kept| (has + more <= self.most - kept).then_some(kept + more);
        self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_ok()
    }
}
