//! `random`: anybody.

use stook_plugin::{
    BuildContext, BuildError, Candidate, Draw, NoOptions, Plugin, Pool, ScoringPolicy, register,
};

/// Anybody.
pub struct Random;

impl Plugin for Random {
    const NAME: &'static str = "random";
    const DOCS: &'static str = "Anybody who has a free slot, each as likely. What others are compared with: a policy that is no \
        better than this is not worth its looks at the load.";
    type Options = NoOptions;

    fn build(_: NoOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self)
    }
}

impl ScoringPolicy for Random {
    fn cost(&self, _: &Candidate, _: &Pool<'_>) -> f64 {
        0.0
    }

    /// One draw instead of one for each that is as good, which is all of them.
    fn choose(&mut self, pool: &Pool<'_>, draw: &mut Draw) -> usize {
        draw.below(pool.candidates.len())
    }
}

register!(scoring: Random);

#[cfg(test)]
mod tests {
    use stook_plugin::conformance;

    use super::*;
    use crate::scoring::testing::{busy, shares};

    #[test]
    fn load_does_not_matter() {
        let shares = shares(&mut Random, &busy(&[0, 1, 100, u32::MAX]));
        assert!(shares.iter().all(|share| (200..300).contains(share)), "{shares:?}");
    }

    #[test]
    fn holds_to_the_contract() {
        conformance::plugin::<Random>(&[]);
        conformance::scoring(|| Random);
    }
}
