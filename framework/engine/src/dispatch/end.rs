//! How parts and tasks end.

use stook_types::{Capability, CollectorId, Missing, MonoTime, SessionEpoch, TaskOutcome};

use super::assign::From;
use super::router::{Collector, Due, Lease, OpenTask, TaskRouter};
use super::task::{LeaseId, Task};
use super::turn::{Act, TaskEvent, Turn};
use crate::balance::Ended;

/// What a collector says of a task that it does not run any more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskEnding {
    /// It is finished, and all its results were sent before.
    Done,
    /// It is finished, but of its results some were refused, as this says: its answer is not all there.
    Refused(String),
    /// It failed, for this reason.
    Failed(String),
    /// It was given back undone: the collector leaves.
    Returned(String),
}

impl TaskRouter {
    /// A session says that a task has ended. Nothing if it is not that session's, or was taken from it: then its slot
    /// is free again, and that is all.
    pub fn ended(
        &mut self,
        turn: &mut Turn<'_>,
        collector: &CollectorId,
        epoch: SessionEpoch,
        lease: LeaseId,
        ending: TaskEnding,
    ) {
        let is_theirs = self.leases.get(&lease).is_some_and(|lease| {
            let seat = self.balancer.seat(lease.seat);
            seat.is_some_and(|seat| seat.epoch == epoch && seat.collector == *collector)
        });
        let Some(ended) = is_theirs.then(|| self.let_go(turn, lease, &ending)).flatten() else { return };
        let (seat, pool) = (ended.seat, ended.pool);
        match (ended.part, ending) {
            (None, _) => self.counters.stale += 1,
            (Some(part), TaskEnding::Done) => self.done(turn, part, collector, ended.assigned),
            (Some(part), TaskEnding::Refused(why)) => self.refused(turn, part, collector, why),
            (Some(part), TaskEnding::Failed(why)) => {
                self.fail(turn, part, Some(collector), Missing::TaskFailed, why);
            }
            (Some(part), TaskEnding::Returned(why)) => {
                self.counters.returned += 1;
                self.move_on(turn, part, collector, Missing::TaskFailed, why);
            }
        }
        if ended.suspect {
            // Another suspect may take its place, of whichever capability.
            self.serve_all(turn, seat);
        }
        self.serve(turn, seat, pool);
        self.serve_freed(turn);
    }

    /// The lease is over, whoever it is of.
    fn let_go(&mut self, turn: &Turn<'_>, id: LeaseId, ending: &TaskEnding) -> Option<Lease> {
        let lease = self.leases.remove(&id)?;
        self.forget_attempt(id, &lease);
        let outcome = match ending {
            TaskEnding::Done if lease.part.is_some() => Ended::Succeeded(lease.assigned),
            TaskEnding::Refused(_) if lease.part.is_some() => Ended::Refused(lease.assigned),
            TaskEnding::Failed(_) if lease.part.is_some() => Ended::Failed,
            // That it was too late is in the history already.
            _ => Ended::Withdrawn,
        };
        self.balancer.give_back(turn.now, lease.seat, lease.pool, outcome);
        if lease.part.is_none() {
            self.balancer.sits_no_more(turn.now, lease.seat, lease.pool);
        }
        let suspect = u32::from(lease.suspect);
        let leaves = matches!(ending, TaskEnding::Returned(_));
        if suspect > 0 || leaves {
            self.balancer.change(turn.now, lease.seat, |seat| {
                seat.suspects -= suspect;
                seat.draining |= leaves;
            });
        }
        if let Some(part) = lease.part.and_then(|part| self.parts.get_mut(&part)) {
            part.lease = None;
        }
        Some(lease)
    }

    /// Takes a lease out of what is looked at while it runs.
    pub(super) fn forget_attempt(&mut self, id: LeaseId, lease: &Lease) {
        if let Some(until) = lease.until {
            self.agenda.remove(&(until, Due::Attempt(id)));
        }
        if let Some(held) = self.held.get_mut(&lease.seat) {
            held.leases.remove(&id);
            held.watched -= usize::from(lease.stall.is_some());
        }
    }

    fn done(&mut self, turn: &mut Turn<'_>, id: u64, collector: &CollectorId, assigned: MonoTime) {
        let Some(part) = self.parts.get(&id) else { return };
        if let Some(open) = self.tasks.get_mut(&part.task) {
            turn.acts.push(Act::Tell(TaskEvent::Finished {
                task: open.task.clone(),
                capability: self.balancer.capability(part.pool).clone(),
                collector: collector.clone(),
                took: turn.now.since(assigned),
            }));
            open.done += 1;
            let task = open.task.clone();
            finished(turn, &task, collector);
        }
        self.end_part(turn, id);
    }

    /// A part is finished, and not all that came of it was taken. Sets that lack some of it know that.
    fn refused(&mut self, turn: &mut Turn<'_>, id: u64, collector: &CollectorId, why: String) {
        let Some(part) = self.parts.get(&id) else { return };
        let capability = self.balancer.capability(part.pool).clone();
        if let Some(open) = self.tasks.get_mut(&part.task) {
            open.failures.push((Some(collector.clone()), Missing::Refused));
            let task = open.task.clone();
            finished(turn, &task, collector);
            let collector = Some(collector.clone());
            turn.acts.push(Act::Tell(TaskEvent::Failed { task, capability, collector, why }));
        }
        self.end_part(turn, id);
    }

