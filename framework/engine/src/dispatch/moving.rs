//! Tasks change hands: their session is lost, or sits on them for too long.

use std::collections::BTreeMap;

use stook_plugin::Source;
use stook_types::{CollectorId, Missing};

use super::router::{Due, TaskRouter};
use super::task::LeaseId;
use super::turn::{Act, TaskEvent, Turn};
use crate::balance::{Ended, PoolId, SeatId};

/// The end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Why its collector is missing.
    pub why: Missing,
    /// Whether what it had in flight may have killed it. Not if the host or the collector itself ended it in order.
    pub suspicious: bool,
}

impl TaskRouter {
    /// A session has ended: what it had is fenced and moved to others, who take its place in the sets in the same step;
    /// what only it could run has failed. Everything that it held is let go of here.
    pub fn lost(&mut self, turn: &mut Turn<'_>, source: &Source, loss: Loss) {
        let Some(known) = self.collectors.get_mut(&source.collector) else { return };
        let is_current = |seat: &SeatId| self.balancer.seat(*seat).is_some_and(|s| s.epoch == source.epoch);
        let Some(seat) = known.seat.filter(is_current) else { return };
        (known.seat, known.away) = (None, Some(loss.why));
        let parts = self.fence(seat);
        self.balancer.remove(turn.now, seat);
        self.held.remove(&seat);

        let mut kills: Vec<_> = parts.iter().filter_map(|id| Some(self.parts.get(id)?.kills)).collect();
        if loss.suspicious {
            self.failover.blame(&mut kills);
        }
        for (id, kills) in parts.iter().zip(kills) {
            let Some(part) = self.parts.get_mut(id) else { continue };
            part.failed.push(source.incarnation);
            part.kills = kills;
        }
        // An assignment and its announcement each.
        turn.acts.reserve(2 * parts.len());
        // Those that can move go first: only when they have left do their sets learn that the collector is lost.
        let why = format!("{} was lost ({})", source.collector, loss.why);
        let mut fixed = Vec::new();
        for id in parts {
            let Some(part) = self.parts.get(&id) else { continue };
            if self.failover.is_poison(part.kills) {
                self.quarantine(turn, id, source, loss.why);
            } else if part.only.is_none() {
                self.move_on(turn, id, &source.collector, loss.why, why.clone());
            } else {
                fixed.push(id);
            }
        }
        fixed.extend(self.lines.iter_mut().flat_map(|lines| lines.close(seat)).map(|ticket| ticket.part));
        if !self.closed {
            turn.sets.collector_lost(turn.now, source, loss.why, turn.released);
        }
        for id in fixed {
            self.fail(turn, id, Some(&source.collector), loss.why, why.clone());
        }
        self.serve_freed(turn);
    }

    /// Takes everything from a session that it has. Gives the parts, the most urgent first.
    fn fence(&mut self, seat: SeatId) -> Vec<u64> {
        let leases: Vec<_> =
            self.held.get(&seat).into_iter().flat_map(|held| held.leases.iter().copied()).collect();
        let mut parts = Vec::with_capacity(leases.len());
        let mut lost = BTreeMap::<PoolId, u64>::new();
        for id in leases {
            let Some(lease) = self.leases.remove(&id) else { continue };
            self.forget_attempt(id, &lease);
            let Some(part) = lease.part else { continue };
            *lost.entry(lease.pool).or_default() += 1;
            if let Some(part) = self.parts.get_mut(&part) {
                part.lease = None;
            }
            parts.push(part);
        }
        let collector = self.balancer.seat(seat).map(|seat| seat.collector.clone());
        for (collector, (pool, tasks)) in collector.iter().cycle().zip(lost) {
            self.balancer.note_lost(collector, pool, tasks);
        }
        self.sort(&mut parts);
        parts
    }

    /// The most urgent first: there may not be a place for all.
    fn sort(&self, parts: &mut [u64]) {
        parts.sort_by_cached_key(|id| self.parts.get(id).map(|part| part.ticket));
    }

    /// A part has killed too many: nobody is given it any more. One that only one session could run never comes so far.
    fn quarantine(&mut self, turn: &mut Turn<'_>, id: u64, source: &Source, why: Missing) {
        let Some(part) = self.parts.get(&id) else { return };
        let kills = part.kills;
        let capability = self.balancer.capability(part.pool).clone();
        let Some(open) = self.tasks.get_mut(&part.task) else { return };
        open.quarantined += 1;
        open.failures.push((Some(source.collector.clone()), why));
        let task = open.task.clone();
        self.failover.condemn(turn.now, &task, &capability, &source.collector, kills);
        self.withdraw(turn, id, &source.collector);
        let (key, could) = (task.correlation_id.clone().into(), [(source.collector.clone(), why)]);
        for aggregate in task.into.iter().filter(|_| !self.closed) {
            turn.sets.drop_task(turn.now, *aggregate, &key, &could, turn.released);
        }
        let collector = source.collector.clone();
        turn.acts.push(Act::Tell(TaskEvent::Quarantined { task, capability, collector, kills }));
        self.end_part(turn, id);
    }

