//! Results that the host has not settled yet.

use std::collections::VecDeque;

use crate::results::Encoded;
use crate::{SPAN, Sequences, wire};

/// How much a collector keeps for the case that the connection breaks.
#[derive(Clone, Copy, Debug)]
pub struct ReplayLimits {
    /// Results. At least 1.
    pub results: u32,
    /// Bytes of results as they go over the wire.
    pub bytes: usize,
}

/// The buffer: recorded at the back, settled anywhere, sent by a cursor.
#[derive(Debug)]
pub(super) struct Replay {
    limits: ReplayLimits,
    /// Everything up to here is settled.
    floor: u64,
    /// From `floor + 1` on; `None` is settled.
    slots: VecDeque<Option<Encoded>>,
    count: usize,
    bytes: usize,
    /// The next sequence to send in this session.
    cursor: u64,
}

impl Default for ReplayLimits {
    /// 2,048 results, 8 MiB.
    fn default() -> Self {
        Self { results: 2048, bytes: 8 * 1024 * 1024 }
    }
}

impl Replay {
    pub(super) fn new(limits: ReplayLimits) -> Self {
        let limits = ReplayLimits { results: limits.results.max(1), ..limits };
        Self { limits, floor: 0, slots: VecDeque::new(), count: 0, bytes: 0, cursor: 1 }
    }

    pub(super) fn limits(&self) -> ReplayLimits {
        self.limits
    }

    /// The sequence of the next result to be recorded.
    pub(super) fn next(&self) -> u64 {
        self.floor + self.slots.len() as u64 + 1
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn len_up_to(&self, sequence: u64) -> usize {
        let span = usize::try_from(sequence.saturating_sub(self.floor)).unwrap_or(usize::MAX);
        self.slots.iter().take(span).flatten().count()
    }

    /// Whether a result of this size would fit now.
    pub(super) fn has_room(&self, size: usize) -> bool {
        self.count < self.limits.results as usize
            && (self.slots.len() as u64) < SPAN * u64::from(self.limits.results)
            && self.bytes + size <= self.limits.bytes
    }

    pub(super) fn push(&mut self, result: Encoded) {
        self.count += 1;
        self.bytes += result.size();
        self.slots.push_back(Some(result));
    }

    /// Forgets one. `false` if there never was such a sequence.
    pub(super) fn settle(&mut self, sequence: u64) -> bool {
        if sequence == 0 || sequence >= self.next() {
            return false;
        }
        if sequence > self.floor {
            self.forget(sequence);
            self.raise_floor();
        }
        true
    }

    /// Forgets those of an acknowledgement. `false` if it names one that never was.
    pub(super) fn settle_all(&mut self, settled: &wire::Sequences) -> bool {
        let next = self.next();
        let sane = |range: &wire::Range| 0 < range.first && range.first <= range.last && range.last < next;
        if settled.floor >= next || !settled.ranges.iter().all(sane) {
            return false;
        }
        let floor = wire::Range { first: 1, last: settled.floor };
        for range in std::iter::once(&floor).chain(&settled.ranges) {
            for sequence in range.first.max(self.floor + 1)..=range.last {
                self.forget(sequence);
            }
        }
        self.raise_floor();
        true
    }

    /// What is settled, for the next introduction.
    pub(super) fn settled(&self) -> Sequences {
        let mut settled = Sequences::up_to(self.floor);
        for (sequence, slot) in (self.floor + 1..).zip(&self.slots) {
            if slot.is_none() {
                settled.insert(sequence);
            }
        }
        settled
    }

    /// From here on everything is to be sent again.
    pub(super) fn rewind(&mut self) {
        self.cursor = self.floor + 1;
    }

    /// Moves on to the next result to send and shows it.
    pub(super) fn peek(&mut self) -> Option<(u64, &Encoded)> {
        self.cursor = self.cursor.max(self.floor + 1);
        while let Some(None) = self.slots.get(self.index(self.cursor)) {
            self.cursor += 1;
        }
        let result = self.slots.get(self.index(self.cursor))?.as_ref()?;
        Some((self.cursor, result))
    }

    /// Takes the one that [`peek`](Self::peek) showed as sent.
    pub(super) fn advance(&mut self) {
        self.cursor += 1;
    }

    pub(super) fn get(&self, sequence: u64) -> Option<&Encoded> {
        self.slots.get(self.index(sequence))?.as_ref()
    }

    /// Where its slot is; nowhere for one that is settled below the floor.
    fn index(&self, sequence: u64) -> usize {
        let above = sequence.checked_sub(self.floor + 1);
        above.and_then(|above| usize::try_from(above).ok()).unwrap_or(usize::MAX)
    }

    fn forget(&mut self, sequence: u64) {
        let index = self.index(sequence);
        if let Some(result) = self.slots.get_mut(index).and_then(Option::take) {
            self.count -= 1;
            self.bytes -= result.size();
        }
    }

    fn raise_floor(&mut self) {
        while let Some(None) = self.slots.front() {
            self.slots.pop_front();
            self.floor += 1;
        }
    }
}
