//! What dedup remembers: of one set, or of an aggregate.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use stook_plugin::{DedupMemory, Identity};
use stook_types::{CollectorId, MonoTime};

/// Identities seen, each with where its result is: bounded by number (the one not met for the longest time goes
/// first) and by age (counted from the first sight, or from the last if each refreshes).
#[derive(Debug)]
pub(crate) struct Seen<K, V> {
    known: HashMap<K, Sight<V>>,
    /// Who goes when there are too many. Empty where there cannot be.
    by_meeting: Line<K>,
    /// Who goes when it is too old. Empty where nothing gets too old, or where that is the order of meeting.
    by_age: Line<K>,
    stamp: u64,
}

/// An identity, in the scope of a collector where dedup is told to keep collectors apart.
pub(crate) type SeenKey = (Option<CollectorId>, Identity);

/// An identity that was met again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Met<V> {
    /// Where its result is.
    pub(crate) place: V,
    pub(crate) first: MonoTime,
}

#[derive(Debug)]
struct Sight<V> {
    first: MonoTime,
    /// Its window counts from here.
    since: MonoTime,
    /// The stamps of its entries in the lines.
    born: u64,
    met: u64,
    place: V,
}

/// Keys in the order of their stamps. An entry counts only if the sight of its key has its stamp: others are dropped when
/// they come up, or when they are the majority.
#[derive(Debug)]
struct Line<K>(VecDeque<(u64, K)>);

/// How many old identities a result takes along, so that none of them pays for all.
const FEW: usize = 8;

impl<K, V> Default for Seen<K, V> {
    fn default() -> Self {
        let line = || Line(VecDeque::new());
        Self { known: HashMap::new(), by_meeting: line(), by_age: line(), stamp: 0 }
    }
}

impl<K: Clone + Eq + Hash, V: Copy + PartialEq> Seen<K, V> {
    /// Where and when the key was seen within the window, if it was; then it counts as met again.
    pub(crate) fn meet(&mut self, now: MonoTime, terms: &DedupMemory, key: &K) -> Option<Met<V>> {
        self.forget_old(now, terms, FEW);
        let sight = self.known.get_mut(key).filter(|sight| now.since(sight.since) < terms.window)?;
        let met = Met { place: sight.place, first: sight.first };
        self.stamp += 1;
        sight.met = self.stamp;
        if terms.refresh {
            sight.since = now;
        }
        self.line_up(terms, key, false);
        self.compact();
        Some(met)
    }

    /// Remembers a key from now on.
    pub(crate) fn insert(&mut self, now: MonoTime, terms: &DedupMemory, key: K, place: V) {
        self.stamp += 1;
        let sight = Sight { first: now, since: now, born: self.stamp, met: self.stamp, place };
        self.line_up(terms, &key, true);
        self.known.insert(key, sight);
        while self.known.len() > terms.capacity && (self.forget_one(now, terms) || self.drop_unmet()) {}
        self.compact();
    }

    /// Forgets a key, if what it remembers is in this place.
    pub(crate) fn remove(&mut self, key: &K, place: V) {
        if self.known.get(key).is_some_and(|sight| sight.place == place) {
            self.known.remove(key);
            self.compact();
        }
    }

    /// Forgets what is too old, but not more than so many. Gives when the next is.
    pub(crate) fn forget_old(&mut self, now: MonoTime, terms: &DedupMemory, most: usize) -> Option<MonoTime> {
        let forgotten = (0..most).take_while(|_| self.forget_one(now, terms)).count();
        if forgotten > 0 {
            self.compact();
        }
        self.oldest(terms).map(|(since, _)| since + terms.window)
    }

    fn forget_one(&mut self, now: MonoTime, terms: &DedupMemory) -> bool {
        let oldest = self.oldest(terms).filter(|(since, _)| now.since(*since) >= terms.window);
        let Some(key) = oldest.map(|(_, key)| key.clone()) else { return false };
        self.known.remove(&key).is_some()
    }

    fn oldest(&mut self, terms: &DedupMemory) -> Option<(MonoTime, &K)> {
        let known = &self.known;
        let current = |stamp, key: &K| {
            let sight = known.get(key)?;
            let current = if terms.refresh { sight.met } else { sight.born };
            (current == stamp).then_some(sight.since)
        };
        let line = if terms.refresh { &mut self.by_meeting } else { &mut self.by_age };
        line.first(current)
    }

    /// Forgets the one that was not met for the longest time.
    fn drop_unmet(&mut self) -> bool {
        let known = &self.known;
        let current = |stamp, key: &K| known.get(key).filter(|sight| sight.met == stamp);
        let Some(key) = self.by_meeting.first(current).map(|(_, key)| key.clone()) else { return false };
        self.known.remove(&key).is_some()
    }

    fn line_up(&mut self, terms: &DedupMemory, key: &K, is_new: bool) {
        let (may_be_many, may_be_old) = (terms.capacity < usize::MAX, terms.window < Duration::MAX);
        if may_be_many || (may_be_old && terms.refresh) {
            self.by_meeting.0.push_back((self.stamp, key.clone()));
        }
        if is_new && may_be_old && !terms.refresh {
            self.by_age.0.push_back((self.stamp, key.clone()));
        }
    }

