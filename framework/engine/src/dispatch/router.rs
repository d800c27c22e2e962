//! The router: every task that has been submitted and has not ended, who has it, and what waits.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use stook_plugin::{LoadHints, Source};
use stook_types::{Capability, CollectorId, Incarnation, Missing, MonoTime};

use super::moving::Loss;
use super::queue::{Lines, Ticket};
use super::status::TaskCounters;
use super::task::{LeaseId, Task};
use super::turn::Turn;
use crate::balance::{LoadBalancer, PoolId, ScoreId, SeatId};
use crate::failover::FailoverManager;

/// Gives tasks to collectors, and moves them when a collector is lost.
///
/// Every part of a task has at most one lease at a time, and every task ends exactly once. The aggregates that a task
/// names learn whom to expect before anything is dispatched, and in the same step as it changes hands.
pub struct TaskRouter {
    pub(super) balancer: LoadBalancer,
    pub(super) failover: FailoverManager,
    pub(super) limits: TaskLimits,
    pub(super) collectors: BTreeMap<CollectorId, Collector>,
    /// Who has or last declared a capability, until somebody declares anew.
    pub(super) who_is_able: HashMap<PoolId, Arc<[CollectorId]>>,
    pub(super) tasks: HashMap<u64, OpenTask>,
    pub(super) parts: HashMap<u64, Part>,
    pub(super) leases: HashMap<LeaseId, Lease>,
    /// The leases of each session, in order of assignment.
    pub(super) held: BTreeMap<SeatId, Held>,
    /// What waits, by the number of the pool.
    pub(super) lines: Vec<Lines>,
    pub(super) agenda: BTreeSet<(MonoTime, Due)>,
    pub(super) last: u64,
    pub(super) last_lease: LeaseId,
    pub(super) counters: TaskCounters,
    /// The host stops: nothing more is given to anybody.
    pub(super) closed: bool,
}

/// How much a router holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskLimits {
    /// Parts of tasks, waiting or in flight.
    pub parts: usize,
}

/// A collector that was let in.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Who, and which session.
    pub source: &'a Source,
    /// What it runs, and how many of each at once.
    pub capabilities: &'a [(Capability, u32)],
}

/// A collector that is configured or was here.
#[derive(Default)]
pub(super) struct Collector {
    /// What it declared last, which holds while it is away.
    pub(super) capabilities: Vec<(Capability, u32)>,
    pub(super) seat: Option<SeatId>,
    /// Why it is away; that it never came if nothing is known.
    pub(super) away: Option<Missing>,
}

/// A task of which some part has not ended.
pub(super) struct OpenTask {
    pub(super) task: Arc<Task>,
    pub(super) submitted: MonoTime,
    pub(super) open: u32,
    pub(super) done: u32,
    pub(super) quarantined: u32,
    pub(super) failures: Vec<(Option<CollectorId>, Missing)>,
}

/// What one collector is asked for.
pub(super) struct Part {
    pub(super) task: u64,
    pub(super) pool: PoolId,
    pub(super) score: ScoreId,
    pub(super) ticket: Ticket,
    /// The only session that may run it.
    pub(super) only: Option<SeatId>,
    pub(super) lease: Option<LeaseId>,
    /// The lease under which it was given out last.
    pub(super) had: Option<LeaseId>,
    pub(super) attempts: u32,
    pub(super) kills: u32,
    /// Who must not have it again.
    pub(super) failed: Vec<Incarnation>,
    /// Who had it last, and why it has not any more.
    pub(super) last: Option<(CollectorId, Missing)>,
}

/// A part in flight, or one that was taken from a session that has not let go of it.
pub(super) struct Lease {
    /// `None` once it is fenced.
    pub(super) part: Option<u64>,
    pub(super) seat: SeatId,
    pub(super) pool: PoolId,
    pub(super) assigned: MonoTime,
    /// The end of the attempt.
    pub(super) until: Option<MonoTime>,
    pub(super) stall: Option<Duration>,
    /// It is counted as suspect at its session.
    pub(super) suspect: bool,
}

/// What a session has.
#[derive(Default)]
pub(super) struct Held {
    pub(super) leases: BTreeSet<LeaseId>,
    /// How many of them are looked at for progress.
    pub(super) watched: usize,
    /// The collector's own count of its work, and when it last changed.
    pub(super) progress: Option<(u64, MonoTime)>,
}

/// What comes up at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// A part's deadline.
    Part(u64),
    /// The end of an attempt.
    Attempt(LeaseId),
}

impl Default for TaskLimits {
    fn default() -> Self {
        Self { parts: 100_000 }
    }
}

impl TaskRouter {
    /// A router whose leases count up from after `last_lease`.
    pub fn new(balancer: LoadBalancer, last_lease: LeaseId, limits: TaskLimits) -> Self {
        Self {
            balancer,
            failover: FailoverManager::default(),
            limits,
            collectors: BTreeMap::new(),
            who_is_able: HashMap::new(),
            tasks: HashMap::new(),
            parts: HashMap::new(),
            leases: HashMap::new(),
            held: BTreeMap::new(),
            lines: Vec::new(),
            agenda: BTreeSet::new(),
            last: 0,
            last_lease,
            counters: TaskCounters::default(),
            closed: false,
        }
    }

