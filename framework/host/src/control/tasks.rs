//! Tasks: those of the schedule and those that somebody submits, on their way to the engine's router, and what the router
//! says is to be done on its way to the sessions.

use std::collections::HashMap;
use std::sync::Arc;

use stook_engine::{Act, LeaseId, Placed, ScoreId, SubmitError, Task, TaskEnding, TaskEvent};
use stook_proto::{Assignment, Lease, Submission, payload};
use stook_types::{
    Capability, CollectorId, CorrelationId, Missing, MonoTime, SessionEpoch, TaskId, TaskOutcome, Topic,
    TopicPattern, nearest,
};
use tokio::sync::oneshot;
use tokio::time::Duration;

use super::refused::{SubmitRefusal, SubmitRefused};
use super::{Control, Order};
use crate::config::AggregateConfig;
use crate::event::{Event, clipped};
use crate::session::Command;

/// Who wants to know how a task ends.
pub(super) type Waiters = HashMap<TaskId, Waiter>;

/// Somebody who does.
pub(super) struct Waiter {
    end: oneshot::Sender<TaskEnd>,
    /// What was said of failures so far, and by whom: the first [`WORDS`].
    words: Vec<(Option<CollectorId>, String)>,
}

/// Failures of one task that are told in words.
const WORDS: usize = 64;

/// Which policy chooses, as config says it of aggregates, their topics, and in general.
pub(crate) struct Scores {
    default: ScoreId,
    aggregates: Vec<OfAggregate>,
    /// What they say of capabilities that somebody has declared, as far as it was asked for.
    declared: HashMap<Capability, Declared>,
}

/// What is said of the topics on which a capability is answered: in their tables, and in their aggregates.
#[derive(Clone, Copy, Default)]
struct Declared {
    of_topic: Option<ScoreId>,
    of_aggregate: Option<ScoreId>,
}

struct OfAggregate {
    score: Option<ScoreId>,
    topics: Vec<(TopicPattern, ScoreId)>,
}

/// A task that was taken.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Submitted {
    /// Names it.
    pub task: TaskId,
    /// Under which its results meet.
    pub correlation_id: CorrelationId,
    /// The aggregates that were told whom to expect, by name: each releases a set for it.
    pub sets: Vec<Arc<str>>,
    /// What became of it so far.
    pub placed: Placed,
}

/// How a task has ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskEnd {
    /// In a word.
    pub outcome: TaskOutcome,
    /// What of it was not finished.
    pub failures: Vec<TaskFailure>,
}

/// A part of a task that was not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskFailure {
    /// Who did not finish it, if it was somebody.
    pub collector: Option<CollectorId>,
    /// Why, in a word.
    pub reason: Missing,
    /// Why, in words: what the collector says, as far as 500 characters go. Of a task with many failures the first are told.
    pub text: Option<String>,
}

/// Tasks of one capability of the schedule that may wait for one collector. More means that it does not keep up.
const BACKLOG: usize = 16;
/// How long a submitted task without a timeout and without sets may take.
const PATIENCE: Duration = Duration::from_secs(60);

impl Control {
    pub(super) fn submit_due(&mut self, now: MonoTime) {
        for scheduled in self.schedule.take_due(now) {
            let config = &scheduled.config;
            let timeout =
                config.timeout.or_else(|| self.last_timeout(&scheduled.into)).unwrap_or(config.every);
            let capabilities = config.capabilities.iter().map(|capability| {
                let score = config.score.unwrap_or_else(|| self.score(&scheduled.into, capability));
                (capability.clone(), score)
            });
            let task = Task {
                id: TaskId::random(),
                name: config.name.clone(),
                correlation_id: CorrelationId::random(),
                capabilities: capabilities.collect(),
                fan_out: config.fan_out.clone(),
                into: scheduled.into.to_vec(),
                payload: payload(&config.payload).expect("checked when it was read"),
                priority: config.priority,
                deadline: now + timeout,
                attempt: config.attempt_timeout,
                stall: config.stall_timeout,
                backlog: BACKLOG,
            };
            let placed = self.turn(|router, turn| router.submit(turn, task));
            let why = match placed {
                // What is not announced has been told already.
                Ok(Placed { unknown, .. }) if unknown.is_empty() => continue,
                Err(SubmitError::NotAnnounced) => continue,
                Ok(Placed { unknown, .. }) => {
                    let unknown: Vec<_> = unknown.iter().map(Capability::as_str).collect();
                    format!("no collector has {} so far; it waits for one", unknown.join(", "))
                }
                Err(error) => error.to_string(),
            };
            self.tell(&Event::TaskUnassigned { task: config.name.clone(), why });
        }
    }

