//! `immediate`: at once, every time.

use std::time::Duration;

use stook_plugin::{
    BuildContext, BuildError, Draw, Ending, Plugin, Restart, RestartPolicy, options, register,
};

use crate::options::When;

options! {
    /// Options of `immediate`.
    pub struct ImmediateOptions {
        /// After which ends: `permanent` means every one, `transient` all but an exit with code 0, `temporary` none.
        when: When = When::Transient,
    }
}

/// At once, every time.
pub struct Immediate {
    when: When,
}

impl Plugin for Immediate {
    const NAME: &'static str = "immediate";
    const DOCS: &'static str = "A collector that has failed is started again at once, as often as it fails; only the host's bucket for \
        all restarts slows it down. For one that must be back soon and does not fail at its start; others are better off with \
        `backoff`.";
    type Options = ImmediateOptions;

    fn build(options: ImmediateOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self { when: options.when })
    }
}

impl RestartPolicy for Immediate {
    fn decide(&self, ending: &Ending<'_>, _: &mut Draw) -> Restart {
        if self.when.restarts(ending.how) { Restart::After(Duration::ZERO) } else { Restart::Leave }
    }
}

register!(restart: Immediate);

#[cfg(test)]
mod tests {
    use stook_plugin::{Exit, conformance};

    use super::*;
    use crate::restart::testing::{decide, first};
    use crate::testing::made;

    #[test]
    fn a_failure_is_answered_at_once_every_time() {
        let policy = made::<Immediate>("{}");
        assert_eq!(first(&policy, Exit::Failure), Restart::After(Duration::ZERO));
        assert_eq!(decide(&policy, Exit::NotStarted, &[99; 64], 64), Restart::After(Duration::ZERO));
        assert_eq!(first(&policy, Exit::Success), Restart::Leave);
        let permanent = made::<Immediate>(r#"{"when":"permanent"}"#);
        assert_eq!(first(&permanent, Exit::Success), Restart::After(Duration::ZERO));
    }

    #[test]
    fn options_are_checked() {
        conformance::plugin::<Immediate>(&[]);
    }

    #[test]
    fn holds_to_the_contract() {
        for when in When::WORDS {
            conformance::restart(|| made::<Immediate>(&format!(r#"{{"when":"{when}"}}"#)));
        }
    }
}
