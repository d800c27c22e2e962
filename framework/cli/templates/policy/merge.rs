//! Says what results become together.

use stook_plugin::{
    Algebra, BuildContext, BuildError, Conflicts, MergeError, MergeInput, MergeStrategy, Merged,
    Plugin, options, register,
};

options! {
    /// Its options.
    pub struct TYPEOptions {
        /// Which result to take, counted from 0.
        index: usize = 0,
    }
}

/// Says what results become together.
pub struct TYPE(TYPEOptions);

impl Plugin for TYPE {
    const NAME: &'static str = "VENDOR/PLUGIN";
    const DOCS: &'static str =
        "The result at `index`, in effective order; where there is none the merge fails.";
    type Options = TYPEOptions;

    fn build(options: TYPEOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self(options))
    }
}

impl MergeStrategy for TYPE {
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

register!(merge: TYPE);

#[cfg(test)]
mod tests {
    use stook_plugin::conformance;

    use super::*;

    #[test]
    fn keeps_its_promises() {
        conformance::plugin::<TYPE>(&[]);
        conformance::merge(|| TYPE(TYPEOptions { index: 1 }));
    }
}
