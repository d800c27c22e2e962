//! Policies under a clock: the engine reads none, so whoever takes too long is found out here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use stook_engine::{NamedDetector, NamedRestart, NamedScore};
use stook_plugin::{
    Candidate, Draw, Ending, FailureDetector, Pool, Restart, RestartPolicy, ScoringPolicy, Watch,
};
use stook_types::MonoTime;

use crate::config::DispatchConfig;

/// Calls of policies that took too long, by the policy's name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slow(Arc<Mutex<BTreeMap<&'static str, u64>>>);

/// A policy whose calls are timed.
struct Timed<P: ?Sized> {
    name: &'static str,
    slow: Slow,
    policy: Box<P>,
}

/// Longer calls hold up everybody: each is counted and named.
const TOO_LONG: Duration = Duration::from_millis(50);

impl Slow {
    pub(crate) fn look(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn time<T>(&self, name: &'static str, call: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let answer = call();
        let took = start.elapsed();
        if took >= TOO_LONG {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
            tracing::warn!(policy = name, ?took, "a policy took too long, and held up all others");
        }
        answer
    }

    /// Puts a clock to every policy.
    pub(crate) fn watch(&self, dispatch: DispatchConfig) -> DispatchConfig {
        let score = |NamedScore { name, policy }| NamedScore { name, policy: self.timed(name, policy) };
        let detector =
            |NamedDetector { name, detector }| NamedDetector { name, detector: self.timed(name, detector) };
        let restart = |NamedRestart { name, policy }| NamedRestart { name, policy: self.timed(name, policy) };
        DispatchConfig {
            scores: dispatch.scores.into_iter().map(score).collect(),
            detectors: dispatch.detectors.into_iter().map(detector).collect(),
            restarts: dispatch.restarts.into_iter().map(restart).collect(),
            ..dispatch
        }
    }

    fn timed<P: ?Sized>(&self, name: &'static str, policy: Box<P>) -> Box<Timed<P>> {
        Box::new(Timed { name, slow: self.clone(), policy })
    }
}

impl ScoringPolicy for Timed<dyn ScoringPolicy> {
    fn cost(&self, candidate: &Candidate, pool: &Pool<'_>) -> f64 {
        self.policy.cost(candidate, pool)
    }

    fn choose(&mut self, pool: &Pool<'_>, draw: &mut Draw) -> usize {
        self.slow.time(self.name, || self.policy.choose(pool, draw))
    }
}

impl FailureDetector for Timed<dyn FailureDetector> {
    fn heartbeat(&self) -> Duration {
        self.policy.heartbeat()
    }

    fn watch(&self, now: MonoTime) -> Box<dyn Watch> {
        self.slow.time(self.name, || self.policy.watch(now))
    }
}

impl RestartPolicy for Timed<dyn RestartPolicy> {
    fn decide(&self, ending: &Ending<'_>, draw: &mut Draw) -> Restart {
        self.slow.time(self.name, || self.policy.decide(ending, draw))
    }
}
