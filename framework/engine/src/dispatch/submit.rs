//! A task comes in: who is asked, and who is told whom to expect.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stook_types::{Capability, CollectorId, FanOut, Missing};

use super::assign::From;
use super::queue::Ticket;
use super::router::{Due, OpenTask, Part, TaskRouter};
use super::task::Task;
use super::turn::{Act, TaskEvent, Turn};
use crate::aggregate::Expected;
use crate::balance::{ScoreId, SeatId};

/// What became of a task that was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Placed {
    /// Parts that went out at once.
    pub assigned: usize,
    /// Parts that wait for a place.
    pub waiting: usize,
    /// Collectors that should have been asked and are not there.
    pub missing: usize,
    /// Capabilities that nobody is known to have: their parts wait for somebody who does, until the deadline.
    pub unknown: Vec<Capability>,
    /// The aggregates that were told whom to expect, by number; each releases a set for it.
    pub into: Vec<usize>,
}

/// Why a task was not taken. Nothing has happened then.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubmitError {
    /// The host stops.
    Closed,
    /// Too many parts wait or are in flight.
    Full {
        /// How many there may be.
        limit: usize,
    },
    /// No collector has any of its capabilities.
    Nobody,
    /// It names a collector that is not configured.
    UnknownCollector(CollectorId),
    /// It names a collector that has none of its capabilities.
    Unable(CollectorId),
    /// None of the aggregates that it names can take its answers.
    NotAnnounced,
}

/// Who is to be asked for what, and who should be and is not there.
type Plan = (Vec<Draft>, Vec<(CollectorId, Missing)>);

/// A part before it is one.
struct Draft {
    capability: Capability,
    score: ScoreId,
    only: Option<(CollectorId, SeatId)>,
}

impl std::fmt::Display for SubmitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Closed => f.write_str("the host stops"),
            Self::Full { limit } => write!(f, "{limit} tasks wait or are in flight already"),
            Self::Nobody => f.write_str("no collector has any of its capabilities"),
            Self::UnknownCollector(id) => write!(f, "no collector `{id}` is configured"),
            Self::Unable(id) => write!(f, "`{id}` has none of its capabilities"),
            Self::NotAnnounced => f.write_str("none of its aggregates can take its answers"),
        }
    }
}

impl std::error::Error for SubmitError {}

impl TaskRouter {
    /// Takes a task: tells its sets whom to expect, then gives it to whoever can take it; the rest waits.
    ///
    /// # Errors
    /// If nobody could ever run it, or there is no room. Nothing has happened then.
    pub fn submit(&mut self, turn: &mut Turn<'_>, task: Task) -> Result<Placed, SubmitError> {
        if self.closed {
            return Err(SubmitError::Closed);
        }
        let (drafts, missing) = self.plan(&task)?;
        if self.parts.len() + drafts.len() > self.limits.parts {
            return Err(SubmitError::Full { limit: self.limits.parts });
        }
        let task = announce(turn, task, &drafts, &missing)?;
        self.counters.submitted += 1;
        let mut placed = Placed { missing: missing.len(), into: task.into.clone(), ..Placed::default() };
        placed.unknown = self.unknown(&drafts);
        let failures: Vec<_> = missing.into_iter().map(|(id, why)| (Some(id), why)).collect();
        self.last += 1;
        let number = self.last;
        let open = u32::try_from(drafts.len()).unwrap_or(u32::MAX);
        self.tasks.insert(
            number,
            OpenTask { task: task.clone(), submitted: turn.now, open, done: 0, quarantined: 0, failures },
        );
        let parts: Vec<_> = drafts.into_iter().map(|draft| self.enter(number, &task, draft)).collect();
        for part in &parts {
            self.place(turn, *part);
        }
        placed.assigned = parts.iter().filter(|part| self.is_leased(**part)).count();
        placed.waiting = parts.iter().filter(|part| self.parts.contains_key(part)).count() - placed.assigned;
        if parts.is_empty() {
            self.end_task(turn, number);
        }
        Ok(placed)
    }

    /// Who is to be asked for what, and who should be and is not there.
    fn plan(&self, task: &Task) -> Result<Plan, SubmitError> {
        let mut drafts = Vec::new();
        let mut missing = Vec::new();
        let ids: BTreeSet<&CollectorId> = match &task.fan_out {
            _ if task.capabilities.is_empty() => return Err(SubmitError::Nobody),
            FanOut::One => {
                let draft = |(capability, score): &(Capability, ScoreId)| Draft {
                    capability: capability.clone(),
                    score: *score,
                    only: None,
                };
                return Ok((task.capabilities.iter().map(draft).collect(), missing));
            }
            FanOut::Each => self.collectors.keys().collect(),
            FanOut::Ids(ids) => ids.iter().collect(),
        };
        for id in ids {
            let known = self.collectors.get(id).ok_or_else(|| SubmitError::UnknownCollector(id.clone()))?;
            let has = |(wanted, _): &&(Capability, ScoreId)| {
                known.capabilities.iter().any(|(has, _)| has == wanted)
            };
            let wanted: Vec<_> = task.capabilities.iter().filter(has).collect();
            let named = matches!(task.fan_out, FanOut::Ids(_));
            match known.seat {
                // Of one that was never here nobody knows what it has.
                None if !wanted.is_empty() || (named && known.capabilities.is_empty()) => {
                    missing.push((id.clone(), known.away.unwrap_or(Missing::NeverConnected)));
                }
                _ if wanted.is_empty() && named => return Err(SubmitError::Unable(id.clone())),
                None => {}
                Some(seat) => drafts.extend(wanted.into_iter().map(|(capability, score)| Draft {
                    capability: capability.clone(),
                    score: *score,
                    only: Some((id.clone(), seat)),
                })),
            }
        }
        if drafts.is_empty() && missing.is_empty() { Err(SubmitError::Nobody) } else { Ok((drafts, missing)) }
    }

