//! A task on its way to a collector.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use stook_types::{Capability, CorrelationId, Payload, TaskId};

use crate::error::Malformed;
use crate::{correlation, wire};

/// One assignment of a task to one session. Counts up over the host's life, from a random number of that life in the
/// upper half: so it is known of a result whether it was recorded under an assignment of this life, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lease(pub u64);

/// A task for a collector to run.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// Names the assignment in every frame about it.
    pub lease: Lease,
    /// The task; the same in every attempt.
    pub task: TaskId,
    /// Which of the collector's capabilities.
    pub capability: Capability,
    /// Under which results are to be recorded.
    pub correlation_id: CorrelationId,
    /// The task's arguments.
    pub payload: Payload,
    /// Time from now until the host gives up on it. Whole milliseconds on the wire.
    pub timeout: Option<Duration>,
}

/// How a task has ended at a collector. Closed: a host must decide about each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskOutcome {
    /// It is done.
    Done,
    /// It cannot be done here, or was cancelled, and why.
    Failed(String),
    /// The collector leaves and gives it back undone, and why it leaves. Nothing is wrong with the task: somebody else
    /// may do it.
    Returned(String),
}

/// Why a host cannot assign a task to this session now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssignError {
    /// There is no open session.
    #[error("the session is not open")]
    NotOpen,
    /// The collector does not read what it was sent.
    #[error("{0} bytes wait to be read by the collector already")]
    Full(usize),
    /// The arguments do not fit into a frame.
    #[error("the task takes a frame of {length} bytes; the limit is {limit}")]
    TooLarge {
        /// Bytes of the frame.
        length: usize,
        /// The session's limit.
        limit: usize,
    },
    /// The arguments are in an encoding that the wire has no number for.
    #[error("the wire does not carry {0}")]
    Encoding(&'static str),
    /// The lease is open already.
    #[error("lease {} is open already", .0.0)]
    Lease(Lease),
}

// === impl Assignment ===

impl Assignment {
    pub(crate) fn to_wire(&self) -> wire::Assign {
        wire::Assign {
            lease: self.lease.0,
            task: bytes::Bytes::copy_from_slice(self.task.0.as_bytes()),
            capability: self.capability.to_string(),
            correlation: Some(correlation::to_wire(&self.correlation_id)),
            content_type: wire::ContentType::Value.into(),
            payload: self.payload.bytes().clone(),
            timeout_ms: self.timeout.map(millis),
        }
    }

    pub(crate) fn from_wire(assign: wire::Assign) -> Result<Self, Malformed> {
        Ok(Self {
            lease: Lease(assign.lease),
            task: TaskId(correlation::uuid(&assign.task, "a task id")?),
            capability: Capability::new(&assign.capability)
                .map_err(|error| Malformed::new(&error.to_string()))?,
            correlation_id: correlation::from_wire(assign.correlation.as_ref())?,
            payload: correlation::payload(assign.content_type, assign.payload),
            timeout: assign.timeout_ms.map(Duration::from_millis),
        })
    }
}

// === impl TaskOutcome ===

impl TaskOutcome {
    pub(crate) fn into_wire(self, lease: Lease) -> wire::TaskFinished {
        let (error, returned) = match self {
            Self::Done => (None, false),
            Self::Failed(why) => (Some(why), false),
            Self::Returned(why) => (Some(why), true),
        };
        wire::TaskFinished { lease: lease.0, error, returned }
    }

    pub(crate) fn from_wire(finished: wire::TaskFinished) -> Self {
        match finished.error {
            None => Self::Done,
            Some(why) if finished.returned => Self::Returned(why),
            Some(why) => Self::Failed(why),
        }
    }
}

// === impl Lease ===

impl Lease {
    /// Where a life of the host counts from. The first that it gives is the [`next`](Self::next).
    pub fn origin(run: NonZeroU32) -> Self {
        Self(u64::from(run.get()) << 32)
    }

    /// The life of the host that gave it; 0 if it was a host that did not count so.
    #[must_use]
    pub const fn run(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The one after it. After 2³² it goes on with the next run: what is still to come under those before is then
    /// taken for answers to an earlier life.
    #[must_use]
    pub const fn next(self) -> Self {
        match self.0.checked_add(1) {
            Some(next) => Self(next),
            None => Self(1 << 32),
        }
    }
}

pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Display for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