    /// An answer of a part would be of no use any more.
    pub(super) fn part_overdue(&mut self, turn: &mut Turn<'_>, id: u64) {
        let Some(part) = self.parts.get(&id) else { return };
        let (why, holder) = match part.lease {
            Some(lease) => {
                let why = "it did not end before its deadline";
                (why, self.take_back(turn, lease, why))
            }
            None => {
                let only = part.only.and_then(|seat| self.balancer.seat(seat));
                let only = only.map(|seat| seat.collector.clone());
                match (&only, part.attempts) {
                    (Some(_), _) => ("the collector did not get to it before its deadline", only),
                    (None, 0) => ("no collector could take it before its deadline", None),
                    (None, _) => ("no other collector could take it before its deadline", None),
                }
            }
        };
        self.fail(turn, id, holder.as_ref(), Missing::Timeout, why.to_owned());
    }

    /// A session sits on a part for too long: another one may have it.
    pub(super) fn attempt_overdue(&mut self, turn: &mut Turn<'_>, lease: LeaseId, why: &'static str) {
        let Some(id) = self.leases.get(&lease).and_then(|lease| lease.part) else { return };
        let seat = self.leases.get(&lease).and_then(|lease| self.balancer.seat(lease.seat));
        let incarnation = seat.map(|seat| seat.incarnation);
        let Some(holder) = self.take_back(turn, lease, why) else { return };
        if let Some(part) = self.parts.get_mut(&id) {
            part.failed.extend(incarnation);
        }
        self.move_on(turn, id, &holder, Missing::Timeout, format!("{holder} was given up on: {why}"));
    }

    /// Takes a part from a session that goes on, and tells it so.
    fn take_back(&mut self, turn: &mut Turn<'_>, id: LeaseId, why: &'static str) -> Option<CollectorId> {
        let part = self.fence_one(turn, id)?;
        let lease = self.leases.get(&id)?;
        self.balancer.note(turn.now, lease.seat, lease.pool, Ended::Failed);
        let held_by = self.balancer.seat(lease.seat)?;
        let (collector, epoch) = (held_by.collector.clone(), held_by.epoch);
        let task = self.tasks.get(&self.parts.get(&part)?.task)?.task.clone();
        turn.acts.push(Act::Cancel { collector: collector.clone(), epoch, lease: id });
        turn.acts.push(Act::Tell(TaskEvent::Overdue { collector: collector.clone(), task, why }));
        Some(collector)
    }

    /// Takes a part from a session that goes on. Its slot stays taken until it says that it has let go, and until then it
    /// gets nothing more of this capability: whatever keeps this one may keep them all.
    pub(super) fn fence_one(&mut self, turn: &Turn<'_>, id: LeaseId) -> Option<u64> {
        let lease = self.leases.get_mut(&id)?;
        let part = lease.part.take()?;
        let (seat, pool) = (lease.seat, lease.pool);
        if let Some(until) = lease.until.take() {
            self.agenda.remove(&(until, Due::Attempt(id)));
        }
        if lease.stall.take().is_some()
            && let Some(held) = self.held.get_mut(&seat)
        {
            held.watched -= 1;
        }
        if let Some(part) = self.parts.get_mut(&part) {
            part.lease = None;
        }
        self.balancer.sits_on(turn.now, seat, pool);
        Some(part)
    }

    /// Takes back what a collector makes no progress with.
    pub(super) fn check_progress(&mut self, turn: &mut Turn<'_>, seat: SeatId) {
        let Some(held) = self.held.get(&seat) else { return };
        let moved = held.progress.map(|(_, at)| at);
        let stalled: Vec<_> = held
            .leases
            .iter()
            .filter(|id| {
                self.leases.get(*id).is_some_and(|lease| {
                    let since = moved.unwrap_or(lease.assigned).max(lease.assigned);
                    lease.stall.is_some_and(|stall| turn.now.since(since) >= stall)
                })
            })
            .copied()
            .collect();
        for lease in stalled {
            self.attempt_overdue(turn, lease, "it made no progress");
        }
    }
}
