//! What holds back a collector whichever policy scores: slow start after a return, and ejection after failures.

use std::time::Duration;

use stook_types::MonoTime;

/// How collectors are brought back into service, and taken out of it for a while.
///
/// They decide *who is a candidate*, so that they work with every [`ScoringPolicy`](stook_plugin::ScoringPolicy).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Modifiers {
    /// Slow start: how long a collector that has come back takes to be given all its slots; zero for at once. Its
    /// caches are cold, and what killed it may kill it again.
    pub slow_start: Duration,
    /// Failure accrual: failures in a row after which a collector is ejected; 0 for never.
    pub failures: u32,
    /// For how long, the first time; twice as long each time that it is back and fails again before it succeeds, up to
    /// 32 times.
    pub eject: Duration,
    /// The cap: at most this share of a pool is ejected at a time, from 0 to 1.
    pub most_ejected: f64,
    /// The panic threshold: when less than this share of a pool would be left, ejections are not heeded. Then the
    /// failures are the tasks' fault, or everybody's, and a few would only be crushed by the load of all.
    pub panic_below: f64,
}

/// The steps in which slow start gives slots.
const STEPS: u128 = 16;

impl Default for Modifiers {
    fn default() -> Self {
        Self {
            slow_start: Duration::from_secs(5),
            failures: 5,
            eject: Duration::from_secs(5),
            // More than half, so that panic can come before the cap: where everybody fails, all are needed.
            most_ejected: 0.75,
            panic_below: 0.5,
        }
    }
}

impl Modifiers {
    /// None of them.
    pub const NONE: Self = Self {
        slow_start: Duration::ZERO,
        failures: 0,
        eject: Duration::ZERO,
        most_ejected: 0.0,
        panic_below: 0.0,
    };

    /// How many of its slots a collector may use that came back at `since`: evenly more, at least one.
    pub(super) fn slots(&self, since: Option<MonoTime>, now: MonoTime, concurrency: u32) -> u32 {
        let Some(elapsed) = since.map(|since| now.since(since)).filter(|elapsed| *elapsed < self.slow_start)
        else {
            return concurrency;
        };
        let slots = (u128::from(concurrency) * (1 + self.steps(elapsed))).div_ceil(STEPS);
        u32::try_from(slots).unwrap_or(u32::MAX).max(1).min(concurrency)
    }

    /// How many steps of slow start are over. Counted in whole nanoseconds, so that a step is over when it was said to be.
    fn steps(&self, elapsed: Duration) -> u128 {
        elapsed.as_nanos() * STEPS / self.slow_start.as_nanos()
    }

    /// When slow start gives the next slots, if it has begun at `since` and is not over.
    pub(super) fn next_step(&self, since: MonoTime, now: MonoTime) -> Option<MonoTime> {
        let elapsed = now.since(since);
        (elapsed < self.slow_start).then(|| {
            let nanos = ((self.steps(elapsed) + 1) * self.slow_start.as_nanos()).div_ceil(STEPS);
            since + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
        })
    }

    /// How many of a pool of this size may be ejected at a time.
    pub(super) fn cap(&self, pool: usize) -> usize {
        (pool as f64 * self.most_ejected) as usize
    }

    /// Whether ejections are not heeded in a pool of this size with so many of them.
    pub(super) fn panics(&self, pool: usize, ejected: usize) -> bool {
        ((pool - ejected) as f64) < pool as f64 * self.panic_below
    }

    /// For how long to eject somebody who has been ejected `times` before without a success between.
    pub(super) fn ejection(&self, times: u32) -> Duration {
        self.eject.saturating_mul(2_u32.pow(times.min(5)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> MonoTime {
        MonoTime::at(Duration::from_millis(ms))
    }

    #[test]
    fn slow_start_gives_all_slots_step_by_step() {
        let modifiers = Modifiers { slow_start: Duration::from_millis(160), ..Modifiers::default() };
        let slots = |ms: u64, concurrency| modifiers.slots(Some(at(1_000)), at(1_000 + ms), concurrency);
        assert_eq!([0, 9, 10, 80, 159, 160, 1_000].map(|ms| slots(ms, 32)), [2, 2, 4, 18, 32, 32, 32]);
        assert_eq!([0, 159].map(|ms| slots(ms, 1)), [1, 1]);
        assert_eq!([0, 159].map(|ms| slots(ms, 0)), [0, 0], "who has none is given none");
        assert_eq!(modifiers.slots(None, at(0), 32), 32, "who has not come back has all");
        let (mut now, mut steps) = (at(1_000), 0);
        while let Some(next) = modifiers.next_step(at(1_000), now) {
            assert!(next > now);
            (now, steps) = (next, steps + 1);
        }
        assert_eq!((now, steps), (at(1_160), STEPS));
        assert_eq!(Modifiers::NONE.slots(Some(at(0)), at(0), 9), 9);
        assert_eq!(Modifiers::NONE.next_step(at(0), at(0)), None);
    }

    #[test]
    fn a_slow_start_may_take_for_ever() {
        let modifiers = Modifiers { slow_start: Duration::MAX, ..Modifiers::default() };
        let end = MonoTime::at(Duration::MAX);
        assert_eq!(modifiers.slots(Some(at(0)), end, u32::MAX), u32::MAX / 16 + 1);
        assert_eq!(modifiers.next_step(at(1), end), Some(end));
    }

    #[test]
    fn ejections_are_capped_and_grow() {
        let modifiers = Modifiers::default();
        assert_eq!([1, 2, 3, 4, 8].map(|pool| modifiers.cap(pool)), [0, 1, 2, 3, 6]);
        let panics = |pool: usize| modifiers.panics(pool, modifiers.cap(pool));
        assert_eq!(
            [1, 2, 3, 4, 8].map(panics),
            [false, false, true, true, true],
            "the cap leaves room for panic"
        );
        assert!(!modifiers.panics(4, 2) && modifiers.panics(4, 3) && modifiers.panics(1, 1));
        assert_eq!(modifiers.ejection(0), Duration::from_secs(5));
        assert_eq!(modifiers.ejection(3), Duration::from_secs(40));
        assert_eq!(modifiers.ejection(99), Duration::from_secs(160));
        let modifiers = Modifiers { eject: Duration::MAX, ..modifiers };
        assert_eq!(modifiers.ejection(5), Duration::MAX);
    }
}
