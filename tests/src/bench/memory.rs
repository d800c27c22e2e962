//! The machine's own limit for whatever looks something up among many: one read of memory that no cache has.

use std::hint::black_box;

use super::stopwatch::Stopwatch;

/// As many places as a figure has sets, as far apart as those are: about what one of them takes with a result.
pub(super) struct Memory {
    words: Vec<u64>,
    at: usize,
}

/// Words between two places.
const APART: usize = 640 / size_of::<u64>();
/// Reads under one look at the clock.
const READS: usize = 1_000;

impl Memory {
    /// Memory with so many places, all of it written.
    pub(super) fn new(places: usize) -> Self {
        // A power of two, so that `next` comes to all of them. What is not written would be one page for all.
        let words = (0..places.next_power_of_two() * APART).map(|word| black_box(word as u64 & 1)).collect();
        Self { words, at: 0 }
    }

    /// Reads at random, each time where the read before says, while nothing else is in the way. In nanoseconds for one
    /// read.
    pub(super) fn read(&mut self, watch: &Stopwatch) -> f64 {
        (0..READS).for_each(|_| self.next());
        watch.time(|| (0..READS).for_each(|_| self.next())).1 / READS as f64
    }

    /// A full cycle through all places (Knuth, *The Art of Computer Programming* 2, 3.2.1.2, theorem A).
    fn next(&mut self) {
        let mask = self.words.len() / APART - 1;
        let read = self.words[self.at * APART] as usize;
        self.at = (self.at.wrapping_mul(0x5851_f42d) + 0x1405_7b7f + read) & mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn comes_to_all_places() {
        let mut memory = Memory::new(1_000);
        let places: BTreeSet<_> = (0..1_024)
            .map(|_| {
                memory.next();
                memory.at
            })
            .collect();
        assert_eq!((places.len(), memory.at), (1_024, 0));
    }
}
