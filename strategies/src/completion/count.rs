//! `count`: enough results, whoever sent them.

use stook_plugin::{
    Admission, BuildContext, BuildError, CompletionPolicy, Contribution, Decision, Plugin, SetView, options,
    register,
};
use stook_types::{Payload, Refusal, Value};

use crate::options::{AtLeastOne, Path};

options! {
    /// Options of `count`.
    pub struct CountOptions {
        /// How many accepted results complete a set.
        count: Option<AtLeastOne> = None,
        /// Where a result says how many there are, instead of `count`: a field name or an array of names. The value there
        /// must be a whole number, at least 1. The first result of a set decides; one that says another number is refused
        /// (`count-mismatch`), and so is one that says none (`missing-key`, or `decode` where it is no such number).
        count_field: Option<Path> = None,
    }
}

/// Complete at a number of results.
pub struct Count(Needed);

/// Who says how many results it takes.
enum Needed {
    Config(usize),
    Results(Path),
}

impl Plugin for Count {
    const NAME: &'static str = "count";
    const DOCS: &'static str = "Complete when the set has `count` results, or as many as the results say in `count_field`, \
        whoever sent them. Duplicates do not count. A number in `count_field` beyond `limits.results_per_set` is never \
        reached: such a set ends by its timeout. To wait for everybody use `expected`, to wait for some of many `quorum`.";
    const EXAMPLE: Option<&'static str> = Some("count = 3");
    type Options = CountOptions;

    fn build(options: CountOptions, _: &BuildContext) -> Result<Self, BuildError> {
        match (options.count, options.count_field) {
            (Some(count), None) => Ok(Self(Needed::Config(count.get()))),
            (None, Some(field)) => Ok(Self(Needed::Results(field))),
            (None, None) => Err(BuildError::new(
                "how many results? write `count = 3`, or `count_field = \"total\"` if the results say it",
            )),
            (Some(_), Some(_)) => Err(BuildError::in_option(
                "count_field",
                "`count` and `count_field` exclude each other; take one out",
            )),
        }
    }
}

impl CompletionPolicy for Count {
    fn decide(&self, set: &SetView<'_>) -> Decision {
        let needed = match (&self.0, set.arrived) {
            (Needed::Config(count), _) => Ok(*count),
            // All that are in say the same, so only that one is decoded which has just entered.
            (Needed::Results(field), Some(arrived)) => said(field, &arrived.payload),
            // There are no more results than before.
            (Needed::Results(_), None) => return Decision::Pending,
        };
        if needed.is_ok_and(|needed| set.results.len() >= needed) {
            Decision::Complete
        } else {
            Decision::Pending
        }
    }

    fn admit(&self, set: &SetView<'_>, next: &Contribution) -> Admission {
        let Needed::Results(field) = &self.0 else { return Admission::Enters };
        let next = match said(field, &next.payload) {
            Ok(next) => next,
            Err(refusal) => return Admission::Refused(refusal),
        };
        // All that are in say the same. Ask one that is quickly decoded: a large one would be again for each that comes.
        let known = [set.results.first(), set.results.last()].into_iter().flatten();
        let known = known.map(|result| &result.payload).min_by_key(|payload| payload.len());
        match known.map(|payload| said(field, payload)) {
            Some(Ok(known)) if known != next => Admission::Refused(Refusal::CountMismatch),
            _ => Admission::Enters,
        }
    }

    fn needs_results(&self) -> Option<(usize, &'static str)> {
        match self.0 {
            Needed::Config(count) => Some((count, "count")),
            Needed::Results(_) => None,
        }
    }
}

/// How many results there are, as one of them says.
fn said(field: &Path, payload: &Payload) -> Result<usize, Refusal> {
    let value = payload.decode().map_err(|_| Refusal::Decode)?;
    let number = field.of(&value).ok_or(Refusal::MissingKey)?;
    match *number {
        Value::Int(number @ 1..) => usize::try_from(number).map_err(|_| Refusal::Decode),
        _ => Err(Refusal::Decode),
    }
}

