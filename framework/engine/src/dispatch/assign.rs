//! Who gets what, now.

use stook_types::CollectorId;

use super::queue::{Class, Line, Ticket};
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

    /// Whoever can take tasks since it last could not gets what waits.
    pub(super) fn serve_freed(&mut self, turn: &mut Turn<'_>) {
        while let Some(seat) = self.balancer.next_freed() {
            self.serve_all(turn, seat);
        }
    }

    /// As [`serve_all`](Self::serve_all), for one capability.
    pub(super) fn serve(&mut self, turn: &mut Turn<'_>, seat: SeatId, pool: PoolId) {
        if self.closed {
            return;
        }
        loop {
            if let Some(ticket) = self.own_turn(seat, pool) {
                self.lines(pool).leave(ticket, &Line::Own(seat));
                self.assign(turn, ticket.part, seat, From::Nobody);
            } else if !self.serve_next(turn, pool) {
                break;
            }
        }
    }

    /// The first who waits for this session and for no other, if it can take it, and nobody goes before who waits for
    /// anybody and may have it too.
    fn own_turn(&mut self, seat: SeatId, pool: PoolId) -> Option<Ticket> {
        let own = self.lines(pool).first_own(seat).filter(|_| self.balancer.can_take(seat, pool))?;
        let fits = |unfit: Unfit<'_>| self.balancer.seat(seat).is_some_and(|seat| !seat.is_unfit(unfit));
        let shared = self.lines.get(pool.0).and_then(|lines| lines.next_shared(None, fits));
        shared.is_none_or(|shared| own < shared).then_some(own)
    }

    /// Gives the first who waits for anybody to the best who can take it. False if there is none, or nobody can.
    fn serve_next(&mut self, turn: &mut Turn<'_>, pool: PoolId) -> bool {
        if !self.balancer.is_available(pool) {
            return false;
        }
        let mut tried = None;
        while let Some(ticket) = self.lines(pool).next_shared(tried, |_| true) {
            if let Some(seat) = self.choose(turn, ticket.part) {
                self.leave(ticket.part);
                self.assign(turn, ticket.part, seat, From::Nobody);
                return true;
            }
            tried = Some(ticket);
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
        let had = part.had.replace(lease);
        let (attempt, suspect) = (part.attempts, self.failover.is_suspect(part.kills));
        if part.only.is_none() {
            let from = match &from {
                From::Nobody => None,
                From::Holder(collector) => had.map(|lease| (collector, lease)),
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
        let Some((pool, ticket, line)) = self.line_of(id) else { return };
        self.lines(pool).enter(ticket, line);
    }

    /// A part does not wait any more.
    pub(super) fn leave(&mut self, id: u64) {
        let Some((pool, ticket, line)) = self.line_of(id) else { return };
        self.lines(pool).leave(ticket, &line);
    }

    /// Where a part waits, if it does: what decides it changes only while somebody has the part.
    fn line_of(&self, id: u64) -> Option<(PoolId, Ticket, Line)> {
        let part = self.parts.get(&id)?;
        let class = || Class { failed: part.failed.clone(), alone: self.failover.is_suspect(part.kills) };
        Some((part.pool, part.ticket, part.only.map_or_else(|| Line::Shared(class()), Line::Own)))
    }
}
