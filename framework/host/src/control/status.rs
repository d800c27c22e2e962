//! How things stand, for `stook status` and embedders.

use std::collections::BTreeMap;

use serde::Serialize;
use stook_engine::{
    AggregateSpec, CounterSnapshot, LeaseStatus, LifeState, MemoryUse, Occupancy, PerformanceHistory,
    Quarantined, QueueStatus, SeatStatus, TaskCounters, WhenFull,
};
use stook_types::{
    Capability, CollectorId, CorrelationId, Incarnation, Missing, MonoTime, Refusal, TaskId, Topic,
};

use super::Control;
use super::roster::{Known, Standing};
use crate::delivery::{ConsumerStatus, SinkStatus};
use crate::supervise::Lines;
use crate::tally::Tallied;

/// Everything at one moment. Its fields are a published format: what `stook status --format json` prints.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    host: HostReport,
    memory: Memory,
    results: Results,
    tasks: Tasks,
    collectors: Vec<CollectorReport>,
    queues: Vec<Queue>,
    leases: Vec<LeaseReport>,
    quarantine: Quarantine,
    aggregates: Vec<AggregateReport>,
    sinks: Vec<Sink>,
    plugins: Plugins,
}

#[derive(Clone, Debug, Serialize)]
struct HostReport {
    name: String,
    pid: u32,
    uptime_ms: u64,
    connections_refused: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Memory {
    limit: usize,
    used: usize,
    /// Kept for whoever looks on, beside it.
    taps: usize,
}

/// received = delivered + duplicate + late + refused + discarded + pending.
#[derive(Clone, Debug, Serialize)]
struct Results {
    received: u64,
    delivered: u64,
    duplicate: u64,
    late: u64,
    refused: BTreeMap<&'static str, u64>,
    discarded: BTreeMap<&'static str, u64>,
    pending: u64,
}

/// submitted = done + partial + failed + quarantined + open.
#[derive(Clone, Debug, Serialize)]
struct Tasks {
    submitted: u64,
    done: u64,
    partial: u64,
    failed: u64,
    quarantined: u64,
    open: u64,
    in_flight: usize,
    assigned: u64,
    redistributed: u64,
    returned: u64,
    stale: u64,
}

#[derive(Clone, Debug, Serialize)]
struct CollectorReport {
    id: CollectorId,
    kind: Option<String>,
    /// In a word.
    state: &'static str,
    /// What there is to add to it.
    why: Option<String>,
    pid: Option<u32>,
    incarnation: Option<Incarnation>,
    in_flight: u32,
    /// Where what it sent in all its sessions is, less what is parked.
    results: Tallied,
    /// Results, and ends of tasks behind them, that it has sent and that have no room yet.
    parked: usize,
    /// For how long there are any.
    parked_ms: Option<u64>,
    capabilities: Vec<CapabilityReport>,
    /// What it declared last.
    topics: Vec<TopicReport>,
    /// Why it was not let in when it came last, if it was not let in since.
    last_rejection: Option<String>,
    /// Tasks that were taken from it, and that it still sits on.
    overdue: u32,
    ejected: bool,
    slow_start: bool,
    /// Whether an earlier host has started it, which has died: it is not this one's child.
    adopted: bool,
    restarts: u64,
    failures: u32,
    last_exit: Option<String>,
    output: Lines,
}

#[derive(Clone, Debug, Serialize)]
struct TopicReport {
    topic: Topic,
    /// Why its results are refused, if they are: it is not granted, or of no aggregate.
    refused: Option<&'static str>,
}

#[derive(Clone, Debug, Serialize)]
struct CapabilityReport {
    name: Capability,
    in_flight: u32,
    concurrency: u32,
    /// Moving average of the time from assignment to finish.
    latency_us: Option<u64>,
    /// From 0 to 1; older tasks count for less.
    success_rate: f64,
    /// Finished, and all their results were taken that a set waited for.
    succeeded: u64,
    /// Finished, and not all of them were: for those who asked they have failed.
    refused: u64,
    failed: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Queue {
    capability: Capability,
    waiting: usize,
    /// For how long the oldest of them does.
    oldest_ms: Option<u64>,
    /// Whether anybody who has it is connected.
    served: bool,
}

#[derive(Clone, Debug, Serialize)]
struct LeaseReport {
    task: String,
    capability: Capability,
    collector: CollectorId,
    age_ms: u64,
    attempt: u32,
}

#[derive(Clone, Debug, Serialize)]
struct Quarantine {
    tasks: Vec<CondemnedTask>,
    collectors: Vec<CollectorId>,
}

#[derive(Clone, Debug, Serialize)]
struct CondemnedTask {
    task: String,
    task_id: TaskId,
    correlation_id: CorrelationId,
    capability: Capability,
    /// Whom it killed last.
    collector: CollectorId,
    kills: u32,
}

#[derive(Clone, Debug, Serialize)]
struct AggregateReport {
    name: String,
    open: usize,
    /// The age of the open set that falls due first: the oldest, unless `idle` ends others before it.
    oldest_ms: Option<u64>,
    tombstones: usize,
    /// What it holds of the memory, in bytes.
    memory: usize,
    /// What its results wait for, if they have to: `sink NAME`, `sets`, `memory`.
    held_up_by: Vec<String>,
    released: u64,
    /// Questions to its completion policies that they could not answer, because of what results contain.
    undecided: u64,
    results: Results,
}

#[derive(Clone, Debug, Serialize)]
struct Sink {
    name: String,
    /// Released sets that it has not taken yet.
    waiting: usize,
    /// For how long it has taken nothing, though something waits.
    stalled_ms: Option<u64>,
    /// Whether so much waits that the collectors of its aggregates have to.
    full: bool,
    /// What it said when it failed, while it fails.
    error: Option<String>,
    /// How it stands with its consumer, if it is one's.
    consumer: Option<ConsumerReport>,
}

#[derive(Clone, Debug, Serialize)]
struct ConsumerReport {
    connected: bool,
    pid: Option<u32>,
    /// Sets that it was sent and has not acknowledged.
    unacknowledged: usize,
}

#[derive(Clone, Debug, Serialize)]
struct Plugins {
    /// Panics, and answers that made no sense, by name.
    misbehaved: BTreeMap<&'static str, u64>,
    /// Calls that took too long, by name.
    slow: BTreeMap<&'static str, u64>,
}

/// How many of the tasks in flight are listed.
const LEASES: usize = 100;
/// How often counts are looked at that do not add up.
const LOOKS: usize = 64;
/// Memory is short when less than this part of it is left.
const SHORT: usize = 100;

impl Control {
    pub(super) fn report(&self) -> Report {
        let now = self.hub.clock.now();
        let router = self.router.status(now, LEASES);
        let memory = self.hub.aggregator.memory();
        let collectors: Vec<_> = self
            .roster
            .iter()
            .map(|(id, known)| self.collector(now, id, known, router.collectors.get(id)))
            .collect();
        Report {
            host: HostReport {
                name: self.name.to_string(),
                pid: std::process::id(),
                uptime_ms: millis(now.since_origin()),
                connections_refused: self.hub.refused.load(std::sync::atomic::Ordering::Relaxed),
            },
            memory: Memory {
                limit: memory.limit,
                used: memory.used,
                taps: self.hub.delivery.lookers().bytes(),
            },
            results: Results::of(settled(|| self.hub.aggregator.counters(), CounterSnapshot::adds_up)),
            tasks: Tasks::of(&router.counters, router.in_flight),
            queues: router.queues.into_iter().filter_map(|queue| Queue::of(now, queue)).collect(),
            leases: router.leases.into_iter().map(|lease| LeaseReport::of(now, lease)).collect(),
            quarantine: Quarantine::of(router.quarantine, &collectors),
            aggregates: self.aggregate_reports(now),
            sinks: self.hub.delivery.sinks().into_iter().map(Sink::of).collect(),
            plugins: self.plugins(),
            collectors,
        }
    }

