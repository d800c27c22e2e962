//! What is asked of every merge strategy.

use std::collections::BTreeSet;
use std::fmt::{Debug, Display};

use stook_types::{CollectorId, Value};

use super::results::{FLAVOURS, Flavour, forget_failures, has_failed, payload, result, value};
use super::sent::{Input, absurd, check_conflicts, plausible, said, senders, shown, shuffled};
use super::{answer, brief};
use crate::{
    ConflictKind, Conflicts, Contribution, Draw, MemoryBound, MergeError, MergeInput, MergeStrategy,
    Provenance,
};

/// Holds a merge strategy to its contract, and to what it promises about itself in its
/// [`algebra`](MergeStrategy::algebra):
///
/// * it panics at no payload, readable or not, and at no set, the empty one included;
/// * it has no state: the same results give the same value, whatever sets it has merged before, and a new instance gives it
///   too;
/// * a payload that it could not decode is a conflict, and not left out in silence: [`Conflicts::decode`] does that;
/// * if it is commutative, so do the same results in another order;
/// * if it is associative, merging parts, and then their values as payloads, gives the value of the whole;
/// * if it is idempotent, a result that comes again changes nothing;
/// * its value does not grow beyond the bound that it declares;
/// * conflicts name collectors that sent something, and there are at most two for each value that was sent;
/// * the same holds for `provenance`, where each field is named once and its collectors are sorted.
///
/// An error of the merge is a value like any other here: where one order of the results fails, all do.
///
/// `make` makes an instance as config would. Payloads are objects with some of the fields `n`, `m` and `o`: let options
/// name these. If the strategy has keys, let `n` be one; `m` takes ever new values.
///
/// # Panics
/// If the strategy does not hold to it.
#[track_caller]
pub fn merge<S: MergeStrategy>(make: impl Fn() -> S) {
    merge_of(make, &[], &[]);
}

/// The same for a strategy that needs payloads of a certain kind to do anything, or that can follow its value:
///
/// * three of four payloads are one of `payloads`;
/// * of the fields at the paths that it `follows`, [`running`](MergeStrategy::running) knows after each result what the
///   merge of the results so far has there.
///
/// # Panics
/// If the strategy does not hold to it.
#[track_caller]
pub fn merge_of<S: MergeStrategy>(make: impl Fn() -> S, payloads: &[Value], follows: &[&[&str]]) {
    let strategy = Asked { strategy: make() };
    strategy.has_no_state(&Asked { strategy: make() }, &[], &"no results");
    for seed in 0..200 {
        let mut draw = Draw::new(seed);
        let sent = plausible(payloads, &mut draw);
        let input = Input { seed, sent: &sent };
        strategy.has_no_state(&Asked { strategy: make() }, &sent, &input);
        strategy.keeps_its_algebra(&sent, &input, &mut draw);
        strategy.follows(follows, &sent, &input);
        let absurd = absurd(&mut draw);
        let input = Input { seed, sent: &absurd };
        strategy.has_no_state(&Asked { strategy: make() }, &absurd, &input);
        strategy.follows(follows, &absurd, &input);
    }
    for flavour in FLAVOURS {
        strategy.stays_within_its_bound(flavour);
    }
}

struct Asked<S> {
    strategy: S,
}

impl<S: MergeStrategy> Asked<S> {
    /// The merged value, or that there is none.
    #[track_caller]
    fn merged(&self, sent: &[Contribution], at: &impl Display) -> Option<Value> {
        let input = MergeInput::new("test", sent);
        let mut conflicts = Conflicts::default();
        forget_failures();
        let merged = answer(at, || self.strategy.merge(&input, &mut conflicts));
        let failed_to_decode = has_failed();
        let provenance = answer(at, || self.strategy.provenance(&input));
        let dropped = conflicts.dropped();
        let conflicts = conflicts.into_list();
        let says_so = dropped > 0 || conflicts.iter().any(|conflict| conflict.kind == ConflictKind::Decode);
        assert!(
            merged.is_err() || !failed_to_decode || says_so,
            "a payload that cannot be decoded is a conflict, and not left out in silence: write \
             `conflicts.decode(result)` instead of `result.payload.decode()`, at {at}"
        );
        check_conflicts(&conflicts, dropped, sent, at);
        check_provenance(&provenance, &senders(sent), at);
        merged.ok()?.to_value().ok()
    }

    /// This instance has merged all the sets before, and the other one none.
    #[track_caller]
    fn has_no_state(&self, new: &Self, sent: &[Contribution], at: &impl Display) {
        let (value, of_new) = (self.merged(sent, at), new.merged(sent, at));
        assert!(
            value == of_new,
            "a merge has no state: the value is {}, and that of a new instance, which has merged no other sets before, \
             is {}, at {at}",
            shown(value.as_ref()),
            shown(of_new.as_ref())
        );
    }

