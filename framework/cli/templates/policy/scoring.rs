//! Says which collector gets a task.

use stook_plugin::{
    BuildContext, BuildError, Candidate, Plugin, Pool, ScoringPolicy, options, register,
};

options! {
    /// Its options.
    pub struct TYPEOptions {
        /// What a task that failed costs, in tasks that are being worked on.
        failure: f64 = 8.0,
    }
}

/// Says which collector gets a task.
pub struct TYPE(TYPEOptions);

impl Plugin for TYPE {
    const NAME: &'static str = "VENDOR/PLUGIN";
    const DOCS: &'static str =
        "The one with the fewest tasks, where those that often fail count as if they had more.";
    type Options = TYPEOptions;

    fn build(options: TYPEOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self(options))
    }
}

impl ScoringPolicy for TYPE {
    fn cost(&self, candidate: &Candidate, _: &Pool<'_>) -> f64 {
        f64::from(candidate.in_flight) + self.0.failure * (1.0 - candidate.success_rate)
    }
}

register!(scoring: TYPE);

#[cfg(test)]
mod tests {
    use stook_plugin::conformance;

    use super::*;

    #[test]
    fn keeps_its_promises() {
        conformance::plugin::<TYPE>(&[]);
        conformance::scoring(|| TYPE(TYPEOptions { failure: 8.0 }));
    }
}
