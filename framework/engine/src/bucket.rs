//! How many starts at a time: those that die together do not start together.

use std::time::Duration;

use stook_types::MonoTime;

/// Starts that the host makes, evenly over time but for a few at once.
pub(crate) struct Bucket {
    tokens: u32,
    filled: MonoTime,
}

impl Bucket {
    /// Starts at once, before the rate counts.
    const BURST: u32 = 8;
    /// The rate: one start in so long.
    const EVERY: Duration = Duration::from_millis(250);

    pub(crate) const fn new() -> Self {
        Self { tokens: Self::BURST, filled: MonoTime::ZERO }
    }

    /// Whether a start is allowed now; if so, it is counted.
    pub(crate) fn take(&mut self, now: MonoTime) -> bool {
        let drops = now.since(self.filled).as_nanos() / Self::EVERY.as_nanos();
        let drops = u32::try_from(drops).unwrap_or(u32::MAX);
        self.tokens = self.tokens.saturating_add(drops).min(Self::BURST);
        // Whole drops only: what has run in since stays to be counted.
        self.filled = if self.tokens == Self::BURST { now } else { self.filled + Self::EVERY * drops };
        let has = self.tokens > 0;
        self.tokens -= u32::from(has);
        has
    }

    /// When the next start is allowed.
    pub(crate) fn next(&self, now: MonoTime) -> MonoTime {
        if self.tokens > 0 { now } else { self.filled + Self::EVERY }
    }
}