    /// Outdated entries of a line do not outnumber the known keys by more than a few: there may be a line in each of a
    /// million sets, and one result that comes again and again in each. And memory comes back after a burst.
    fn compact(&mut self) {
        const SPARE: usize = 1_024;
        let Self { known, by_meeting, by_age, .. } = self;
        let most = 2 * known.len() + FEW;
        by_meeting.compact(most, |stamp, key| known.get(key).is_some_and(|sight| sight.met == stamp));
        by_age.compact(most, |stamp, key| known.get(key).is_some_and(|sight| sight.born == stamp));
        if known.capacity() > 4 * known.len() + SPARE {
            known.shrink_to(2 * known.len());
            by_meeting.0.shrink_to(2 * by_meeting.0.len());
            by_age.0.shrink_to(2 * by_age.0.len());
        }
    }
}

impl<K> Line<K> {
    /// The first entry of which `current` knows something, and that.
    fn first<T>(&mut self, current: impl Fn(u64, &K) -> Option<T>) -> Option<(T, &K)> {
        let known = loop {
            let (stamp, key) = self.0.front()?;
            match current(*stamp, key) {
                Some(known) => break known,
                None => drop(self.0.pop_front()),
            }
        };
        self.0.front().map(|(_, key)| (known, key))
    }

    fn compact(&mut self, most: usize, is_current: impl Fn(u64, &K) -> bool) {
        if self.0.len() > most {
            self.0.retain(|(stamp, key)| is_current(*stamp, key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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

    /// Slots, used or not, in the map and the lines.
    fn slots(Memory(seen, _): &Memory) -> usize {
        seen.known.capacity() + seen.by_meeting.0.capacity() + seen.by_age.0.capacity()
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
    fn age_counts_from_the_last_sight_where_each_refreshes() {
        let Memory(seen, terms) = seen(10, 100);
        let mut seen = Memory(seen, terms.refreshing(true));
        assert!(offer(&mut seen, 0, 1));
        assert!((1..10).all(|n| !offer(&mut seen, n * 99, 1)));
        assert!(offer(&mut seen, 9 * 99 + 100, 1));
        assert!(offer(&mut seen, 2_000, 2));
        assert_eq!(seen.0.known.len(), 1);
    }

    #[test]
    fn an_old_one_goes_first_even_if_it_was_met_last() {
        let mut seen = seen(2, 100);
        assert!(offer(&mut seen, 0, 1) && offer(&mut seen, 50, 2));
        assert!(!offer(&mut seen, 60, 1));
        assert!(offer(&mut seen, 110, 3), "1 is too old by now");
        assert!(!offer(&mut seen, 111, 2), "and made the room");
        seen.0.forget_old(at(150), &seen.1, 10);
        assert_eq!(seen.0.known.len(), 1, "the order of meeting does not keep one beyond its age");
    }

    #[test]
    fn the_first_sight_is_told_however_often_it_was_refreshed() {
        let Memory(mut seen, terms) = seen(10, 100);
        let terms = terms.refreshing(true);
        seen.insert(at(7), &terms, 1, ());
        for ms in [50, 120, 200] {
            assert_eq!(seen.meet(at(ms), &terms, &1), Some(Met { place: (), first: at(7) }));
        }
    }

    #[test]
    fn memory_is_bounded_and_returned() {
        for refresh in [false, true] {
            let Memory(empty, terms) = seen(10_000, 100);
            let mut seen = Memory(empty, terms.refreshing(refresh));
            (0..100_000).for_each(|n| assert!(offer(&mut seen, n / 1_000, n.into())));
            assert!(seen.0.known.len() <= 10_000 && slots(&seen) <= 100_000, "{}", slots(&seen));
            (0..100_000).for_each(|_| assert!(!offer(&mut seen, 99, 99_999)));
            assert!(slots(&seen) <= 100_000, "{}", slots(&seen));
            // Nothing comes any more.
            while seen.0.forget_old(at(1_000), &seen.1, 100).is_some() {}
            assert_eq!(seen.0.known.len(), 0);
            assert!(slots(&seen) <= 4 * 1_024, "{}", slots(&seen));
        }
    }

    #[test]
    fn one_that_comes_again_and_again_takes_no_more_room() {
        let mut seen = seen(10, 1_000);
        assert!(offer(&mut seen, 0, 1) && (0..10_000).all(|_| !offer(&mut seen, 0, 1)));
        assert!(slots(&seen) <= 64, "{}", slots(&seen));
    }

    #[test]
    fn what_is_neither_old_nor_too_many_stands_in_no_line() {
        let mut seen = Memory(Seen::default(), DedupMemory::of_set());
        (0..100).for_each(|n| assert!(offer(&mut seen, n, n.into())));
        assert!((0..100_u32).all(|n| !offer(&mut seen, 1 << 40, n.into())));
        assert_eq!(seen.0.by_age.0.capacity() + seen.0.by_meeting.0.capacity(), 0);
    }

    #[test]
    fn what_is_somewhere_else_by_now_is_not_forgotten() {
        let terms = DedupMemory::of_set();
        let mut seen = Seen::default();
        seen.insert(at(0), &terms, 1, "there");
        seen.remove(&1, "here");
        assert!(seen.meet(at(0), &terms, &1).is_some());
        seen.remove(&1, "there");
        assert!(seen.meet(at(0), &terms, &1).is_none());
    }
}
