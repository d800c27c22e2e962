//! The shipped scoring policies, as a host makes them.

use stook_engine::NamedScore;

use super::plugins;

/// Those to measure; the first is the default.
pub(super) const NAMES: [&str; 7] =
    ["least-outstanding", "round-robin", "random", "p2c", "peak-ewma", "hot-cold", "seed-weighted"];

/// The policy of this name with its default options.
///
/// # Panics
/// If there is none: [`NAMES`] is wrong then.
pub(super) fn made(name: &'static str) -> NamedScore {
    NamedScore { name, policy: plugins::made(name, "{}").expect("its options have defaults") }
}
