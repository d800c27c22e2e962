//! What a step of the router works on, and what comes of it.

use std::sync::Arc;
use std::time::Duration;

use stook_types::{Capability, CollectorId, Missing, MonoTime, SessionEpoch, TaskOutcome};

use super::task::{LeaseId, Task};
use crate::aggregator::ResultAggregator;
use crate::release::Released;

/// One step: its time, the sets that learn of it in the same step, and where goes what comes of it.
pub struct Turn<'a> {
    /// The time of the step.
    pub now: MonoTime,
    /// The sets that tasks answer into.
    pub sets: &'a ResultAggregator,
    /// Sets that were released by it.
    pub released: &'a mut Vec<Released>,
    /// What is to be done about it, in this order.
    pub acts: &'a mut Vec<Act>,
}

/// Something for the host to do or to know.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Act {
    /// Send a task to a session.
    Assign {
        /// Whose session.
        collector: CollectorId,
        /// Which of them.
        epoch: SessionEpoch,
        /// Names the assignment.
        lease: LeaseId,
        /// The task.
        task: Arc<Task>,
        /// Which of its capabilities.
        capability: Capability,
        /// Counts the part's assignments, from 1.
        attempt: u32,
    },
    /// Tell a session to abandon a task, and refuse what it still sends under that lease.
    Cancel {
        /// Whose session.
        collector: CollectorId,
        /// Which of them.
        epoch: SessionEpoch,
        /// Names the assignment.
        lease: LeaseId,
    },
    /// Something happened to a task.
    Tell(TaskEvent),
}

/// Something happened to a task.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TaskEvent {
    /// A part was taken from a collector; another one has it now, or it waits for one.
    Redistributed {
        /// The task.
        task: Arc<Task>,
        /// The part's capability.
        capability: Capability,
        /// Who had it.
        from: CollectorId,
        /// Who has it; `None` while it waits.
        to: Option<CollectorId>,
        /// Why it was taken.
        why: String,
    },
    /// A collector has finished a part.
    Finished {
        /// The task.
        task: Arc<Task>,
        /// The part's capability.
        capability: Capability,
        /// Who did it.
        collector: CollectorId,
        /// From its assignment.
        took: Duration,
    },
    /// A part failed, and is not tried again.
    Failed {
        /// The task.
        task: Arc<Task>,
        /// The part's capability.
        capability: Capability,
        /// Who had it last; `None` if nobody ever did.
        collector: Option<CollectorId>,
        /// Why.
        why: String,
    },
    /// A part has killed one collector after the other, and is not given to another one.
    Quarantined {
        /// The task.
        task: Arc<Task>,
        /// The part's capability.
        capability: Capability,
        /// Whom it killed last.
        collector: CollectorId,
        /// How many it has killed.
        kills: u32,
    },
    /// A collector sits on a task past its time. It is given nothing more of that capability until it has let go of it.
    Overdue {
        /// Who.
        collector: CollectorId,
        /// The task.
        task: Arc<Task>,
        /// What it did not do.
        why: &'static str,
    },
    /// One of the aggregates that a task names cannot be told of it.
    NotAnnounced {
        /// The task.
        task: Arc<Task>,
        /// Which aggregate, and why not.
        why: String,
    },
    /// All parts of a task have ended.
    Ended {
        /// The task.
        task: Arc<Task>,
        /// How.
        outcome: TaskOutcome,
        /// Who did not finish it, and why.
        failures: Vec<(Option<CollectorId>, Missing)>,
    },
}