    /// A part has failed, and is not tried again. Its sets miss whoever has it as far as they know; if nobody does,
    /// those who could have had it.
    pub(super) fn fail(
        &mut self,
        turn: &mut Turn<'_>,
        id: u64,
        holder: Option<&CollectorId>,
        missing: Missing,
        why: String,
    ) {
        let Some(part) = self.parts.get(&id) else { return };
        let capability = self.balancer.capability(part.pool).clone();
        let last = part.last.clone();
        let Some(open) = self.tasks.get_mut(&part.task) else { return };
        let task = open.task.clone();
        let collector = holder.cloned().or_else(|| last.as_ref().map(|(last, _)| last.clone()));
        open.failures.push((collector.clone(), missing));
        if !self.closed {
            let key = task.correlation_id.clone().into();
            let could = match (holder, last) {
                (Some(_), _) => Vec::new(),
                (None, Some(last)) => vec![last],
                (None, None) => self.able(&capability),
            };
            for aggregate in &task.into {
                match holder {
                    Some(holder) => {
                        turn.sets.task_failed(turn.now, *aggregate, &key, holder, missing, turn.released);
                    }
                    None => turn.sets.drop_task(turn.now, *aggregate, &key, &could, turn.released),
                }
            }
            turn.acts.push(Act::Tell(TaskEvent::Failed { task, capability, collector, why }));
        }
        self.end_part(turn, id);
    }

    /// Everybody who has a capability, and why each does not run a task that nobody ran.
    pub(super) fn able(&self, capability: &Capability) -> Vec<(CollectorId, Missing)> {
        let has = |known: &Collector| known.capabilities.iter().any(|(has, _)| has == capability);
        let why = |known: &Collector| match known.seat {
            Some(_) => Missing::Outstanding,
            None => known.away.unwrap_or(Missing::NeverConnected),
        };
        let able = self.collectors.iter().filter(|(_, known)| has(known));
        able.map(|(id, known)| (id.clone(), why(known))).collect()
    }

    /// Forgets a part that has ended, and its task if it was the last.
    pub(super) fn end_part(&mut self, turn: &mut Turn<'_>, id: u64) {
        self.leave(id);
        let Some(part) = self.parts.remove(&id) else { return };
        if self.balancer.let_go(part.pool) {
            self.who_is_able.remove(&part.pool);
        }
        let Some(open) = self.tasks.get_mut(&part.task) else { return };
        self.agenda.remove(&(open.task.deadline, Due::Part(id)));
        open.open -= 1;
        if open.open == 0 {
            self.end_task(turn, part.task);
        }
    }

    pub(super) fn end_task(&mut self, turn: &mut Turn<'_>, number: u64) {
        let Some(OpenTask { task, done, quarantined, failures, .. }) = self.tasks.remove(&number) else {
            return;
        };
        let outcome = match (quarantined, failures.is_empty(), done) {
            (1.., ..) => TaskOutcome::Quarantined,
            (0, true, _) => TaskOutcome::Done,
            (0, false, 0) => TaskOutcome::Failed,
            (0, false, _) => TaskOutcome::Partial,
        };
        self.counters.end(outcome);
        turn.acts.push(Act::Tell(TaskEvent::Ended { task, outcome, failures }));
    }

    /// Everything that has not ended ends as failed: the host stops.
    pub fn abandon(&mut self, turn: &mut Turn<'_>) {
        self.closed = true;
        let mut parts: Vec<_> = self.parts.keys().copied().collect();
        parts.sort_unstable();
        for id in parts {
            if let Some(lease) = self.parts.get(&id).and_then(|part| part.lease) {
                self.fence_one(turn, lease);
            }
            self.fail(turn, id, None, Missing::Outstanding, "the host stops".to_owned());
        }
    }

    /// Moves a part to somebody else; if only this collector could run it, it has failed.
    pub(super) fn move_on(
        &mut self,
        turn: &mut Turn<'_>,
        id: u64,
        from: &CollectorId,
        missing: Missing,
        why: String,
    ) {
        let Some(part) = self.parts.get_mut(&id) else { return };
        part.last = Some((from.clone(), missing));
        if part.only.is_some() {
            return self.fail(turn, id, Some(from), missing, why);
        }
        let Some(task) = self.tasks.get(&part.task).map(|open| open.task.clone()) else { return };
        let capability = self.balancer.capability(part.pool).clone();
        let to = if self.closed { None } else { self.choose(turn, id) };
        let to = match to {
            Some(seat) => {
                let to = self.balancer.seat(seat).map(|seat| seat.collector.clone());
                self.assign(turn, id, seat, From::Holder(from.clone()));
                to
            }
            None => {
                self.withdraw(turn, id, from);
                self.wait(id);
                None
            }
        };
        self.counters.redistributed += u64::from(!self.closed);
        if !self.closed {
            let from = from.clone();
            turn.acts.push(Act::Tell(TaskEvent::Redistributed { task, capability, from, to, why }));
        }
    }

    /// The sets of a part that anybody may run wait for whoever will have it next.
    pub(super) fn withdraw(&self, turn: &mut Turn<'_>, id: u64, from: &CollectorId) {
        let Some(part) = self.parts.get(&id) else { return };
        let (Some(open), Some(lease)) = (self.tasks.get(&part.task), part.had) else { return };
        if self.closed {
            return;
        }
        let key = open.task.correlation_id.clone().into();
        for aggregate in &open.task.into {
            turn.sets.reassign(turn.now, *aggregate, &key, Some((from, lease)), None, turn.released);
        }
    }
}

/// Tells the sets of a task that a collector has finished its part.
fn finished(turn: &mut Turn<'_>, task: &Task, collector: &CollectorId) {
    let key = task.correlation_id.clone().into();
    for aggregate in &task.into {
        turn.sets.task_finished(turn.now, *aggregate, &key, collector, turn.released);
    }
}