    pub(super) fn take_order(&mut self, order: Order) {
        let Order { submission, answer, end } = order;
        let submitted = self.submit(submission, end);
        // Whoever asked may have gone; the task goes on.
        let _ = answer.send(submitted);
    }

    fn submit(
        &mut self,
        submission: Submission,
        end: Option<oneshot::Sender<TaskEnd>>,
    ) -> Result<Submitted, SubmitRefused> {
        let now = self.hub.clock.now();
        let into = self.aggregates(&submission.into)?;
        let timeout = submission.timeout.or_else(|| self.last_timeout(&into)).unwrap_or(PATIENCE);
        let (id, correlation_id) =
            (TaskId::random(), submission.correlation_id.unwrap_or_else(CorrelationId::random));
        let names: Vec<_> = submission.capabilities.iter().map(Capability::as_str).collect();
        let name: Arc<str> = names.join("+").into();
        let capabilities = submission.capabilities.iter();
        let task = Task {
            id,
            name,
            correlation_id: correlation_id.clone(),
            capabilities: capabilities
                .map(|capability| (capability.clone(), self.score(&into, capability)))
                .collect(),
            fan_out: submission.fan_out,
            into,
            payload: submission.payload,
            priority: submission.priority,
            deadline: now + timeout,
            attempt: None,
            stall: None,
            backlog: usize::MAX,
        };
        if let Some(end) = end {
            self.waiters.insert(id, Waiter { end, words: Vec::new() });
        }
        let placed = self.turn(|router, turn| router.submit(turn, task));
        match placed {
            Ok(placed) => {
                let name = |i: &usize| Some(self.hub.aggregator.specs().nth(*i)?.name.clone());
                let sets = placed.into.iter().filter_map(name).collect();
                Ok(Submitted { task: id, correlation_id, sets, placed })
            }
            Err(error) => {
                self.waiters.remove(&id);
                Err(self.refused(&error))
            }
        }
    }

    fn refused(&self, error: &SubmitError) -> SubmitRefused {
        let remedy = match error {
            SubmitError::Closed => "submit it again when the host has been started again".to_owned(),
            SubmitError::Full { .. } => {
                "submit it again when some have ended; `stook status` shows them".to_owned()
            }
            SubmitError::Nobody | SubmitError::Unable(_) => {
                let all = self.roster.iter().flat_map(|(_, known)| &known.capabilities);
                let mut names: Vec<_> = all.map(|capability| capability.name.as_str()).collect();
                names.sort_unstable();
                names.dedup();
                if names.is_empty() {
                    "no collector has declared a capability yet; `stook status` shows who is there".to_owned()
                } else {
                    format!("there is {}", names.join(", "))
                }
            }
            SubmitError::UnknownCollector(id) => {
                let near = nearest(id.as_str(), self.roster.ids());
                let near = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
                format!("{near}there is {}", self.roster.ids().collect::<Vec<_>>().join(", "))
            }
            _ => "give it another correlation ID, or wait until sets have been released".to_owned(),
        };
        SubmitRefused { kind: error.into(), text: error.to_string(), remedy }
    }

