//! Which sequence numbers of one incarnation have been seen.

use std::collections::BTreeMap;

/// An exact set of sequence numbers, small as long as they are dense: a floor, below which everything was seen,
/// and blocks of 64 above it.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// Blocks below this number are full.
    floor: u64,
    blocks: BTreeMap<u64, u64>,
}

impl Window {
    /// More open blocks than any replay buffer could cause; past it the lowest gap is given up. Sessions refuse
    /// sequences that run so far ahead, so only a broken caller gets here.
    const MAX_BLOCKS: usize = 16_384;

    /// Marks a number as seen. False if it was.
    pub(crate) fn insert(&mut self, sequence: u64) -> bool {
        let (block, bit) = Self::place(sequence);
        if block < self.floor {
            return false;
        }
        let bits = self.blocks.entry(block).or_default();
        let fresh = *bits & bit == 0;
        *bits |= bit;
        while self.blocks.get(&self.floor) == Some(&u64::MAX) {
            self.blocks.remove(&self.floor);
            self.floor += 1;
        }
        if self.blocks.len() > Self::MAX_BLOCKS
            && let Some((lowest, _)) = self.blocks.pop_first()
        {
            self.floor = lowest + 1;
        }
        fresh
    }

    /// Forgets a number that [`insert`](Self::insert) has just marked.
    pub(crate) fn remove(&mut self, sequence: u64) {
        let (block, bit) = Self::place(sequence);
        if block < self.floor {
            // It filled its block, and with it possibly others: open this one again, and those above stay full.
            for full in block..self.floor {
                self.blocks.insert(full, u64::MAX);
            }
            self.floor = block;
        }
        if let Some(bits) = self.blocks.get_mut(&block) {
            *bits &= !bit;
        }
    }

    /// Numbers count from 1, so that 1 is the first bit; 0 is a number like any other, far away.
    fn place(sequence: u64) -> (u64, u64) {
        let index = sequence.wrapping_sub(1);
        (index / 64, 1 << (index % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn agrees_with_a_set_in_any_order() {
        let (mut window, mut model) = (Window::default(), HashSet::new());
        let mut state = 7_u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let sequence = state >> 54;
            assert_eq!(window.insert(sequence), model.insert(sequence), "{sequence}");
            if state.is_multiple_of(5) {
                window.remove(sequence);
                model.remove(&sequence);
            }
        }
    }

    #[test]
    fn dense_numbers_take_no_room_and_sparse_ones_are_bounded() {
        let mut window = Window::default();
        (1..=100_000).for_each(|sequence| assert!(window.insert(sequence)));
        assert!(window.blocks.len() <= 1);
        (0..100_000).for_each(|n| assert!(window.insert(1_000_000 + n * 64)));
        assert!(window.blocks.len() <= Window::MAX_BLOCKS);
        assert!(window.insert(u64::MAX) && window.insert(0));
    }
}
