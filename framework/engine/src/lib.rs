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
mod balance;
mod bucket;
mod collectors;
mod counters;
mod dispatch;
mod failover;
mod few;
mod guard;
mod health;
mod memory;
#[cfg(test)]
mod messages;
mod release;
mod restart;
mod routing;
mod seen;
mod set;
mod sets;
mod spec;
mod sync;
mod timeline;
mod window;

pub use aggregate::{AnnounceError, Expected, Occupancy};
pub use aggregator::{MemoryUse, Offered, ResultAggregator, Verdict};
pub use balance::{LoadBalancer, Modifiers, NamedScore, PerformanceHistory, ScoreId};
pub use collectors::Session;
pub use counters::{CounterSnapshot, MergeFailures};
pub use dispatch::{
    Act, Arrival, LeaseId, LeaseStatus, Loss, Placed, QueueStatus, RouterStatus, SeatStatus, SubmitError,
    Task, TaskCounters, TaskEnding, TaskEvent, TaskLimits, TaskRouter, Turn,
};
pub use failover::{FailoverManager, Quarantined};
pub use health::{DetectorId, Finding, HealthTracker, NamedDetector};
pub use memory::Footprint;
pub use release::{Emission, Released, Settlement};
pub use restart::{LifeState, LifeStatus, NamedRestart, RestartId, Restarts};
pub use routing::Route;
pub use spec::{AggregateSpec, KeySpec, LatePolicy, LateSpec, Limits, NamedPolicy, PluginNames, WhenFull};