    /// The aggregates of these names.
    fn aggregates(&self, names: &[String]) -> Result<Vec<usize>, SubmitRefused> {
        let place = |name: &String| {
            let specs = || self.hub.aggregator.specs();
            let keyed = |i: &usize| {
                specs().nth(*i).is_some_and(|spec| spec.key == stook_engine::KeySpec::CorrelationId)
            };
            let all = || specs().map(|spec| spec.name.to_string()).collect::<Vec<_>>();
            match specs().position(|spec| *spec.name == **name) {
                Some(place) if keyed(&place) => Ok(place),
                Some(_) => Err(SubmitRefused {
                    kind: SubmitRefusal::KeyedAggregate(name.clone()),
                    text: format!("aggregate `{name}` cannot expect a task's answers"),
                    remedy: "its sets have no correlation ID; name one with key = \"correlation-id\"".into(),
                }),
                None => {
                    let all = all();
                    let near = nearest(name, all.iter().map(String::as_str));
                    let near = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
                    Err(SubmitRefused {
                        kind: SubmitRefusal::UnknownAggregate(name.clone()),
                        text: format!("no aggregate is named `{name}`"),
                        remedy: format!("{near}there is {}", all.join(", ")),
                    })
                }
            }
        };
        names.iter().map(place).collect()
    }

    /// When the last of these aggregates' sets times out.
    fn last_timeout(&self, into: &[usize]) -> Option<Duration> {
        into.iter().filter_map(|i| Some(self.hub.aggregator.specs().nth(*i)?.timeout)).max()
    }

    /// Which policy chooses among those who have a capability: that of the topics on which they answer, else that of the
    /// task's aggregates, else the default.
    fn score(&mut self, into: &[usize], capability: &Capability) -> ScoreId {
        let declared = self.declared(capability);
        let aggregates = &self.scores.aggregates;
        let of_into = || into.iter().find_map(|i| aggregates.get(*i)?.score);
        declared.of_topic.or_else(of_into).or(declared.of_aggregate).unwrap_or(self.scores.default)
    }

    /// What is said of the topics on which a capability is answered.
    fn declared(&mut self, capability: &Capability) -> Declared {
        if let Some(declared) = self.scores.declared.get(capability) {
            return *declared;
        }
        let all = self.roster.iter().flat_map(|(_, known)| &known.capabilities);
        let mut of_it = all.filter(|declared| declared.name == *capability).peekable();
        if of_it.peek().is_none() {
            // Anybody can ask for anything: that is not kept.
            return Declared::default();
        }
        let mut declared = Declared::default();
        for topic in of_it.flat_map(|declared| &declared.topics) {
            let route = self.hub.aggregator.route(topic);
            let aggregate = route.and_then(|route| self.scores.aggregates.get(route.aggregate()));
            let Some(aggregate) = aggregate else { continue };
            declared.of_topic = declared.of_topic.or_else(|| aggregate.of_topic(topic));
            declared.of_aggregate = declared.of_aggregate.or(aggregate.score);
        }
        self.scores.declared.insert(capability.clone(), declared);
        declared
    }

    /// Does what the router says is to be done.
    pub(super) fn act(&mut self) {
        // What comes of it may be more.
        while !self.acts.is_empty() {
            for act in std::mem::take(&mut self.acts) {
                self.do_one(act);
            }
        }
    }

    fn do_one(&mut self, act: Act) {
        match act {
            Act::Assign { collector, epoch, lease, task, capability, attempt } => {
                self.tell(&Event::TaskAssigned {
                    task: task.name.clone(),
                    task_id: task.id,
                    collector: collector.clone(),
                    capability: capability.clone(),
                    correlation_id: task.correlation_id.clone(),
                    attempt,
                });
                let assignment = Assignment {
                    lease: Lease(lease.0),
                    task: task.id,
                    capability,
                    correlation_id: task.correlation_id.clone(),
                    payload: task.payload.clone(),
                    timeout: Some(task.deadline.since(self.hub.clock.now())),
                };
                self.send(&collector, epoch, lease, Command::Assign(Box::new(assignment)));
            }
            Act::Cancel { collector, epoch, lease } => {
                self.send(&collector, epoch, lease, Command::Fence(Lease(lease.0)));
            }
            Act::Tell(event) => self.tell_of_task(event),
            _ => {}
        }
    }

