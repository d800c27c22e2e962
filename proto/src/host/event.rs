//! What a peer has said.

use stook_types::{CorrelationId, Payload, Refusal};

use crate::{CollectorHeartbeat, Hello, Lease, Request, TaskOutcome};

/// One thing that a peer has said, checked.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// It introduces itself. Answer with `welcome` or `reject`, whenever that is decided.
    Hello(Box<Hello>),
    /// It is alive. So it is with every other event.
    Heartbeat(CollectorHeartbeat),
    /// Results, in the order sent.
    Results(Vec<ReceivedResult>),
    /// A task runs.
    TaskStarted(Lease),
    /// A task has ended; its results came before.
    TaskFinished {
        /// Which; the lease is closed by this.
        lease: Lease,
        /// How.
        outcome: TaskOutcome,
    },
    /// It closes the session by its own will, and says why.
    Goodbye(String),
    /// It is an operator, and asks for this. Answer with `reply` or `refuse_request`, whenever that is decided; the next
    /// request comes after that. It leaves by closing the connection, also before the answer.
    Request(Request),
    /// It is the consumer of a sink, and has done with so many more of the sets that it was sent, in the order in which they
    /// were.
    Acknowledged(u64),
}

/// A result as it came over the wire.
#[derive(Clone, Debug)]
pub struct ReceivedResult {
    /// Position in the topics of `Hello`; valid.
    pub topic: usize,
    /// What it belongs to.
    pub correlation_id: CorrelationId,
    /// Counts from 1 over the collector's incarnation. Not necessarily in order, and not necessarily new.
    pub sequence: u64,
    /// The collector's clock, in microseconds since 1970-01-01 UTC.
    pub timestamp: Option<i64>,
    /// Whether it is the collector's last for its correlation ID.
    pub last: bool,
    /// The assignment under which it was recorded, of this session or another; `None` if nobody asked for it.
    pub lease: Option<Lease>,
    /// Whether that assignment was taken back: by [`fence`](super::HostSession::fence), or when its session ended.
    /// Somebody else may have answered since.
    pub fenced: bool,
    /// What it says: a slice of the read buffer, which it keeps alive (see [`Payload::detach`]).
    pub payload: Payload,
    /// Set if it must be refused whatever it says: it is larger than the session's limit.
    pub refuse: Option<Refusal>,
}
