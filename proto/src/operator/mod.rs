//! An operator's end of a session: a request, its replies, and perhaps another request. After a subscription: sets, and
//! acknowledgements of them.
//!
//! ```
//! use stook_proto::operator::{Event, OperatorSession};
//! use stook_proto::{HostSession, Request};
//! # use stook_proto::host;
//! use stook_types::{MonoTime, Value};
//!
//! let now = MonoTime::ZERO;
//! let mut operator = OperatorSession::new();
//! operator.request(&Request::Status)?;
//! // Write what `operator.transmit()` holds, read into `operator.read_buffer()`. Here the host is near:
//! # let mut host = HostSession::new(now, host::HostLimits::default());
//! # host.read_buffer().extend_from_slice(&operator.transmit().split());
//! # assert!(matches!(host.poll(now), Ok(Some(host::Event::Request(Request::Status)))));
//! host.reply(&Value::from([("collectors", 3)]), true)?;
//! # operator.read_buffer().extend_from_slice(&host.transmit().split());
//! match operator.poll(now)? {
//!     Some(Event::Reply { value, last: true }) => assert_eq!(value, Value::from([("collectors", 3)])),
//!     other => panic!("{other:?}"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod event;
mod session;

pub use event::{Event, ReceivedSet, RequestError};
pub use session::OperatorSession;
