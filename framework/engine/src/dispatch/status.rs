//! What a router has, to be looked at.

use std::collections::BTreeMap;

use stook_types::{Capability, CollectorId, Missing, MonoTime, TaskOutcome};

use super::router::TaskRouter;
use super::task::LeaseId;
use crate::balance::PerformanceHistory;
use crate::failover::Quarantined;

/// The numbers of tasks that add up: submitted = done + partial + failed + quarantined + open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskCounters {
    /// Tasks that were taken.
    pub submitted: u64,
    /// Ended: everybody who was asked has finished it.
    pub done: u64,
    /// Ended: some have.
    pub partial: u64,
    /// Ended: nobody has.
    pub failed: u64,
    /// Ended: it killed too many.
    pub quarantined: u64,
    /// Not ended.
    pub open: u64,
    /// Assignments of parts to collectors.
    pub assigned: u64,
    /// Parts that were taken from a collector for somebody else to have.
    pub redistributed: u64,
    /// Parts that a collector gave back because it left.
    pub returned: u64,
    /// Ends of tasks that had been taken from whoever ended them.
    pub stale: u64,
}

/// Everything at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RouterStatus {
    /// How tasks ended.
    pub counters: TaskCounters,
    /// What waits, by capability; not where nothing waits for nobody.
    pub queues: Vec<QueueStatus>,
    /// What is in flight, oldest first; at most so many as were asked for.
    pub leases: Vec<LeaseStatus>,
    /// How many are in flight.
    pub in_flight: usize,
    /// Every collector that is configured or was here.
    pub collectors: BTreeMap<CollectorId, SeatStatus>,
    /// Tasks that were condemned, oldest first.
    pub quarantine: Vec<Quarantined>,
    /// Scoring policies that panicked or chose nobody, and how often.
    pub misbehaved: BTreeMap<&'static str, u64>,
}

/// What waits for one capability.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct QueueStatus {
    /// Which.
    pub capability: Capability,
    /// How many wait.
    pub waiting: usize,
    /// When the one was submitted that waits for the longest time.
    pub oldest: Option<MonoTime>,
    /// Whether anybody who has it is connected.
    pub served: bool,
}

/// A task in flight.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LeaseStatus {
    /// Names the assignment.
    pub lease: LeaseId,
    /// The task's name.
    pub task: std::sync::Arc<str>,
    /// Which part of it.
    pub capability: Capability,
    /// Who has it.
    pub collector: CollectorId,
    /// Since when.
    pub assigned: MonoTime,
    /// Counts the part's assignments, from 1.
    pub attempt: u32,
}

/// A collector as the router sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SeatStatus {
    /// Why it is not here, if it is not.
    pub away: Option<Missing>,
    /// What it has of each capability, of how many, and how it did.
    pub capabilities: Vec<(Capability, u32, u32, PerformanceHistory)>,
    /// Tasks that were taken from it, and that it still sits on.
    pub overdue: u32,
    /// Whether it is out for its failures.
    pub ejected: bool,
    /// Whether it is being brought back in.
    pub slow_start: bool,
    /// Whether it leaves.
    pub draining: bool,
}

impl TaskCounters {
    pub(super) fn end(&mut self, outcome: TaskOutcome) {
        *match outcome {
            TaskOutcome::Done => &mut self.done,
            TaskOutcome::Partial => &mut self.partial,
            TaskOutcome::Failed => &mut self.failed,
            TaskOutcome::Quarantined => &mut self.quarantined,
        } += 1;
    }

    /// Whether every task is counted in exactly one place.
    pub const fn add_up(&self) -> bool {
        self.submitted == self.done + self.partial + self.failed + self.quarantined + self.open
    }
}

impl TaskRouter {
    /// How tasks ended so far.
    pub fn counters(&self) -> TaskCounters {
        TaskCounters { open: self.tasks.len() as u64, ..self.counters }
    }

    /// Everything at this moment, with at most so many of what is in flight.
    pub fn status(&self, now: MonoTime, leases: usize) -> RouterStatus {
        let submitted = |part| Some(self.tasks.get(&self.parts.get(&part)?.task)?.submitted);
        let queue = |(pool, lines): (usize, &super::queue::Lines)| {
            let pool = crate::balance::PoolId(pool);
            QueueStatus {
                capability: self.balancer.capability(pool).clone(),
                waiting: lines.len(),
                oldest: lines.oldest().and_then(submitted),
                served: self.balancer.has_members(pool),
            }
        };
        let mut ids: Vec<_> = self.leases.keys().copied().collect();
        ids.sort_unstable();
        RouterStatus {
            counters: self.counters(),
            queues: self
                .lines
                .iter()
                .enumerate()
                .map(queue)
                .filter(|queue| queue.waiting > 0 || queue.served)
                .collect(),
            leases: ids.iter().filter_map(|id| self.lease_status(*id)).take(leases).collect(),
            in_flight: self.leases.len(),
            collectors: self.collectors.keys().map(|id| (id.clone(), self.seat_status(now, id))).collect(),
            quarantine: self.failover.quarantine().cloned().collect(),
            misbehaved: self.balancer.misbehaved().clone(),
        }
    }

    fn lease_status(&self, id: LeaseId) -> Option<LeaseStatus> {
        let lease = self.leases.get(&id)?;
        let part = self.parts.get(&lease.part?)?;
        Some(LeaseStatus {
            lease: id,
            task: self.tasks.get(&part.task)?.task.name.clone(),
            capability: self.balancer.capability(lease.pool).clone(),
            collector: self.balancer.seat(lease.seat)?.collector.clone(),
            assigned: lease.assigned,
            attempt: part.attempts,
        })
    }

    fn seat_status(&self, now: MonoTime, id: &CollectorId) -> SeatStatus {
        let known = &self.collectors[id];
        let seat = known.seat.and_then(|seat| self.balancer.seat(seat));
        let capability = |(capability, concurrency): &(Capability, u32)| {
            let candidate = known
                .seat
                .and_then(|seat| self.balancer.candidate(seat, self.balancer.known_pool(capability)?));
            let history = self.balancer.history(id, capability).cloned().unwrap_or_default();
            (capability.clone(), candidate.map_or(0, |c| c.in_flight), *concurrency, history)
        };
        SeatStatus {
            away: known.seat.is_none().then(|| known.away.unwrap_or(Missing::NeverConnected)),
            capabilities: known.capabilities.iter().map(capability).collect(),
            overdue: seat.map_or(0, |seat| seat.overdue()),
            ejected: seat.is_some_and(|seat| seat.is_ejected(now)),
            slow_start: seat.is_some_and(|seat| seat.is_slow(now, self.balancer.modifiers())),
            draining: seat.is_some_and(|seat| seat.draining),
        }
    }
}
