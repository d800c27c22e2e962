//! `least-outstanding`: whoever has the fewest in flight.

use stook_plugin::{BuildContext, BuildError, Candidate, NoOptions, Plugin, Pool, ScoringPolicy, register};

/// The fewest in flight.
///
/// ```text
/// cost = in_flight of the capability, and of those with equally many: busy with any capability
/// ```
///
/// So the parts of one task that are of several capabilities spread over those who have them all, which would each look
/// idle for each part.
pub struct LeastOutstanding;

impl Plugin for LeastOutstanding {
    const NAME: &'static str = "least-outstanding";
    const DOCS: &'static str = "Whoever has the fewest tasks of the capability in flight; of several whoever has the fewest of all \
        capabilities, and then one at random. Needs no history, and follows speed by itself: whoever is slower keeps \
        what it has for longer. What counts is the number and not the share of `concurrency`, which says what a \
        collector accepts and not how fast it is.";
    type Options = NoOptions;

    fn build(_: NoOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self)
    }
}

impl ScoringPolicy for LeastOutstanding {
    fn cost(&self, candidate: &Candidate, _: &Pool<'_>) -> f64 {
        // Exact for up to two million in flight.
        f64::from(candidate.in_flight) * (f64::from(u32::MAX) + 1.0) + f64::from(candidate.busy)
    }
}

register!(scoring: LeastOutstanding);

#[cfg(test)]
mod tests {
    use stook_plugin::conformance;

    use super::*;
    use crate::scoring::testing::{busy, chosen};

    #[test]
    fn the_fewest_in_flight_win() {
        assert_eq!(chosen(&mut LeastOutstanding, &busy(&[3, 1, 2, 1])), [1, 3]);
        assert_eq!(chosen(&mut LeastOutstanding, &busy(&[u32::MAX])), [0]);
    }

    #[test]
    fn of_several_whoever_has_the_least_to_do_otherwise() {
        let mut candidates = busy(&[1, 1, 2]);
        (candidates[0].busy, candidates[1].busy, candidates[2].busy) = (7, u32::MAX, 2);
        assert_eq!(chosen(&mut LeastOutstanding, &candidates), [0]);
    }

    #[test]
    fn slots_are_a_limit_and_no_speed() {
        let mut candidates = busy(&[2, 1]);
        candidates[0].concurrency = 100;
        candidates[1].concurrency = 2;
        assert_eq!(chosen(&mut LeastOutstanding, &candidates), [1]);
    }

    #[test]
    fn holds_to_the_contract() {
        conformance::plugin::<LeastOutstanding>(&[]);
        conformance::scoring(|| LeastOutstanding);
    }
}
