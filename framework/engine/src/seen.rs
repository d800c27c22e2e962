//! What dedup remembers beyond one set.

use std::collections::{HashMap, VecDeque};

use stook_plugin::{DedupMemory, Identity, Scope};
use stook_types::{CollectorId, MonoTime};

/// Identities seen in an aggregate: bounded by number (the one not met for the longest time goes first) and by
/// age (counted from the first sight).
pub(crate) struct Seen {
    memory: DedupMemory,
    known: HashMap<SeenKey, Sight>,
    /// Keys in the order in which they were met; only the entry with the stamp of its sight counts.
    order: VecDeque<(u64, SeenKey)>,
    stamp: u64,
}

/// An identity, in the scope of a collector where dedup is told to keep collectors apart.
pub(crate) type SeenKey = (Option<CollectorId>, Identity);

struct Sight {
    first: MonoTime,
    stamp: u64,
}

impl Seen {
    pub(crate) fn new(memory: DedupMemory) -> Self {
        Self { memory, known: HashMap::new(), order: VecDeque::new(), stamp: 0 }
    }

    /// The key of an identity, if this memory reaches beyond a set.
    pub(crate) fn key(memory: &DedupMemory, collector: &CollectorId, identity: Identity) -> Option<SeenKey> {
        match memory.scope {
            Scope::Set => None,
            Scope::Aggregate => Some((None, identity)),
            Scope::Collector => Some((Some(collector.clone()), identity)),
        }
    }

    /// Whether the key was seen within the window; if so, it counts as met again.
    pub(crate) fn meet(&mut self, now: MonoTime, key: &SeenKey) -> bool {
        self.forget_old(now);
        let Some(sight) = self.known.get_mut(key) else { return false };
        if now.since(sight.first) >= self.memory.window {
            return false;
        }
        self.stamp += 1;
        sight.stamp = self.stamp;
        self.order.push_back((self.stamp, key.clone()));
        self.compact();
        true
    }

    /// Remembers a key from now on.
    pub(crate) fn insert(&mut self, now: MonoTime, key: SeenKey) {
        self.stamp += 1;
        self.known.insert(key.clone(), Sight { first: now, stamp: self.stamp });
        self.order.push_back((self.stamp, key));
        while self.known.len() > self.memory.capacity {
            self.drop_front();
        }
        self.compact();
    }

    fn forget_old(&mut self, now: MonoTime) {
        while let Some((stamp, key)) = self.order.front() {
            let current = self.known.get(key).filter(|sight| sight.stamp == *stamp);
            if current.is_some_and(|sight| now.since(sight.first) < self.memory.window) {
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
    use stook_plugin::Keep;

    fn at(ms: u64) -> MonoTime {
        MonoTime::at(Duration::from_millis(ms))
    }

    fn seen(capacity: usize, window: u64) -> Seen {
        let window = Duration::from_millis(window);
        Seen::new(DedupMemory::bounded(Scope::Aggregate, window, capacity, Keep::First))
    }

    fn offer(seen: &mut Seen, ms: u64, identity: u128) -> bool {
        let key = (None, Identity(identity));
        let fresh = !seen.meet(at(ms), &key);
        if fresh {
            seen.insert(at(ms), key);
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
        assert!(seen.known.len() <= 10_000 && seen.order.len() <= 21_024);
        (0..100_000).for_each(|_| assert!(!offer(&mut seen, 100, 99_999)));
        assert!(seen.order.len() <= 21_024);
        assert!(offer(&mut seen, 1_000, 1));
        assert_eq!(seen.known.len(), 1);
        assert!(seen.known.capacity() <= 4 * 1_024);
    }
}
