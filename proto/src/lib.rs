//! The wire of stook: frames, codec and all ends of a session, without I/O.
//!
//! Bytes and time go in, events and bytes come out, in the manner of rustls and quinn-proto:
//!
//! * [`HostSession`]: the host's end of one connection. It trusts nothing that it reads.
//! * [`CollectorSession`]: a collector's end, which outlives connections: what was not acknowledged is sent again.
//! * [`OperatorSession`]: the end of somebody who asks the host for something, like the command line, or is sent what it
//!   releases.
//! * [`payload`] and [`VALUE`]: how a [`Value`](stook_types::Value) becomes bytes and back.
//! * [`transport`] (feature): where a host listens and how to reach it.
//!
//! A frame is a little-endian `u32` length and one protobuf `Frame` of `proto/stook/v1/`. The length is checked
//! before anything is allocated, and a partial frame waits in the session and not in a future, so that a
//! cancelled read loses nothing.
//!
//! Whoever drives a session does three things in a loop: read the socket into `read_buffer`, `poll` until there
//! is no event left, write what `transmit` holds.

mod assignment;
pub mod collector;
mod correlation;
mod error;
mod frame;
mod hello;
pub mod host;
pub mod operator;
mod pace;
mod rejection;
mod request;
mod results;
mod sequences;
mod subscription;
#[cfg(feature = "transport")]
pub mod transport;
mod value;
pub mod wire;

pub use assignment::{AssignError, Assignment, Lease, TaskOutcome};
pub use collector::CollectorSession;
pub use error::SessionError;
pub use frame::{Decoder, encode};
pub use hello::{CapabilityDeclaration, Hello, Token};
pub use host::HostSession;
pub use operator::OperatorSession;
pub use rejection::{RejectReason, Rejection};
pub use request::{Request, Submission};
pub use sequences::Sequences;
pub use stook_types::FanOut;
pub use subscription::{DEFAULT_WINDOW, MAX_WINDOW, Subscription};
pub use value::{DepthError, Elements, Fields, MAX_DEPTH, VALUE, ValueWriter, payload};

/// The version of the protocol: a host and a collector with different majors do not talk, a minor only adds.
pub const VERSION: Version = Version { major: 1, minor: 2 };

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// Must be the same on both sides.
    pub major: u32,
    /// May differ.
    pub minor: u32,
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// How much more a collector may send: results, and bytes of their payloads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Credit {
    /// Results.
    pub results: u64,
    /// Bytes of payload.
    pub bytes: u64,
}

impl Credit {
    /// What is left after `spent`, or `None` if that is more than there is.
    #[must_use]
    pub fn minus(self, spent: Self) -> Option<Self> {
        Some(Self {
            results: self.results.checked_sub(spent.results)?,
            bytes: self.bytes.checked_sub(spent.bytes)?,
        })
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, more: Self) -> Self {
        Self {
            results: self.results.saturating_add(more.results),
            bytes: self.bytes.saturating_add(more.bytes),
        }
    }
}

/// How a collector says that it is alive, and how busy it is. Hints for a balancer, never proof.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CollectorHeartbeat {
    /// Grows with the collector's work; standing still while tasks are active is a hint of a hang.
    pub progress: u64,
    /// Its load.
    pub load: LoadMetrics,
}

/// A collector's own account of its load. Lower is better in every field.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LoadMetrics {
    /// Tasks that run.
    pub active_tasks: u32,
    /// Results recorded and not yet acknowledged.
    pub queue_depth: u32,
    /// Share of one core since the last heartbeat (`1.0` is one core); `None` where the platform does not tell.
    pub cpu: Option<f64>,
    /// Resident memory in bytes; `None` where the platform does not tell.
    pub memory_bytes: Option<u64>,
}

/// How far past the lowest unacknowledged sequence a collector may go, in multiples of its replay capacity.
///
/// Results are acknowledged out of order, so the span may exceed the number that is kept; this bounds the
/// memory of both sides for the holes.
const SPAN: u64 = 4;

/// Longest frame that a host reads of a peer that it does not know, and longest request. A `Hello` with as many topics as
/// may be fits if they have 200 bytes on average: not all of its limits can be reached at once.
const MAX_STRANGER: u32 = 256 * 1024;

/// Longest reply. An operator trusts its host; this bounds what a mistake can cost.
const MAX_REPLY: u32 = 64 * 1024 * 1024;
