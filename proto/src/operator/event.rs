//! What goes in wrongly, and what comes out.

use stook_types::Value;

use crate::Rejection;

/// What the host has said.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// An answer to the request.
    Reply {
        /// What it says.
        value: Value,
        /// Whether nothing follows it: another request may be made.
        last: bool,
    },
    /// The request was refused or has failed. Another one may be made.
    Failed {
        /// Why.
        text: String,
        /// What to do about it.
        remedy: String,
    },
    /// A released set, after a subscription.
    Set(ReceivedSet),
    /// So many sets were released here and are not sent: whoever looks on did not keep up.
    Skipped(u64),
    /// The host ends the session. Nothing follows.
    Rejected(Rejection),
}

/// A released set as it came over the wire.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceivedSet {
    /// Counts the sets of this session from 1.
    pub number: u64,
    /// An object with the fields of the JSON that sinks write.
    pub set: Value,
    /// Why it has neither its value nor its lists: it is too large for a frame, or too deep for a [`Value`]. Empty if it is
    /// whole.
    pub omitted: String,
}

/// Why a request cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The last reply to the request before has not come.
    #[error("the request before it has not been answered")]
    NotAnswered,
    /// The session is a subscription's.
    #[error("the connection is taken by a subscription: open another one for other requests")]
    Subscribed,
    /// There is no such set to be acknowledged: it has not come, or nobody waits for that.
    #[error("set {0} of this connection is not there to be acknowledged")]
    NoSuchSet(u64),
    /// The session has ended.
    #[error("the session with the host has ended")]
    Closed,
    /// It does not fit into a frame.
    #[error("the request takes a frame of {length} bytes; the limit is {limit}")]
    TooLarge {
        /// Bytes of the frame.
        length: usize,
        /// What a host takes.
        limit: usize,
    },
    /// The arguments are in an encoding that the wire has no number for.
    #[error("the wire does not carry {0}")]
    Encoding(&'static str),
}
