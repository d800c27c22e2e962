//! What an aggregate may hold, and which limit it meets first.

use serde::Serialize;
use stook_engine::{AggregateSpec, Footprint, KeySpec};
use stook_plugin::Scope;
use stook_types::units::ByteSize;

/// A set of one result of so many bytes stands for the small ones.
pub(crate) const SMALL: usize = 100;

/// How many sets there is room for, and what is in memory beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Room {
    /// Sets of one result of [`SMALL`] bytes that the host's memory holds, roughly.
    pub(crate) small_sets: usize,
    /// Sets that are as large as they may be.
    pub(crate) full_sets: usize,
    /// What small sets meet first: `sets` or `memory`.
    pub(crate) first: &'static str,
    /// What released sets may take that are remembered, beside the host's memory.
    pub(crate) tombstones: ByteSize,
    /// What dedup may take that remembers beyond a set, beside the host's memory.
    pub(crate) dedup: ByteSize,
}

impl Room {
    pub(crate) fn of(spec: &AggregateSpec, memory: ByteSize) -> Self {
        let bytes = memory.bytes();
        let small = Footprint::SET + Footprint::MEMBER + Footprint::RESULT + SMALL;
        let full = Footprint::SET + spec.limits.bytes_per_set;
        let small_sets = bytes / small;
        Self {
            small_sets: about(small_sets),
            full_sets: bytes / full,
            first: if small_sets < spec.limits.sets { "memory" } else { "sets" },
            tombstones: roughly(spec.late.tombstones.saturating_mul(Footprint::TOMBSTONE + key(&spec.key))),
            dedup: roughly(identities(spec).saturating_mul(Footprint::IDENTITY_BEYOND)),
        }
    }
}

/// The largest key of a set.
const fn key(of: &KeySpec) -> usize {
    const LARGEST_ID: usize = 64;
    match of {
        KeySpec::CorrelationId => LARGEST_ID,
        KeySpec::Paths(_) => Footprint::LARGEST_KEY,
    }
}

/// The most identities that are remembered beyond a set; those in a set count towards the host's memory.
fn identities(spec: &AggregateSpec) -> usize {
    let own = spec.dedup.iter().map(|dedup| (spec.names.dedup, dedup));
    let of_topics =
        spec.names.topic_dedup.iter().copied().zip(spec.topic_dedup.iter().map(|(_, dedup)| dedup));
    // What `none` would remember has no bound, for it remembers nothing.
    let remember = own.chain(of_topics).filter(|(name, _)| *name != "none").map(|(_, dedup)| dedup.memory());
    let beyond = remember.filter(|memory| memory.scope != Scope::Set);
    beyond.fold(0, |sum: usize, memory| sum.saturating_add(memory.capacity))
}

/// Two digits of it: what small sets are is not known better.
const fn about(number: usize) -> usize {
    match number.checked_ilog10() {
        Some(digits @ 2..) => number - number % 10_usize.pow(digits - 1),
        _ => number,
    }
}

/// Rounded up to a unit that people read.
fn roughly(bytes: usize) -> ByteSize {
    let unit = if bytes > 1 << 20 { 1 << 20 } else { 1 << 10 };
    ByteSize((bytes as u64).checked_next_multiple_of(unit).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn spec() -> AggregateSpec {
        AggregateSpec::new("a", Vec::new(), Duration::from_secs(1))
    }

    #[test]
    fn the_smaller_limit_is_met_first() {
        let first = |memory| Room::of(&spec(), ByteSize(memory)).first;
        assert_eq!((first(512 << 20), first(16 << 20)), ("sets", "memory"));
    }

    #[test]
    fn two_digits_are_said() {
        assert_eq!([0, 7, 42, 713, 713_924].map(about), [0, 7, 42, 710, 710_000]);
    }

    #[test]
    fn sets_that_are_as_large_as_they_may_be_are_few() {
        assert_eq!(Room::of(&spec(), ByteSize(512 << 20)).full_sets, 31);
        assert_eq!(Room::of(&spec(), ByteSize(16 << 20)).full_sets, 0, "not one");
    }

    #[test]
    fn what_is_remembered_is_beside_the_memory() {
        let mut spec = spec();
        let room = |spec: &AggregateSpec| Room::of(spec, ByteSize(512 << 20));
        assert_eq!((room(&spec).tombstones, room(&spec).dedup), (ByteSize(26 << 20), ByteSize(0)));
        spec.key = KeySpec::Paths(vec![vec!["pid".into()]]);
        assert_eq!(room(&spec).tombstones, ByteSize(117 << 20));
        spec.late.tombstones = 10;
        assert_eq!(room(&spec).tombstones, ByteSize(12 << 10));
    }
}
