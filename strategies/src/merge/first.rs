//! `first`: one payload stands for all.

use stook_plugin::{
    Algebra, BuildContext, BuildError, Conflicts, MemoryBound, MergeError, MergeInput, MergeStrategy, Merged,
    NoOptions, Plugin, register,
};

/// The first payload in effective order.
pub struct First;

impl Plugin for First {
    const NAME: &'static str = "first";
    const DOCS: &'static str = "The payload that comes first in effective order, and nothing of the others; null for a set without results.";
    type Options = NoOptions;

    fn build(_: NoOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self)
    }
}

impl MergeStrategy for First {
    fn algebra(&self) -> Algebra {
        Algebra { associative: true, idempotent: true, memory: MemoryBound::Constant, ..Algebra::default() }
    }

    fn merge(&self, input: &MergeInput<'_>, _: &mut Conflicts) -> Result<Merged, MergeError> {
        Ok(super::payload_of(input.results.first()))
    }
}

register!(merge: First);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{json, merge, results};

    #[test]
    fn keeps_its_promises() {
        stook_plugin::conformance::plugin::<First>(&[]);
        stook_plugin::conformance::merge(|| First);
    }

    #[test]
    fn takes_one_whole_payload() {
        let check = |sent: &[(&str, &str)], value: &str| {
            assert_eq!(merge::<First>("{}", &results(sent)), (json(value), vec![]));
        };
        check(&[("p2", "{\"A\":1}"), ("p1", "{"), ("p2", "{\"C\":1}")], "{\"A\":1}");
        check(&[], "null");
    }
}
