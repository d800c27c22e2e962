//! `backoff`: later each time.

use std::time::Duration;

use stook_plugin::{
    BuildContext, BuildError, Draw, Ending, Plugin, Restart, RestartPolicy, options, register,
};
use stook_types::units::Span;

use crate::options::{GiveUp, When};

options! {
    /// Options of `backoff`.
    pub struct BackoffOptions {
        /// The delay after the first failure.
        initial: Span = Span(Duration::from_millis(200)),
        /// The longest delay.
        max: Span = Span(Duration::from_secs(30)),
        /// By how much the delay grows with each failure in a row; at least 1.
        factor: f64 = 2.0,
        /// The share of a delay that is random, from 0 (none) to 1 (all of it).
        jitter: f64 = 0.2,
        /// After which ends: `permanent` means every one, `transient` all but an exit with code 0, `temporary` none.
        when: When = When::Transient,
        /// How many restarts are tolerated within which time; the next end is the last. At most 64 restarts.
        give_up: GiveUp = GiveUp::default(),
    }
}

/// Later each time.
///
/// ```text
/// delay = min(max, initial * factor^(failures - 1)) * (1 - jitter * u)     u is random, from 0 to 1
/// ```
///
/// `failures` counts the starts in a row that led to no [settled](stook_plugin::SETTLED) service, so that one which ran well
/// for a while is back after `initial`. Jitter only shortens, so that `max` is what it says.
///
/// M. Brooker, *Exponential Backoff And Jitter* (AWS Architecture Blog, 2015): a `jitter` of 1 is its "full jitter", 0.5
/// its "equal jitter". Less will do here, where the host's bucket spreads those that die together.
pub struct Backoff(BackoffOptions);

impl Plugin for Backoff {
    const NAME: &'static str = "backoff";
    const DOCS: &'static str = "A collector that has failed is started again after a delay that grows with each failure in a row, from \
        `initial` to `max`, and given up when that was needed too often (`give_up`).";
    type Options = BackoffOptions;

    fn build(options: BackoffOptions, _: &BuildContext) -> Result<Self, BuildError> {
        let BackoffOptions { initial, max, factor, jitter, .. } = options;
        let refused = |option, message: String| Err(BuildError::in_option(option, message));
        if initial.0.is_zero() {
            let message =
                "a delay of zero never grows; write one above zero, like \"200ms\", or use `intensity`";
            return refused("initial", message.to_owned());
        }
        if max < initial {
            return refused("max", format!("{max} is less than `initial`; it must be at least {initial}"));
        }
        if !(factor.is_finite() && factor >= 1.0) {
            let message =
                format!("{factor} would not let delays grow; 2 doubles them, 1 keeps them as they are");
            return refused("factor", message);
        }
        if !(0.0..=1.0).contains(&jitter) {
            return refused("jitter", format!("{jitter} is no share; it must be from 0 to 1, like 0.2"));
        }
        match options.give_up.check() {
            Ok(()) => Ok(Self(options)),
            Err((key, message)) => refused("give_up", format!("{key}: {message}")),
        }
    }
}

impl RestartPolicy for Backoff {
    fn decide(&self, ending: &Ending<'_>, draw: &mut Draw) -> Restart {
        if !self.0.when.restarts(ending.how) {
            return Restart::Leave;
        }
        self.0.give_up.reached(ending).unwrap_or_else(|| Restart::After(self.delay(ending.failures, draw)))
    }
}

impl Backoff {
    fn delay(&self, failures: u32, draw: &mut Draw) -> Duration {
        let BackoffOptions { initial, max, factor, jitter, .. } = self.0;
        // May be infinite, which is more than `max` too.
        let grown = initial.0.as_secs_f64() * factor.powf(failures.saturating_sub(1).into());
        let delay = grown.min(max.0.as_secs_f64()) * (1.0 - jitter * draw.unit());
        Duration::try_from_secs_f64(delay).map_or(max.0, |delay| delay.min(max.0))
    }
}

register!(restart: Backoff);

#[cfg(test)]
mod tests {
    use stook_plugin::{Exit, conformance};

    use super::*;
    use crate::restart::testing::{decide, first};
    use crate::testing::made;

    fn check(options: &str, failures: u32, expect: Duration) {
        let restart = decide(&made::<Backoff>(options), Exit::Failure, &[], failures);
        assert_eq!(restart, Restart::After(expect), "{options}, {failures} failures");
    }

    #[test]
    fn delays_grow_up_to_the_longest() {
        let even = r#"{"jitter":0}"#;
        // Of a collector that had settled there is no failure in a row.
        for (failures, ms) in [(0, 200), (1, 200), (2, 400), (3, 800), (8, 25_600), (9, 30_000), (10, 30_000)]
        {
            check(even, failures, Duration::from_millis(ms));
        }
        check(even, u32::MAX, Duration::from_secs(30));
        check(r#"{"jitter":0,"factor":1}"#, 1_000, Duration::from_millis(200));
        check(r#"{"jitter":0,"factor":1.5,"initial":"1s"}"#, 3, Duration::from_millis(2_250));
    }

    #[test]
    fn jitter_takes_off_up_to_its_share() {
        let delays = |options: &str| {
            let (policy, mut draw) = (made::<Backoff>(options), Draw::new(1));
            let delays: Vec<_> = (0..1_000).map(|_| policy.delay(1, &mut draw).as_secs_f64() * 1e3).collect();
            (delays.iter().copied().fold(f64::MAX, f64::min), delays.iter().copied().fold(0.0, f64::max))
        };
        let check = |options, (shortest, longest): (f64, f64), least: f64| {
            assert!(shortest >= least && shortest < least + 2.0, "{options}: {shortest}");
            assert!(longest <= 200.0 && longest > 198.0, "{options}: {longest}");
        };
        for (options, least) in [(r#"{"jitter":0.2}"#, 160.0), (r#"{"jitter":1}"#, 0.0)] {
            check(options, delays(options), least);
        }
    }

    #[test]
    fn whoever_fails_too_often_is_given_up() {
        let policy = made::<Backoff>(r#"{"give_up":{"restarts":3,"within":"30s"}}"#);
        let given_up = Restart::GiveUp("3 restarts within 30s".into());
        assert_eq!(decide(&policy, Exit::Failure, &[80, 90, 95], 4), given_up);
        assert!(matches!(decide(&policy, Exit::Failure, &[60, 90, 95], 4), Restart::After(_)));
    }

    #[test]
    fn an_exit_with_code_0_is_no_failure() {
        let policy = made::<Backoff>("{}");
        assert_eq!(first(&policy, Exit::Success), Restart::Leave);
        assert!(matches!(first(&policy, Exit::NotRegistered), Restart::After(_)));
        let permanent = made::<Backoff>(r#"{"when":"permanent"}"#);
        assert!(matches!(first(&permanent, Exit::Success), Restart::After(_)));
    }

    #[test]
    fn options_are_checked() {
        conformance::plugin::<Backoff>(&[]);
    }

    #[test]
    fn holds_to_the_contract() {
        conformance::restart(|| made::<Backoff>("{}"));
        conformance::restart(|| {
            made::<Backoff>(r#"{"when":"permanent","factor":1e300,"jitter":1,"max":"24h"}"#)
        });
    }
}
