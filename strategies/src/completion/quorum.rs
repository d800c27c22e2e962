//! `quorum`: enough different collectors have answered, or agree.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use stook_plugin::{
    BuildContext, BuildError, CompletionPolicy, Decision, Plugin, SetView, options, register,
};
use stook_types::{Payload, Value};

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
        The latest result of a collector speaks for it; one that lacks a field to agree on agrees with nobody.";
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
    let latest: BTreeMap<_, _> =
        set.results.iter().map(|result| (&result.source.collector, &result.payload)).collect();
    let mut groups: HashMap<Vec<Value>, usize> = HashMap::new();
    for (collector, payload) in latest {
        if let (true, Some(values)) = (answered.contains(collector), testimony(payload, paths)) {
            *groups.entry(values).or_default() += 1;
        }
    }
    groups.into_values().max().unwrap_or(0)
}

/// What a payload says about the fields in question; `None` if it does not say something about each.
fn testimony(payload: &Payload, paths: &[Path]) -> Option<Vec<Value>> {
    let value = payload.decode().ok()?;
    if paths.is_empty() {
        return Some(vec![value]);
    }
    paths.iter().map(|path| path.of(&value).cloned()).collect()
}

register!(completion: Quorum);

#[cfg(test)]
mod tests {
    use stook_plugin::{Options, Registration};

    use super::*;
    use crate::completion::testing::completes;
    use crate::testing::{HOSTILE, check_defaults, refuses};

    fn check(options: &str, sent: &[(&str, &str)], complete: bool) {
        let answered: Vec<_> = sent.iter().map(|(collector, _)| *collector).collect();
        assert_eq!(completes::<Quorum>(options, &[], &answered, sent), complete, "{options} {sent:?}");
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
        check_defaults::<Quorum>(QuorumOptions::SPECS, r#"{"k":2}"#);
        let refuses = |options, with| {
            refuses::<dyn CompletionPolicy>(&Registration::completion::<Quorum>("test"), options, with);
        };
        refuses(r#"{"k":0}"#, "must be at least 1");
        refuses(r#"{"k":1,"agree_on":[[]]}"#, "must have at least one");
        refuses(r#"{"k":1,"agree_on":"v"}"#, "invalid type");
    }
}