register!(completion: Count);

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use stook_plugin::conformance;
    use stook_types::Encoding;

    use super::*;
    use crate::completion::testing::{admits, completes};
    use crate::testing::{json, made, result};

    #[test]
    fn keeps_its_promises() {
        for options in [r#"{"count":1}"#, r#"{"count":3}"#, r#"{"count_field":"n"}"#] {
            conformance::completion(|| made::<Count>(options));
        }
    }

    #[test]
    fn counts_results_not_collectors() {
        let check = |sent: &[(&str, &str)], complete: bool| {
            assert_eq!(completes::<Count>(r#"{"count":3}"#, &[], &["p1"], sent), complete, "{sent:?}");
        };
        check(&[("p1", "1"), ("p1", "2")], false);
        check(&[("p1", "1"), ("p1", "2"), ("p1", "3")], true);
        // A set that was announced, and that nobody answered.
        check(&[], false);
    }

    #[test]
    fn the_first_result_says_how_many() {
        let check = |sent: &[(&str, &str)], complete: bool| {
            let options = r#"{"count_field":["of","n"]}"#;
            assert_eq!(completes::<Count>(options, &[], &["p1"], sent), complete, "{sent:?}");
        };
        let two = r#"{"of":{"n":2}}"#;
        check(&[], false);
        check(&[("p1", two)], false);
        check(&[("p1", two), ("p2", two)], true);
        check(&[("p1", r#"{"of":{"n":1}}"#)], true);
    }

    #[test]
    fn what_says_something_else_does_not_enter() {
        let check = |sent: &[(&str, &str)], next: &str, admission: Admission| {
            assert_eq!(admits::<Count>(r#"{"count_field":"n"}"#, sent, ("p2", next)), admission, "{next}");
        };
        let refused = Admission::Refused;
        for sent in [&[][..], &[("p1", r#"{"n":4}"#)]] {
            check(sent, r#"{"n":4}"#, Admission::Enters);
            check(sent, r#"{"m":4}"#, refused(Refusal::MissingKey));
            check(sent, "7", refused(Refusal::MissingKey));
            for no_number in
                [r#"{"n":0}"#, r#"{"n":-4}"#, r#"{"n":4.0}"#, r#"{"n":"4"}"#, r#"{"n":null}"#, "{"]
            {
                check(sent, no_number, refused(Refusal::Decode));
            }
        }
        check(&[("p1", r#"{"n":4}"#)], r#"{"n":5}"#, refused(Refusal::CountMismatch));
        assert_eq!(admits::<Count>(r#"{"count":1}"#, &[], ("p1", "{")), Admission::Enters);
    }

    #[test]
    fn no_payload_is_decoded_again_and_again() {
        thread_local!(static DECODED: Cell<usize> = const { Cell::new(0) });
        static COUNTING: Encoding = Encoding {
            content_type: "test/counting",
            decode: |bytes| {
                DECODED.set(DECODED.get() + bytes.len());
                Ok(json(r#"{"n":100}"#))
            },
        };
        let large = 1 << 20;
        for place in [0, 50, 99] {
            DECODED.set(0);
            let policy = made::<Count>(r#"{"count_field":"n"}"#);
            let mut results = Vec::new();
            for number in 0..100 {
                let size = if number == place { large } else { 1 };
                let next = result("p1", Payload::new(vec![0; size].into(), &COUNTING));
                let view = SetView::new("a", &results, &[], 0, Duration::ZERO);
                assert_eq!(policy.admit(&view, &next), Admission::Enters);
                results.push(next);
                let mut view = SetView::new("a", &results, &[], 0, Duration::ZERO);
                view.arrived = results.last();
                let complete = policy.decide(&view) == Decision::Complete;
                assert_eq!(complete, number == 99, "at {number}");
                view.arrived = None;
                assert_eq!(policy.decide(&view), Decision::Pending, "at {number}: nothing has entered");
            }
            assert!(DECODED.get() < 4 * large, "{} bytes, with a large one at {place}", DECODED.get());
        }
    }

    #[test]
    fn one_is_the_least() {
        assert!(completes::<Count>(r#"{"count":1}"#, &[], &[], &[("p1", "1")]));
        assert_eq!(made::<Count>(r#"{"count":3}"#).needs_results(), Some((3, "count")));
        assert_eq!(made::<Count>(r#"{"count_field":"n"}"#).needs_results(), None);
    }

    #[test]
    fn defaults_are_as_shown() {
        conformance::plugin::<Count>(&[("count", 3.into())]);
    }
}