    #[track_caller]
    fn keeps_its_algebra(&self, sent: &[Contribution], at: &Input<'_>, draw: &mut Draw) {
        let algebra = self.strategy.algebra();
        let whole = self.merged(sent, at);
        let same = |promise: &str, of: &[Contribution]| {
            let other = self.merged(of, at);
            assert!(
                other == whole,
                "{promise}: the value was {} and is {} of {}, at {at}",
                shown(whole.as_ref()),
                shown(other.as_ref()),
                brief(&said(of))
            );
        };
        same("the same results give the same value", sent);
        if algebra.commutative {
            for shuffled in [reversed(sent), shuffled(sent, draw)] {
                same("a commutative merge gives the same value in every order", &shuffled);
            }
        }
        if algebra.associative {
            for cut in 1..sent.len() {
                let (left, right) = sent.split_at(cut);
                if let (Some(left), Some(right)) = (self.merged(left, at), self.merged(right, at)) {
                    let parts = [result(payload(&left), 0, draw), result(payload(&right), 1, draw)];
                    same("an associative merge gives the same value of its parts", &parts);
                }
            }
        }
        if algebra.idempotent && !sent.is_empty() {
            let place = draw.below(sent.len());
            let mut twice = sent.to_vec();
            twice.insert(place + 1 + draw.below(sent.len() - place), sent[place].clone());
            same("an idempotent merge is not changed by a result that comes again", &twice);
        }
    }

    #[track_caller]
    fn follows(&self, paths: &[&[&str]], sent: &[Contribution], at: &Input<'_>) {
        if paths.is_empty() {
            return;
        }
        let names: Vec<Vec<String>> =
            paths.iter().map(|path| path.iter().map(|name| (*name).to_owned()).collect()).collect();
        let running = answer(at, || self.strategy.running(&names));
        let mut running = running.unwrap_or_else(|MergeError(why)| panic!("{names:?} is followed: {why}"));
        for so_far in 0..=sent.len() {
            let whole = self.merged(&sent[..so_far], at);
            let value = answer(at, || running.value());
            for path in whole.iter().flat_map(|_| paths) {
                let (merged, followed) = (whole.as_ref().and_then(|whole| whole.at(path)), value.at(path));
                assert!(
                    followed == merged,
                    "what is followed is what the merge would have: of {so_far} results it is {} and not \
                     {} at {path:?}, at {at}",
                    shown(followed),
                    shown(merged)
                );
            }
            if let Some(next) = sent.get(so_far) {
                answer(at, || running.push(next));
                answer(at, || running.bytes());
            }
        }
    }

    /// With many results as with few, and with many fields.
    #[track_caller]
    fn stays_within_its_bound(&self, flavour: Flavour) {
        const FEW: usize = 32;
        const MANY: usize = 8 * FEW;
        let bound = self.strategy.algebra().memory;
        if bound == MemoryBound::Input {
            return;
        }
        let at = "results with ever new values of `m`";
        let measure = |many: usize, of: &dyn Fn(usize) -> Value| {
            let mut draw = Draw::new(1);
            let sent: Vec<_> = (0..many).map(|i| result(payload(&of(i)), i, &mut draw)).collect();
            let largest = sent.iter().map(|result| result.payload.len()).max().unwrap_or(0);
            (self.merged(&sent, &at).map_or(0, |value| payload(&value).len()), largest)
        };
        let fields = |i: usize| {
            Value::from([("n", Value::Int((i % 4) as i64)), ("m", new(flavour, i)), ("o", Value::Int(1))])
        };
        let (few, (many, largest)) = (measure(FEW, &fields).0, measure(MANY, &fields));
        assert!(
            many <= 2 * few + 64,
            "the value grows with the number of fields or keys at most: of {FEW} {at} it has {few} bytes, and {many} \
             of {MANY}"
        );
        if bound == MemoryBound::Constant {
            let (widest, widely) = measure(FEW, &|i| Value::from([(format!("field-{i}"), new(flavour, i))]));
            for (bytes, largest) in [(many, largest), (widest, widely)] {
                assert!(
                    bytes <= largest + 64,
                    "a constant value is not larger than the largest payload, of {largest} bytes: it has {bytes}"
                );
            }
        }
    }
}

/// A value of this flavour that no other number gives, where there are so many, all of one size.
fn new(flavour: Flavour, number: usize) -> Value {
    let text = format!("{number:06}");
    match flavour {
        Flavour::Bools => Value::Bool(number.is_multiple_of(2)),
        Flavour::Ints => Value::Int(number as i64),
        Flavour::Numbers => Value::Float(number as f64 / 7.0),
        Flavour::Texts => text.into(),
        Flavour::Arrays => Value::Array(vec![text.into()]),
        Flavour::Objects => Value::from([("x", text)]),
        Flavour::Anything => value(flavour, 2, &mut Draw::new(number as u64)),
    }
}

#[track_caller]
fn check_provenance(provenance: &[Provenance], senders: &BTreeSet<&CollectorId>, at: &impl Display) {
    let mut fields = BTreeSet::new();
    for Provenance { field, collectors } in provenance {
        let violates = |what: &str, which: &dyn Debug| {
            panic!("{what}: {which:?} at {field:?}, at {at}");
        };
        if !fields.insert(field) {
            violates("provenance names a field once", &provenance);
        }
        if !collectors.is_sorted_by(|one, next| one < next) || collectors.is_empty() {
            violates("the collectors of a field are some, sorted, and each named once", collectors);
        }
        if let Some(stray) = collectors.iter().find(|collector| !senders.contains(collector)) {
            violates("provenance names collectors that sent something", stray);
        }
    }
}

fn reversed(sent: &[Contribution]) -> Vec<Contribution> {
    sent.iter().rev().cloned().collect()
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
