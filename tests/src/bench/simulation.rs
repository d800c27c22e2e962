//! A fleet in virtual time: tasks come as they do, the real router gives them to collectors that are none.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use stook_engine::{
    Act, Arrival, LeaseId, LoadBalancer, Modifiers, NamedScore, ResultAggregator, ScoreId, Task, TaskEnding,
    TaskLimits, TaskRouter, Turn,
};
use stook_plugin::{Draw, LoadHints, Source};
use stook_proto::payload;
use stook_types::{
    Capability, CollectorId, CorrelationId, FanOut, Incarnation, MonoTime, Payload, SessionEpoch, TaskId,
    Value,
};
use uuid::Uuid;

/// The mean time that a collector takes for a task, in milliseconds, one for each collector.
pub(super) const FLEET: [f64; 8] = [10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 40.0, 40.0];
/// The share of what the fleet can do that it is asked for.
pub(super) const LOAD: f64 = 0.9;

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    /// Tasks that a collector works on at once.
    pub(super) servers: u32,
    /// Tasks are pushed to collectors as they come, and wait there.
    pub(super) pushed: bool,
    /// Determines when tasks come and how large each is, whoever gets it.
    pub(super) seed: u64,
    pub(super) tasks: usize,
}

/// Tasks at the beginning that are not measured, as a share of all: the fleet fills.
const WARM_UP: f64 = 0.1;
/// Slots of a collector to which tasks are pushed.
const NO_LIMIT: u32 = 1 << 20;
/// How often a collector says how it is.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// When tasks come and how large they are. Exponential both: Poisson arrivals.
struct Arrivals {
    draw: Draw,
    mean_gap: f64,
}

/// The latencies of all tasks that are measured, in milliseconds, if the oldest task goes to whoever is free, whoever
/// that is.
pub(super) fn central_queue(setting: Setting) -> Vec<f64> {
    let mut arrivals = Arrivals::new(setting);
    let mut draw = Draw::new(Draw::new(!setting.seed).bits());
    let mut idle: Vec<usize> =
        (0..FLEET.len()).flat_map(|collector| vec![collector; setting.servers as usize]).collect();
    let mut waiting = VecDeque::new();
    let mut busy = BinaryHeap::<Reverse<(u64, usize, u64, usize)>>::new();
    let mut latencies = Latencies::new(setting.tasks);
    let (mut next, mut come) = (Some(arrivals.next(0)), 0);
    loop {
        let ends = busy.peek().map(|Reverse((at, ..))| *at);
        let now = match (next, ends) {
            (Some((at, work)), ends) if ends.is_none_or(|ends| at <= ends) => {
                waiting.push_back((come, at, work));
                come += 1;
                next = (come < setting.tasks).then(|| arrivals.next(at));
                at
            }
            (_, Some(_)) => {
                let Some(Reverse((at, task, came, collector))) = busy.pop() else { break };
                latencies.end(task, came, at);
                idle.push(collector);
                at
            }
            _ => break,
        };
        while !idle.is_empty()
            && let Some((task, came, work)) = waiting.pop_front()
        {
            let collector = idle.swap_remove(draw.below(idle.len()));
            busy.push(Reverse((now + nanos(work * FLEET[collector]), task, came, collector)));
        }
    }
    latencies.all
}

/// The same, if this policy says who gets it.
pub(super) fn routed(score: NamedScore, setting: Setting) -> Vec<f64> {
    Simulation::new(score, setting).run()
}

struct Simulation {
    router: TaskRouter,
    sets: ResultAggregator,
    capability: Capability,
    payload: Payload,
    collectors: Vec<Worker>,
    /// What comes up: at which time, in which order of those at the same time.
    agenda: BinaryHeap<Reverse<(u64, u64, Due)>>,
    scheduled: u64,
    now: u64,
    /// Of each task: when it came and how large it is.
    tasks: Vec<(u64, f64)>,
    latencies: Latencies,
    setting: Setting,
}

struct Worker {
    id: CollectorId,
    epoch: SessionEpoch,
    mean: f64,
    running: u32,
    queue: VecDeque<(usize, LeaseId)>,
    done: u64,
    /// What it did since its last heartbeat, in nanoseconds.
    worked: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Arrival,
    Done { collector: usize, task: usize, lease: LeaseId },
    Heartbeat { collector: usize },
}

