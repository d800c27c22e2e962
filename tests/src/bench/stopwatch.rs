//! Times calls that are so short that looking at the clock counts.

use std::hint::black_box;
use std::time::Instant;

use super::report::Row;
use super::stats::Samples;

/// A clock that knows what it takes itself.
pub(super) struct Stopwatch {
    looks: Samples,
    cost: f64,
}

impl Stopwatch {
    pub(super) fn new() -> Self {
        let look = |_| {
            let start = Instant::now();
            nanos_since(start)
        };
        let looks: Samples = (0..20_000).map(look).collect();
        let cost = looks.median();
        Self { looks, cost }
    }

    /// What the call gives, and the nanoseconds it takes, less those of the clock.
    pub(super) fn time<T>(&self, call: impl FnOnce() -> T) -> (T, f64) {
        let start = Instant::now();
        let outcome = black_box(call());
        let took = nanos_since(start);
        (outcome, (took - self.cost).max(0.0))
    }

    /// What is taken off.
    pub(super) fn row(&self) -> Row {
        Row::of("the clock's own cost, taken off all below", &self.looks, "ns")
    }
}

fn nanos_since(start: Instant) -> f64 {
    start.elapsed().as_nanos() as f64
}
