//! `expected`: everybody has answered.

use std::collections::BTreeSet;

use stook_plugin::{
    BuildContext, BuildError, CompletionPolicy, Decision, Plugin, Roster, SetView, Unexpected, options,
    register,
};
use stook_types::CollectorId;

options! {
    /// Options of `expected`.
    pub struct ExpectedOptions {
        /// Whom a set waits for that no task and no caller announced: these collectors.
        collectors: Vec<CollectorId> = Vec::new(),
        /// Whom such a set waits for as well: every collector of these kinds that the host knows when it opens.
        kinds: Vec<String> = Vec::new(),
        /// What becomes of a result from a collector that the set does not wait for.
        unexpected: Unexpected = Unexpected::Include,
    }
}

/// Complete when every expected collector has answered.
pub struct Expected(ExpectedOptions);

impl Plugin for Expected {
    const NAME: &'static str = "expected";
    const DOCS: &'static str = "Complete when every expected collector has answered: those that the set's task runs on, or, \
        for a set that nobody announced, `collectors` and `kinds`.";
    type Options = ExpectedOptions;

    fn build(options: ExpectedOptions, _: &BuildContext) -> Result<Self, BuildError> {
        // The roster has an empty kind for a collector whose kind nobody has told yet.
        if options.kinds.iter().any(String::is_empty) {
            return Err(BuildError::in_option("kinds", "a kind must not be empty; leave it out"));
        }
        Ok(Self(options))
    }
}

impl CompletionPolicy for Expected {
    fn decide(&self, set: &SetView<'_>) -> Decision {
        let mut expected = set.expected().peekable();
        // A set that expects nobody would be complete before anybody could answer.
        if set.unassigned == 0 && expected.peek().is_some() && expected.all(|member| member.answered) {
            Decision::Complete
        } else {
            Decision::Pending
        }
    }

    fn expects(&self, roster: &Roster<'_>) -> Vec<CollectorId> {
        let of_kind =
            roster.collectors.iter().filter(|entry| self.0.kinds.iter().any(|kind| **kind == *entry.kind));
        let expected: BTreeSet<_> = self.0.collectors.iter().chain(of_kind.map(|entry| &entry.id)).collect();
        expected.into_iter().cloned().collect()
    }

    fn unexpected(&self) -> Unexpected {
        self.0.unexpected
    }
}

register!(completion: Expected);

#[cfg(test)]
mod tests {
    use stook_plugin::{Options, Registration, RosterEntry};

    use super::*;
    use crate::completion::testing::completes;
    use crate::testing::{build, check_defaults, id, refuses};

    fn policy(options: &str) -> Box<dyn CompletionPolicy> {
        build(&Registration::completion::<Expected>("test"), options).unwrap()
    }

    #[test]
    fn waits_for_everybody_and_only_them() {
        let check = |expected: &[&str], answered: &[&str], complete: bool| {
            assert_eq!(completes::<Expected>("{}", expected, answered, &[]), complete, "{answered:?}");
        };
        check(&["p1", "p2", "p3"], &["p1", "p2"], false);
        check(&["p1", "p2", "p3"], &["p1", "p2", "p3"], true);
        check(&["p1", "p2"], &["p1", "px"], false);
        check(&["p1", "p2"], &["p1", "px", "p2"], true);
        check(&[], &[], false);
        check(&[], &["px"], false);
    }

    #[test]
    fn three_results_of_one_are_not_three_answers() {
        let sent = [("p1", "1"), ("p1", "2"), ("p1", "3")];
        assert!(!completes::<Expected>("{}", &["p1", "p2", "p3"], &["p1"], &sent));
    }

    #[test]
    fn expects_the_named_and_the_kinds_each_once() {
        let roster = [
            RosterEntry::new(id("net-1"), "net"),
            RosterEntry::new(id("proc-1"), "proc"),
            RosterEntry::new(id("proc-2"), "proc"),
            RosterEntry::new(id("new-1"), ""),
        ];
        let check = |options: &str, expected: &[&str]| {
            let expected: Vec<_> = expected.iter().map(|name| id(name)).collect();
            assert_eq!(policy(options).expects(&Roster::new(&roster)), expected, "{options}");
        };
        check("{}", &[]);
        check(r#"{"kinds":["proc"]}"#, &["proc-1", "proc-2"]);
        check(r#"{"collectors":["proc-2","absent"],"kinds":["proc"]}"#, &["absent", "proc-1", "proc-2"]);
        check(r#"{"kinds":["pro","none"]}"#, &[]);
    }

    #[test]
    fn options_are_checked() {
        assert_eq!(policy("{}").unexpected(), Unexpected::Include);
        assert_eq!(policy(r#"{"unexpected":"refuse"}"#).unexpected(), Unexpected::Refuse);
        let refuses = |options, with| {
            refuses::<dyn CompletionPolicy>(&Registration::completion::<Expected>("test"), options, with);
        };
        refuses(r#"{"unexpected":"refused"}"#, "did you mean `refuse`?");
        refuses(r#"{"collectors":["a b"]}"#, "`a b` is no collector id");
        refuses(r#"{"kinds":[""]}"#, "must not be empty");
        check_defaults::<Expected>(ExpectedOptions::SPECS, "{}");
    }
}
