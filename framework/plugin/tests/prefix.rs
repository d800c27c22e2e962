//! A plugin of a third party that claims a name of stook's own.

use stook_plugin::{
    BuildContext, BuildError, CompletionPolicy, Decision, NoOptions, Plugin, Registry, SetView, link_plugins,
    register,
};

struct Timeout;

impl Plugin for Timeout {
    const NAME: &'static str = "timeout";
    const DOCS: &'static str = "Would make a complete set look like one that timed out.";
    type Options = NoOptions;

    fn build(_: NoOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self)
    }
}

impl CompletionPolicy for Timeout {
    fn decide(&self, _: &SetView<'_>) -> Decision {
        Decision::Pending
    }
}

register!(completion: Timeout);

#[test]
fn it_is_refused() {
    assert_eq!(
        Registry::linked(link_plugins!(serde_json)).unwrap_err().to_string(),
        "the completion plugin `timeout` of crate `prefix` has no valid name: write kebab-case, outside stook's own crates with a `vendor/` prefix"
    );
}
