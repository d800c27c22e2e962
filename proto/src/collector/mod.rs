//! A collector's end of a session, which outlives connections.

mod event;
mod outbox;
mod replay;
mod session;

pub use event::{Declaration, Event, NewResult, RecordError, Terms};
pub use replay::ReplayLimits;
pub use session::CollectorSession;
