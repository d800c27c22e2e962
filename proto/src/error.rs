//! What can go wrong with a session. Each ends it: the stream cannot be trusted any more.

use std::time::Duration;

use crate::{RejectReason, Rejection, SPAN, VERSION, Version};

/// Why a session cannot go on. The peer is told by [`rejection`](Self::rejection), then the connection closed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// Connected, and then said nothing that counts.
    #[error("the peer did not finish the handshake within {0:?}")]
    HandshakeTimeout(Duration),
    /// A part of a frame, and then not the rest.
    #[error("the peer did not finish a frame within {0:?}")]
    FrameTimeout(Duration),
    /// The first bytes are text where a length should be: whoever it is speaks something else.
    #[error("this does not look like stook: the first bytes are `{first}`")]
    Stranger {
        /// The first bytes.
        first: String,
    },
    /// A length over the limit; nothing was allocated for it.
    #[error("a frame of {length} bytes is over the limit of {limit}")]
    FrameTooLarge {
        /// What the length prefix says.
        length: usize,
        /// The session's limit.
        limit: usize,
    },
    /// No protobuf, or none that has any meaning here.
    #[error("a frame is malformed: {0}")]
    Malformed(String),
    /// A frame of a kind that this version does not know.
    #[error("a frame is of a kind that protocol {VERSION} does not know")]
    UnknownFrame,
    /// A frame that this side never takes, or not now.
    #[error("the peer sent {frame} {when}")]
    Illegal {
        /// The frame's name.
        frame: &'static str,
        /// When it came, as the end of a sentence.
        when: &'static str,
    },
    /// The major versions differ.
    #[error("the peer speaks protocol {theirs}, this side {VERSION}")]
    Version {
        /// What the peer speaks.
        theirs: Version,
    },
    /// A `Hello` that contradicts itself or exceeds a limit.
    #[error("the collector's declaration is invalid: {0}")]
    Declaration(String),
    /// The operator's major version differs.
    #[error("the operator speaks protocol {theirs}, this host {VERSION}")]
    OperatorVersion {
        /// What the operator speaks.
        theirs: Version,
    },
    /// A request that contradicts itself or exceeds a limit.
    #[error("the request is invalid: {0}")]
    Request(String),
    /// Requests, and nobody who reads the replies.
    #[error("the operator does not read its replies: {0} bytes wait for it")]
    Unread(usize),
    /// An acknowledgement of sets that were not sent.
    #[error("the consumer acknowledged set {floor}; the last that was sent is {sent}")]
    AcknowledgedTooMuch {
        /// What was acknowledged.
        floor: u64,
        /// What was sent.
        sent: u64,
    },
    /// More results, or larger ones, than credit was given for.
    #[error("the collector sent {sent} {of} where it had credit for {left}")]
    CreditOverrun {
        /// Of what: `results`, or `bytes of payload`.
        of: &'static str,
        /// How much the result takes that was one too many.
        sent: u64,
        /// What it had left.
        left: u64,
    },
    /// A topic id that `Hello` does not have.
    #[error("the collector sent a result on topic {topic}, and declared {declared}")]
    UndeclaredTopic {
        /// The id.
        topic: u32,
        /// How many are declared: ids count from 0.
        declared: usize,
    },
    /// A sequence number outside the window that the replay capacity allows.
    #[error("the collector sent sequence {sequence}; {}", window(*.floor, *.capacity))]
    Sequence {
        /// The number.
        sequence: u64,
        /// Up to where all are settled.
        floor: u64,
        /// The replay capacity of `Hello`.
        capacity: u64,
    },
    /// The host has settled a result that there never was.
    #[error("the host acknowledged sequence {sequence}, and the last that was recorded is {recorded}")]
    Acknowledged {
        /// The number.
        sequence: u64,
        /// The last that there is.
        recorded: u64,
    },
    /// A task frame for a lease that is not open: none of this session, or one that has ended.
    #[error("the peer sent {frame} for lease {lease}, which is not open")]
    Lease {
        /// The frame's name.
        frame: &'static str,
        /// The lease.
        lease: u64,
    },
    /// A task frame that says again what was said.
    #[error("the peer sent {frame} for lease {lease} twice")]
    LeaseTwice {
        /// The frame's name.
        frame: &'static str,
        /// The lease.
        lease: u64,
    },
    /// More frames that carry nothing than anybody needs to send.
    #[error("the peer floods the host with frames that carry nothing")]
    Flood,
}

