//! Says in which order results are merged.

use std::cmp::Ordering;

use stook_plugin::{
    BuildContext, BuildError, Contribution, OrderStrategy, Plugin, options, register,
};

options! {
    /// Its options.
    pub struct TYPEOptions {
        /// The field to order by.
        field: String = "priority".to_owned(),
    }
}

/// Says in which order results are merged.
pub struct TYPE(TYPEOptions);

impl Plugin for TYPE {
    const NAME: &'static str = "VENDOR/PLUGIN";
    const DOCS: &'static str = "By the whole number in `field`, the lowest first; those without one come before all others.";
    type Options = TYPEOptions;

    fn build(options: TYPEOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self(options))
    }
}

impl OrderStrategy for TYPE {
    fn compare(&self, a: &Contribution, b: &Contribution) -> Ordering {
        let number = |of: &Contribution| of.payload.decode().ok()?.at(&[&self.0.field])?.as_int();
        let sent = |of: &Contribution| (of.source.collector.clone(), of.source.epoch, of.sequence);
        // What is level would be merged in the order of arrival, which is a matter of scheduling.
        number(a)
            .cmp(&number(b))
            .then_with(|| sent(a).cmp(&sent(b)))
    }
}

register!(order: TYPE);

#[cfg(test)]
mod tests {
    use stook_plugin::conformance;

    use super::*;

    #[test]
    fn keeps_its_promises() {
        conformance::plugin::<TYPE>(&[]);
        conformance::order(|| {
            TYPE(TYPEOptions {
                field: "n".to_owned(),
            })
        });
    }
}