struct Latencies {
    all: Vec<f64>,
    from: usize,
}

// === impl Arrivals, Latencies ===

impl Arrivals {
    fn new(Setting { servers, seed, .. }: Setting) -> Self {
        let rate: f64 = FLEET.iter().map(|mean| f64::from(servers) / mean).sum();
        Self { draw: Draw::new(seed), mean_gap: 1.0 / (rate * LOAD) }
    }

    /// When the next one comes after this one, and its work: 1 on average.
    fn next(&mut self, after: u64) -> (u64, f64) {
        let gap = self.mean_gap * self.exponential();
        (after + nanos(gap), self.exponential())
    }

    /// By inversion.
    fn exponential(&mut self) -> f64 {
        -(1.0 - self.draw.unit()).ln()
    }
}

impl Latencies {
    fn new(tasks: usize) -> Self {
        Self { all: Vec::with_capacity(tasks), from: (tasks as f64 * WARM_UP) as usize }
    }

    fn end(&mut self, task: usize, came: u64, ended: u64) {
        if task >= self.from {
            self.all.push((ended - came) as f64 / 1e6);
        }
    }
}

fn nanos(ms: f64) -> u64 {
    (ms * 1e6) as u64
}

// === impl Simulation ===

impl Simulation {
    fn new(score: NamedScore, setting: Setting) -> Self {
        // Not the numbers that the arrivals draw: what comes must not depend on who is chosen.
        let seed = Draw::new(!setting.seed).bits();
        let balancer = LoadBalancer::new(vec![score], Modifiers::default(), seed);
        let worker = |(number, mean): (usize, &f64)| Worker {
            id: CollectorId::new(&format!("collector-{number}")).expect("a word"),
            epoch: SessionEpoch(number as u64 + 1),
            mean: *mean,
            running: 0,
            queue: VecDeque::new(),
            done: 0,
            worked: 0.0,
        };
        // Without slots, what waits has no bound but the run's own.
        let mut limits = TaskLimits::default();
        limits.parts = usize::MAX;
        let mut simulation = Self {
            router: TaskRouter::new(balancer, LeaseId(0), limits),
            sets: ResultAggregator::new(Vec::new(), usize::MAX),
            capability: Capability::new("work").expect("a word"),
            payload: payload(&Value::Null).expect("flat"),
            collectors: FLEET.iter().enumerate().map(worker).collect(),
            agenda: BinaryHeap::new(),
            scheduled: 0,
            now: 0,
            tasks: Vec::with_capacity(setting.tasks),
            latencies: Latencies::new(setting.tasks),
            setting,
        };
        simulation.connect();
        simulation
    }

    fn connect(&mut self) {
        let slots = if self.setting.pushed { NO_LIMIT } else { self.setting.servers };
        let capabilities = [(self.capability.clone(), slots)];
        for collector in 0..self.collectors.len() {
            let Worker { id, epoch, .. } = &self.collectors[collector];
            let incarnation = Incarnation(Uuid::from_u128(collector as u128));
            let source = Source::new(id.clone(), "bench", incarnation, *epoch, None);
            self.turn(|router, turn| {
                router.connected(turn, Arrival { source: &source, capabilities: &capabilities });
            });
            // Not all at once.
            let first = nanos(HEARTBEAT.as_secs_f64() * 1e3 * collector as f64 / FLEET.len() as f64);
            self.schedule(first, Due::Heartbeat { collector });
        }
    }

    fn run(mut self) -> Vec<f64> {
        let mut arrivals = Arrivals::new(self.setting);
        let (at, work) = arrivals.next(0);
        self.tasks.push((at, work));
        self.schedule(at, Due::Arrival);
        let mut ended = 0;
        while ended < self.setting.tasks
            && let Some(Reverse((now, _, due))) = self.agenda.pop()
        {
            self.now = now;
            match due {
                Due::Arrival => {
                    if self.tasks.len() < self.setting.tasks {
                        let (at, work) = arrivals.next(now);
                        self.tasks.push((at, work));
                        self.schedule(at, Due::Arrival);
                        self.submit(self.tasks.len() - 2);
                    } else {
                        self.submit(self.tasks.len() - 1);
                    }
                }
                Due::Done { collector, task, lease } => {
                    ended += 1;
                    self.latencies.end(task, self.tasks[task].0, now);
                    self.end(collector, lease);
                }
                Due::Heartbeat { collector } => self.heartbeat(collector),
            }
        }
        self.latencies.all
    }