/// Why bytes are not the protobuf message that they should be.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(String);

/// Which sequences there may be, and how that comes about.
fn window(floor: u64, capacity: u64) -> String {
    let (next, highest) = (floor.saturating_add(1), floor.saturating_add(SPAN.saturating_mul(capacity)));
    format!(
        "{next} to {highest} may come: {floor} are settled without a gap, and {SPAN} times its replay capacity of {capacity} \
         may follow"
    )
}

// === impl SessionError ===

impl SessionError {
    /// What to tell the peer before closing.
    pub fn rejection(&self) -> Rejection {
        let (reason, remedy) = match self {
            Self::HandshakeTimeout(_) => {
                (RejectReason::Timeout, "send Hello or a request at once after connecting")
            }
            Self::FrameTimeout(_) => (RejectReason::Timeout, "write frames whole"),
            Self::Version { theirs } if theirs.major < VERSION.major => {
                (RejectReason::Version, "rebuild the collector with a newer stook-collector")
            }
            Self::OperatorVersion { theirs } if theirs.major < VERSION.major => {
                (RejectReason::Version, "ask with the `stook` of the host's release")
            }
            Self::Version { .. } | Self::OperatorVersion { .. } => (RejectReason::Version, "update the host"),
            Self::Declaration(_) => (RejectReason::Declaration, "correct what the collector declares"),
            Self::Request(_) => (RejectReason::Request, "correct the request"),
            Self::Unread(_) => (RejectReason::Protocol, "read each reply before the next request"),
            Self::FrameTooLarge { .. } => (
                RejectReason::Protocol,
                "keep to the limits that Welcome gives; send smaller batches, or a request with smaller arguments",
            ),
            Self::Stranger { .. } => {
                (RejectReason::Protocol, "begin with the length of a frame: \"Frames\" in proto/README.md")
            }
            Self::CreditOverrun { .. } => {
                (RejectReason::Protocol, "wait for Credit before sending more: \"Credit\" in proto/README.md")
            }
            Self::UndeclaredTopic { .. } => {
                (RejectReason::Protocol, "declare each topic in Hello, and send its position from 0")
            }
            Self::Flood => (
                RejectReason::Protocol,
                "send heartbeats at the interval that Welcome gives, and acknowledge each set once",
            ),
            Self::AcknowledgedTooMuch { .. } => (
                RejectReason::Protocol,
                "acknowledge the numbers that this connection has sent: \"Consumers\" in proto/README.md",
            ),
            Self::Sequence { .. } | Self::Acknowledged { .. } => (
                RejectReason::Protocol,
                "wait until the lowest is settled: \"Results\" and \"Acknowledgement and replay\" in proto/README.md",
            ),
            Self::Lease { .. } | Self::LeaseTwice { .. } => (
                RejectReason::Protocol,
                "answer each Assign of this session once: \"Tasks\" in proto/README.md",
            ),
            Self::Illegal { .. } => {
                (RejectReason::Protocol, "see \"A session\" in proto/README.md for what may be said when")
            }
            Self::Malformed(_) | Self::UnknownFrame => {
                (RejectReason::Protocol, "see \"Frames\" in proto/README.md, and its proto files")
            }
        };
        Rejection::new(reason, self.to_string(), remedy)
    }
}

impl From<prost::DecodeError> for SessionError {
    fn from(error: prost::DecodeError) -> Self {
        Malformed::from(error).into()
    }
}

impl From<Malformed> for SessionError {
    fn from(Malformed(why): Malformed) -> Self {
        Self::Malformed(why)
    }
}

// === impl Malformed ===

impl Malformed {
    pub(crate) fn new(why: &str) -> Self {
        Self(why.to_owned())
    }
}

impl From<prost::DecodeError> for Malformed {
    fn from(error: prost::DecodeError) -> Self {
        let text = error.to_string();
        Self(text.strip_prefix("failed to decode Protobuf message: ").unwrap_or(&text).to_owned())
    }
}
