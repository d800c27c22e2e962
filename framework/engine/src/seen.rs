//! What dedup remembers: of one set, or of an aggregate.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use stook_plugin::{DedupMemory, Identity};
use stook_types::{CollectorId, MonoTime};

/// Identities seen, each with where its result is: bounded by number (the one not met for the longest time goes
/// first) and by age (counted from the first sight).
pub(crate) struct Seen<K, V> {
    known: HashMap<K, Sight<V>>,
    /// Keys in the order in which they were met; only the entry with the stamp of its sight counts.
    order: VecDeque<(u64, K)>,
    stamp: u64,
}

/// An identity, in the scope of a collector where dedup is told to keep collectors apart.
pub(crate) type SeenKey = (Option<CollectorId>, Identity);

struct Sight<V> {
    first: MonoTime,
    stamp: u64,
    place: V,
}

impl<K, V> Default for Seen<K, V> {
    fn default() -> Self {
        Self { known: HashMap::new(), order: VecDeque::new(), stamp: 0 }
    }
}

impl<K: Clone + Eq + Hash, V: Copy> Seen<K, V> {
    /// Where the key was seen within the window, if it was; then it counts as met again.
    pub(crate) fn meet(&mut self, now: MonoTime, terms: &DedupMemory, key: &K) -> Option<V> {
        self.forget_old(now, terms);
        let sight = self.known.get_mut(key).filter(|sight| now.since(sight.first) < terms.window)?;
        self.stamp += 1;
        sight.stamp = self.stamp;
        let place = sight.place;
        self.order.push_back((self.stamp, key.clone()));
        self.compact();
        Some(place)
    }

    /// Remembers a key from now on.
    pub(crate) fn insert(&mut self, now: MonoTime, terms: &DedupMemory, key: K, place: V) {
        self.stamp += 1;
        self.known.insert(key.clone(), Sight { first: now, stamp: self.stamp, place });
        self.order.push_back((self.stamp, key));
        while self.known.len() > terms.capacity {
            self.drop_front();
        }
        self.compact();
    }

    fn forget_old(&mut self, now: MonoTime, terms: &DedupMemory) {
        while let Some((stamp, key)) = self.order.front() {
            let current = self.known.get(key).filter(|sight| sight.stamp == *stamp);
            if current.is_some_and(|sight| now.since(sight.first) < terms.window) {
                break;
            }
            self.drop_front();
        }
    }

    fn drop_front(&mut self) {
        let Some((stamp, key)) = self.order.pop_front() else { return };
        if self.known.get(&key).is_some_and(|sight| sight.stamp == stamp) {
            self.known.remove(&key);
        }
    }

    /// Outdated entries of `order` never outnumber the known keys by much; maps shrink after a burst.
    fn compact(&mut self) {
        const SLACK: usize = 1_024;
        if self.order.len() > 2 * self.known.len() + SLACK {
            let known = &self.known;
            self.order.retain(|(stamp, key)| known.get(key).is_some_and(|sight| sight.stamp == *stamp));
        }
        if self.known.capacity() > 4 * self.known.len() + SLACK {
            self.known.shrink_to(2 * self.known.len());
            self.order.shrink_to(2 * self.order.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use stook_plugin::{Keep, Scope};

    fn at(ms: u64) -> MonoTime {
        MonoTime::at(Duration::from_millis(ms))
    }

    struct Memory(Seen<u128, ()>, DedupMemory);

    fn seen(capacity: usize, window: u64) -> Memory {
        let window = Duration::from_millis(window);
        Memory(Seen::default(), DedupMemory::bounded(Scope::Aggregate, window, capacity, Keep::First))
    }

    fn offer(Memory(seen, terms): &mut Memory, ms: u64, identity: u128) -> bool {
        let fresh = seen.meet(at(ms), terms, &identity).is_none();
        if fresh {
            seen.insert(at(ms), terms, identity, ());
        }
        fresh
    }

    #[test]
    fn the_one_not_met_for_longest_goes_first() {
        let mut one = seen(1, 1_000);
        assert!([1, 2, 1].into_iter().all(|identity| offer(&mut one, 0, identity)));
        let mut two = seen(2, 1_000);
        assert!(offer(&mut two, 0, 1) && offer(&mut two, 0, 2));
        assert!(!offer(&mut two, 0, 1));
        assert!(offer(&mut two, 0, 3), "2 goes, not 1");
        assert!(!offer(&mut two, 0, 1) && offer(&mut two, 0, 2));
    }

    #[test]
    fn age_counts_from_the_first_sight() {
        let mut seen = seen(10, 100);
        assert!(offer(&mut seen, 0, 1));
        assert!(!offer(&mut seen, 50, 1));
        assert!(offer(&mut seen, 101, 1));
        assert!(!offer(&mut seen, 102, 1));
    }

    #[test]
    fn memory_is_bounded_and_returned() {
        let mut seen = seen(10_000, 100);
        (0..100_000).for_each(|n| assert!(offer(&mut seen, n / 1_000, n.into())));
        assert!(seen.0.known.len() <= 10_000 && seen.0.order.len() <= 21_024);
        (0..100_000).for_each(|_| assert!(!offer(&mut seen, 100, 99_999)));
        assert!(seen.0.order.len() <= 21_024);
        assert!(offer(&mut seen, 1_000, 1));
        assert_eq!(seen.0.known.len(), 1);
        assert!(seen.0.known.capacity() <= 4 * 1_024);
    }
}