    fn schedule(&mut self, at: u64, due: Due) {
        self.scheduled += 1;
        self.agenda.push(Reverse((at, self.scheduled, due)));
    }

    fn submit(&mut self, task: usize) {
        let id = Uuid::from_u128(task as u128);
        let task = Task {
            id: TaskId(id),
            name: Arc::from("work"),
            correlation_id: CorrelationId::Uuid(id),
            capabilities: vec![(self.capability.clone(), ScoreId(0))],
            fan_out: FanOut::One,
            into: Vec::new(),
            payload: self.payload.clone(),
            priority: 0,
            deadline: self.time() + Duration::from_secs(1 << 30),
            attempt: None,
            stall: None,
            backlog: usize::MAX,
        };
        self.turn(|router, turn| drop(router.submit(turn, task)));
    }

    fn end(&mut self, collector: usize, lease: LeaseId) {
        let worker = &mut self.collectors[collector];
        (worker.running, worker.done) = (worker.running - 1, worker.done + 1);
        let (id, epoch) = (worker.id.clone(), worker.epoch);
        self.work(collector);
        self.turn(|router, turn| router.ended(turn, &id, epoch, lease, TaskEnding::Done));
    }

    /// A collector begins with what it has, as far as it can.
    fn work(&mut self, collector: usize) {
        while self.collectors[collector].running < self.setting.servers
            && let Some((task, lease)) = self.collectors[collector].queue.pop_front()
        {
            let worker = &mut self.collectors[collector];
            let takes = nanos(self.tasks[task].1 * worker.mean);
            worker.running += 1;
            worker.worked += takes as f64;
            self.schedule(self.now + takes, Due::Done { collector, task, lease });
        }
    }

    fn heartbeat(&mut self, collector: usize) {
        let worker = &mut self.collectors[collector];
        let cpu = std::mem::take(&mut worker.worked) / HEARTBEAT.as_nanos() as f64;
        let cpu = cpu.min(self.setting.servers.into());
        let waiting = u32::try_from(worker.queue.len()).unwrap_or(u32::MAX);
        let (id, done) = (worker.id.clone(), worker.done);
        let hints = LoadHints::clamped(Some(cpu), None, waiting);
        self.turn(|router, turn| router.heartbeat(turn, &id, done, hints));
        self.schedule(self.now + nanos(HEARTBEAT.as_secs_f64() * 1e3), Due::Heartbeat { collector });
    }

    fn time(&self) -> MonoTime {
        MonoTime::at(Duration::from_nanos(self.now))
    }

    fn turn(&mut self, step: impl FnOnce(&mut TaskRouter, &mut Turn<'_>)) {
        let (mut released, mut acts) = (Vec::new(), Vec::new());
        let (now, sets) = (self.time(), &self.sets);
        step(&mut self.router, &mut Turn { now, sets, released: &mut released, acts: &mut acts });
        for act in acts {
            let Act::Assign { epoch, lease, task, .. } = act else { continue };
            let collector = epoch.0 as usize - 1;
            self.collectors[collector].queue.push_back((task.id.0.as_u128() as usize, lease));
            self.work(collector);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::policies;

    /// Whoever is free takes the oldest, one at random of several: with a slot each, there is nothing to choose by.
    #[test]
    fn with_one_slot_each_the_default_is_one_queue_for_all() {
        let setting = Setting { servers: 1, pushed: false, seed: 1, tasks: 20_000 };
        let mean = |latencies: Vec<f64>| latencies.iter().sum::<f64>() / latencies.len() as f64;
        let (routed, central) =
            (mean(routed(policies::made("least-outstanding"), setting)), mean(central_queue(setting)));
        assert!((routed / central - 1.0).abs() < 0.1, "{routed} {central}");
    }

    #[test]
    fn every_task_is_measured_but_for_the_first() {
        let setting = Setting { servers: 4, pushed: true, seed: 1, tasks: 1_000 };
        assert_eq!(routed(policies::made("p2c"), setting).len(), 900);
        assert_eq!(central_queue(setting).len(), 900);
    }
}
