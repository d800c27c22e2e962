//! Who gets what, now.

use stook_types::CollectorId;

use super::router::{Due, Lease, TaskRouter};
use super::task::LeaseId;
use super::turn::{Act, Turn};
use crate::balance::{PoolId, SeatId, Unfit};

/// Where a part was until now.
pub(super) enum From {
    /// With nobody: it waited, or was just submitted.
    Nobody,
    /// With a collector that has lost it.
    Holder(CollectorId),
}

impl TaskRouter {
    /// A session may have room: gives it and others what waits.
    pub(super) fn serve_all(&mut self, turn: &mut Turn<'_>, seat: SeatId) {
        for pool in self.balancer.pools_of(seat).to_vec() {
            self.serve(turn, seat, pool);
        }
    }

    /// As [`serve_all`](Self::serve_all), for one capability.
    pub(super) fn serve(&mut self, turn: &mut Turn<'_>, seat: SeatId, pool: PoolId) {
        if self.closed {
            return;
        }
        loop {
            let own = self.lines(pool).own_turn(seat).filter(|_| self.balancer.can_take(seat, pool));
            if let Some(ticket) = own {
                self.lines(pool).leave(ticket, Some(seat));
                self.assign(turn, ticket.part, seat, From::Nobody);
            } else if !self.serve_next(turn, pool) {
                break;
            }
        }
    }

    /// Gives the first who waits for anybody to the best who can take it. False if there is none, or nobody can.
    fn serve_next(&mut self, turn: &mut Turn<'_>, pool: PoolId) -> bool {
        if !self.balancer.is_available(pool) {
            return false;
        }
        // Only a part that has failed somewhere can be passed over, and of those there are few.
        let waiting: Vec<_> = self.lines(pool).shared().take(PASSED_OVER).collect();
        for ticket in waiting {
            if let Some(seat) = self.choose(turn, ticket.part) {
                self.lines(pool).leave(ticket, None);
                self.assign(turn, ticket.part, seat, From::Nobody);
                return true;
            }
        }
        false
    }

    /// Who of those who can take a part now is the best.
    pub(super) fn choose(&mut self, turn: &Turn<'_>, part: u64) -> Option<SeatId> {
        let part = self.parts.get(&part)?;
        let unfit = Unfit { failed: &part.failed, alone: self.failover.is_suspect(part.kills) };
        self.balancer.choose(turn.now, part.pool, part.score, unfit)
    }

    /// Leases a part to a session. Its sets learn whom to expect instead, before it goes out.
    pub(super) fn assign(&mut self, turn: &mut Turn<'_>, id: u64, to: SeatId, from: From) {
        let now = turn.now;
        let (Some(part), Some(seat)) = (self.parts.get_mut(&id), self.balancer.seat(to)) else { return };
        let Some(open) = self.tasks.get(&part.task) else { return };
        let (task, collector, epoch, pool) =
            (open.task.clone(), seat.collector.clone(), seat.epoch, part.pool);
        self.last_lease = LeaseId(self.last_lease.0 + 1);
        let lease = self.last_lease;
        part.attempts += 1;
        part.lease = Some(lease);
        let (attempt, suspect) = (part.attempts, self.failover.is_suspect(part.kills));
        if part.only.is_none() {
            let from = match &from {
                From::Nobody => None,
                From::Holder(collector) => Some(collector),
            };
            let key = task.correlation_id.clone().into();
            for aggregate in &task.into {
                turn.sets.reassign(now, *aggregate, &key, from, Some(&collector), turn.released);
            }
        }
        let until = task.attempt.map(|attempt| now + attempt);
        self.agenda.extend(until.map(|until| (until, Due::Attempt(lease))));
        let stall = task.stall;
        self.leases
            .insert(lease, Lease { part: Some(id), seat: to, pool, assigned: now, until, stall, suspect });
        let held = self.held.entry(to).or_default();
        held.leases.insert(lease);
        held.watched += usize::from(stall.is_some());
        self.balancer.take(now, to, pool);
        if suspect {
            self.balancer.change(now, to, |seat| seat.suspects += 1);
        }
        self.counters.assigned += 1;
        let capability = self.balancer.capability(pool).clone();
        turn.acts.push(Act::Assign { collector, epoch, lease, task, capability, attempt });
    }

    /// Lets a part wait for a place.
    pub(super) fn wait(&mut self, id: u64) {
        let Some(part) = self.parts.get(&id) else { return };
        let (pool, ticket, only) = (part.pool, part.ticket, part.only);
        self.lines(pool).enter(ticket, only);
    }
}

/// How many are looked at for one that somebody can take, when those before have failed at everybody who can.
const PASSED_OVER: usize = 64;
