//! `by-collector`: who said what.

use std::collections::BTreeMap;

use stook_plugin::{
    Algebra, BuildContext, BuildError, Conflicts, MemoryBound, MergeError, MergeInput, MergeStrategy, Merged,
    NoOptions, Plugin, register,
};

/// An object from collector to what it sent.
pub struct ByCollector;

impl Plugin for ByCollector {
    const NAME: &'static str = "by-collector";
    const DOCS: &'static str = "An object from collector to its payload, or to the array of its payloads, in effective order, if it \
        sent several. Nothing is decoded and nothing is lost.";
    type Options = NoOptions;

    fn build(_: NoOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self)
    }
}

impl MergeStrategy for ByCollector {
    fn algebra(&self) -> Algebra {
        Algebra { memory: MemoryBound::Input, ..Algebra::default() }
    }

    fn merge(&self, input: &MergeInput<'_>, _: &mut Conflicts) -> Result<Merged, MergeError> {
        let mut sent: BTreeMap<String, Vec<Merged>> = BTreeMap::new();
        for result in input.results {
            let collector = result.source.collector.to_string();
            sent.entry(collector).or_default().push(Merged::Payload(result.payload.clone()));
        }
        let one_or_all = |mut payloads: Vec<Merged>| match payloads.len() {
            1 => payloads.remove(0),
            _ => Merged::Array(payloads),
        };
        Ok(Merged::Object(sent.into_iter().map(|(id, payloads)| (id, one_or_all(payloads))).collect()))
    }
}

register!(merge: ByCollector);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{json, merge, results};

    #[test]
    fn keeps_its_promises() {
        stook_plugin::conformance::plugin::<ByCollector>(&[]);
        stook_plugin::conformance::merge(|| ByCollector);
    }

    #[test]
    fn one_payload_or_several() {
        let check = |sent: &[(&str, &str)], value: &str| {
            assert_eq!(merge::<ByCollector>("{}", &results(sent)), (json(value), vec![]));
        };
        check(&[("p2", "1"), ("p1", "[2]"), ("p2", "3")], r#"{"p1":[2],"p2":[1,3]}"#);
        check(&[("p.1", "1")], r#"{"p.1":1}"#);
        check(&[], "{}");
    }
}