    /// Sends a command about a lease to a session. One that is gone will be reported as lost, and its tasks moved; one
    /// that takes no more has not read what it was sent for longer than it can have tasks.
    fn send(&mut self, collector: &CollectorId, epoch: SessionEpoch, lease: LeaseId, command: Command) {
        use tokio::sync::mpsc::error::TrySendError::{Closed, Full};
        if !self.is_current(collector, epoch) {
            return;
        }
        let member = self.roster.get(collector).and_then(|known| known.member());
        match member.map(|member| member.commands.try_send(command)) {
            Some(Err(Full(_))) => {
                let why = TaskEnding::Failed("its session takes no more commands".into());
                self.turn(|router, turn| router.ended(turn, collector, epoch, lease, why));
            }
            Some(Ok(()) | Err(Closed(_))) | None => {}
        }
    }

    fn tell_of_task(&mut self, event: TaskEvent) {
        let event = match event {
            TaskEvent::Redistributed { task, capability, from, to, why } => Event::TaskRedistributed {
                task: task.name.clone(),
                task_id: task.id,
                capability,
                from,
                to,
                why,
            },
            TaskEvent::Finished { task, capability, collector, took } => Event::TaskFinished {
                task: task.name.clone(),
                task_id: task.id,
                collector,
                capability,
                took_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            },
            TaskEvent::Failed { task, capability, collector, why } => {
                if let Some(waiter) =
                    self.waiters.get_mut(&task.id).filter(|waiter| waiter.words.len() < WORDS)
                {
                    waiter.words.push((collector.clone(), clipped(why.clone())));
                }
                Event::TaskFailed { task: task.name.clone(), task_id: task.id, capability, collector, why }
            }
            TaskEvent::Quarantined { task, capability, collector, kills } => Event::TaskQuarantined {
                task: task.name.clone(),
                task_id: task.id,
                capability,
                collector,
                kills,
            },
            TaskEvent::Overdue { collector, task, why } => {
                Event::CollectorOverdue { collector, task: task.name.clone(), why }
            }
            TaskEvent::NotAnnounced { task, why } => Event::TaskUnassigned { task: task.name.clone(), why },
            TaskEvent::Ended { task, outcome, failures } => {
                if let Some(waiter) = self.waiters.remove(&task.id) {
                    waiter.tell(outcome, failures);
                }
                Event::TaskEnded {
                    task: task.name.clone(),
                    task_id: task.id,
                    correlation_id: task.correlation_id.clone(),
                    outcome,
                }
            }
            _ => return,
        };
        self.tell(&event);
    }
}

// === impl Waiter ===

impl Waiter {
    fn tell(self, outcome: TaskOutcome, failures: Vec<(Option<CollectorId>, Missing)>) {
        let Self { end, mut words } = self;
        let failure = |(collector, reason): (Option<CollectorId>, Missing)| {
            let said = words.iter().position(|(who, _)| *who == collector);
            let text = said.map(|said| words.remove(said).1);
            TaskFailure { collector, reason, text }
        };
        let failures = failures.into_iter().map(failure).collect();
        // Whoever waited may have gone.
        let _ = end.send(TaskEnd { outcome, failures });
    }
}

// === impl Scores ===

impl Scores {
    pub(crate) fn new(default: ScoreId, aggregates: &[AggregateConfig]) -> Self {
        let of = |config: &AggregateConfig| OfAggregate {
            score: config.score,
            topics: config.topic_scores.clone(),
        };
        Self { default, aggregates: aggregates.iter().map(of).collect(), declared: HashMap::new() }
    }

    /// Somebody has declared capabilities, or others than before.
    pub(super) fn declared_anew(&mut self) {
        self.declared.clear();
    }
}

impl OfAggregate {
    /// What its most specific topic table says.
    fn of_topic(&self, topic: &Topic) -> Option<ScoreId> {
        let matching = || self.topics.iter().filter(|(pattern, _)| pattern.matches(topic));
        matching()
            .find(|(pattern, _)| matching().all(|(other, _)| other.covers(pattern)))
            .map(|(_, score)| *score)
    }
}
