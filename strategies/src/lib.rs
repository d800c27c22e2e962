//! The strategies and policies that ship with stook: one file and one cargo feature each, so that a host links
//! what it uses. They know the contracts of `stook-plugin` and nothing of the engine or the wire: whatever
//! stands here could as well stand in a crate of yours.
//!
//! | kind | plugins |
//! | --- | --- |
//! | [`completion`] | `expected`, `count`, `quorum`, `bytes`, `marker`, `condition` |
//! | [`dedup`] | `none`, `content` |
//! | [`order`] | `arrival`, `timestamp`, `sequence` |
//! | [`merge`] | `list`, `by-collector`, `first`, `latest`, `join`, `fields`, `vote` |
//! | [`scoring`] | `least-outstanding`, `round-robin`, `random`, `p2c`, `peak-ewma`, `hot-cold`, `seed-weighted` |
//! | [`detection`] | `deadline`, `phi-accrual` |
//! | [`restart`] | `never`, `immediate`, `backoff`, `intensity` |
//! | [`sink`] | `jsonl` |
//!
//! A host makes them selectable by name with `link_plugins!(stook_strategies)`.

pub mod completion;
pub mod dedup;
pub mod detection;
pub mod merge;
pub mod options;
pub mod order;
pub mod restart;
pub mod scoring;
pub mod sink;

#[cfg(all(test, feature = "default"))]
mod messages;
#[cfg(test)]
mod testing;
