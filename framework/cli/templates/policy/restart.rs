//! Says whether a collector that has ended is started again.

use std::time::Duration;

use stook_plugin::types::units::Span;
use stook_plugin::{
    BuildContext, BuildError, Draw, Ending, Plugin, Restart, RestartPolicy, options, register,
};

options! {
    /// Its options.
    pub struct TYPEOptions {
        /// How long to wait first.
        delay: Span = Span(Duration::from_secs(1)),
        /// How many starts in a row may fail.
        failures: u32 = 5,
    }
}

/// Says whether a collector that has ended is started again.
pub struct TYPE(TYPEOptions);

impl Plugin for TYPE {
    const NAME: &'static str = "VENDOR/PLUGIN";
    const DOCS: &'static str = "Starts it again after `delay`, and gives it up when `failures` starts in a row have failed.";
    type Options = TYPEOptions;

    fn build(options: TYPEOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self(options))
    }
}

impl RestartPolicy for TYPE {
    fn decide(&self, ending: &Ending<'_>, _: &mut Draw) -> Restart {
        if ending.failures > self.0.failures {
            return Restart::GiveUp(format!("{} failures in a row", ending.failures));
        }
        Restart::After(self.0.delay.0)
    }
}

register!(restart: TYPE);

#[cfg(test)]
mod tests {
    use stook_plugin::conformance;

    use super::*;

    #[test]
    fn keeps_its_promises() {
        conformance::plugin::<TYPE>(&[]);
        conformance::restart(|| {
            TYPE(TYPEOptions {
                delay: Span(Duration::ZERO),
                failures: 3,
            })
        });
    }
}
