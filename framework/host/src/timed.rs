//! Policies under a clock: the engine reads none, so whoever takes too long is found out here.

mod aggregation;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use stook_engine::{NamedDetector, NamedRestart, NamedScore};
use stook_plugin::{
    Candidate, Draw, Ending, FailureDetector, PluginKind, Pool, Restart, RestartPolicy, ScoringPolicy, Watch,
};
use stook_types::MonoTime;

use crate::config::DispatchConfig;

/// Calls of policies that took too long.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slow(Arc<Mutex<BTreeMap<Policy, SlowCalls>>>, Arc<AtomicBool>);

/// A kind of policy, and a name.
type Policy = (PluginKind, &'static str);

/// Those of one policy.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SlowCalls {
    pub(crate) count: u64,
    pub(crate) longest: Duration,
}

/// A policy whose calls are timed.
struct Timed<P: ?Sized> {
    clock: Stopwatch,
    policy: Box<P>,
}

/// Times the calls of one policy.
#[derive(Clone)]
struct Stopwatch {
    of: Policy,
    slow: Slow,
}

/// Longer calls hold up everybody: each is counted and named.
pub(crate) const TOO_LONG: Duration = Duration::from_millis(50);

impl Slow {
    /// Whether there was any.
    pub(crate) fn any(&self) -> bool {
        self.1.load(Ordering::Relaxed)
    }

    pub(crate) fn look(&self) -> BTreeMap<Policy, SlowCalls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, of: Policy, took: Duration) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = calls.entry(of).or_default();
        (calls.count, calls.longest) = (calls.count + 1, calls.longest.max(took));
        self.1.store(true, Ordering::Relaxed);
    }

    /// Puts a clock to every policy.
    pub(crate) fn watch(&self, dispatch: DispatchConfig) -> DispatchConfig {
        let score = |NamedScore { name, policy }| NamedScore {
            name,
            policy: self.timed((PluginKind::Scoring, name), policy),
        };
        let detector = |NamedDetector { name, detector }| NamedDetector {
            name,
            detector: self.timed((PluginKind::Detection, name), detector),
        };
        let restart = |NamedRestart { name, policy }| NamedRestart {
            name,
            policy: self.timed((PluginKind::Restart, name), policy),
        };
        DispatchConfig {
            scores: dispatch.scores.into_iter().map(score).collect(),
            detectors: dispatch.detectors.into_iter().map(detector).collect(),
            restarts: dispatch.restarts.into_iter().map(restart).collect(),
            ..dispatch
        }
    }

    fn timed<P: ?Sized>(&self, of: Policy, policy: Box<P>) -> Box<Timed<P>> {
        Box::new(Timed { clock: Stopwatch { of, slow: self.clone() }, policy })
    }
}

impl Stopwatch {
    fn time<T>(&self, call: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let answer = call();
        let took = start.elapsed();
        if took >= TOO_LONG {
            self.slow.note(self.of, took);
        }
        answer
    }
}

impl ScoringPolicy for Timed<dyn ScoringPolicy> {
    fn cost(&self, candidate: &Candidate, pool: &Pool<'_>) -> f64 {
        self.policy.cost(candidate, pool)
    }

    fn choose(&mut self, pool: &Pool<'_>, draw: &mut Draw) -> usize {
        self.clock.time(|| self.policy.choose(pool, draw))
    }
}

impl FailureDetector for Timed<dyn FailureDetector> {
    fn heartbeat(&self) -> Duration {
        self.policy.heartbeat()
    }

    fn watch(&self, now: MonoTime) -> Box<dyn Watch> {
        let policy = self.clock.time(|| self.policy.watch(now));
        Box::new(Timed { clock: self.clock.clone(), policy })
    }
}

impl Watch for Timed<dyn Watch> {
    fn beat(&mut self, at: MonoTime) {
        self.clock.time(|| self.policy.beat(at));
    }

    fn alive(&mut self, at: MonoTime) {
        self.clock.time(|| self.policy.alive(at));
    }

    fn dead_at(&self) -> MonoTime {
        self.clock.time(|| self.policy.dead_at())
    }
}

impl RestartPolicy for Timed<dyn RestartPolicy> {
    fn decide(&self, ending: &Ending<'_>, draw: &mut Draw) -> Restart {
        self.clock.time(|| self.policy.decide(ending, draw))
    }
}
