//! `quorum`: enough different collectors have answered, or agree.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use stook_plugin::{
    BuildContext, BuildError, CompletionPolicy, Conflict, ConflictKind, Contribution, Decision,
    MissingCollector, Plugin, SetView, options, register,
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
        From the `k`th answer on each costs the decoding of one result per collector. \
        Who did not agree stands in the `conflicts` of what is released, as `disagree`.";
    type Options = QuorumOptions;

    fn build(options: QuorumOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self { k: options.k.get(), agree_on: options.agree_on })
    }
}

impl CompletionPolicy for Quorum {
    fn decide(&self, set: &SetView<'_>) -> Decision {
        // Counting is cheap and agreeing decodes, so count first.
        let complete =
            set.answers() >= self.k && self.agree_on.as_deref().is_none_or(|paths| self.agrees(set, paths));
        if complete { Decision::Complete } else { Decision::Pending }
    }

    fn dissent(&self, results: &[Contribution], missing: &[MissingCollector]) -> Vec<Conflict> {
        self.agree_on.as_deref().map_or_else(Vec::new, |paths| self.dissenters(results, missing, paths))
    }

    fn compares_collectors(&self) -> bool {
        self.agree_on.is_some()
    }
}

impl Quorum {
    /// Whether `k` of those who have answered agree on the values at `paths`.
    ///
    /// Decodes at most one payload per collector, not per result, and none if there cannot be more agreement than
    /// before: this runs under the set's mutex.
    fn agrees(&self, set: &SetView<'_>, paths: &[Path]) -> bool {
        let mut answered: BTreeSet<_> =
            set.members.iter().filter(|member| member.answered).map(|member| &member.collector).collect();
        // Somebody whose task goes on has sent something.
        if set.arrived.is_some_and(|arrived| !answered.contains(&arrived.source.collector)) {
            return false;
        }
        let mut parties = Parties::new(self.k);
        for result in set.results.iter().rev() {
            if answered.is_empty() {
                break;
            }
            let collector = &result.source.collector;
            // The latest of each, so that nothing is decoded of the others.
            if answered.remove(collector) && parties.join(collector, testimony(&result.payload, paths)) {
                return true;
            }
        }
        false
    }

    /// Whoever does not say what completed the set, and where. That is what `k` of those who have answered say, and said
    /// first: of others, who have not answered or came too late, there may be more.
    fn dissenters(
        &self,
        results: &[Contribution],
        missing: &[MissingCollector],
        paths: &[Path],
    ) -> Vec<Conflict> {
        let missing: BTreeSet<_> = missing.iter().map(|missing| &missing.collector).collect();
        let mut parties = Parties::new(self.k);
        for Contribution { source, payload, .. } in results {
            if !missing.contains(&source.collector) {
                parties.join(&source.collector, testimony(payload, paths));
            }
        }
        let Some(agreed) = parties.first() else { return Vec::new() };
        let differs = |(collector, payload): (&CollectorId, &Payload)| {
            let said = testimony(payload, paths);
            let at = said.iter().zip(&agreed).position(|(said, agreed)| said.as_ref() != Some(agreed))?;
            let field = paths.get(at).map_or(&[][..], Path::names);
            Some(Conflict::new(field.iter().cloned(), ConflictKind::Disagree, collector))
        };
        latest(results).into_iter().filter_map(differs).collect()
    }
}

/// What a collector says about each field in question; `None` where it says nothing.
type Testimony = Vec<Option<Value>>;

/// Who says the same, of those who say something about everything.
struct Parties<'a> {
    k: usize,
    says: HashMap<&'a CollectorId, Vec<Value>>,
    parties: HashMap<Vec<Value>, Party>,
    joined: usize,
}

#[derive(Default)]
struct Party {
    size: usize,
    /// Who made it `k`, counted over all who joined any.
    since: usize,
}

impl<'a> Parties<'a> {
    fn new(k: usize) -> Self {
        Self { k, says: HashMap::new(), parties: HashMap::new(), joined: 0 }
    }

    /// The collector says this now, whatever it said before. Whether `k` say the same, with it.
    fn join(&mut self, collector: &'a CollectorId, said: Testimony) -> bool {
        self.joined += 1;
        let before = self.says.remove(collector);
        if let Some(left) = before.and_then(|before| self.parties.get_mut(&before)) {
            left.size -= 1;
        }
        let Some(said) = said.into_iter().collect::<Option<Vec<_>>>() else { return false };
        self.says.insert(collector, said.clone());
        let party = self.parties.entry(said).or_default();
        party.size += 1;
        if party.size == self.k {
            party.since = self.joined;
        }
        party.size >= self.k
    }

