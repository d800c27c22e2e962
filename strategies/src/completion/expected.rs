//! `expected`: everybody has answered.

use stook_plugin::{
    BuildContext, BuildError, CompletionPolicy, Decision, Plugin, Roster, SetView, Unexpected, register,
};
use stook_types::CollectorId;

use super::all_answered;
use crate::options::Whom;

/// Complete when every expected collector has answered.
pub struct Expected(Whom);

impl Plugin for Expected {
    const NAME: &'static str = "expected";
    const DOCS: &'static str = "Complete when every expected collector has answered: those that the set's task runs on, or, \
        for a set that nobody announced, `collectors` and `kinds`.";
    type Options = Whom;

    fn build(whom: Whom, _: &BuildContext) -> Result<Self, BuildError> {
        whom.checked().map(Self)
    }
}

impl CompletionPolicy for Expected {
    fn decide(&self, set: &SetView<'_>) -> Decision {
        all_answered(set, set.expected())
    }

    fn expects(&self, roster: &Roster<'_>) -> Vec<CollectorId> {
        self.0.of(roster)
    }

    fn unexpected(&self) -> Unexpected {
        self.0.unexpected
    }
}

register!(completion: Expected);

#[cfg(test)]
mod tests {
    use stook_plugin::{Registration, conformance};

    use super::*;
    use crate::completion::testing::completes;
    use crate::testing::{build, id, made};

    fn policy(options: &str) -> Box<dyn CompletionPolicy> {
        build(&Registration::completion::<Expected>("test"), options).unwrap()
    }

    #[test]
    fn keeps_its_promises() {
        for options in ["{}", r#"{"collectors":["p1","px"],"kinds":["test"],"unexpected":"refuse"}"#] {
            conformance::completion(|| made::<Expected>(options));
        }
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
    fn expects_whom_its_options_name() {
        assert_eq!(policy(r#"{"collectors":["p2","p1"]}"#).expects(&Roster::new(&[])), [id("p1"), id("p2")]);
    }

    #[test]
    fn options_are_checked() {
        assert_eq!(policy("{}").unexpected(), Unexpected::Include);
        assert_eq!(policy(r#"{"unexpected":"refuse"}"#).unexpected(), Unexpected::Refuse);
        conformance::plugin::<Expected>(&[]);
    }
}
