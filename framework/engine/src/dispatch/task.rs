//! What is to be done.

use std::sync::Arc;
use std::time::Duration;

use stook_types::{Capability, CorrelationId, FanOut, MonoTime, Payload, TaskId};

use crate::balance::ScoreId;

/// A task as it is submitted: one correlation ID over all its capabilities.
///
/// It becomes one part for each capability (`one`), or for each capability of each collector that is asked (`each`,
/// ids). A part is what is leased, moved and quarantined; the task ends when all its parts have.
#[derive(Clone, Debug)]
pub struct Task {
    /// The same in every attempt. Random, and given by the caller: the engine draws nothing.
    pub id: TaskId,
    /// What it is called in events and status.
    pub name: Arc<str>,
    /// Under which its results meet.
    pub correlation_id: CorrelationId,
    /// What collectors are asked for, and which policy chooses among them.
    pub capabilities: Vec<(Capability, ScoreId)>,
    /// Who is asked.
    pub fan_out: FanOut,
    /// The aggregates that are told whom to expect, by number.
    pub into: Vec<usize>,
    /// Its arguments.
    pub payload: Payload,
    /// Of two that wait for the same place, that with the higher priority goes first.
    pub priority: i32,
    /// When no answer is of use any more.
    pub deadline: MonoTime,
    /// How long one attempt may take from assignment to end. Without it, until the deadline.
    pub attempt: Option<Duration>,
    /// How long a collector that has it may make no progress. Without it, that is not looked at.
    pub stall: Option<Duration>,
    /// How many parts, of whichever tasks, may wait where a part of this one would: in the line of its capability for
    /// whoever can take it, or in that of the one collector that is asked. With as many there, a part that finds no place
    /// at its submission fails; one that comes back from a collector that was lost waits all the same.
    pub backlog: usize,
}

/// The assignment of a part of a task to a session. Each number is used once: it is the epoch that fences stale
/// answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LeaseId(pub u64);
