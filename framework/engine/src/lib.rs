//! Aggregation as a pure state machine.

mod spec;

pub use spec::{AggregateSpec, KeySpec, LatePolicy, LateSpec, Limits, NamedPolicy, WhenFull};
