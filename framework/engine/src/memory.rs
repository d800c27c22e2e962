//! The host's memory budget for pending results.

use std::sync::Arc;

use crate::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A hard budget in bytes, shared by all aggregates.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    used: AtomicUsize,
    /// The part of `used` whose sets have been released and wait for their sinks.
    released: AtomicUsize,
}

/// A part of the budget that somebody holds; returned when dropped.
#[derive(Debug)]
pub(crate) struct Held {
    budget: Arc<Budget>,
    bytes: usize,
}

/// What a released set holds until its sinks have taken it.
#[derive(Debug)]
pub(crate) struct Owed(Held);

impl Budget {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0), released: AtomicUsize::new(0) })
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    pub(crate) fn used(&self) -> usize {
        self.used.load(Relaxed)
    }

    /// What will come free when the sinks have taken what was released.
    pub(crate) fn released(&self) -> usize {
        self.released.load(Relaxed)
    }

    /// Takes `bytes` of the budget, if there is room.
    pub(crate) fn hold(self: &Arc<Self>, bytes: usize) -> Option<Held> {
        let fits = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        self.used.fetch_update(Relaxed, Relaxed, fits).ok()?;
        Some(Held { budget: self.clone(), bytes })
    }

    /// Takes `bytes` whether or not there is room: for what exists already and is only copied.
    pub(crate) fn hold_anyway(self: &Arc<Self>, bytes: usize) -> Held {
        self.used.fetch_add(bytes, Relaxed);
        Held { budget: self.clone(), bytes }
    }
}

impl Held {
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Moves `bytes` of another part, or what there is, into this one.
    pub(crate) fn take_from(&mut self, other: &mut Self, bytes: usize) {
        let bytes = bytes.min(other.bytes);
        other.bytes -= bytes;
        self.bytes += bytes;
    }

    /// Moves `bytes` of it, or what there is, into a part of its own.
    pub(crate) fn split(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self { budget: self.budget.clone(), bytes }
    }

    /// Moves all of it out.
    pub(crate) fn take(&mut self) -> Self {
        self.split(usize::MAX)
    }

    /// Gives a part back early.
    pub(crate) fn give_back(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.budget.used.fetch_sub(bytes, Relaxed);
    }

    /// From now on this waits for a sink.
    pub(crate) fn release(self) -> Owed {
        self.budget.released.fetch_add(self.bytes, Relaxed);
        Owed(self)
    }
}

impl Owed {
    pub(crate) fn bytes(&self) -> usize {
        self.0.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Relaxed);
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        let Self(held) = self;
        held.budget.released.fetch_sub(held.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_comes_back() {
        let budget = Budget::new(100);
        let mut first = budget.hold(60).unwrap();
        assert!(budget.hold(41).is_none());
        let mut second = budget.hold(40).unwrap();
        first.take_from(&mut second, usize::MAX);
        drop(second);
        assert_eq!((budget.used(), first.bytes()), (100, 100));
        first.give_back(10);
        assert_eq!(budget.used(), 90);
        let copy = budget.hold_anyway(50).release();
        assert_eq!((budget.used(), budget.released()), (140, 50));
        drop(first);
        drop(copy);
        assert_eq!((budget.used(), budget.released()), (0, 0));
    }
}
