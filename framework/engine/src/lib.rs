//! Aggregation as a pure state machine.
//!
//! [`ResultAggregator`] groups results by correlation ID, drops duplicates, decides when a set is complete, and
//! releases it exactly once. It reads no clock, does no I/O, starts nothing and draws no randomness: time is an
//! argument, and what is released comes back to the caller. So all of its behaviour can be tested in virtual time.
//!
//! The way of a result, by module:
//!
//! | step | module |
//! | --- | --- |
//! | topic → aggregate | `routing` |
//! | retransmit? | `window`, `collectors` |
//! | duplicate? | `aggregate::dedup`, `seen` |
//! | into its set, within limits | `sets`, `aggregate::enter`, `aggregate::room`, `memory` |
//! | complete? timed out? lost? | `aggregate`, `aggregate::expect`, `agenda` |
//! | ordered, merged, described | `release` |
//! | settled and counted | `release::Settlement`, `counters` |

mod agenda;
mod aggregate;
mod aggregator;
mod collectors;
mod counters;
mod memory;
mod release;
mod routing;
mod seen;
mod set;
mod sets;
mod spec;
mod window;

pub use aggregate::{AnnounceError, Expected, Occupancy};
pub use aggregator::{MemoryUse, Offered, ResultAggregator, Verdict};
pub use collectors::Session;
pub use counters::CounterSnapshot;
pub use release::{Emission, Released, Settlement};
pub use routing::Route;
pub use spec::{AggregateSpec, KeySpec, LatePolicy, LateSpec, Limits, NamedPolicy, WhenFull};
