//! Says what results become together.

use stook_plugin::{
    Algebra, BuildContext, BuildError, Conflicts, MergeError, MergeInput, MergeStrategy, Merged,
    Plugin, options, register,
};

options! {
    /// Its options.
    pub struct PolicyOptions {
        /// Which result to take, counted from 0.
        index: usize = 0,
    }
}

/// Says what results become together.
pub struct Policy(PolicyOptions);

impl Plugin for Policy {
    const NAME: &'static str = "VENDOR/PLUGIN";
    const DOCS: &'static str =
        "The result at `index`, in effective order; where there is none the merge fails.";
    type Options = PolicyOptions;

    fn build(options: PolicyOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self(options))
    }
}

impl MergeStrategy for Policy {
    /// What it promises, like the same value in every order: the test holds it to that.
    fn algebra(&self) -> Algebra {
        Algebra::default()
    }

    fn merge(&self, input: &MergeInput<'_>, _: &mut Conflicts) -> Result<Merged, MergeError> {
        let result = input.results.get(self.0.index);
        let result = result.ok_or_else(|| MergeError::new("the set is too small"))?;
        Ok(Merged::Payload(result.payload.clone()))
    }
}

register!(merge: Policy);

#[cfg(test)]
mod tests {
    use stook_plugin::conformance;

    use super::*;

    #[test]
    fn keeps_its_promises() {
        conformance::plugin::<Policy>(&[]);
        conformance::merge(|| Policy(PolicyOptions { index: 1 }));
    }
}
