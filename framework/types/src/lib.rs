//! The words of stook, as types.
//!
//! Everything that crosses a crate boundary is one of these: parsed once at the edge, plain inside. This crate
//! knows neither protobuf nor tokio, so that a policy author who depends on it compiles in seconds.
//!
//! * [`Topic`], [`TopicPattern`]: where a result belongs.
//! * [`CorrelationId`], [`CollectorId`], [`Incarnation`], [`Capability`]: who and what.
//! * [`Value`], [`Payload`]: what a result says; a payload stays encoded until somebody looks inside.
//! * [`MonoTime`], [`WallTime`]: when, for decisions and for people.
//! * [`Refusal`], [`Missing`], [`Outcome`]: how things ended, in words that the JSON output uses too.

mod fan_out;
#[doc(hidden)]
pub mod harmless;
mod ids;
#[cfg(test)]
mod messages;
mod near;
mod payload;
mod quiet;
mod reason;
mod serialize;
mod time;
mod topic;
pub mod units;
mod value;

pub use fan_out::FanOut;
pub use ids::{
    Capability, CollectorId, CorrelationId, EmissionId, IdError, Incarnation, SessionEpoch, TaskId,
};
pub use near::nearest;
pub use payload::{DecodeError, Encoding, Payload};
#[doc(hidden)]
pub use quiet::Quiet;
pub use reason::{Discard, Missing, Outcome, Refusal, TaskOutcome};
pub use serialize::{SerializeError, to_value};
pub use time::{MonoTime, WallTime};
pub use topic::{Topic, TopicError, TopicPattern};
pub use value::{Object, Value};
