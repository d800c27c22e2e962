//! `quorum`: enough different collectors have answered, or agree.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use stook_plugin::{
    BuildContext, BuildError, CompletionPolicy, Conflict, ConflictKind, Contribution, Decision, Plugin,
    SetView, options, register,
};
use stook_types::{CollectorId, Payload, Value};

use crate::options::{AtLeastOne, Path};

options! {
    /// Options of `quorum`.
    pub struct QuorumOptions {
        /// How many different collectors it takes.
        k: AtLeastOne,
        /// On which values they must agree: a list of fields, each a field name or an array of names; the empty
        /// list means the whole payload. Left out, any answers will do.
        agree_on: Option<Vec<Path>> = None,
    }
}

/// Complete when `k` different collectors have answered, or agree.
pub struct Quorum {
    k: usize,
    agree_on: Option<Vec<Path>>,
}

impl Plugin for Quorum {
    const NAME: &'static str = "quorum";
    const DOCS: &'static str = "Complete when `k` different collectors have answered; with `agree_on`, when `k` of them agree. \
        The latest result of a collector speaks for it; one that lacks a field to agree on agrees with nobody. \
        Who did not agree stands in the `conflicts` of what is released, as `disagree`.";
    type Options = QuorumOptions;

    fn build(options: QuorumOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self { k: options.k.get(), agree_on: options.agree_on })
    }
}

impl CompletionPolicy for Quorum {
    fn decide(&self, set: &SetView<'_>) -> Decision {
        // Counting is cheap and agreeing decodes, so count first.
        let complete = set.answers() >= self.k
            && self.agree_on.as_deref().is_none_or(|paths| largest_agreement(set, paths) >= self.k);
        if complete { Decision::Complete } else { Decision::Pending }
    }

    fn dissent(&self, results: &[Contribution]) -> Vec<Conflict> {
        self.agree_on.as_deref().map_or_else(Vec::new, |paths| dissent(results, paths))
    }

    fn compares_collectors(&self) -> bool {
        self.agree_on.is_some()
    }
}

/// How many collectors the largest group has that agrees on the values at `paths`.
///
/// Decodes one payload per collector, not per result: this runs under the set's mutex.
fn largest_agreement(set: &SetView<'_>, paths: &[Path]) -> usize {
    let answered: BTreeSet<_> =
        set.members.iter().filter(|member| member.answered).map(|member| &member.collector).collect();
    let speak = latest(set.results).into_iter().filter(|(collector, _)| answered.contains(collector));
    majority(speak.map(|(_, payload)| testimony(payload, paths))).map_or(0, |(_, size)| size)
}

/// What each collector says that does not agree with the majority, and where.
fn dissent(results: &[Contribution], paths: &[Path]) -> Vec<Conflict> {
    let testimonies: Vec<_> = latest(results)
        .into_iter()
        .map(|(collector, payload)| (collector, testimony(payload, paths)))
        .collect();
    let said = testimonies.iter().map(|(_, said)| said.clone());
    let Some((agreed, _)) = majority(said) else { return Vec::new() };
    let differs = |(collector, said): &(&CollectorId, Vec<Option<Value>>)| {
        let at = said.iter().zip(&agreed).position(|(said, agreed)| said.as_ref() != Some(agreed))?;
        let field = paths.get(at).map_or(&[][..], Path::names);
        Some(Conflict::new(field.iter().cloned(), ConflictKind::Disagree, collector))
    };
    testimonies.iter().filter_map(differs).collect()
}

/// What each collector says, which is its latest result.
fn latest(results: &[Contribution]) -> BTreeMap<&CollectorId, &Payload> {
    results.iter().map(|result| (&result.source.collector, &result.payload)).collect()
}

/// What most of them say, among those who say something about everything, and how many do. Of equals any will do
/// to count; to name one, it is that of the collector which comes first.
fn majority(said: impl Iterator<Item = Vec<Option<Value>>>) -> Option<(Vec<Value>, usize)> {
    let mut groups: HashMap<Vec<Value>, (usize, usize)> = HashMap::new();
    for (place, said) in said.enumerate() {
        if let Some(said) = said.into_iter().collect() {
            groups.entry(said).or_insert((0, usize::MAX - place)).0 += 1;
        }
    }
    groups.into_iter().max_by_key(|(_, rank)| *rank).map(|(said, (size, _))| (said, size))
}

/// What a payload says about each field in question, or as a whole.
fn testimony(payload: &Payload, paths: &[Path]) -> Vec<Option<Value>> {
    let value = payload.decode().ok();
    if paths.is_empty() {
        return vec![value];
    }
    paths.iter().map(|path| path.of(value.as_ref()?).cloned()).collect()
}

register!(completion: Quorum);

#[cfg(test)]
mod tests {
    use stook_plugin::{Registration, conformance};

    use super::*;
    use crate::completion::testing::completes;
    use crate::testing::{HOSTILE, json, lines, made, refuses, results};

    fn check(options: &str, sent: &[(&str, &str)], complete: bool) {
        let answered: Vec<_> = sent.iter().map(|(collector, _)| *collector).collect();
        assert_eq!(completes::<Quorum>(options, &[], &answered, sent), complete, "{options} {sent:?}");
    }

