//! The one policy that the schedules need: the host's own crate links none.

use stook_plugin::{
    BuildContext, BuildError, CompletionPolicy, Decision, NoOptions, Plugin, Registration, Registry, SetView,
};

/// Complete when everybody has answered that the task was given to.
struct Everybody;

impl Plugin for Everybody {
    const NAME: &'static str = "everybody";
    const DOCS: &'static str = "For tests.";
    type Options = NoOptions;

    fn build(_: NoOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self)
    }
}

impl CompletionPolicy for Everybody {
    fn decide(&self, set: &SetView<'_>) -> Decision {
        let mut expected = set.expected().peekable();
        if set.unassigned == 0 && expected.peek().is_some() && expected.all(|member| member.answered) {
            Decision::Complete
        } else {
            Decision::Pending
        }
    }
}

pub(super) fn registry() -> Registry {
    let registry = Registry::builder().with(Registration::completion::<Everybody>("sim")).build();
    registry.expect("one plugin")
}
