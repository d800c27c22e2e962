//! `round-robin`: whoever has waited longest for a task.

use stook_plugin::{BuildContext, BuildError, Candidate, NoOptions, Plugin, Pool, ScoringPolicy, register};

/// In turn.
pub struct RoundRobin;

impl Plugin for RoundRobin {
    const NAME: &'static str = "round-robin";
    const DOCS: &'static str = "Whoever was given a task least recently. No list is kept: one that comes or goes costs nothing, and \
        one that was full for a while is next. For collectors and tasks that are all alike; it does not look at load.";
    type Options = NoOptions;

    fn build(_: NoOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self)
    }
}

impl ScoringPolicy for RoundRobin {
    fn cost(&self, candidate: &Candidate, _: &Pool<'_>) -> f64 {
        // Exact up to 2^53 tasks.
        candidate.last_given as f64
    }
}

register!(scoring: RoundRobin);

#[cfg(test)]
mod tests {
    use stook_plugin::{Draw, conformance};

    use super::*;
    use crate::scoring::testing::{busy, pool};

    #[test]
    fn everybody_has_a_turn_whoever_comes_and_goes() {
        let mut candidates = busy(&[0, 9, 0]);
        let mut draw = Draw::new(1);
        let mut given = 0;
        let mut gives = |candidates: &mut [Candidate]| {
            let place = RoundRobin.choose(&pool(candidates), &mut draw);
            given += 1;
            candidates[place].last_given = given;
            place
        };
        let mut round: Vec<_> = (0..3).map(|_| gives(&mut candidates)).collect();
        let next: Vec<_> = (0..3).map(|_| gives(&mut candidates)).collect();
        assert_eq!(round, next);
        round.sort_unstable();
        assert_eq!(round, [0, 1, 2]);
        // A newcomer has never been given anything.
        candidates.extend(busy(&[0]));
        assert_eq!(gives(&mut candidates), 3);
        // The order goes on without the one that left.
        candidates.remove(next[0]);
        let round: Vec<_> = (0..3).map(|_| gives(&mut candidates)).collect();
        let again: Vec<_> = (0..3).map(|_| gives(&mut candidates)).collect();
        assert_eq!(round, again);
    }

    #[test]
    fn holds_to_the_contract() {
        conformance::plugin::<RoundRobin>(&[]);
        conformance::scoring(|| RoundRobin);
    }
}
