//! What waits for a place: by priority, then by age. One line for whoever is free, and one for each session that
//! nobody can stand in for.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::balance::SeatId;

/// A part's place in a line: a higher priority is less, and so is an earlier submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket {
    priority: Reverse<i32>,
    pub(super) part: u64,
}

/// The lines of one capability.
#[derive(Default)]
pub(super) struct Lines {
    shared: BTreeSet<Ticket>,
    own: BTreeMap<SeatId, BTreeSet<Ticket>>,
}

impl Ticket {
    pub(super) const fn new(priority: i32, part: u64) -> Self {
        Self { priority: Reverse(priority), part }
    }
}

impl Lines {
    pub(super) fn enter(&mut self, ticket: Ticket, only: Option<SeatId>) {
        match only {
            None => self.shared.insert(ticket),
            Some(seat) => self.own.entry(seat).or_default().insert(ticket),
        };
    }

    pub(super) fn leave(&mut self, ticket: Ticket, only: Option<SeatId>) {
        match only {
            None => _ = self.shared.remove(&ticket),
            Some(seat) => {
                if let Some(line) = self.own.get_mut(&seat) {
                    line.remove(&ticket);
                    if line.is_empty() {
                        self.own.remove(&seat);
                    }
                }
            }
        }
    }

    /// Whoever waits for anybody, first first.
    pub(super) fn shared(&self) -> impl Iterator<Item = Ticket> {
        self.shared.iter().copied()
    }

    /// The first who waits for this session and for no other, unless somebody who waits for anybody goes before.
    pub(super) fn own_turn(&self, seat: SeatId) -> Option<Ticket> {
        let own = *self.own.get(&seat)?.first()?;
        self.shared.first().is_none_or(|shared| own < *shared).then_some(own)
    }

    /// How many wait for this session and for no other.
    pub(super) fn own_len(&self, seat: SeatId) -> usize {
        self.own.get(&seat).map_or(0, BTreeSet::len)
    }

    /// Takes everybody out who waits for this session and for no other.
    pub(super) fn close(&mut self, seat: SeatId) -> Vec<Ticket> {
        self.own.remove(&seat).unwrap_or_default().into_iter().collect()
    }

    pub(super) fn len(&self) -> usize {
        self.shared.len() + self.own.values().map(BTreeSet::len).sum::<usize>()
    }
}
