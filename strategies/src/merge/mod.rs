//! What the results of a set become together.

#[cfg(feature = "merge-by-collector")]
mod by_collector;
#[cfg(feature = "merge-fields")]
mod fields;
#[cfg(feature = "merge-first")]
mod first;
#[cfg(feature = "merge-join")]
mod join;
#[cfg(feature = "merge-latest")]
mod latest;
#[cfg(feature = "merge-list")]
mod list;
#[cfg(feature = "merge-vote")]
mod vote;

#[cfg(feature = "merge-by-collector")]
pub use by_collector::ByCollector;
#[cfg(feature = "merge-fields")]
pub use fields::{Fields, FieldsOptions, PathRule, RuleSpec};
#[cfg(feature = "merge-first")]
pub use first::First;
#[cfg(feature = "merge-join")]
pub use join::{Join, JoinOptions};
#[cfg(feature = "merge-latest")]
pub use latest::Latest;
#[cfg(feature = "merge-list")]
pub use list::List;
#[cfg(feature = "merge-vote")]
pub use vote::{Vote, VoteOptions};

/// The payload of this result, still encoded; null for a set without results.
#[cfg(any(feature = "merge-first", feature = "merge-latest"))]
fn payload_of(result: Option<&stook_plugin::Contribution>) -> stook_plugin::Merged {
    use stook_plugin::Merged;
    result.map_or(Merged::Value(stook_types::Value::Null), |result| Merged::Payload(result.payload.clone()))
}
