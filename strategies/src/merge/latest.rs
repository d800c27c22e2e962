//! `latest`: one payload stands for all.

use stook_plugin::{
    Algebra, BuildContext, BuildError, Conflicts, MemoryBound, MergeError, MergeInput, MergeStrategy, Merged,
    NoOptions, Plugin, register,
};

/// The latest payload in effective order.
pub struct Latest;

impl Plugin for Latest {
    const NAME: &'static str = "latest";
    const DOCS: &'static str = "The payload that comes last in effective order, and nothing of the others; null for a set without results.";
    type Options = NoOptions;

    fn build(_: NoOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self)
    }
}

impl MergeStrategy for Latest {
    /// Not idempotent: an early result that comes again at the end would be the latest.
    fn algebra(&self) -> Algebra {
        Algebra { associative: true, memory: MemoryBound::Constant, ..Algebra::default() }
    }

    fn merge(&self, input: &MergeInput<'_>, _: &mut Conflicts) -> Result<Merged, MergeError> {
        Ok(super::payload_of(input.results.last()))
    }
}

register!(merge: Latest);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{json, merge, results};

    #[test]
    fn keeps_its_promises() {
        stook_plugin::conformance::plugin::<Latest>(&[]);
        stook_plugin::conformance::merge(|| Latest);
    }

    #[test]
    fn takes_one_whole_payload() {
        let check = |sent: &[(&str, &str)], value: &str| {
            assert_eq!(merge::<Latest>("{}", &results(sent)), (json(value), vec![]));
        };
        check(&[("p2", "{\"A\":1}"), ("p1", "{"), ("p2", "{\"C\":1}")], "{\"C\":1}");
        check(&[], "null");
    }
}
