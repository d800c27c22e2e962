use stook_plugin::{BuildContext, BuildError, CompletionPolicy, Decision, NoOptions, Plugin, SetView};

struct Policy;

impl Plugin for Policy {
    const NAME: &'static str = "acme/policy";
    const DOCS: &'static str = "Does nothing.";
    type Options = NoOptions;

    fn build(_: NoOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self)
    }
}

impl CompletionPolicy for Policy {
    fn decide(&self, _: &SetView<'_>) -> Decision {
        Decision::Pending
    }
}

stook_plugin::register!(merge: Policy);

fn main() {}
