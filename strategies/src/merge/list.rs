//! `list`: everything, as it came.

use stook_plugin::{
    Algebra, BuildContext, BuildError, Conflicts, MemoryBound, MergeError, MergeInput, MergeStrategy, Merged,
    NoOptions, Plugin, register,
};

/// The payloads as they came.
pub struct List;

impl Plugin for List {
    const NAME: &'static str = "list";
    const DOCS: &'static str = "An array of the payloads in effective order. Nothing is decoded and nothing is lost: the cheapest \
        merge, and the one that a failed merge falls back to.";
    type Options = NoOptions;

    fn build(_: NoOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self)
    }
}

impl MergeStrategy for List {
    fn algebra(&self) -> Algebra {
        Algebra { memory: MemoryBound::Input, ..Algebra::default() }
    }

    fn merge(&self, input: &MergeInput<'_>, _: &mut Conflicts) -> Result<Merged, MergeError> {
        Ok(input.list())
    }
}

register!(merge: List);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{json, merge, payload, result, results};

    #[test]
    fn keeps_its_promises() {
        stook_plugin::conformance::plugin::<List>(&[]);
        stook_plugin::conformance::merge(|| List);
    }

    #[test]
    fn keeps_effective_order() {
        let check = |sent: &[(&str, &str)], value: &str| {
            assert_eq!(merge::<List>("{}", &results(sent)), (json(value), vec![]));
        };
        check(&[("p2", "\"A\""), ("p1", "\"B\""), ("p2", "\"C\"")], r#"["A","B","C"]"#);
        check(&[], "[]");
    }

    #[test]
    fn never_decodes() {
        let sent = [result("p1", payload("{"))];
        let merged = List.merge(&MergeInput::new("a", &sent), &mut Conflicts::default()).unwrap();
        let Merged::Array(parts) = &merged else { panic!("an array") };
        assert!(matches!(&parts[..], [Merged::Payload(payload)] if payload.bytes() == "{"));
    }
}
