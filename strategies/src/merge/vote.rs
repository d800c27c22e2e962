//! `vote`: the payload that enough collectors agree on.

use std::collections::{BTreeMap, HashMap};

use stook_plugin::{
    Algebra, BuildContext, BuildError, Conflict, ConflictKind, Conflicts, MemoryBound, MergeError,
    MergeInput, MergeStrategy, Merged, Plugin, options, register,
};
use stook_types::{CollectorId, Payload, Value};

use crate::options::AtLeastOne;

options! {
    /// Options of `vote`.
    pub struct VoteOptions {
        /// How many different collectors must agree.
        k: AtLeastOne,
    }
}

/// The payload on which most collectors agree.
pub struct Vote {
    k: usize,
}

/// The collectors that say the same, with the payload in which the first of them said it.
struct Party<'a> {
    payload: &'a Payload,
    members: Vec<&'a CollectorId>,
}

impl Plugin for Vote {
    const NAME: &'static str = "vote";
    const DOCS: &'static str = "The payload that at least `k` collectors agree on, and of several such the one with the most. The latest \
        result of a collector, in effective order, speaks for it. Equal is what decodes to the same value, typed. Who says \
        something else is recorded in `conflicts`. If no payload gets there, or two get equally far, the merge fails: the set \
        is partial, reason `merge-failed`, and its value is the list of payloads. A set without results is null.";
    type Options = VoteOptions;

    fn build(options: VoteOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self { k: options.k.get() })
    }
}

impl MergeStrategy for Vote {
    /// Not commutative, nor idempotent: the latest result of a collector is its vote.
    fn algebra(&self) -> Algebra {
        Algebra { memory: MemoryBound::Constant, ..Algebra::default() }
    }

    fn merge(&self, input: &MergeInput<'_>, conflicts: &mut Conflicts) -> Result<Merged, MergeError> {
        if input.results.is_empty() {
            return Ok(Merged::Value(Value::Null));
        }
        let mut parties = parties(input, conflicts);
        parties.sort_by_key(|party| std::cmp::Reverse(party.members.len()));
        let size = |place: usize| parties.get(place).map_or(0, |party| party.members.len());
        if size(0) < self.k {
            let (most, k) = (size(0), self.k);
            return Err(MergeError::new(format!("no {k} collectors agree, {most} at most")));
        }
        if size(0) == size(1) {
            let most = size(0);
            return Err(MergeError::new(format!("two payloads have {most} collectors each that agree")));
        }
        let mut dissenters: Vec<_> = parties[1..].iter().flat_map(|party| &party.members).collect();
        dissenters.sort_unstable();
        for dissenter in dissenters {
            conflicts.push(Conflict::of_payload(ConflictKind::Disagree, dissenter));
        }
        Ok(Merged::Payload(parties[0].payload.clone()))
    }

    fn compares_collectors(&self) -> bool {
        true
    }
}

fn parties<'a>(input: &MergeInput<'a>, conflicts: &mut Conflicts) -> Vec<Party<'a>> {
    let latest: BTreeMap<_, _> =
        input.results.iter().map(|result| (&result.source.collector, result)).collect();
    let mut parties: HashMap<Value, Party<'_>> = HashMap::new();
    for (collector, result) in latest {
        if let Some(value) = conflicts.decode(result) {
            let party = || Party { payload: &result.payload, members: Vec::new() };
            parties.entry(value).or_insert_with(party).members.push(collector);
        }
    }
    parties.into_values().collect()
}

register!(merge: Vote);

#[cfg(test)]
mod tests {
    use stook_plugin::conformance;

    use super::*;
    use crate::testing::{json, lines, made, merge, results};

    fn check(k: usize, sent: &[(&str, &str)], value: &str, conflicts: &[&str]) {
        let (merged, found) = merge::<Vote>(&format!(r#"{{"k":{k}}}"#), &results(sent));
        assert_eq!(merged, json(value), "{sent:?}");
        assert_eq!(lines(&found), conflicts, "{sent:?}");
    }

    fn fails(k: usize, sent: &[(&str, &str)], why: &str) {
        let vote = made::<Vote>(&format!(r#"{{"k":{k}}}"#));
        let failed = vote.merge(&MergeInput::new("a", &results(sent)), &mut Conflicts::default());
        assert_eq!(failed.unwrap_err(), MergeError::new(why), "{sent:?}");
    }

    #[test]
    fn keeps_its_promises() {
        let payloads = [json("1"), json("2")];
        for k in 1..4 {
            conformance::merge_of(|| Vote { k }, &payloads, &[]);
        }
    }

    #[test]
    fn the_largest_group_decides() {
        check(2, &[("p1", "1"), ("p2", "2"), ("p3", "1")], "1", &[" disagree p2"]);
        check(1, &[("p3", "7")], "7", &[]);
        let most = [("p1", "1"), ("p2", "2"), ("p3", "2"), ("p4", "1"), ("p5", "2"), ("p6", "3")];
        check(2, &most, "2", &[" disagree p1", " disagree p4", " disagree p6"]);
        check(2, &[("p1", r#"{"a":1,"b":2}"#), ("p2", r#"{"b":2,"a":1}"#)], r#"{"a":1,"b":2}"#, &[]);
        check(2, &[], "null", &[]);
    }

    #[test]
    fn the_latest_result_of_a_collector_speaks_for_it() {
        check(2, &[("p1", "1"), ("p2", "2"), ("p1", "2")], "2", &[]);
        fails(2, &[("p1", "1"), ("p1", "1")], "no 2 collectors agree, 1 at most");
        // What cannot be read says nothing, and what was said before is not meant any more.
        let sent = [("p1", "1"), ("p2", "1"), ("p3", "1"), ("p3", "{")];
        check(2, &sent, "1", &[" decode p3 EOF while parsing an object at line 1 column 1"]);
    }

    #[test]
    fn without_agreement_it_fails() {
        fails(2, &[("p1", "1"), ("p2", "1.0")], "no 2 collectors agree, 1 at most");
        fails(1, &[("p1", "1"), ("p2", "2")], "two payloads have 1 collectors each that agree");
        fails(1, &[("p1", "{")], "no 1 collectors agree, 0 at most");
    }

    #[test]
    fn options_are_checked() {
        conformance::plugin::<Vote>(&[("k", 2.into())]);
    }
}