    /// Enters a collector that config names.
    pub fn configured(&mut self, id: CollectorId) {
        self.collectors.entry(id).or_default();
    }

    /// A session begins: what waits for somebody like it goes out. One that has been here before is brought in slowly.
    /// An earlier session of the collector that was not said to be [lost](Self::lost) is lost by it.
    pub fn connected(&mut self, turn: &mut Turn<'_>, arrival: Arrival<'_>) {
        let Arrival { source, capabilities } = arrival;
        let id = &source.collector;
        if let Some(before) = self.collectors.get(id).and_then(|known| known.seat)
            && let Some(seat) = self.balancer.seat(before)
        {
            // Its end was not told yet.
            let old = Source::new(id.clone(), "", seat.incarnation, seat.epoch, None);
            self.lost(turn, &old, Loss { why: Missing::Disconnected, suspicious: false });
        }
        let known = self.collectors.entry(id.clone()).or_default();
        let back = known.away.is_some();
        if known.capabilities != capabilities {
            for (capability, _) in capabilities {
                self.balancer.hold(capability);
            }
            for (before, _) in std::mem::replace(&mut known.capabilities, capabilities.to_vec()) {
                let Some(pool) = self.balancer.known_pool(&before) else { continue };
                let _ = match capabilities.iter().any(|(capability, _)| *capability == before) {
                    true => self.balancer.let_go(pool),
                    false => self.balancer.forget(id, pool),
                };
            }
            self.who_is_able.clear();
        }
        let seat = self.balancer.add(
            turn.now,
            source.collector.clone(),
            source.incarnation,
            source.epoch,
            capabilities,
            back,
        );
        (known.seat, known.away) = (Some(seat), None);
        self.held.insert(seat, Held::default());
        self.serve_freed(turn);
    }

    /// The last lease that was given, or the one that the first counts up from.
    pub const fn last_lease(&self) -> LeaseId {
        self.last_lease
    }

    /// A collector leaves by its own will, or is asked to: it is given nothing more.
    pub fn draining(&mut self, now: MonoTime, collector: &CollectorId) {
        if let Some(seat) = self.seat_of(collector) {
            self.balancer.change(now, seat, |seat| seat.draining = true);
        }
    }

    /// A collector says how it is. Gives tasks to others that it makes no progress with.
    pub fn heartbeat(
        &mut self,
        turn: &mut Turn<'_>,
        collector: &CollectorId,
        progress: u64,
        hints: LoadHints,
    ) {
        let Some(seat) = self.seat_of(collector) else { return };
        self.balancer.hint(seat, hints);
        let Some(held) = self.held.get_mut(&seat) else { return };
        match &mut held.progress {
            Some((count, _)) if *count == progress => {}
            other => *other = Some((progress, turn.now)),
        }
        if held.watched > 0 {
            self.check_progress(turn, seat);
            self.serve_freed(turn);
        }
    }

    /// When [`expire`](Self::expire) has something to do next.
    pub fn next_deadline(&self) -> Option<MonoTime> {
        let due = self.agenda.first().map(|(at, _)| *at);
        due.into_iter().chain(self.balancer.next_wake()).min()
    }

    /// Does everything that is due, in the sets first: that of a task ends with it, and shall say so.
    pub fn expire(&mut self, turn: &mut Turn<'_>) {
        if self.agenda.first().is_some_and(|(at, _)| *at <= turn.now) {
            turn.sets.expire(turn.now, turn.released);
        }
        while let Some((at, due)) = self.agenda.first().copied().filter(|(at, _)| *at <= turn.now) {
            self.agenda.remove(&(at, due));
            match due {
                Due::Part(part) => self.part_overdue(turn, part),
                Due::Attempt(lease) => self.attempt_overdue(turn, lease, "it did not end in time"),
            }
        }
        self.balancer.wake(turn.now);
        self.serve_freed(turn);
    }

    /// Nothing more is given to anybody, and what ends from now on ends because the host stops: sets are not told.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Who chooses, and how everybody did so far.
    pub fn balancer(&self) -> &LoadBalancer {
        &self.balancer
    }

    /// The same, to be asked for decisions that nothing comes of: for benchmarks.
    pub fn balancer_mut(&mut self) -> &mut LoadBalancer {
        &mut self.balancer
    }

    pub(super) fn seat_of(&self, collector: &CollectorId) -> Option<SeatId> {
        self.collectors.get(collector)?.seat
    }

    pub(super) fn lines(&mut self, pool: PoolId) -> &mut Lines {
        if self.lines.len() <= pool.0 {
            self.lines.resize_with(pool.0 + 1, Lines::default);
        }
        &mut self.lines[pool.0]
    }
}
