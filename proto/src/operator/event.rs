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
    /// The host ends the session. Nothing follows.
    Rejected(Rejection),
}

/// Why a request cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The last reply to the request before has not come.
    #[error("the request before it has not been answered")]
    NotAnswered,
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
