//! `phi-accrual`: silent for longer than its own rhythm explains.

use std::collections::VecDeque;
use std::time::Duration;

use stook_plugin::{BuildContext, BuildError, FailureDetector, Plugin, Watch, options, register};
use stook_types::MonoTime;
use stook_types::units::Span;

use crate::options::AtLeastOne;

options! {
    /// Options of `phi-accrual`.
    pub struct PhiAccrualOptions {
        /// The interval at which collectors are asked for heartbeats.
        heartbeat: Span = Span(Duration::from_secs(2)),
        /// The suspicion at which a collector is given up, from 1 to 100: at 1 one verdict in ten is wrong, at 8 one in
        /// a hundred million, if the intervals between heartbeats are normally distributed.
        threshold: f64 = 8.0,
        /// The least deviation of these intervals to reckon with, so that a collector is not given up for the first
        /// irregularity after a long even time. Left out, an eighth of `heartbeat`.
        min_deviation: Option<Span> = None,
        /// How much longer than its rhythm explains a collector may be silent, for what no rhythm foretells. Left out,
        /// a quarter of `heartbeat`.
        pause: Option<Span> = None,
        /// How many of the latest intervals are looked at.
        window: AtLeastOne = AtLeastOne::new(100),
    }
}

/// Gives a collector up when its silence is improbable.
///
/// N. Hayashibara, X. Défago, R. Yared and T. Katayama, *The φ Accrual Failure Detector* (SRDS 2004). The suspicion
/// after a silence of `t`, where the intervals between heartbeats have this mean and deviation, is
///
/// ```text
/// φ(t)     = -log10(P_later(t))
/// P_later  = the probability that a heartbeat comes later than t: the tail of the normal distribution, at
/// y        = (t - mean - pause) / deviation
/// ```
///
/// The tail is the logistic approximation that Akka (`akka.remote.PhiAccrualFailureDetector`) and Pekko use, from
/// S. R. Bowling et al., *A logistic approximation to the cumulative normal distribution* (JIEM 2009); `pause` is
/// Akka's "acceptable heartbeat pause":
///
/// ```text
/// P_later ≈ 1 / (1 + exp(y * (1.5976 + 0.070566 * y²)))
/// ```
///
/// Nothing is computed as time passes. The `y` at which φ reaches the threshold is the same for all, so that the end
/// is known as soon as a heartbeat has come:
///
/// ```text
/// dead_at = last sign of life + mean + deviation * y(threshold) + pause
/// ```
///
/// With the defaults an even beat is missed after 3.8 s, a new session, of which two intervals are made up
/// (`heartbeat` ± a quarter, as Akka does), after 5.1 s. Of the paper it differs in that the mean is never taken below
/// `heartbeat`, because heartbeats that were held up arrive together; that an interval longer than a new session's
/// patience is no rhythm and is left out (as in Cassandra); and that to hear more never makes the end come sooner.
pub struct PhiAccrual {
    heartbeat: Duration,
    rule: Rule,
}

/// What every session is watched by. Times are in seconds.
#[derive(Clone, Copy)]
struct Rule {
    heartbeat: f64,
    /// How many deviations above the mean the threshold is.
    y: f64,
    min_deviation: f64,
    pause: f64,
    window: usize,
}

impl Plugin for PhiAccrual {
    const NAME: &'static str = "phi-accrual";
    const DOCS: &'static str = "A collector is given up when its silence is improbable, given the intervals between its last `window` \
        heartbeats: sooner for an even beat, later for an uneven one. For machines on which no fixed deadline is right.";
    type Options = PhiAccrualOptions;

    fn build(options: PhiAccrualOptions, _: &BuildContext) -> Result<Self, BuildError> {
        let PhiAccrualOptions { heartbeat: Span(heartbeat), threshold, min_deviation, pause, window } =
            options;
        if heartbeat.is_zero() {
            return Err(super::no_interval());
        }
        if !(1.0..=100.0).contains(&threshold) {
            let message =
                format!("{threshold:?} is not from 1 to 100; 8 is a good choice, 12 a cautious one");
            return Err(BuildError::in_option("threshold", message));
        }
        let min_deviation = min_deviation.map_or(heartbeat / 8, |Span(least)| least);
        if min_deviation.is_zero() {
            let message = "an even beat would be given up for a microsecond; write a duration above zero, like \"250ms\"";
            return Err(BuildError::in_option("min_deviation", message));
        }
        let pause = pause.map_or(heartbeat / 4, |Span(pause)| pause);
        let rule = Rule {
            heartbeat: heartbeat.as_secs_f64(),
            y: deviations_to(threshold),
            min_deviation: min_deviation.as_secs_f64(),
            pause: pause.as_secs_f64(),
            window: window.get(),
        };
        Ok(Self { heartbeat, rule })
    }
}

