//! When a set is complete.

#[cfg(feature = "completion-count")]
mod count;
#[cfg(feature = "completion-expected")]
mod expected;
#[cfg(feature = "completion-quorum")]
mod quorum;

#[cfg(feature = "completion-count")]
pub use count::{Count, CountOptions};
#[cfg(feature = "completion-expected")]
pub use expected::{Expected, ExpectedOptions};
#[cfg(feature = "completion-quorum")]
pub use quorum::{Quorum, QuorumOptions};

#[cfg(test)]
mod testing;
