//! `decision`: who gets the next task.

use std::sync::Arc;
use std::time::Duration;

use stook_engine::{
    Act, Arrival, LeaseId, LoadBalancer, Modifiers, ResultAggregator, ScoreId, Task, TaskEnding, TaskLimits,
    TaskRouter, Turn,
};
use stook_plugin::{Draw, Source};
use stook_proto::payload;
use stook_types::{
    Capability, CollectorId, CorrelationId, FanOut, Incarnation, MonoTime, SessionEpoch, TaskId, Value,
};
use uuid::Uuid;

use super::report::{Outcome, Row};
use super::stats::Samples;
use super::stopwatch::Stopwatch;
use super::{Bench, Halt, policies};

/// What each collector runs at once.
const SLOTS: u32 = 16;
/// Of all slots, what is taken: enough that some collectors are full at times.
const TAKEN: f64 = 0.7;

/// A router with collectors that always have something to do.
struct Pool {
    router: TaskRouter,
    sets: ResultAggregator,
    capability: Capability,
    running: Vec<(CollectorId, SessionEpoch, LeaseId)>,
    draw: Draw,
    now: MonoTime,
    given: u64,
}

pub(super) fn measure(bench: &mut Bench) -> Result<Outcome, Halt> {
    let decisions = bench.amount(20_000, 200_000);
    let watch = Stopwatch::new();
    let mut rows = vec![watch.row()];
    let mut value = f64::NAN;
    for candidates in [64, 1_000] {
        for (place, name) in policies::NAMES.into_iter().enumerate() {
            bench.goes_on(|| format!("{name}, {candidates} collectors"))?;
            let mut pool = Pool::new(candidates);
            pool.fill(TAKEN);
            let samples = pool.decide(ScoreId(place), decisions, &watch, true);
            if (candidates, place) == (64, 0) {
                value = samples.p99();
            }
            rows.push(Row::of(format!("{name}, {candidates} collectors"), &samples, "ns"));
        }
        let idle = Pool::new(candidates).decide(ScoreId(0), decisions, &watch, false);
        if candidates == 64 {
            value = value.max(idle.p99());
        }
        rows.push(Row::of(format!("{}, {candidates} collectors, all idle", policies::NAMES[0]), &idle, "ns"));
    }
    Ok(Outcome {
        values: vec![("decision", value / 1e3)],
        rows,
        notes: vec![
            "16 slots each, 70 % taken; between two decisions a task ends and another one goes out".into(),
            "the bar counts the default policy's worse case at 64: all idle means that all are equal".into(),
        ],
    })
}

impl Pool {
    fn new(candidates: usize) -> Self {
        let scores = policies::NAMES.into_iter().map(policies::made).collect();
        let balancer = LoadBalancer::new(scores, Modifiers::default(), 7);
        let mut pool = Self {
            router: TaskRouter::new(balancer, LeaseId(0), TaskLimits::default()),
            sets: ResultAggregator::new(Vec::new(), usize::MAX),
            capability: Capability::new("work").expect("a word"),
            running: Vec::new(),
            draw: Draw::new(7),
            now: MonoTime::at(Duration::from_secs(1)),
            given: 0,
        };
        for number in 0..candidates {
            let id = CollectorId::new(&format!("collector-{number}")).expect("a word");
            let epoch = SessionEpoch(number as u64 + 1);
            let source = Source::new(id, "bench", Incarnation(Uuid::from_u128(number as u128)), epoch, None);
            let capabilities = [(pool.capability.clone(), SLOTS)];
            pool.turn(|router, turn| {
                router.connected(turn, Arrival { source: &source, capabilities: &capabilities });
            });
        }
        pool
    }

    /// Gives out tasks until so much is taken.
    fn fill(&mut self, share: f64) {
        let collectors = self.router.status(self.now, 0).collectors.len();
        let tasks = (collectors as f64 * f64::from(SLOTS) * share) as usize;
        (0..tasks).for_each(|_| self.give());
    }

    /// Decides so many times, each time after a task has ended and another one has gone out if it `goes_on`. In
    /// nanoseconds.
    fn decide(&mut self, by: ScoreId, times: usize, watch: &Stopwatch, goes_on: bool) -> Samples {
        let decide = |_| {
            if goes_on {
                self.end();
                self.give();
            }
            let (now, capability) = (self.now, self.capability.clone());
            let balancer = self.router.balancer_mut();
            watch.time(|| balancer.decide(now, &capability, by)).1
        };
        (0..times).map(decide).collect()
    }

    fn give(&mut self) {
        self.given += 1;
        let id = Uuid::from_u128(self.given.into());
        let task = Task {
            id: TaskId(id),
            name: Arc::from("work"),
            correlation_id: CorrelationId::Uuid(id),
            capabilities: vec![(self.capability.clone(), ScoreId(0))],
            fan_out: FanOut::One,
            into: Vec::new(),
            payload: payload(&Value::Null).expect("flat"),
            priority: 0,
            deadline: self.now + Duration::from_secs(3_600),
            attempt: None,
            stall: None,
            backlog: usize::MAX,
        };
        self.turn(|router, turn| drop(router.submit(turn, task)));
    }

    /// Some task ends that some collector has had for a while.
    fn end(&mut self) {
        let place = self.draw.below(self.running.len());
        self.now = self.now + Duration::from_micros(100 + self.draw.below(100) as u64);
        let (collector, epoch, lease) = self.running.swap_remove(place);
        self.turn(|router, turn| router.ended(turn, &collector, epoch, lease, TaskEnding::Done));
    }

    fn turn(&mut self, step: impl FnOnce(&mut TaskRouter, &mut Turn<'_>)) {
        let (mut released, mut acts) = (Vec::new(), Vec::new());
        let (now, sets) = (self.now, &self.sets);
        step(&mut self.router, &mut Turn { now, sets, released: &mut released, acts: &mut acts });
        let assigned = acts.into_iter().filter_map(|act| match act {
            Act::Assign { collector, epoch, lease, .. } => Some((collector, epoch, lease)),
            _ => None,
        });
        self.running.extend(assigned);
    }
}