impl FailureDetector for PhiAccrual {
    fn heartbeat(&self) -> Duration {
        self.heartbeat
    }

    fn watch(&self, now: MonoTime) -> Box<dyn Watch> {
        Box::new(Rhythm::new(self.rule, now))
    }
}

/// The `y` at which φ reaches the threshold: `y * (1.5976 + 0.070566 * y²) = ln(10^φ - 1)`.
///
/// Of a cubic `y³ + p y = q` with `p > 0` the only real root is `2 √(p/3) sinh(asinh(3q/(2p) √(3/p)) / 3)` (from
/// `sinh(3u) = 3 sinh(u) + 4 sinh³(u)`).
fn deviations_to(threshold: f64) -> f64 {
    let log_odds = (10_f64.powf(threshold) - 1.0).ln();
    let (p, q): (f64, f64) = (1.5976 / 0.070566, log_odds / 0.070566);
    let u = (1.5 * q / p * (3.0 / p).sqrt()).asinh() / 3.0;
    2.0 * (p / 3.0).sqrt() * u.sinh()
}

/// The rhythm of one session.
struct Rhythm {
    rule: Rule,
    /// The latest intervals in seconds, with their sum and the sum of their squares, so that a heartbeat takes the same
    /// time whatever the window. What rounding leaves in the sums is below a microsecond after years of heartbeats.
    intervals: VecDeque<f64>,
    sum: f64,
    squares: f64,
    last_beat: Option<MonoTime>,
    /// The silence at which φ reaches the threshold.
    patience: Duration,
    /// That of a session without history.
    longest: Duration,
    dead_at: MonoTime,
}

impl Rhythm {
    fn new(rule: Rule, now: MonoTime) -> Self {
        let mut rhythm = Self {
            rule,
            intervals: VecDeque::new(),
            sum: 0.0,
            squares: 0.0,
            last_beat: None,
            patience: Duration::ZERO,
            longest: Duration::ZERO,
            dead_at: now,
        };
        rhythm.learn(rule.heartbeat * 0.75);
        rhythm.learn(rule.heartbeat * 1.25);
        rhythm.patience = rhythm.estimate();
        rhythm.longest = rhythm.patience;
        rhythm.alive(now);
        rhythm
    }

    fn learn(&mut self, interval: f64) {
        if self.intervals.len() >= self.rule.window
            && let Some(oldest) = self.intervals.pop_front()
        {
            self.sum -= oldest;
            self.squares -= oldest * oldest;
        }
        self.intervals.push_back(interval);
        self.sum += interval;
        self.squares += interval * interval;
    }

    fn estimate(&self) -> Duration {
        let n = self.intervals.len() as f64;
        let mean = self.sum / n;
        // Rounding may take it below zero, and then below the least.
        let deviation = (self.squares / n - mean * mean).max(0.0).sqrt().max(self.rule.min_deviation);
        let mean = mean.max(self.rule.heartbeat);
        Duration::try_from_secs_f64(mean + deviation * self.rule.y + self.rule.pause).unwrap_or(Duration::MAX)
    }
}

impl Watch for Rhythm {
    fn beat(&mut self, at: MonoTime) {
        if let Some(last) = self.last_beat {
            let interval = at.since(last);
            if interval <= self.longest {
                self.learn(interval.as_secs_f64());
                self.patience = self.estimate();
            }
        }
        self.last_beat = self.last_beat.max(Some(at));
        self.alive(at);
    }

    fn alive(&mut self, at: MonoTime) {
        self.dead_at = self.dead_at.max(at + self.patience);
    }

    fn dead_at(&self) -> MonoTime {
        self.dead_at
    }
}

register!(detection: PhiAccrual);

#[cfg(test)]
mod tests {
    use stook_plugin::conformance;

    use super::*;
    use crate::testing::made;

