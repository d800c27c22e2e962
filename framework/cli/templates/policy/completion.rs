//! Says when a set is complete.

use stook_plugin::{
    BuildContext, BuildError, CompletionPolicy, Decision, Plugin, SetView, options, register,
};

options! {
    /// Its options.
    pub struct PolicyOptions {
        /// How many collectors must have answered.
        answers: usize = 1,
    }
}

/// Says when a set is complete.
pub struct Policy(PolicyOptions);

impl Plugin for Policy {
    const NAME: &'static str = "VENDOR/PLUGIN";
    const DOCS: &'static str = "Complete when `answers` collectors have answered.";
    type Options = PolicyOptions;

    fn build(options: PolicyOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self(options))
    }
}

impl CompletionPolicy for Policy {
    fn decide(&self, set: &SetView<'_>) -> Decision {
        if set.answers() >= self.0.answers {
            Decision::Complete
        } else {
            Decision::Pending
        }
    }
}

register!(completion: Policy);

#[cfg(test)]
mod tests {
    use stook_plugin::conformance;

    use super::*;

    #[test]
    fn keeps_its_promises() {
        conformance::plugin::<Policy>(&[]);
        conformance::completion(|| Policy(PolicyOptions { answers: 2 }));
    }
}
