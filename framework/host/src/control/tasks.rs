//! Tasks: to whom they were given, and what waits for a free place.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use stook_engine::Expected;
use stook_plugin::SetKey;
use stook_proto::{Assignment, Lease, payload};
use stook_types::{Capability, CollectorId, CorrelationId, MonoTime, SessionEpoch, TaskId, Value};
use tokio::time::Instant;

use super::Control;
use crate::config::TaskConfig;
use crate::event::Event;
use crate::session::Command;

/// Every task that has been submitted and has not ended.
#[derive(Default)]
pub(super) struct Tasks {
    last_lease: u64,
    /// Given to a session.
    leased: HashMap<Lease, Given>,
    /// How many of `leased` each collector has of each capability.
    taken: HashMap<Place, usize>,
    /// Waiting for a free place, oldest first. A collector has at most [`WAITING`] of a capability.
    waiting: HashMap<Place, VecDeque<Given>>,
}

/// Where tasks run.
type Place = (CollectorId, Capability);

/// A task of one collector.
#[derive(Clone)]
struct Given {
    submission: Arc<Submission>,
    collector: CollectorId,
    epoch: SessionEpoch,
    capability: Capability,
}

/// One submission of a task: one correlation ID over all its capabilities.
struct Submission {
    config: Arc<TaskConfig>,
    task: TaskId,
    correlation_id: CorrelationId,
    into: Arc<[usize]>,
    /// When the last of its sets will have timed out, and no answer is of use.
    ends: MonoTime,
}

/// Tasks of one capability that may wait for one collector. More means that it does not keep up.
const WAITING: usize = 16;

impl Control {
    pub(super) fn submit_due(&mut self) {
        for (config, into) in self.schedule.take_due(Instant::now()) {
            self.submit(config, into);
        }
    }

    /// Submits a task to each collector that has one of its capabilities. The aggregates are told whom to expect
    /// before anything is sent.
    fn submit(&mut self, config: Arc<TaskConfig>, into: Arc<[usize]>) {
        let now = self.hub.clock.now();
        let mut expected = Vec::new();
        let mut given = Vec::new();
        for (id, known) in self.roster.iter() {
            let has =
                |capability: &&Capability| known.capabilities.iter().any(|known| known.name == **capability);
            let capabilities: Vec<&Capability> = config.capabilities.iter().filter(has).collect();
            match known.member() {
                _ if capabilities.is_empty() => {}
                None => expected.extend(known.missing().map(|why| Expected::missing(id.clone(), why))),
                Some(member) => {
                    let count = u32::try_from(capabilities.len()).unwrap_or(u32::MAX);
                    expected.push(Expected::tasks(id.clone(), count));
                    let epoch = member.source.epoch;
                    given.extend(
                        capabilities.into_iter().map(|capability| (id.clone(), epoch, capability.clone())),
                    );
                }
            }
        }
        if expected.is_empty() {
            let why = "no collector has any of its capabilities".to_owned();
            self.tell(&Event::TaskUnassigned { task: config.name.clone(), why });
            return;
        }
        let timeout = into.iter().filter_map(|i| Some(self.hub.aggregator.specs().nth(*i)?.timeout)).max();
        let correlation_id = CorrelationId::random();
        let key = SetKey::Id(correlation_id.clone());
        let mut announced = Vec::new();
        for i in &*into {
            match self.hub.aggregator.announce(now, *i, &key, &expected, &mut self.released) {
                Ok(()) => announced.push(*i),
                Err(error) => {
                    let why = format!("failed to announce it: {error}");
                    self.tell(&Event::TaskUnassigned { task: config.name.clone(), why });
                }
            }
        }
        // One aggregate that is full does not keep the others waiting for answers to what nobody asked.
        if announced.is_empty() && !into.is_empty() {
            return;
        }
        let submission = Arc::new(Submission {
            task: TaskId::random(),
            correlation_id,
            ends: now + timeout.unwrap_or(config.every),
            config,
            into: announced.into(),
        });
        for (collector, epoch, capability) in given {
            self.give(Given { submission: submission.clone(), collector, epoch, capability });
        }
    }

    /// Gives a task to its collector, or lets it wait for a free place there.
    fn give(&mut self, given: Given) {
        let Some(known) = self.roster.get(&given.collector) else { return };
        let declared = known.capabilities.iter().find(|declared| declared.name == given.capability);
        let places = declared.map_or(0, |declared| declared.concurrency as usize);
        if self.tasks.in_flight(&given) < places {
            return self.assign(given);
        }
        let waiting =
            self.tasks.waiting.entry((given.collector.clone(), given.capability.clone())).or_default();
        if waiting.len() < WAITING {
            waiting.push_back(given);
        } else {
            self.failed(&given, "the collector does not keep up: too many tasks wait for it".into());
        }
    }