    const START: MonoTime = MonoTime::ZERO;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A session that has beaten at these intervals in milliseconds, over and over, and when it did so last.
    fn after(options: &str, intervals: &[u64], beats: usize) -> (Box<dyn Watch>, MonoTime) {
        let mut watch = made::<PhiAccrual>(options).watch(START);
        let mut at = START;
        for interval in intervals.iter().cycle().take(beats) {
            at = at + ms(*interval);
            watch.beat(at);
        }
        (watch, at)
    }

    /// That the silence which is the end, after these beats, is so long in milliseconds.
    fn check(options: &str, intervals: &[u64], beats: usize, expect: u64) {
        let (watch, last) = after(options, intervals, beats);
        let silence = watch.dead_at().since(last);
        assert!(
            silence.abs_diff(ms(expect)) <= ms(1),
            "{options} {intervals:?}: {silence:?}, not {expect} ms"
        );
    }

    #[test]
    fn the_threshold_is_where_phi_reaches_it() {
        // Akka's own formula, forwards.
        let phi = |y: f64| (1.0 + (y * (1.5976 + 0.070566 * y * y)).exp()).log10();
        for threshold in [1.0, 2.0, 8.0, 12.0, 16.0, 100.0] {
            let y = deviations_to(threshold);
            assert!((phi(y) - threshold).abs() < 1e-9, "φ({y}) is {}, not {threshold}", phi(y));
        }
        // And the true tail: at 1.2816 deviations it is a tenth.
        assert!((deviations_to(1.0) - 1.2816).abs() < 0.01);
    }

    #[test]
    fn an_even_beat_is_missed_soon_and_an_uneven_one_later() {
        // 2 s + y(8) * 250 ms + 500 ms; y(8) is 5.226.
        check("{}", &[2_000], 200, 3_806);
        // Deviates by 400 ms.
        check("{}", &[1_600, 2_400], 200, 4_590);
        // All in the made-up intervals: deviates by 500 ms.
        check("{}", &[], 0, 5_113);
        check(r#"{"pause":"0s","min_deviation":"1ms"}"#, &[2_000], 200, 2_005);
    }

    #[test]
    fn three_intervals_are_enough_with_the_host_s_sweep() {
        for beats in [0, 1, 2, 5, 50, 500] {
            let (watch, last) = after("{}", &[2_000], beats);
            assert!(watch.dead_at().since(last) + ms(250) <= ms(6_000), "after {beats}");
        }
        // Whatever the interval: what is left out goes with it.
        check(r#"{"heartbeat":"200ms"}"#, &[200], 200, 381);
    }

    #[test]
    fn the_window_forgets() {
        check(r#"{"window":10}"#, &[1_600, 2_400], 500, 4_590);
        let (mut watch, mut at) = after(r#"{"window":10}"#, &[1_600, 2_400], 500);
        for _ in 0..10 {
            at = at + ms(2_000);
            watch.beat(at);
        }
        assert!(watch.dead_at().since(at).abs_diff(ms(3_806)) <= ms(1));
        check(r#"{"window":1}"#, &[2_000], 3, 3_806);
    }

    #[test]
    fn other_life_defers_the_end_and_is_no_rhythm() {
        let (mut watch, last) = after("{}", &[2_000], 200);
        let silence = watch.dead_at().since(last);
        for more in 1..=50 {
            watch.alive(last + ms(10) * more);
            assert_eq!(watch.dead_at(), last + ms(10) * more + silence);
        }
        watch.beat(last + ms(2_000));
        assert_eq!(watch.dead_at().since(last + ms(2_000)), silence);
    }

    #[test]
    fn heartbeats_that_were_held_up_neither_shorten_nor_stretch_it() {
        let (mut watch, last) = after("{}", &[2_000], 200);
        let silence = watch.dead_at().since(last);
        // It says something else for an hour.
        watch.alive(last + ms(3_600_000));
        watch.beat(last + ms(3_600_000));
        assert_eq!(watch.dead_at().since(last + ms(3_600_000)), silence);
        for _ in 0..1_000 {
            watch.beat(last + ms(3_600_000));
        }
        assert!(watch.dead_at().since(last + ms(3_600_000)) >= silence);
    }

    #[test]
    fn options_are_checked() {
        conformance::plugin::<PhiAccrual>(&[]);
    }

    #[test]
    fn holds_to_the_contract() {
        conformance::detection(|| made::<PhiAccrual>("{}"));
        conformance::detection(|| made::<PhiAccrual>(r#"{"heartbeat":"50ms","window":1}"#));
        conformance::detection(|| made::<PhiAccrual>(r#"{"threshold":100.0,"window":1000}"#));
    }
}
