//! What an aggregate has to do later: deadlines, and the order of eviction.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use stook_types::MonoTime;

use crate::set::Set;

/// A set in one of the heaps. `number` tells apart the generations of a set and breaks ties by age.
pub(crate) struct Entry {
    pub(crate) at: MonoTime,
    pub(crate) number: u64,
    pub(crate) set: Arc<Set>,
}

/// Deadlines and eviction order of one aggregate.
///
/// Touched when a set opens, closes or comes up, never per result: entries are lazy. One whose set has been
/// closed since is dropped when it comes up; one whose set was touched since is put back with its true time.
/// Dropped entries cannot pile up: when they might be the majority, [`Agenda::compact`] sweeps them out.
#[derive(Default)]
pub(crate) struct Agenda {
    deadlines: BinaryHeap<Reverse<Entry>>,
    idle: BinaryHeap<Reverse<Entry>>,
    /// Released sets in order of release, to be forgotten.
    tombs: VecDeque<Entry>,
    /// Released sets that still take corrections, in order of release.
    kept: VecDeque<Entry>,
}

impl Agenda {
    /// Enters a set that was opened: due at `deadline`, idle since `now`.
    pub(crate) fn opened(&mut self, set: &Arc<Set>, number: u64, now: MonoTime, deadline: MonoTime) {
        self.deadlines.push(Reverse(Entry { at: deadline, number, set: set.clone() }));
        self.idle.push(Reverse(Entry { at: now, number, set: set.clone() }));
    }

    /// Enters a set that was released: to be forgotten at `forget`, and to take corrections until `until`.
    pub(crate) fn released(
        &mut self,
        set: &Arc<Set>,
        number: u64,
        forget: MonoTime,
        until: Option<MonoTime>,
    ) {
        self.tombs.push_back(Entry { at: forget, number, set: set.clone() });
        self.kept.extend(until.map(|at| Entry { at, number, set: set.clone() }));
    }

    /// When the next entry comes up; possibly for nothing.
    pub(crate) fn next(&self) -> Option<MonoTime> {
        let deadline = self.deadlines.peek().map(|Reverse(entry)| entry.at);
        let tomb = self.tombs.front().map(|entry| entry.at);
        [deadline, tomb, self.kept_until()].into_iter().flatten().min()
    }

    /// The next set whose deadline has come, by deadline and age.
    pub(crate) fn pop_due(&mut self, now: MonoTime) -> Option<Entry> {
        let Reverse(entry) = self.deadlines.peek()?;
        if entry.at > now {
            return None;
        }
        self.deadlines.pop().map(|Reverse(entry)| entry)
    }

    /// Puts a set back that came up before its time.
    pub(crate) fn postpone(&mut self, entry: Entry) {
        self.deadlines.push(Reverse(entry));
    }

    /// The set that seems idle for the longest time.
    pub(crate) fn pop_idle(&mut self) -> Option<Entry> {
        self.idle.pop().map(|Reverse(entry)| entry)
    }

    /// Puts a set back, idle since `at`.
    pub(crate) fn put_idle(&mut self, entry: Entry) {
        self.idle.push(Reverse(entry));
    }

    /// The next released set to forget: by age, or because there are more than `most`.
    pub(crate) fn pop_tomb(&mut self, now: MonoTime, most: usize) -> Option<Entry> {
        let too_many = self.tombs.len() > most;
        let tomb = self.tombs.pop_front_if(|entry| too_many || entry.at <= now)?;
        // Both queues are in order of release: what is forgotten takes no corrections, and is not waited for.
        self.kept.pop_front_if(|entry| entry.number == tomb.number);
        Some(tomb)
    }

    /// The next released set whose time for corrections is over.
    pub(crate) fn pop_kept(&mut self, now: MonoTime) -> Option<Entry> {
        self.kept.pop_front_if(|entry| entry.at <= now)
    }

    /// Until when the set takes corrections that was released first of those that do.
    pub(crate) fn kept_until(&self) -> Option<MonoTime> {
        self.kept.front().map(|entry| entry.at)
    }

    /// How many released sets are remembered.
    pub(crate) fn tombs(&self) -> usize {
        self.tombs.len()
    }

    /// Sweeps out entries of closed sets when they may be the majority.
    pub(crate) fn compact(&mut self, open: usize) {
        const SLACK: usize = 1_024;
        for heap in [&mut self.deadlines, &mut self.idle] {
            if heap.len() > 2 * open + SLACK {
                heap.retain(|Reverse(entry)| entry.set.is_open(entry.number));
            }
        }
    }

    /// Sweeps out every entry of a closed set, and gives memory back that is not used at present.
    pub(crate) fn shrink(&mut self) {
        for heap in [&mut self.deadlines, &mut self.idle] {
            heap.retain(|Reverse(entry)| entry.set.is_open(entry.number));
            heap.shrink_to_fit();
        }
        for queue in [&mut self.tombs, &mut self.kept] {
            queue.shrink_to_fit();
        }
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::few::Few;
    use crate::memory::Budget;
    use crate::set::OpenSet;
    use stook_types::CorrelationId;

    #[test]
    fn what_is_forgotten_for_room_does_not_wait_for_the_end_of_its_corrections() {
        let mut agenda = Agenda::default();
        let never = MonoTime::at(std::time::Duration::MAX);
        for number in 0..10_000 {
            let held = Budget::new(0).hold_anyway(0);
            let open = OpenSet::new(number, 1, MonoTime::ZERO, Few::default(), held);
            let set = Set::new(CorrelationId::random().into(), open);
            agenda.released(&set, number, never, Some(never));
            while agenda.pop_tomb(MonoTime::ZERO, 10).is_some() {}
        }
        assert_eq!((agenda.tombs.len(), agenda.kept.len()), (10, 10));
    }
}
