//! The host's memory budget for pending results, and what it is charged.

use std::sync::Arc;

use stook_plugin::{Contribution, SetKey};
use stook_types::{CorrelationId, Value};

use crate::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// What things take in memory, in bytes, as the budget is charged for them. A payload comes on top of its result, a key
/// on top of its set. Close to what an allocator gives, on average: see `tests/engine/accounting.rs`.
///
/// Not charged, and bounded by a number of the config each: released sets that are remembered (`late.tombstones`) and
/// identities that dedup remembers beyond a set (`dedup.capacity`).
#[derive(Clone, Copy, Debug)]
pub struct Footprint;

impl Footprint {
    /// An open set, without what is in it: its places in the map and in the agenda.
    pub const SET: usize = 400;
    /// A result in a set, without its payload. The list that it is in grows by doubling, so half of it comes on top.
    pub const RESULT: usize = size_of::<Contribution>() * 3 / 2;
    /// A collector that a set waits for, or heard.
    pub const MEMBER: usize = 96;
    /// An identity that dedup remembers in its set.
    pub const IDENTITY: usize = 160;
    /// What a set has in which dedup remembers identities, beside them.
    pub(crate) const SEEN: usize = 256;
    /// What a set knows of an identity that dedup remembers beyond it.
    pub(crate) const MARK: usize = 64;
    /// An identity that dedup remembers beyond a set. Not charged.
    pub const IDENTITY_BEYOND: usize = 300;
    /// A released set that is remembered, without its key. Not charged.
    pub const TOMBSTONE: usize = 200;
    /// The largest key. A result whose key takes more is refused as too large: it stays in memory for as long as its set is
    /// remembered.
    pub const LARGEST_KEY: usize = 1 << 10;

    /// What a key takes beside the handle on it.
    pub(crate) fn key(key: &SetKey) -> usize {
        match key {
            SetKey::Id(CorrelationId::Uuid(_)) => 0,
            SetKey::Id(CorrelationId::Text(text)) => text.len(),
            SetKey::Values(values) => values.iter().map(value).sum(),
        }
    }
}

/// What a value takes. The fields of an object stand in nodes that have room for some more.
fn value(of: &Value) -> usize {
    const NODE: usize = 640;
    let inside = match of {
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => 0,
        Value::String(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Array(elements) => elements.iter().map(value).sum(),
        Value::Object(fields) => {
            let nodes = NODE * fields.len().div_ceil(6);
            nodes + fields.iter().map(|(name, field)| name.len() + value(field)).sum::<usize>()
        }
    };
    size_of::<Value>() + inside
}

/// A hard budget in bytes, as one aggregate sees it: all share the limit.
#[derive(Debug)]
pub(crate) struct Budget {
    whole: Arc<Whole>,
    /// The part of what is used that was taken here.
    own: AtomicUsize,
}

#[derive(Debug)]
struct Whole {
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
        let whole = Whole { limit, used: AtomicUsize::new(0), released: AtomicUsize::new(0) };
        Arc::new(Self { whole: Arc::new(whole), own: AtomicUsize::new(0) })
    }

    /// The same budget for somebody else, of whom it is known apart what they use of it.
    pub(crate) fn share(&self) -> Arc<Self> {
        Arc::new(Self { whole: self.whole.clone(), own: AtomicUsize::new(0) })
    }

    pub(crate) fn limit(&self) -> usize {
        self.whole.limit
    }

    pub(crate) fn used(&self) -> usize {
        self.whole.used.load(Relaxed)
    }

    /// What is used of it by whoever this share is for.
    pub(crate) fn own(&self) -> usize {
        self.own.load(Relaxed)
    }

    /// What will come free when the sinks have taken what was released.
    pub(crate) fn released(&self) -> usize {
        self.whole.released.load(Relaxed)
    }

    /// Takes `bytes` of the budget, if there is room.
    pub(crate) fn hold(self: &Arc<Self>, bytes: usize) -> Option<Held> {
        let fits = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.whole.limit);
        self.whole.used.fetch_update(Relaxed, Relaxed, fits).ok()?;
        self.own.fetch_add(bytes, Relaxed);
        Some(Held { budget: self.clone(), bytes })
    }

    /// Takes `bytes` whether or not there is room: for what exists already and is only copied.
    pub(crate) fn hold_anyway(self: &Arc<Self>, bytes: usize) -> Held {
        self.take(bytes);
        Held { budget: self.clone(), bytes }
    }

    fn take(&self, bytes: usize) {
        self.whole.used.fetch_add(bytes, Relaxed);
        self.own.fetch_add(bytes, Relaxed);
    }

    fn give_back(&self, bytes: usize) {
        self.whole.used.fetch_sub(bytes, Relaxed);
        self.own.fetch_sub(bytes, Relaxed);
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

    /// Takes `bytes` more, whether or not there is room.
    pub(crate) fn grow(&mut self, bytes: usize) {
        self.budget.take(bytes);
        self.bytes += bytes;
    }

    /// Gives a part back early.
    pub(crate) fn give_back(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.budget.give_back(bytes);
    }

    /// From now on this waits for a sink.
    pub(crate) fn release(self) -> Owed {
        self.budget.whole.released.fetch_add(self.bytes, Relaxed);
        Owed(self)
    }
}

impl Owed {
    pub(crate) fn bytes(&self) -> usize {
        self.0.bytes
    }

    /// Moves all of another part of the same share into this one.
    pub(crate) fn take_from(&mut self, other: &mut Self) {
        debug_assert!(Arc::ptr_eq(&self.0.budget, &other.0.budget), "of one aggregate");
        self.0.take_from(&mut other.0, usize::MAX);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.budget.give_back(self.bytes);
        }
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        let Self(held) = self;
        if held.bytes > 0 {
            held.budget.whole.released.fetch_sub(held.bytes, Relaxed);
        }
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
        first.give_back(20);
        first.grow(10);
        assert_eq!(budget.used(), 90);
        let mut copy = budget.hold_anyway(50).release();
        assert_eq!((budget.used(), budget.released()), (140, 50));
        let mut other = budget.hold_anyway(5).release();
        copy.take_from(&mut other);
        drop(other);
        assert_eq!((budget.used(), budget.released(), copy.bytes()), (145, 55, 55));
        drop(first);
        drop(copy);
        assert_eq!((budget.used(), budget.released()), (0, 0));
    }

    #[test]
    fn shares_have_one_limit_and_are_told_apart() {
        let budget = Budget::new(100);
        let (one, other) = (budget.share(), budget.share());
        let held = one.hold(60).unwrap();
        assert!(other.hold(41).is_none());
        let more = other.hold_anyway(50);
        assert_eq!((budget.used(), one.own(), other.own()), (110, 60, 50));
        drop(held);
        assert_eq!((other.used(), one.own(), other.own()), (50, 0, 50));
        drop(more);
        assert_eq!((budget.used(), other.own()), (0, 0));
    }
}
