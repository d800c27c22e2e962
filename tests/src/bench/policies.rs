//! The shipped scoring policies, as a host makes them.

use stook::{BuildContext, Registry, link_plugins};
use stook_engine::NamedScore;
use stook_plugin::{OptionsDeserializer, ScoringPolicy};

/// Those to measure; the first is the default.
pub(super) const NAMES: [&str; 7] =
    ["least-outstanding", "round-robin", "random", "p2c", "peak-ewma", "hot-cold", "seed-weighted"];

/// The policy of this name with its default options.
///
/// # Panics
/// If there is none: [`NAMES`] is wrong then.
pub(super) fn made(name: &'static str) -> NamedScore {
    let registry = Registry::linked(link_plugins!(stook_strategies)).expect("no collision");
    let factory = registry.factory::<dyn ScoringPolicy>(name).expect("it is linked");
    let mut options = serde_json::Deserializer::from_str("{}");
    let policy = factory(&mut <dyn OptionsDeserializer<'_>>::erase(&mut options), &BuildContext::new(7));
    NamedScore { name, policy: policy.expect("its options have defaults") }
}
