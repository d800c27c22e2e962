//! When a set is complete.

#[cfg(feature = "completion-bytes")]
mod bytes;
#[cfg(feature = "completion-condition")]
mod condition;
#[cfg(feature = "completion-count")]
mod count;
#[cfg(feature = "completion-expected")]
mod expected;
#[cfg(feature = "completion-marker")]
mod marker;
#[cfg(feature = "completion-quorum")]
mod quorum;

#[cfg(feature = "completion-bytes")]
pub use bytes::{Bytes, BytesBoundary, BytesOptions};
#[cfg(feature = "completion-condition")]
pub use condition::{Condition, ConditionBoundary, ConditionOptions, On};
#[cfg(feature = "completion-count")]
pub use count::{Count, CountOptions};
#[cfg(feature = "completion-expected")]
pub use expected::Expected;
#[cfg(feature = "completion-marker")]
pub use marker::Marker;
#[cfg(feature = "completion-quorum")]
pub use quorum::{Quorum, QuorumOptions};

#[cfg(test)]
mod testing;

/// Complete when all of these members have answered, and no task of the set is without a collector.
#[cfg(any(feature = "completion-expected", feature = "completion-marker"))]
fn all_answered<'a>(
    set: &stook_plugin::SetView<'_>,
    members: impl Iterator<Item = &'a stook_plugin::Member>,
) -> stook_plugin::Decision {
    let mut members = members.peekable();
    // A set that waits for nobody would be complete before anybody could answer.
    if set.unassigned == 0 && members.peek().is_some() && members.all(|member| member.answered) {
        stook_plugin::Decision::Complete
    } else {
        stook_plugin::Decision::Pending
    }
}
