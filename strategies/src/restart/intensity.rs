//! `intensity`: at once, unless it happens too often.

use std::time::Duration;

use stook_plugin::{
    BuildContext, BuildError, Draw, Ending, Plugin, Restart, RestartPolicy, options, register,
};
use stook_types::units::Span;

use crate::options::{AtLeastOne, GiveUp, When};

options! {
    /// Options of `intensity`.
    pub struct IntensityOptions {
        /// After which ends: `permanent` means every one, `transient` all but an exit with code 0, `temporary` none.
        when: When = When::Permanent,
        /// How many restarts are tolerated within `within`; the next end is the last. At most 64.
        restarts: AtLeastOne = AtLeastOne::new(5),
        /// Within which time.
        within: Span = Span(Duration::from_secs(60)),
    }
}

/// At once, until it was too often: the rule of Erlang/OTP's supervisors (`supervisor(3)`), which call `restarts` the
/// intensity and `within` the period.
pub struct Intensity {
    when: When,
    give_up: GiveUp,
}

impl Plugin for Intensity {
    const NAME: &'static str = "intensity";
    const DOCS: &'static str = "A collector that has ended is started again at once, and given up when that was needed more than \
        `restarts` times `within` a time: the rule of Erlang/OTP's supervisors.";
    type Options = IntensityOptions;

    fn build(options: IntensityOptions, _: &BuildContext) -> Result<Self, BuildError> {
        let give_up = GiveUp { restarts: options.restarts, within: options.within };
        give_up.check().map_err(|(option, message)| BuildError::in_option(option, message))?;
        Ok(Self { when: options.when, give_up })
    }
}

impl RestartPolicy for Intensity {
    fn decide(&self, ending: &Ending<'_>, _: &mut Draw) -> Restart {
        if !self.when.restarts(ending.how) {
            return Restart::Leave;
        }
        self.give_up.reached(ending).unwrap_or(Restart::After(Duration::ZERO))
    }
}

register!(restart: Intensity);

#[cfg(test)]
mod tests {
    use stook_plugin::{Exit, conformance};

    use super::*;
    use crate::restart::testing::{decide, first};
    use crate::testing::made;

    #[test]
    fn one_restart_too_many_is_the_end() {
        let policy = made::<Intensity>(r#"{"restarts":2,"within":"10s"}"#);
        let at_once = Restart::After(Duration::ZERO);
        assert_eq!(first(&policy, Exit::Success), at_once);
        assert_eq!(decide(&policy, Exit::Failure, &[10, 20, 30, 99], 1), at_once);
        let given_up = Restart::GiveUp("2 restarts within 10s".into());
        assert_eq!(decide(&policy, Exit::Failure, &[95, 99], 1), given_up);
        // Also where each of them had settled, and left well.
        assert_eq!(decide(&policy, Exit::Success, &[95, 99], 0), given_up);
    }

    #[test]
    fn what_is_done_is_not_given_up() {
        let policy = made::<Intensity>(r#"{"when":"transient"}"#);
        assert_eq!(decide(&policy, Exit::Success, &[99; 64], 1), Restart::Leave);
        let policy = made::<Intensity>(r#"{"when":"temporary"}"#);
        assert_eq!(first(&policy, Exit::Failure), Restart::Leave);
    }

    #[test]
    fn options_are_checked() {
        conformance::plugin::<Intensity>(&[]);
    }

    #[test]
    fn holds_to_the_contract() {
        for when in When::WORDS {
            conformance::restart(|| made::<Intensity>(&format!(r#"{{"when":"{when}"}}"#)));
        }
    }
}
