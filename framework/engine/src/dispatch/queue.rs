//! What waits for a place: by priority, then by age. One line for whoever is free, and one for each session that
//! nobody can stand in for.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use stook_types::Incarnation;

use crate::balance::{SeatId, Unfit};

/// A part's place in a line: a higher priority is less, and so is an earlier submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket {
    priority: Reverse<i32>,
    pub(super) part: u64,
}

/// Who must not have a part that waits for anybody. Those of which that is the same wait together, so that one that
/// nobody may have holds up none that somebody may.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Class {
    /// Whoever has failed it before.
    pub(super) failed: Vec<Incarnation>,
    /// Whoever has another suspect.
    pub(super) alone: bool,
}

/// The line in which a part waits.
#[derive(Clone, Debug)]
pub(super) enum Line {
    Shared(Class),
    Own(SeatId),
}

/// The lines of one capability.
#[derive(Default)]
pub(super) struct Lines {
    shared: BTreeMap<Class, BTreeSet<Ticket>>,
    own: BTreeMap<SeatId, BTreeSet<Ticket>>,
}

impl Ticket {
    pub(super) const fn new(priority: i32, part: u64) -> Self {
        Self { priority: Reverse(priority), part }
    }
}

impl Class {
    pub(super) fn unfit(&self) -> Unfit<'_> {
        Unfit { failed: &self.failed, alone: self.alone }
    }
}

impl Lines {
    pub(super) fn enter(&mut self, ticket: Ticket, line: Line) {
        match line {
            Line::Shared(class) => self.shared.entry(class).or_default().insert(ticket),
            Line::Own(seat) => self.own.entry(seat).or_default().insert(ticket),
        };
    }

    pub(super) fn leave(&mut self, ticket: Ticket, line: &Line) {
        match line {
            Line::Shared(class) => leave(&mut self.shared, class, ticket),
            Line::Own(seat) => leave(&mut self.own, seat, ticket),
        }
    }

    /// The first who waits for anybody and may go to some of those that `fits` knows, after this one.
    pub(super) fn next_shared(
        &self,
        after: Option<Ticket>,
        fits: impl Fn(Unfit<'_>) -> bool,
    ) -> Option<Ticket> {
        let first = |(_, line): (_, &BTreeSet<Ticket>)| line.first().copied();
        let classes = self.shared.iter().filter(|(class, _)| fits(class.unfit()));
        classes.filter_map(first).filter(|ticket| after.is_none_or(|after| *ticket > after)).min()
    }

    /// The first who waits for this session and for no other.
    pub(super) fn first_own(&self, seat: SeatId) -> Option<Ticket> {
        self.own.get(&seat)?.first().copied()
    }

    /// How many wait for this session and for no other.
    pub(super) fn own_len(&self, seat: SeatId) -> usize {
        self.own.get(&seat).map_or(0, BTreeSet::len)
    }

    /// How many wait for anybody.
    pub(super) fn shared_len(&self) -> usize {
        self.shared.values().map(BTreeSet::len).sum()
    }

    /// Takes everybody out who waits for this session and for no other.
    pub(super) fn close(&mut self, seat: SeatId) -> Vec<Ticket> {
        self.own.remove(&seat).unwrap_or_default().into_iter().collect()
    }

    /// Whoever waits for the longest time, whatever its priority. Looks at all.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.shared.values().chain(self.own.values()).flatten().map(|ticket| ticket.part).min()
    }

    pub(super) fn len(&self) -> usize {
        self.shared_len() + self.own.values().map(BTreeSet::len).sum::<usize>()
    }
}

fn leave<K: Ord>(lines: &mut BTreeMap<K, BTreeSet<Ticket>>, key: &K, ticket: Ticket) {
    if let Some(line) = lines.get_mut(key) {
        line.remove(&ticket);
        if line.is_empty() {
            lines.remove(key);
        }
    }
}
