//! What is asked of every restart policy.

use std::time::Duration;

use stook_types::MonoTime;

use super::{answer, one_of};
use crate::{Draw, Ending, Exit, REMEMBERED, Restart, RestartPolicy};

/// The longest that a start may be put off: whoever wants more means [`Restart::GiveUp`] or [`Restart::Leave`].
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

const EXITS: [Exit; 5] = [Exit::Success, Exit::Failure, Exit::NotStarted, Exit::NotRegistered, Exit::Silent];

/// Holds a restart policy to its contract:
///
/// * it panics at no ending, however absurd: restarts in the future, `u32::MAX` failures, service for longer than
///   time has run;
/// * a delay is at most a day;
/// * a reason to give up is a fragment of one line;
/// * it has no state: the same ending with the same seed gets the same answer, whatever was asked in between.
///
/// That a child which fails at once is started at once, for ever, is no violation: the host's global bucket bounds
/// it, and `immediate` says in its name that it does so.
///
/// `make` makes an instance as config would.
///
/// # Panics
/// If the policy does not hold to it.
#[track_caller]
pub fn restart<P: RestartPolicy>(make: impl Fn() -> P) {
    let policy = make();
    for how in EXITS {
        ends_again_and_again(&policy, how);
    }
    for seed in 0..2_000 {
        ends_absurdly(&policy, seed);
    }
}

/// A child that ends in this way as soon as it is started.
#[track_caller]
fn ends_again_and_again(policy: &impl RestartPolicy, how: Exit) {
    let mut now = MonoTime::at(Duration::from_secs(60));
    let mut restarts = Vec::new();
    for failures in 1..=500 {
        let remembered = &restarts[usize::saturating_sub(restarts.len(), REMEMBERED)..];
        let ending = Ending { restarts: remembered, failures, ..Ending::new(how, now) };
        // Who gives up or leaves it is asked again when an operator has started it.
        let delay = decides(policy, &ending, failures.into()).unwrap_or(Duration::from_secs(60));
        now = now + delay;
        restarts.push(now);
        now = now + Duration::from_millis(1);
    }
}

#[track_caller]
fn ends_absurdly(policy: &impl RestartPolicy, seed: u64) {
    let mut draw = Draw::new(seed);
    let moments = [Duration::ZERO, Duration::from_secs(60), Duration::MAX];
    let mut moment = || MonoTime::at(one_of(&moments, &mut draw));
    let at = moment();
    let restarts: Vec<_> = std::iter::repeat_with(moment).take(REMEMBERED).collect();
    let ending = Ending {
        served: one_of(&[None, Some(Duration::ZERO), Some(Duration::MAX)], &mut draw),
        restarts: &restarts[..one_of(&[0, 1, 5, REMEMBERED], &mut draw)],
        failures: one_of(&[0, 1, 2, 64, 2_000, u32::MAX], &mut draw),
        ..Ending::new(one_of(&EXITS, &mut draw), at)
    };
    decides(policy, &ending, seed);
}

/// What the policy decides: the delay of a start, if there is to be one.
#[track_caller]
fn decides(policy: &impl RestartPolicy, ending: &Ending<'_>, seed: u64) -> Option<Duration> {
    let input = format!("seed {seed}: {ending:?}");
    let restart = answer(&input, || policy.decide(ending, &mut Draw::new(seed)));
    let again = answer(&input, || policy.decide(ending, &mut Draw::new(seed)));
    assert!(
        restart == again,
        "the same ending with the same seed gets the same answer: it got {restart:?} and {again:?}; what a policy \
         may know is in the `Ending`, and random choices come from `draw` alone; at {input}"
    );
    match restart {
        Restart::After(delay) => {
            assert!(delay <= LONGEST, "a start is put off by a day at most: it was by {delay:?}, at {input}");
            Some(delay)
        }
        Restart::GiveUp(reason) => {
            assert!(
                !reason.trim().is_empty() && !reason.contains('\n'),
                "a reason to give up is a fragment of one line, like `5 restarts within 60s`: it was {reason:?}, at {input}"
            );
            None
        }
        Restart::Leave => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::testing::violates;

    /// A policy that decides by this.
    struct By<F>(F);

    impl<F: Fn(&Ending<'_>, &mut Draw) -> Restart + Send + Sync + 'static> RestartPolicy for By<F> {
        fn decide(&self, ending: &Ending<'_>, draw: &mut Draw) -> Restart {
            self.0(ending, draw)
        }
    }

    #[test]
    fn what_holds_to_the_contract_passes() {
        restart(|| By(|_: &Ending<'_>, _: &mut Draw| Restart::Leave));
        restart(|| By(|_: &Ending<'_>, _: &mut Draw| Restart::After(Duration::ZERO)));
        restart(|| By(|_: &Ending<'_>, draw: &mut Draw| Restart::After(LONGEST.mul_f64(draw.unit()))));
        restart(|| By(|ending: &Ending<'_>, _: &mut Draw| Restart::GiveUp(format!("{:?}", ending.how))));
    }

    #[test]
    fn each_violation_is_named_with_its_input() {
        violates("`overflow when multiplying duration by scalar`, at seed", || {
            restart(|| {
                By(|ending: &Ending<'_>, _: &mut Draw| {
                    Restart::After((Duration::from_secs(u64::MAX / 1_000) * ending.failures).min(LONGEST))
                })
            });
        });
        violates("put off by a day at most: it was by 86401s, at seed", || {
            restart(|| By(|_: &Ending<'_>, _: &mut Draw| Restart::After(LONGEST + Duration::from_secs(1))));
        });
        violates("like `5 restarts within 60s`: it was \"\"", || {
            restart(|| By(|_: &Ending<'_>, _: &mut Draw| Restart::GiveUp(String::new())));
        });
        violates("gets the same answer", || {
            restart(|| {
                let asked = std::sync::atomic::AtomicU32::new(0);
                By(move |_: &Ending<'_>, _: &mut Draw| {
                    let before = asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    Restart::After(Duration::from_secs(before.into()))
                })
            });
        });
    }
}