    #[test]
    fn keeps_its_promises() {
        for options in
            [r#"{"k":1}"#, r#"{"k":3}"#, r#"{"k":2,"agree_on":[]}"#, r#"{"k":2,"agree_on":["n",["o","m"]]}"#]
        {
            conformance::completion_of(
                || made::<Quorum>(options),
                &[json(r#"{"n":1,"o":{"m":2}}"#), json(r#"{"n":2,"o":{"m":2}}"#)],
            );
        }
    }

    #[test]
    fn counts_distinct_collectors() {
        check(r#"{"k":2}"#, &[("p1", "1"), ("p1", "2"), ("p1", "3")], false);
        check(r#"{"k":2}"#, &[("p1", "1"), ("p2", "2")], true);
        // A duplicate is an answer and no result.
        assert!(completes::<Quorum>(r#"{"k":2}"#, &[], &["p1", "p2"], &[("p1", "1")]));
        // A task's first result is no answer yet.
        assert!(!completes::<Quorum>(r#"{"k":1}"#, &["p1"], &[], &[("p1", "1")]));
        assert!(!completes::<Quorum>(r#"{"k":1,"agree_on":[]}"#, &["p1", "p2"], &["p2"], &[("p1", "1")]));
    }

    #[test]
    fn agrees_on_the_whole_payload() {
        let options = r#"{"k":2,"agree_on":[]}"#;
        check(options, &[("p1", "\"x\""), ("p2", "\"y\"")], false);
        check(options, &[("p1", "\"x\""), ("p2", "\"y\""), ("p3", "\"x\"")], true);
        check(options, &[("p1", "{\"a\":1,\"b\":2}"), ("p2", "{\"b\":2,\"a\":1}")], true);
        check(options, &[("p1", "1"), ("p2", "1.0"), ("p3", "\"1\"")], false);
    }

    #[test]
    fn agrees_on_some_fields() {
        let options = r#"{"k":2,"agree_on":["v",["o","w"]]}"#;
        let says = |v: u8, w: u8, seen: u8| format!(r#"{{"v":{v},"o":{{"w":{w}}},"seen":{seen}}}"#);
        check(options, &[("p1", &says(1, 2, 3)), ("p2", &says(1, 2, 4))], true);
        check(options, &[("p1", &says(1, 2, 3)), ("p2", &says(1, 3, 3))], false);
        // Nobody agrees by saying nothing.
        check(options, &[("p1", r#"{"v":1}"#), ("p2", r#"{"v":1}"#)], false);
        check(r#"{"k":2,"agree_on":["v"]}"#, &[("p1", r#"{"v":null}"#), ("p2", r#"{"v":null}"#)], true);
    }

    #[test]
    fn the_latest_result_of_a_collector_speaks_for_it() {
        let options = r#"{"k":2,"agree_on":[]}"#;
        check(options, &[("p1", "1"), ("p1", "1")], false);
        check(options, &[("p1", "1"), ("p1", "2"), ("p2", "2")], true);
        check(options, &[("p1", "1"), ("p1", "2"), ("p2", "1")], false);
    }

    #[test]
    fn who_differs_from_the_majority_is_named_with_the_first_field() {
        let check = |options: &str, sent: &[(&str, &str)], dissent: &[&str]| {
            assert_eq!(lines(&made::<Quorum>(options).dissent(&results(sent))), dissent, "{sent:?}");
        };
        let whole = r#"{"k":2,"agree_on":[]}"#;
        check(whole, &[("p1", "\"x\""), ("p2", "\"y\""), ("p3", "\"x\"")], &[" disagree p2"]);
        check(whole, &[("p1", "1"), ("p2", "2"), ("p2", "1")], &[]);
        check(whole, &[("p1", "1"), ("p2", "{"), ("p3", "1")], &[" disagree p2"]);
        // Nobody agrees with anybody: the first gives the measure.
        check(r#"{"k":1,"agree_on":[]}"#, &[("p2", "2"), ("p1", "1")], &[" disagree p2"]);
        check(whole, &[("p1", "{"), ("p2", "{")], &[]);
        let fields = r#"{"k":2,"agree_on":["v",["o","w"]]}"#;
        let same = r#"{"v":1,"o":{"w":2},"seen":3}"#;
        let sent = [("p1", same), ("p2", r#"{"v":1,"o":{"w":3}}"#), ("p3", same), ("p4", r#"{"o":{"w":2}}"#)];
        check(fields, &sent, &["o/w disagree p2", "v disagree p4"]);
        check(r#"{"k":2}"#, &[("p1", "1"), ("p2", "2")], &[]);
    }

    #[test]
    fn hostile_payloads_agree_with_nobody() {
        let sent: Vec<_> = ["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"]
            .into_iter()
            .zip(HOSTILE.iter().copied())
            .collect();
        check(r#"{"k":3,"agree_on":["n"]}"#, &sent, false);
        check(r#"{"k":2,"agree_on":[]}"#, &[("p1", "{"), ("p2", "{")], false);
    }

    #[test]
    fn options_are_checked() {
        conformance::plugin::<Quorum>(&[("k", 2.into())]);
        let refuses = |options, with| {
            refuses::<dyn CompletionPolicy>(&Registration::completion::<Quorum>("test"), options, with);
        };
        refuses(r#"{"k":0}"#, "must be at least 1");
        refuses(r#"{"k":1,"agree_on":[[]]}"#, "must have at least one");
        refuses(r#"{"k":1,"agree_on":"v"}"#, "invalid type");
        assert!(made::<Quorum>(r#"{"k":1,"agree_on":[]}"#).compares_collectors());
        assert!(!made::<Quorum>(r#"{"k":1}"#).compares_collectors());
    }
}
