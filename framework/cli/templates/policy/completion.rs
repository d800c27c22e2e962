//! Says when a set is complete.

use stook_plugin::{
    BuildContext, BuildError, CompletionPolicy, Decision, Plugin, SetView, options, register,
};

options! {
    /// Its options.
    pub struct TYPEOptions {
        /// How many collectors must have answered.
        answers: usize = 1,
    }
}

/// Says when a set is complete.
pub struct TYPE(TYPEOptions);

impl Plugin for TYPE {
    const NAME: &'static str = "VENDOR/PLUGIN";
    const DOCS: &'static str = "Complete when `answers` collectors have answered.";
    type Options = TYPEOptions;

    fn build(options: TYPEOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self(options))
    }
}

impl CompletionPolicy for TYPE {
    fn decide(&self, set: &SetView<'_>) -> Decision {
        if set.answers() >= self.0.answers {
            Decision::Complete
        } else {
            Decision::Pending
        }
    }
}

register!(completion: TYPE);

#[cfg(test)]
mod tests {
    use stook_plugin::conformance;

    use super::*;

    #[test]
    fn keeps_its_promises() {
        conformance::plugin::<TYPE>(&[]);
        conformance::completion(|| TYPE(TYPEOptions { answers: 2 }));
    }
}