    fn aggregate_reports(&self, now: MonoTime) -> Vec<AggregateReport> {
        let memory = self.hub.aggregator.memory();
        let all_add_up =
            |all: &Vec<(CounterSnapshot, Occupancy)>| all.iter().all(|(counters, _)| counters.adds_up());
        let aggregates =
            self.hub.aggregator.specs().zip(settled(|| self.hub.aggregator.status(), all_add_up));
        let report =
            |(i, (spec, (counters, occupancy))): (usize, (&AggregateSpec, (CounterSnapshot, Occupancy)))| {
                AggregateReport {
                    name: spec.name.to_string(),
                    open: occupancy.open,
                    oldest_ms: occupancy.oldest.map(|opened| millis(now.since(opened))),
                    tombstones: occupancy.tombstones,
                    memory: occupancy.memory,
                    held_up_by: self.held_up_by(i, spec, occupancy.open, &memory),
                    released: counters.released,
                    undecided: counters.undecided,
                    results: Results::of(counters),
                }
            };
        aggregates.enumerate().map(report).collect()
    }

    /// What results of an aggregate wait for.
    fn held_up_by(
        &self,
        aggregate: usize,
        spec: &AggregateSpec,
        open: usize,
        memory: &MemoryUse,
    ) -> Vec<String> {
        let when_full = spec.limits.when_full;
        let sets = when_full == WhenFull::Backpressure && open >= spec.limits.sets;
        let memory = when_full != WhenFull::Refuse && memory.used >= memory.limit - memory.limit / SHORT;
        let sinks = self.hub.delivery.full(aggregate).map(|sink| format!("sink {sink}"));
        let own = [(sets, "sets"), (memory, "memory")].into_iter().filter(|(holds, _)| *holds);
        sinks.chain(own.map(|(_, what)| what.to_owned())).collect()
    }

