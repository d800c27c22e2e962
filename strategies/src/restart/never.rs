//! `never`: ended is ended.

use stook_plugin::{
    BuildContext, BuildError, Draw, Ending, NoOptions, Plugin, Restart, RestartPolicy, register,
};

/// Never again.
pub struct Never;

impl Plugin for Never {
    const NAME: &'static str = "never";
    const DOCS: &'static str = "A collector that has ended is left, however it ended. For one that does its work once, or that \
        something else starts.";
    type Options = NoOptions;

    fn build(_: NoOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self)
    }
}

impl RestartPolicy for Never {
    fn decide(&self, _: &Ending<'_>, _: &mut Draw) -> Restart {
        Restart::Leave
    }
}

register!(restart: Never);

#[cfg(test)]
mod tests {
    use stook_plugin::{Exit, conformance};

    use super::*;
    use crate::restart::testing::first;

    #[test]
    fn ended_is_ended() {
        assert_eq!(first(&Never, Exit::Success), Restart::Leave);
        assert_eq!(first(&Never, Exit::Silent), Restart::Leave);
    }

    #[test]
    fn holds_to_the_contract() {
        conformance::plugin::<Never>(&[]);
        conformance::restart(|| Never);
    }
}
