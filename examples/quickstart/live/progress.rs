//! How far a task has come: from what the host tells of its parts.

use std::time::Duration;

use stook::{Event, TaskOutcome};
use stook_types::TaskId;

/// A task that has begun.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    pub(super) task: String,
    pub(super) id: TaskId,
    pub(super) correlation: String,
    pub(super) began: Duration,
    pub(super) parts: Vec<Part>,
    /// When its last part ended.
    pub(super) ended: Option<Duration>,
}

/// What one collector is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) capability: String,
    /// Who has it.
    pub(super) collector: Option<String>,
    pub(super) state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nobody has it.
    Waits,
    Runs,
    /// It took so long.
    Done(Duration),
    Failed,
}

/// Parts of a task that are looked at.
const PARTS: usize = 1_024;

impl Progress {
    /// What an event says of the task, if it is one of this task.
    pub(super) fn hear(&mut self, now: Duration, event: &Event) {
        match event {
            Event::TaskAssigned { task_id, collector, capability, attempt, .. } if *task_id == self.id => {
                self.assigned(collector.as_str(), capability.as_str(), *attempt);
            }
            Event::TaskFinished { task_id, collector, capability, took_us, .. } if *task_id == self.id => {
                let done = State::Done(Duration::from_micros(*took_us));
                self.ended(Some(collector.as_str()), capability.as_str(), done);
            }
            Event::TaskRedistributed { task_id, capability, from, to: None, .. } if *task_id == self.id => {
                if let Some(part) = self.open(Some(from.as_str()), capability.as_str()) {
                    (part.collector, part.state) = (None, State::Waits);
                }
            }
            Event::TaskFailed { task_id, capability, collector, .. } if *task_id == self.id => {
                let collector = collector.as_ref().map(|id| id.as_str());
                self.ended(collector, capability.as_str(), State::Failed);
            }
            Event::TaskQuarantined { task_id, capability, collector, .. } if *task_id == self.id => {
                self.ended(Some(collector.as_str()), capability.as_str(), State::Failed);
            }
            Event::TaskEnded { task_id, outcome, .. } if *task_id == self.id => {
                self.ended = Some(now);
                // What has begun and was not told of one by one: the host stops.
                if *outcome != TaskOutcome::Done {
                    self.parts
                        .iter_mut()
                        .filter(|part| part.is_open())
                        .for_each(|part| part.state = State::Failed);
                }
            }
            _ => {}
        }
    }

    /// A first attempt is a new part; a later one is that of a part which somebody had before.
    fn assigned(&mut self, collector: &str, capability: &str, attempt: u32) {
        let is_it = |part: &&mut Part| {
            part.is_open() && part.capability == capability && (attempt > 1 || part.collector.is_none())
        };
        if let Some(part) = self.parts.iter_mut().find(is_it) {
            (part.collector, part.state) = (Some(collector.to_owned()), State::Runs);
        } else if self.parts.len() < PARTS {
            let (capability, collector) = (capability.to_owned(), Some(collector.to_owned()));
            self.parts.push(Part { capability, collector, state: State::Runs });
        }
    }

    fn ended(&mut self, collector: Option<&str>, capability: &str, state: State) {
        if let Some(part) = self.open(collector, capability) {
            part.state = state;
        }
    }

    /// The part of this capability that this collector has, or else one that waits.
    fn open(&mut self, collector: Option<&str>, capability: &str) -> Option<&mut Part> {
        let is_it = |part: &Part, who: Option<&str>| {
            part.is_open() && part.capability == capability && part.collector.as_deref() == who
        };
        let place = |who| self.parts.iter().position(|part| is_it(part, who));
        let place = place(collector).or_else(|| place(None))?;
        self.parts.get_mut(place)
    }

    /// Parts that have ended.
    pub(super) fn settled(&self) -> usize {
        self.parts.iter().filter(|part| !part.is_open()).count()
    }
}

impl Part {
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Waits | State::Runs)
    }
}