    /// What `k` say, and said first.
    fn first(self) -> Option<Vec<Value>> {
        let agree = self.parties.into_iter().filter(|(_, party)| party.size >= self.k);
        agree.min_by_key(|(_, party)| party.since).map(|(said, _)| said)
    }
}

/// What each collector says, which is its latest result.
fn latest(results: &[Contribution]) -> BTreeMap<&CollectorId, &Payload> {
    results.iter().map(|result| (&result.source.collector, &result.payload)).collect()
}

/// What a payload says about each field in question, or as a whole.
fn testimony(payload: &Payload, paths: &[Path]) -> Testimony {
    let value = payload.decode().ok();
    if paths.is_empty() {
        return vec![value];
    }
    paths.iter().map(|path| path.of(value.as_ref()?).cloned()).collect()
}

register!(completion: Quorum);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use stook_plugin::conformance;
    use stook_types::Missing;

    use super::*;
    use crate::completion::testing::{completes, member};
    use crate::testing::{HOSTILE, id, json, lines, made, results};

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
    fn who_has_not_answered_changes_nothing() {
        let results = results(&[("p1", "1"), ("p2", "1"), ("p3", "1")]);
        let members: Vec<_> = [("p1", true), ("p2", true), ("p3", false)]
            .map(|(name, answered)| member(name, true, answered))
            .into();
        let decides = |arrived: usize| {
            let mut set = SetView::new("a", &results, &members, 0, Duration::ZERO);
            set.arrived = results.get(arrived);
            made::<Quorum>(r#"{"k":2,"agree_on":[]}"#).decide(&set)
        };
        assert_eq!(decides(2), Decision::Pending, "its task goes on");
        assert_eq!(decides(1), Decision::Complete, "it has answered before, and now agrees");
        assert_eq!(decides(9), Decision::Complete, "somebody's task has ended");
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
            assert_eq!(lines(&made::<Quorum>(options).dissent(&results(sent), &[])), dissent, "{sent:?}");
        };
        let whole = r#"{"k":2,"agree_on":[]}"#;
        check(whole, &[("p1", "\"x\""), ("p2", "\"y\""), ("p3", "\"x\"")], &[" disagree p2"]);
        check(whole, &[("p1", "1"), ("p2", "2"), ("p2", "1")], &[]);
        check(whole, &[("p1", "1"), ("p2", "{"), ("p3", "1")], &[" disagree p2"]);
        // One is enough: the first gives the measure, and it is gone if it says something else.
        check(r#"{"k":1,"agree_on":[]}"#, &[("p2", "2"), ("p1", "1"), ("p2", "3")], &[" disagree p2"]);
        check(r#"{"k":1,"agree_on":[]}"#, &[("p2", "2"), ("p1", "1")], &[" disagree p1"]);
        check(whole, &[("p1", "{"), ("p2", "{")], &[]);
        let fields = r#"{"k":2,"agree_on":["v",["o","w"]]}"#;
        let same = r#"{"v":1,"o":{"w":2},"seen":3}"#;
        let sent = [("p1", same), ("p2", r#"{"v":1,"o":{"w":3}}"#), ("p3", same), ("p4", r#"{"o":{"w":2}}"#)];
        check(fields, &sent, &["o/w disagree p2", "v disagree p4"]);
        check(r#"{"k":2}"#, &[("p1", "1"), ("p2", "2")], &[]);
    }

    #[test]
    fn whoever_completed_the_set_does_not_dissent() {
        let said = [("p3", "1"), ("p4", "1"), ("p5", "1"), ("p1", "2"), ("p2", "2")];
        let check = |missing: &[&str], dissent: &[&str]| {
            let missing: Vec<_> =
                missing.iter().map(|name| MissingCollector::new(id(name), Missing::Timeout)).collect();
            let policy = made::<Quorum>(r#"{"k":2,"agree_on":[]}"#);
            assert_eq!(lines(&policy.dissent(&results(&said), &missing)), dissent, "{missing:?}");
        };
        // Three corrections, after two were enough, are more and do not change what completed it.
        check(&[], &[" disagree p1", " disagree p2"]);
        // Three whose tasks go on.
        check(&["p3", "p4", "p5"], &[" disagree p3", " disagree p4", " disagree p5"]);
        check(&["p1", "p3", "p4", "p5"], &[]);
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
        assert!(made::<Quorum>(r#"{"k":1,"agree_on":[]}"#).compares_collectors());
        assert!(!made::<Quorum>(r#"{"k":1}"#).compares_collectors());
    }
}
