//! What goes in and what comes out.

use std::time::Duration;

use stook_types::{CollectorId, CorrelationId, Incarnation, Payload, SessionEpoch, Topic};

use crate::{Assignment, CapabilityDeclaration, Lease, Rejection, Token};

/// Who a collector is and what it can do.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// Its id.
    pub id: CollectorId,
    /// Its kind, like `procmond`.
    pub kind: String,
    /// Fresh per process start.
    pub incarnation: Incarnation,
    /// Its process id.
    pub pid: u32,
    /// The secret that it was given at spawn.
    pub token: Token,
    /// The kinds of task that it runs.
    pub capabilities: Vec<CapabilityDeclaration>,
    /// Topics that it publishes apart from those of its capabilities.
    pub topics: Vec<Topic>,
}

/// A result to be recorded.
#[derive(Clone, Debug)]
pub struct NewResult {
    /// A declared topic.
    pub topic: Topic,
    /// What it belongs to.
    pub correlation_id: CorrelationId,
    /// The collector's clock, in microseconds since 1970-01-01 UTC.
    pub timestamp: Option<i64>,
    /// Whether it is the collector's last for its correlation ID.
    pub last: bool,
    /// The assignment that it answers, if it answers one.
    pub lease: Option<Lease>,
    /// What it says.
    pub payload: Payload,
}

/// Why a result cannot be recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The replay buffer is full: wait for acknowledgements.
    #[error("the replay buffer is full until the host acknowledges results")]
    Full,
    /// The host would refuse it, or it would not even fit into an empty replay buffer.
    #[error("a result of {length} bytes is over the limit of {limit}")]
    TooLarge {
        /// Its bytes: of the payload, or all that is kept of it.
        length: usize,
        /// How many the host takes, or the buffer.
        limit: usize,
    },
    /// The topic was not declared.
    #[error("topic `{0}` is not among the topics that the collector declares")]
    Topic(Topic),
    /// The payload's encoding has no number on the wire.
    #[error("the wire does not carry {0}")]
    Encoding(&'static str),
    /// The collector leaves, or has left.
    #[error("the collector leaves, and records no more")]
    Over,
}

/// What the host has said.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// It takes the collector.
    Welcome(Terms),
    /// It ends the session. Nothing follows.
    Rejected(Rejection),
    /// A task to run. Answer with `task_started` and `task_finished`.
    Assigned(Assignment),
    /// A task to abandon; `task_finished` is still due.
    Cancelled(Lease),
    /// No more tasks: finish and leave within this time.
    Drain(Duration),
    /// A result was not taken. It is settled and gone.
    Refused {
        /// Of the result.
        sequence: u64,
        /// Of the result, unless it had been settled before.
        topic: Option<Topic>,
        /// The word of a [`Refusal`](stook_types::Refusal), or one of a newer host.
        reason: String,
    },
}

/// What holds for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Counts up over the host's life.
    pub epoch: SessionEpoch,
    /// Time between heartbeats.
    pub heartbeat: Duration,
    /// Longest frame in either direction.
    pub max_frame_bytes: u32,
    /// Longest payload that is sent; of a longer one the host learns only the size.
    pub max_result_bytes: u32,
}
