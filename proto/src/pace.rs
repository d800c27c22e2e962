//! How often a peer may do what costs us something and brings nothing.

use std::time::Duration;

use stook_types::MonoTime;

/// A budget that refills with time.
#[derive(Debug)]
pub(crate) struct Pace {
    left: u32,
    refilled: MonoTime,
}

impl Pace {
    /// A session that was stopped for an hour may say so by all the heartbeats of that hour.
    const BURST: u32 = 2_000;

    /// One more per this long: a hundred a second for ever.
    const REFILL: Duration = Duration::from_millis(10);

    pub(crate) const fn new(now: MonoTime) -> Self {
        Self { left: Self::BURST, refilled: now }
    }

    /// Takes one out. Says whether there was one.
    pub(crate) fn take(&mut self, now: MonoTime) -> bool {
        let more = now.since(self.refilled).as_nanos() / Self::REFILL.as_nanos();
        if more > 0 {
            self.left = self.left.saturating_add(u32::try_from(more).unwrap_or(u32::MAX)).min(Self::BURST);
            self.refilled = now;
        }
        self.left.checked_sub(1).inspect(|left| self.left = *left).is_some()
    }
}
