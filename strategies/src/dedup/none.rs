//! `none`: every result is its own.

use std::time::Duration;

use stook_plugin::{
    BuildContext, BuildError, Contribution, DedupMemory, DedupStrategy, Identity, Keep, NoOptions, Plugin,
    Scope, register,
};
use stook_types::DecodeError;

/// No two results are the same.
pub struct None;

impl Plugin for None {
    const NAME: &'static str = "none";
    const DOCS: &'static str =
        "Takes every result for its own, however alike. Retransmits are dropped all the same.";
    type Options = NoOptions;

    fn build(_: NoOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self)
    }
}

impl DedupStrategy for None {
    fn identity(&self, _: &Contribution) -> Result<Option<Identity>, DecodeError> {
        Ok(Option::None)
    }

    /// Nothing is ever remembered; above all nothing that one collector said is held against another.
    fn memory(&self) -> DedupMemory {
        DedupMemory::bounded(Scope::Collector, Duration::MAX, usize::MAX, Keep::First)
    }
}

register!(dedup: None);

#[cfg(test)]
mod tests {
    use stook_plugin::conformance;

    use super::*;
    use crate::testing::{payload, result};

    #[test]
    fn looks_at_nothing() {
        conformance::plugin::<None>(&[]);
        conformance::dedup_of(|| None, |_| Option::<()>::None);
        assert_eq!(None.identity(&result("p1", payload("{"))).unwrap(), Option::None);
    }
}
