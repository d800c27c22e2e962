//! What an aggregate has to do later: deadlines, and the order of eviction.

use std::collections::VecDeque;
use std::sync::Arc;

use stook_types::MonoTime;

use crate::set::Set;
use crate::timeline::{Entry, Timeline};

/// Where an open set stands in the agenda: when it is looked at because of its deadline, and since when it is taken for idle.
/// Neither is later than the truth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filed {
    pub(crate) due: MonoTime,
    pub(crate) idle: MonoTime,
}

/// Deadlines and eviction order of one aggregate.
///
/// Touched when a set opens, closes or comes up, never per result: times are lazy. A set that was touched since is put back
/// with its true time when it comes up. Whoever closes a set takes it out.
#[derive(Default)]
pub(crate) struct Agenda {
    deadlines: Timeline,
    idle: Timeline,
    /// Released sets in order of release, to be forgotten.
    tombs: VecDeque<Entry>,
    /// Released sets that still take corrections, in order of release.
    kept: VecDeque<Entry>,
}

impl Agenda {
    /// Enters a set that was opened.
    pub(crate) fn opened(&mut self, set: &Arc<Set>, number: u64, Filed { due, idle }: Filed) {
        self.deadlines.insert(Entry { at: due, number, set: set.clone() });
        self.idle.insert(Entry { at: idle, number, set: set.clone() });
    }

    /// Takes out a set that was closed.
    pub(crate) fn closed(&mut self, number: u64, Filed { due, idle }: Filed) {
        self.deadlines.remove(due, number);
        self.idle.remove(idle, number);
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
        let tomb = self.tombs.front().map(|entry| entry.at);
        [self.deadlines.first(), tomb, self.kept_until()].into_iter().flatten().min()
    }

    /// The next set whose deadline seems to have come, by deadline and age.
    pub(crate) fn pop_due(&mut self, now: MonoTime) -> Option<Entry> {
        self.deadlines.first().filter(|at| *at <= now)?;
        self.deadlines.pop_first()
    }

    /// The open set that comes up first.
    pub(crate) fn first_due(&self) -> Option<Arc<Set>> {
        self.deadlines.peek_first()
    }

    /// Puts a set back that came up before its time.
    pub(crate) fn postpone(&mut self, entry: Entry) {
        self.deadlines.insert(entry);
    }

    /// The set that seems idle for the longest time.
    pub(crate) fn pop_idle(&mut self) -> Option<Entry> {
        self.idle.pop_first()
    }

    /// Puts a set back, idle since `at`.
    pub(crate) fn put_idle(&mut self, entry: Entry) {
        self.idle.insert(entry);
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

    /// Gives memory back that is not used at present.
    pub(crate) fn shrink(&mut self) {
        self.deadlines.shrink_to_fit();
        self.idle.shrink_to_fit();
        for queue in [&mut self.tombs, &mut self.kept] {
            queue.shrink_to_fit();
        }
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
