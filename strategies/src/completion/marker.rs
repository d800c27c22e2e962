//! `marker`: everybody has said that it is done.

use stook_plugin::{
    BuildContext, BuildError, CompletionPolicy, Decision, Plugin, Roster, SetView, Unexpected, register,
};
use stook_types::CollectorId;

use super::all_answered;
use crate::options::Whom;

/// Complete when every expected collector has flagged its last result.
pub struct Marker(Whom);

impl Plugin for Marker {
    const NAME: &'static str = "marker";
    const DOCS: &'static str = "Complete when every expected collector has flagged a result as its last. \
        One whose task has ended is done without a flag, and what it sends after its flag is still taken. \
        A set that expects nobody is complete when everybody who was heard has flagged its last. \
        To policies beside this one, too, a collector has answered only then.";
    type Options = Whom;

    fn build(whom: Whom, _: &BuildContext) -> Result<Self, BuildError> {
        whom.checked().map(Self)
    }
}

impl CompletionPolicy for Marker {
    fn decide(&self, set: &SetView<'_>) -> Decision {
        let expects_nobody = set.expected().next().is_none();
        all_answered(set, set.members.iter().filter(|member| member.expected || expects_nobody))
    }

    fn expects(&self, roster: &Roster<'_>) -> Vec<CollectorId> {
        self.0.of(roster)
    }

    fn unexpected(&self) -> Unexpected {
        self.0.unexpected
    }

    fn awaits_last(&self) -> bool {
        true
    }
}

register!(completion: Marker);

#[cfg(test)]
mod tests {
    use stook_plugin::conformance;

    use super::*;
    use crate::completion::testing::{completes, heard};
    use crate::testing::{id, made};

    #[test]
    fn keeps_its_promises() {
        for options in ["{}", r#"{"collectors":["p1","px"],"kinds":["test"]}"#] {
            conformance::completion(|| made::<Marker>(options));
        }
    }

    #[test]
    fn waits_for_the_flags_of_those_it_expects() {
        let check = |expected: &[&str], flagged: &[&str], complete: bool| {
            assert_eq!(completes::<Marker>("{}", expected, flagged, &[("p1", "1")]), complete, "{flagged:?}");
        };
        check(&["p1", "p2"], &[], false);
        check(&["p1", "p2"], &["p1"], false);
        check(&["p1", "p2"], &["p1", "px"], false);
        check(&["p1", "p2"], &["p1", "p2"], true);
    }

    #[test]
    fn without_expectations_everybody_who_was_heard_is_waited_for() {
        assert!(!heard::<Marker>(&[]));
        assert!(!heard::<Marker>(&[("p1", false)]));
        assert!(heard::<Marker>(&[("p1", true)]));
        assert!(!heard::<Marker>(&[("p1", true), ("p2", false)]));
        assert!(heard::<Marker>(&[("p1", true), ("p2", true)]));
    }

    #[test]
    fn a_first_result_is_no_answer() {
        let policy = made::<Marker>(r#"{"collectors":["p1"],"unexpected":"discard"}"#);
        assert!(policy.awaits_last());
        assert_eq!(policy.expects(&Roster::new(&[])), [id("p1")]);
        assert_eq!(policy.unexpected(), Unexpected::Discard);
    }

    #[test]
    fn options_are_checked() {
        conformance::plugin::<Marker>(&[]);
    }
}
