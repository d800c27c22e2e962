//! A set of sequence numbers that is nearly contiguous.

use std::collections::BTreeMap;

use crate::wire;

/// Every number from 1 to a floor, and ranges above it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sequences {
    floor: u64,
    /// First to last, included; disjoint, not adjacent, all above `floor + 1`.
    ranges: BTreeMap<u64, u64>,
}

impl Sequences {
    /// The set of `1..=floor`.
    pub const fn up_to(floor: u64) -> Self {
        Self { floor, ranges: BTreeMap::new() }
    }

    /// The highest number up to which none is missing.
    pub const fn floor(&self) -> u64 {
        self.floor
    }

    /// The ranges above the floor, ends included.
    pub fn ranges(&self) -> impl ExactSizeIterator<Item = (u64, u64)> {
        self.ranges.iter().map(|(first, last)| (*first, *last))
    }

    /// The highest number of all; 0 if there is none.
    pub fn highest(&self) -> u64 {
        self.ranges.last_key_value().map_or(self.floor, |(_, last)| *last)
    }

    /// Whether the number is in the set.
    pub fn contains(&self, sequence: u64) -> bool {
        (1..=self.floor).contains(&sequence)
            || self.ranges.range(..=sequence).next_back().is_some_and(|(_, last)| *last >= sequence)
    }

    /// Adds a number. Says whether it is new.
    pub fn insert(&mut self, sequence: u64) -> bool {
        if self.floor.checked_add(1) == Some(sequence) && self.ranges.is_empty() {
            self.floor = sequence;
            return true;
        }
        let new = sequence != 0 && !self.contains(sequence);
        if new {
            self.insert_range(sequence, sequence);
        }
        new
    }

    /// Adds every number from `first` to `last`.
    pub fn insert_range(&mut self, mut first: u64, mut last: u64) {
        if first > last || last <= self.floor {
            return;
        }
        while let Some((&start, &end)) = self
            .ranges
            .range(..=last.saturating_add(1))
            .next_back()
            .filter(|(_, end)| **end >= first.saturating_sub(1))
        {
            self.ranges.remove(&start);
            first = first.min(start);
            last = last.max(end);
        }
        if first <= self.floor.saturating_add(1) {
            self.floor = last;
        } else {
            self.ranges.insert(first, last);
        }
    }

    pub(crate) fn to_wire(&self) -> wire::Sequences {
        let ranges = self.ranges().map(|(first, last)| wire::Range { first, last }).collect();
        wire::Sequences { floor: self.floor, ranges }
    }

    pub(crate) fn from_wire(sequences: &wire::Sequences) -> Self {
        let mut set = Self::up_to(sequences.floor);
        for range in &sequences.ranges {
            set.insert_range(range.first.max(1), range.last);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn is_a_set(ranges in prop::collection::vec((1u64..60, 0u64..6), 0..40)) {
            let (mut set, mut model) = (Sequences::default(), BTreeSet::new());
            for (first, more) in ranges {
                if more == 0 {
                    prop_assert_eq!(set.insert(first), model.insert(first));
                } else {
                    set.insert_range(first, first + more);
                    model.extend(first..=first + more);
                }
                let floor = (1..).take_while(|n| model.contains(n)).last().unwrap_or(0);
                prop_assert_eq!(set.floor(), floor);
                for n in 0..70 {
                    prop_assert_eq!(set.contains(n), model.contains(&n));
                }
                prop_assert_eq!(set.highest(), model.last().copied().unwrap_or(0));
                prop_assert_eq!(&Sequences::from_wire(&set.to_wire()), &set);
                let ends: Vec<_> = set.ranges().collect();
                prop_assert!(ends.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0), "{:?}", ends);
            }
        }
    }
}
