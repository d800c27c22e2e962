//! `peak-ewma`: the least latency that is waiting, where a peak counts at once and is forgotten slowly.

use std::time::Duration;

use stook_plugin::{BuildContext, BuildError, Candidate, Plugin, Pool, ScoringPolicy, options, register};
use stook_types::units::Span;

options! {
    /// Options of `peak-ewma`.
    pub struct PeakEwmaOptions {
        /// How long it takes until a peak of latency weighs 37 % (1/e) of what it did. Longer is more cautious.
        decay: Span = Span(Duration::from_secs(10)),
    }
}

/// Latency times tasks, the peak of latency decaying.
///
/// ```text
/// weight   = exp(-(now - peak_at) / decay)
/// estimate = latency + (peak - latency) * weight     if peak > latency, else latency
/// cost     = estimate * (in_flight + 1)
/// ```
///
/// `latency` is the moving average in microseconds, or what is expected of one that has finished nothing yet: the
/// pool's median. The cost is the work in microseconds that would wait there, this task included; lower is better.
///
/// Twitter's Finagle has it, as `PeakEwma` of `com.twitter.finagle.loadbalancer`, and linkerd after it. There one average
/// jumps to the peak and decays to the samples that follow. Here the host keeps both, so that the decay is a
/// matter of the policy. And a newcomer is not punished until it has answered: slow start is the host's part.
pub struct PeakEwma {
    /// In seconds; above 0.
    decay: f64,
}

impl Plugin for PeakEwma {
    const NAME: &'static str = "peak-ewma";
    const DOCS: &'static str = "The lowest product of latency and tasks in flight, this one included. A latency that peaks counts at \
        once, and is forgotten slowly, over `decay`. For collectors that stall at times, or that share a machine with something that \
        does.";
    type Options = PeakEwmaOptions;

    fn build(options: PeakEwmaOptions, _: &BuildContext) -> Result<Self, BuildError> {
        if options.decay.0.is_zero() {
            let message = "a peak must last; write a duration above zero, like \"10s\"";
            return Err(BuildError::in_option("decay", message));
        }
        Ok(Self { decay: options.decay.0.as_secs_f64() })
    }
}

impl ScoringPolicy for PeakEwma {
    fn cost(&self, candidate: &Candidate, pool: &Pool<'_>) -> f64 {
        let latency = pool.expected_latency(candidate);
        let estimate = if candidate.peak > latency {
            let age = pool.now.since(candidate.peak_at).as_secs_f64();
            latency + (candidate.peak - latency) * (-age / self.decay).exp()
        } else {
            latency
        };
        estimate * (f64::from(candidate.in_flight) + 1.0)
    }
}

register!(scoring: PeakEwma);

#[cfg(test)]
mod tests {
    use stook_plugin::conformance;
    use stook_types::MonoTime;

    use super::*;
    use crate::scoring::testing::{candidate, chosen, pool};
    use crate::testing::made;

    /// What one costs that takes 1 ms on average, and took `peak` microseconds so many seconds ago.
    fn cost(in_flight: u32, peak: f64, ago: u64) -> f64 {
        let mut candidate = candidate(in_flight, Some(1_000.0));
        candidate.peak = peak;
        candidate.peak_at = MonoTime::at(Duration::from_secs(60 - ago));
        made::<PeakEwma>("{}").cost(&candidate, &pool(&[]))
    }

    #[test]
    fn a_peak_counts_at_once_and_decays() {
        let check =
            |peak, ago, expect: f64| assert!((cost(0, peak, ago) - expect).abs() < 0.5, "{peak} {ago}");
        check(9_000.0, 0, 9_000.0);
        check(9_000.0, 10, 1_000.0 + 8_000.0 / std::f64::consts::E);
        check(9_000.0, 60, 1_019.8);
        // The last one was fast, which the average knows already.
        check(10.0, 0, 1_000.0);
    }

    #[test]
    fn what_is_in_flight_multiplies() {
        assert_eq!(cost(3, 2_000.0, 0), 4.0 * cost(0, 2_000.0, 0));
        let chosen = |candidates: &[_]| chosen(&mut made::<PeakEwma>("{}"), candidates);
        // Ten at one that takes 100 µs are done before one at one that takes 2 ms.
        assert_eq!(chosen(&[candidate(0, Some(2_000.0)), candidate(10, Some(100.0))]), [1]);
        assert_eq!(chosen(&[candidate(0, Some(1_000.0)), candidate(10, Some(100.0))]), [0]);
    }

    #[test]
    fn a_newcomer_is_expected_at_the_median() {
        let chosen = |candidates: &[_]| chosen(&mut made::<PeakEwma>("{}"), candidates);
        assert_eq!(chosen(&[candidate(0, None), candidate(0, Some(1_001.0))]), [0]);
        assert_eq!(chosen(&[candidate(0, None), candidate(0, Some(999.0))]), [1]);
        assert_eq!(chosen(&[candidate(0, None), candidate(0, Some(1_000.0))]), [0, 1]);
    }

    #[test]
    fn options_are_checked() {
        conformance::plugin::<PeakEwma>(&[]);
    }

    #[test]
    fn holds_to_the_contract() {
        conformance::scoring(|| made::<PeakEwma>("{}"));
        conformance::scoring(|| made::<PeakEwma>(r#"{"decay":"1ns"}"#));
    }
}