    fn assign(&mut self, given: Given) {
        let now = self.hub.clock.now();
        let lease = self.tasks.lease(given.clone());
        let assignment = Assignment {
            lease,
            task: given.submission.task,
            capability: given.capability.clone(),
            correlation_id: given.submission.correlation_id.clone(),
            payload: payload(&Value::Null).expect("null is not deep"),
            timeout: Some(given.submission.ends.since(now)),
        };
        self.tell(&Event::TaskAssigned {
            task: given.submission.config.name.clone(),
            collector: given.collector.clone(),
            capability: given.capability.clone(),
            correlation_id: given.submission.correlation_id.clone(),
        });
        let member = self.roster.get(&given.collector).and_then(|known| known.member());
        let sent = member.map(|member| member.commands.try_send(Command::Assign(Box::new(assignment))));
        if !matches!(sent, Some(Ok(()))) {
            self.tasks.end(lease);
            self.failed(&given, "its session takes no more commands".into());
        }
    }

    /// A collector says that a task has ended.
    pub(super) fn finished(
        &mut self,
        collector: &CollectorId,
        epoch: SessionEpoch,
        lease: Lease,
        outcome: Result<(), String>,
    ) {
        let mine = self.tasks.leased.get(&lease).is_some_and(|given| given.is_of(collector, epoch));
        let Some(given) = mine.then(|| self.tasks.end(lease)).flatten() else { return };
        match outcome {
            Err(why) => self.failed(&given, why),
            Ok(()) => {
                let (now, key) = (self.hub.clock.now(), given.submission.key());
                for i in &*given.submission.into {
                    self.hub.aggregator.task_finished(now, *i, &key, collector, &mut self.released);
                }
            }
        }
        let now = self.hub.clock.now();
        if !self.stopping
            && let Some(next) = self.tasks.next_waiting(now, &given)
        {
            self.assign(next);
        }
    }

    fn failed(&mut self, given: &Given, why: String) {
        // A task that ends because the host stops has not failed.
        if self.stopping {
            return;
        }
        let (now, key) = (self.hub.clock.now(), given.submission.key());
        for i in &*given.submission.into {
            self.hub.aggregator.task_failed(now, *i, &key, &given.collector, &mut self.released);
        }
        let task = given.submission.config.name.clone();
        self.tell(&Event::TaskFailed { task, collector: given.collector.clone(), why });
    }
}

impl Tasks {
    /// Forgets everything that a session held: its sets learn of the loss of their collector.
    pub(super) fn drop_session(&mut self, collector: &CollectorId, epoch: SessionEpoch) {
        self.leased.retain(|_, given| !given.is_of(collector, epoch));
        self.taken.retain(|(taken_at, _), _| taken_at != collector);
        self.waiting.retain(|(waits_for, _), _| waits_for != collector);
    }

    fn lease(&mut self, given: Given) -> Lease {
        self.last_lease += 1;
        let lease = Lease(self.last_lease);
        *self.taken.entry(given.place()).or_default() += 1;
        self.leased.insert(lease, given);
        lease
    }

    /// Takes a task back from its session.
    fn end(&mut self, lease: Lease) -> Option<Given> {
        let given = self.leased.remove(&lease)?;
        if let Some(taken) = self.taken.get_mut(&given.place()) {
            *taken -= 1;
        }
        Some(given)
    }

    fn in_flight(&self, like: &Given) -> usize {
        self.taken.get(&like.place()).copied().unwrap_or(0)
    }

    /// The next task for the place that `left` has left. One whose sets are gone is not worth doing.
    fn next_waiting(&mut self, now: MonoTime, left: &Given) -> Option<Given> {
        let waiting = self.waiting.get_mut(&left.place())?;
        while let Some(given) = waiting.pop_front() {
            if given.submission.ends > now {
                return Some(given);
            }
        }
        None
    }
}

impl Given {
    fn is_of(&self, collector: &CollectorId, epoch: SessionEpoch) -> bool {
        self.epoch == epoch && self.collector == *collector
    }

    fn place(&self) -> Place {
        (self.collector.clone(), self.capability.clone())
    }
}

impl Submission {
    fn key(&self) -> SetKey {
        SetKey::Id(self.correlation_id.clone())
    }
}