    fn plugins(&self) -> Plugins {
        let mut plugins = Plugins { misbehaved: BTreeMap::new(), slow: BTreeMap::new() };
        for ((_, name), count) in self.misbehaved() {
            *plugins.misbehaved.entry(name).or_default() += count;
        }
        for ((_, name), calls) in self.hub.slow.look() {
            *plugins.slow.entry(name).or_default() += calls.count;
        }
        plugins
    }

    fn collector(
        &self,
        now: MonoTime,
        id: &CollectorId,
        known: &Known,
        seat: Option<&SeatStatus>,
    ) -> CollectorReport {
        let life = self.restarts.status(id);
        let draining = seat.is_some_and(|seat| seat.draining);
        let (state, why) = state(now, known, life.as_ref().map(|life| &life.state), draining);
        let member = known.member();
        let parked = member.and_then(|member| member.heard.waiting());
        let capabilities: Vec<_> =
            seat.into_iter().flat_map(|seat| &seat.capabilities).map(CapabilityReport::of).collect();
        CollectorReport {
            id: id.clone(),
            kind: known.kind.as_ref().or(known.config.kind.as_ref()).map(ToString::to_string),
            state,
            why,
            pid: member.and_then(|member| member.source.pid),
            incarnation: member.map(|member| member.source.incarnation),
            results: self.hub.tallies.look(id),
            parked: parked.map_or(0, |(count, _)| count),
            parked_ms: parked.map(|(_, since)| millis(now.since(since))),
            in_flight: capabilities.iter().map(|capability| capability.in_flight).sum(),
            capabilities,
            topics: known.topics.iter().map(TopicReport::of).collect(),
            last_rejection: known.last_rejection.clone(),
            overdue: seat.map_or(0, |seat| seat.overdue),
            ejected: seat.is_some_and(|seat| seat.ejected),
            slow_start: seat.is_some_and(|seat| seat.slow_start),
            adopted: known.is_adopted(),
            restarts: life.as_ref().map_or(0, |life| life.restarts),
            failures: life.as_ref().map_or(0, |life| life.failures),
            last_exit: known.last_exit.as_ref().map(|(how, _)| how.clone()),
            output: known.last_lines.look(),
        }
    }
}

/// Counts of a moment in which nothing is on its way from one place to the other: looked at again if something was, and
/// as they are if something always is.
fn settled<T>(look: impl Fn() -> T, adds_up: impl Fn(&T) -> bool) -> T {
    (1..LOOKS).map(|_| look()).find(adds_up).unwrap_or_else(look)
}

/// How it stands with a collector, in a word, and what there is to add.
fn state(
    now: MonoTime,
    known: &Known,
    life: Option<&LifeState>,
    draining: bool,
) -> (&'static str, Option<String>) {
    match (&known.standing, life) {
        (Standing::Connected(_), _) if draining => ("draining", None),
        (Standing::Connected(_), _) => ("connected", None),
        (_, Some(LifeState::Quarantined { why, probe })) => {
            let probe = probe.since(now).as_secs();
            ("quarantined", Some(format!("{why}; tried again in {probe} s")))
        }
        (_, Some(LifeState::Due(at))) => ("restarting", Some(format!("in {} ms", at.since(now).as_millis()))),
        (_, Some(LifeState::Starting { .. })) => ("starting", None),
        // While there is a process, it is being killed, and what follows is not decided yet.
        (_, Some(LifeState::Left)) if known.child.is_none() => ("left", Some(known.why_left())),
        (Standing::Lost(_), _) if known.orderly => ("left", known.how.clone()),
        (Standing::Lost(why), _) => {
            let how = known.how.as_ref().map_or_else(String::new, |how| format!(": {how}"));
            ("lost", Some(format!("{why}{how}")))
        }
        (Standing::Awaited | Standing::NeverCame, _) => ("absent", Some(Missing::NeverConnected.to_string())),
    }
}

impl TopicReport {
    fn of((topic, refused): &(Topic, Option<Refusal>)) -> Self {
        Self { topic: topic.clone(), refused: refused.map(Refusal::as_str) }
    }
}

impl CapabilityReport {
    fn of((name, in_flight, concurrency, history): &(Capability, u32, u32, PerformanceHistory)) -> Self {
        Self {
            name: name.clone(),
            in_flight: *in_flight,
            concurrency: *concurrency,
            latency_us: history.latency.map(|latency| latency as u64),
            success_rate: (history.success_rate * 1e4).round() / 1e4,
            succeeded: history.succeeded,
            refused: history.refused,
            failed: history.failed,
        }
    }
}

impl Queue {
    /// `None` where there is nothing to know: it is empty, and nobody could be given what comes.
    fn of(
        now: MonoTime,
        QueueStatus { capability, waiting, oldest, served, .. }: QueueStatus,
    ) -> Option<Self> {
        let oldest_ms = oldest.map(|submitted| millis(now.since(submitted)));
        (waiting > 0 || served).then_some(Self { capability, waiting, oldest_ms, served })
    }
}

impl Sink {
    fn of(SinkStatus { name, waiting, stalled, full, error, consumer }: SinkStatus) -> Self {
        let consumer = consumer.map(ConsumerReport::of);
        Self { name: name.to_string(), waiting, stalled_ms: stalled.map(millis), full, error, consumer }
    }
}

impl ConsumerReport {
    fn of(ConsumerStatus { reader, unacknowledged }: ConsumerStatus) -> Self {
        Self { connected: reader.is_some(), pid: reader.and_then(|reader| reader.pid), unacknowledged }
    }
}

impl LeaseReport {
    fn of(now: MonoTime, lease: LeaseStatus) -> Self {
        Self {
            task: lease.task.to_string(),
            capability: lease.capability,
            collector: lease.collector,
            age_ms: millis(now.since(lease.assigned)),
            attempt: lease.attempt,
        }
    }
}

impl Quarantine {
    fn of(tasks: Vec<Quarantined>, collectors: &[CollectorReport]) -> Self {
        let condemned = |condemned: Quarantined| CondemnedTask {
            task: condemned.task.name.to_string(),
            task_id: condemned.task.id,
            correlation_id: condemned.task.correlation_id.clone(),
            capability: condemned.capability,
            collector: condemned.collector,
            kills: condemned.kills,
        };
        let quarantined = collectors.iter().filter(|collector| collector.state == "quarantined");
        Self {
            tasks: tasks.into_iter().map(condemned).collect(),
            collectors: quarantined.map(|collector| collector.id.clone()).collect(),
        }
    }
}

impl Results {
    fn of(counters: CounterSnapshot) -> Self {
        Self {
            received: counters.received,
            delivered: counters.delivered,
            duplicate: counters.duplicate,
            late: counters.late,
            refused: counters.refused,
            discarded: counters.discarded,
            pending: counters.pending,
        }
    }
}

impl Tasks {
    fn of(counters: &TaskCounters, in_flight: usize) -> Self {
        Self {
            submitted: counters.submitted,
            done: counters.done,
            partial: counters.partial,
            failed: counters.failed,
            quarantined: counters.quarantined,
            open: counters.open,
            in_flight,
            assigned: counters.assigned,
            redistributed: counters.redistributed,
            returned: counters.returned,
            stale: counters.stale,
        }
    }
}

fn millis(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
