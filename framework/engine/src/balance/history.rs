//! How a collector did at a capability so far.

use stook_types::MonoTime;

/// How long a collector takes for tasks of one capability, and how many it finishes. Kept over its restarts: what it did
/// before is the best guess of what it will do.
#[derive(Clone, Debug, PartialEq)]
pub struct PerformanceHistory {
    /// Moving average of the time from assignment to finish, in microseconds; lower is better. The first sample
    /// initialises it: an average that starts from 0 flatters newcomers for as long as it takes to forget the 0.
    pub latency: Option<f64>,
    /// The last such time in microseconds, or an earlier one that is greater even after it has decayed (by 1/e every 10 s).
    pub peak: f64,
    /// When `peak` was measured.
    pub peak_at: MonoTime,
    /// Share of tasks that it finishes, from 0 to 1; higher is better. A moving average too, so that it forgets. That results
    /// are refused is no failure of its own.
    pub success_rate: f64,
    /// Tasks that it finished, and of which no result was refused that a set lacks.
    pub succeeded: u64,
    /// Tasks that it finished, and of which such results were refused: they have failed for those who asked.
    pub refused: u64,
    /// Tasks that failed, or that it was given and did not end.
    pub failed: u64,
    /// Failures since it last finished one, or since it was last ejected.
    pub failures_in_a_row: u32,
}

/// Weight of the newest latency. Exponential smoothing (R. G. Brown, 1956): `average += α × (sample − average)`.
const LATENCY_ALPHA: f64 = 0.3;
/// Seconds in which a peak loses all but 1/e of its height: that of Finagle's peak EWMA.
const PEAK_DECAY: f64 = 10.0;
/// Weight of the newest outcome: a failure is forgotten by half after about 7 tasks.
const OUTCOME_ALPHA: f64 = 0.1;

impl Default for PerformanceHistory {
    fn default() -> Self {
        Self {
            latency: None,
            peak: 0.0,
            peak_at: MonoTime::ZERO,
            success_rate: 1.0,
            succeeded: 0,
            refused: 0,
            failed: 0,
            failures_in_a_row: 0,
        }
    }
}

impl PerformanceHistory {
    /// A task that was assigned at `assigned` succeeded.
    pub fn succeeded(&mut self, assigned: MonoTime, now: MonoTime) {
        self.succeeded += 1;
        self.finished(assigned, now);
    }

    /// A task that was assigned at `assigned` was finished, and results of it were refused.
    pub fn refused(&mut self, assigned: MonoTime, now: MonoTime) {
        self.refused += 1;
        self.finished(assigned, now);
    }

    fn finished(&mut self, assigned: MonoTime, now: MonoTime) {
        let sample = now.since(assigned).as_secs_f64() * 1e6;
        let average = self.latency.map_or(sample, |average| average + LATENCY_ALPHA * (sample - average));
        self.latency = Some(average);
        // A peak sinks towards the average as it ages; one that is overtaken meanwhile is none any more.
        let weight = (-now.since(self.peak_at).as_secs_f64() / PEAK_DECAY).exp();
        if sample >= average + (self.peak - average) * weight {
            (self.peak, self.peak_at) = (sample, now);
        }
        self.failures_in_a_row = 0;
        self.outcome(1.0);
    }

    /// A task failed, or was lost with the session that had it.
    pub fn failed(&mut self) {
        self.failed += 1;
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        self.outcome(0.0);
    }

    /// The session ended with so many tasks in flight: they are lost, and that is one failure.
    pub(super) fn lost(&mut self, tasks: u64) {
        if tasks > 0 {
            self.failed();
            self.failed += tasks - 1;
        }
    }

    /// A new process begins: what its predecessor did in a row is not its row.
    pub(super) fn begins(&mut self) {
        self.failures_in_a_row = 0;
    }

    fn outcome(&mut self, success: f64) {
        self.success_rate += OUTCOME_ALPHA * (success - self.success_rate);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ms(ms: u64) -> MonoTime {
        MonoTime::at(Duration::from_millis(ms))
    }

    #[test]
    fn the_first_sample_initialises_and_the_next_weigh_three_tenths() {
        let mut history = PerformanceHistory::default();
        history.succeeded(ms(0), ms(10));
        assert_eq!(history.latency, Some(10_000.0));
        history.succeeded(ms(10), ms(30));
        assert_eq!(history.latency, Some(13_000.0));
        assert_eq!((history.peak, history.peak_at), (20_000.0, ms(30)));
        history.succeeded(ms(30), ms(31));
        assert_eq!((history.peak, history.peak_at), (20_000.0, ms(30)), "a peak stays");
        assert!((history.latency.unwrap() - 9_400.0).abs() < 1e-6);
        // A minute later little is left of it, and a smaller one is seen.
        history.succeeded(ms(60_000), ms(60_015));
        assert_eq!((history.peak, history.peak_at), (15_000.0, ms(60_015)));
    }

    #[test]
    fn what_is_refused_was_finished_and_is_no_success() {
        let (mut taken, mut refused) = (PerformanceHistory::default(), PerformanceHistory::default());
        taken.succeeded(ms(0), ms(10));
        refused.refused(ms(0), ms(10));
        assert_eq!((taken.succeeded, taken.refused), (1, 0));
        assert_eq!((refused.succeeded, refused.refused), (0, 1));
        refused = PerformanceHistory { succeeded: 1, refused: 0, ..refused };
        assert_eq!(taken, refused, "it is judged alike");
    }

    #[test]
    fn a_session_that_is_lost_is_one_failure_however_much_it_had() {
        let (mut one, mut many) = (PerformanceHistory::default(), PerformanceHistory::default());
        one.lost(1);
        many.lost(10_000);
        assert_eq!((one.success_rate, one.failures_in_a_row), (many.success_rate, many.failures_in_a_row));
        assert_eq!((one.failed, many.failed), (1, 10_000));
        many.begins();
        assert_eq!(many.failures_in_a_row, 0);
        many.lost(0);
        assert_eq!(many.failed, 10_000);
    }

    #[test]
    fn failures_are_forgotten() {
        let mut history = PerformanceHistory::default();
        (0..5).for_each(|_| history.failed());
        assert!(history.success_rate < 0.6);
        assert_eq!((history.failed, history.failures_in_a_row, history.latency), (5, 5, None));
        (0..30).for_each(|_| history.succeeded(ms(0), ms(1)));
        assert!(history.success_rate > 0.97);
        assert_eq!((history.failed, history.failures_in_a_row), (5, 0));
    }
}
