//! The host's end of a session, with a collector, an operator or a consumer.
//!
//! ```
//! use std::time::Duration;
//! use stook_proto::host::{Event, HostLimits, HostSession};
//! use stook_proto::{Lease, RejectReason, Rejection};
//! use stook_types::{MonoTime, SessionEpoch};
//!
//! # fn read_some(_: &mut bytes::BytesMut) {}
//! let now = MonoTime::ZERO;
//! let last_lease = Lease::origin(std::num::NonZeroU32::MIN);
//! let mut session = HostSession::new(now, HostLimits::default());
//! read_some(session.read_buffer());
//! loop {
//!     match session.poll(now) {
//!         Ok(None) => break,
//!         Ok(Some(Event::Hello(hello))) if hello.id.as_str() == "procmond-1" => {
//!             session.welcome(SessionEpoch(1), Duration::from_secs(2), last_lease);
//!         }
//!         Ok(Some(Event::Hello(hello))) => session.reject(&Rejection::new(
//!             RejectReason::UnknownCollector,
//!             format!("no collector `{}` is configured", hello.id),
//!             format!("add [collector.{}] to the config", hello.id),
//!         )),
//!         Ok(Some(Event::Results(batch))) => {
//!             for result in batch {
//!                 session.return_credit(1, result.payload.len() as u64);
//!                 session.ack(result.sequence);
//!             }
//!         }
//!         Ok(Some(_)) => {}
//!         Err(error) => {
//!             session.reject(&error.rejection());
//!             break;
//!         }
//!     }
//! }
//! // Write `session.transmit()` and remove what was written from its front.
//! ```

mod event;
mod leases;
mod limits;
mod outbound;
mod session;

pub use event::{Event, ReceivedResult};
pub use limits::HostLimits;
pub use session::{HostSession, ReplyError, SetError};