    /// The capabilities that nobody is known to have.
    fn unknown(&self, drafts: &[Draft]) -> Vec<Capability> {
        let has = |wanted: &Capability| {
            self.collectors.values().any(|known| known.capabilities.iter().any(|(has, _)| has == wanted))
        };
        drafts.iter().map(|draft| &draft.capability).filter(|capability| !has(capability)).cloned().collect()
    }

    fn enter(&mut self, number: u64, task: &Arc<Task>, draft: Draft) -> u64 {
        self.last += 1;
        let id = self.last;
        let part = Part {
            task: number,
            pool: self.balancer.hold(&draft.capability),
            score: draft.score,
            ticket: Ticket::new(task.priority, id),
            only: draft.only.map(|(_, seat)| seat),
            lease: None,
            had: None,
            attempts: 0,
            kills: 0,
            failed: Vec::new(),
            last: None,
        };
        self.agenda.insert((task.deadline, Due::Part(id)));
        self.parts.insert(id, part);
        id
    }

    /// Gives a new part to whoever can take it, or lets it wait.
    fn place(&mut self, turn: &mut Turn<'_>, id: u64) {
        let Some(part) = self.parts.get(&id) else { return };
        let (pool, only) = (part.pool, part.only);
        let backlog = self.tasks.get(&part.task).map_or(0, |open| open.task.backlog);
        if let Some(seat) = only {
            if self.lines(pool).own_len(seat) >= backlog && !self.balancer.can_take(seat, pool) {
                let why = "the collector does not keep up: too many tasks wait for it".to_owned();
                let holder = self.balancer.seat(seat).map(|seat| seat.collector.clone());
                return self.fail(turn, id, holder.as_ref(), Missing::TaskFailed, why);
            }
            self.wait(id);
            return self.serve(turn, seat, pool);
        }
        match self.choose(turn, id) {
            Some(seat) => self.assign(turn, id, seat, From::Nobody),
            None if self.lines(pool).shared_len() >= backlog => {
                let why = "its collectors do not keep up: too many tasks wait for one of them".to_owned();
                self.fail(turn, id, None, Missing::TaskFailed, why);
            }
            None => {
                self.wait(id);
                self.tell_who_is_able(turn, id);
            }
        }
    }

    /// Its sets may be released before somebody has it, by others than this router.
    fn tell_who_is_able(&mut self, turn: &Turn<'_>, id: u64) {
        let Some(part) = self.parts.get(&id) else { return };
        let (number, pool) = (part.task, part.pool);
        let able = match self.who_is_able.get(&pool) {
            Some(able) => able.clone(),
            None => {
                let able = self.able(self.balancer.capability(pool));
                let able: Arc<[_]> = able.into_iter().map(|(id, _)| id).collect();
                self.who_is_able.insert(pool, able.clone());
                able
            }
        };
        let Some(open) = self.tasks.get(&number).filter(|_| !able.is_empty()) else { return };
        let key = open.task.correlation_id.clone().into();
        for aggregate in &open.task.into {
            turn.sets.waits_for(*aggregate, &key, &able);
        }
    }

    fn is_leased(&self, part: u64) -> bool {
        self.parts.get(&part).is_some_and(|part| part.lease.is_some())
    }
}

/// Tells the aggregates whom to expect. Those that cannot be told are left out; one aggregate that is full does not keep
/// the others waiting for answers to what nobody asked.
fn announce(
    turn: &mut Turn<'_>,
    mut task: Task,
    drafts: &[Draft],
    missing: &[(CollectorId, Missing)],
) -> Result<Arc<Task>, SubmitError> {
    let mut counts = BTreeMap::<&CollectorId, u32>::new();
    for (id, _) in drafts.iter().filter_map(|draft| draft.only.as_ref()) {
        *counts.entry(id).or_default() += 1;
    }
    let mut expected: Vec<_> = missing.iter().map(|(id, why)| Expected::missing(id.clone(), *why)).collect();
    expected.extend(counts.into_iter().map(|(id, count)| Expected::tasks(id.clone(), count)));
    let unassigned = drafts.iter().filter(|draft| draft.only.is_none()).count();
    let unassigned = u32::try_from(unassigned).unwrap_or(u32::MAX);
    let key = task.correlation_id.clone().into();
    let into = std::mem::take(&mut task.into);
    let mut refused = Vec::new();
    for aggregate in into {
        let told = turn.sets.announce_tasks(turn.now, aggregate, &key, &expected, unassigned, turn.released);
        match told {
            Ok(()) => task.into.push(aggregate),
            Err(error) => {
                let name = turn.sets.specs().nth(aggregate).map_or("?", |spec| &*spec.name).to_owned();
                refused.push(format!("failed to announce it to aggregate `{name}`: {error}"));
            }
        }
    }
    let none = task.into.is_empty() && !refused.is_empty();
    let task = Arc::new(task);
    turn.acts.extend(
        refused.into_iter().map(|why| Act::Tell(TaskEvent::NotAnnounced { task: task.clone(), why })),
    );
    if none { Err(SubmitError::NotAnnounced) } else { Ok(task) }
}
