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
        let needed = match (&self.0, set.results.first()) {
            (Needed::Config(count), _) => Ok(*count),
            // All that are in say the same.
            (Needed::Results(field), Some(first)) => said(field, &first.payload),
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
        let first = set.results.first().map_or(&next.payload, |first| &first.payload);
        match (said(field, &next.payload), said(field, first)) {
            (Err(refusal), _) => Admission::Refused(refusal),
            (Ok(next), Ok(first)) if next != first => Admission::Refused(Refusal::CountMismatch),
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
    use stook_plugin::{Registration, conformance};

    use super::*;
    use crate::completion::testing::{admits, completes};
    use crate::testing::{made, refuses};

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
    fn one_is_the_least() {
        assert!(completes::<Count>(r#"{"count":1}"#, &[], &[], &[("p1", "1")]));
        let refuses = |options, with| {
            refuses::<dyn CompletionPolicy>(&Registration::completion::<Count>("test"), options, with);
        };
        refuses(r#"{"count":0}"#, "must be at least 1");
        refuses(r#"{"count":-1}"#, "must be at least 1");
        refuses("{}", "write `count = 3`, or `count_field = \"total\"`");
        refuses(r#"{"count":1,"count_field":"n"}"#, "exclude each other");
        refuses(r#"{"conut":1}"#, "unknown field `conut`");
        assert_eq!(made::<Count>(r#"{"count":3}"#).needs_results(), Some((3, "count")));
        assert_eq!(made::<Count>(r#"{"count_field":"n"}"#).needs_results(), None);
    }

    #[test]
    fn defaults_are_as_shown() {
        conformance::plugin::<Count>(&[("count", 3.into())]);
    }
}
