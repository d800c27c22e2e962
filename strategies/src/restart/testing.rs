//! Endings in a line, for the tests of restarting.

use std::time::Duration;

use stook_plugin::{Draw, Ending, Exit, Restart, RestartPolicy};
use stook_types::MonoTime;

/// What the policy does when a child ends so, for the first time.
pub(super) fn first(policy: &impl RestartPolicy, how: Exit) -> Restart {
    decide(policy, how, &[], 1)
}

/// What it does when a child ends so at second 100 that was started again at these seconds, with so many failures in a
/// row.
pub(super) fn decide(policy: &impl RestartPolicy, how: Exit, restarts: &[u64], failures: u32) -> Restart {
    let second = |second: &u64| MonoTime::at(Duration::from_secs(*second));
    let restarts: Vec<_> = restarts.iter().map(second).collect();
    let mut ending = Ending::new(how, second(&100));
    ending.restarts = &restarts;
    ending.failures = failures;
    policy.decide(&ending, &mut Draw::new(1))
}
