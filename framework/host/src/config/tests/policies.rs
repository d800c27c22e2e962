//! Plugins of dispatch for these tests: each does nothing but be selected.

use std::time::Duration;

use stook_plugin::types::MonoTime;
use stook_plugin::types::units::Span;
use stook_plugin::{
    BuildContext, BuildError, Candidate, Draw, Ending, FailureDetector, NoOptions, Plugin, Pool, Restart,
    RestartPolicy, ScoringPolicy, Watch, options,
};

pub(super) struct Fewest;
plugin!(Fewest, "least-outstanding", NoOptions, |_| Ok(Self));

impl ScoringPolicy for Fewest {
    fn cost(&self, candidate: &Candidate, _: &Pool<'_>) -> f64 {
        candidate.in_flight.into()
    }
}

pub(super) struct Any;
plugin!(Any, "any", NoOptions, |_| Ok(Self));

impl ScoringPolicy for Any {
    fn cost(&self, _: &Candidate, _: &Pool<'_>) -> f64 {
        0.0
    }
}

options! {
    /// Options of `quiet`.
    pub(super) struct QuietOptions {
        /// How long.
        dead_after: Span = Span(Duration::from_secs(9)),
    }
}

#[derive(Clone)]
pub(super) struct Quiet(Duration);
plugin!(Quiet, "quiet", QuietOptions, |given| Ok(Self(given.dead_after.0)));

impl FailureDetector for Quiet {
    fn heartbeat(&self) -> Duration {
        self.0 / 3
    }

    fn watch(&self, _: MonoTime) -> Box<dyn Watch> {
        Box::new(self.clone())
    }
}

impl Watch for Quiet {
    fn beat(&mut self, _: MonoTime) {}

    fn alive(&mut self, _: MonoTime) {}

    fn dead_at(&self) -> MonoTime {
        MonoTime::ZERO + self.0
    }
}

options! {
    /// Options of `backoff`.
    pub(super) struct BackoffOptions {
        /// How long.
        initial: Span = Span(Duration::from_secs(1)),
    }
}

pub(super) struct Backoff(Duration);
plugin!(Backoff, "backoff", BackoffOptions, |given| Ok(Self(given.initial.0)));

impl RestartPolicy for Backoff {
    fn decide(&self, _: &Ending<'_>, _: &mut Draw) -> Restart {
        Restart::After(self.0)
    }
}
