//! `p2c`: the better of two.

use stook_plugin::{
    BuildContext, BuildError, Candidate, Draw, NoOptions, Plugin, Pool, ScoringPolicy, register,
};

/// The power of two choices: the fewer in flight of two that are drawn at random.
///
/// M. Mitzenmacher, *The Power of Two Choices in Randomized Load Balancing* (IEEE TPDS 12, 2001): with n tasks at n
/// collectors, the longest queue shrinks from about log n / log log n, with one draw, to log log n / log 2.
pub struct P2c;

impl Plugin for P2c {
    const NAME: &'static str = "p2c";
    const DOCS: &'static str = "Whoever has fewer in flight of two that are drawn at random (the power of two choices). Takes the same \
        time however many there are, and seldom gives two tasks in a row to the same collector.";
    type Options = NoOptions;

    fn build(_: NoOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self)
    }
}

impl ScoringPolicy for P2c {
    fn cost(&self, candidate: &Candidate, _: &Pool<'_>) -> f64 {
        candidate.in_flight.into()
    }

    fn choose(&mut self, pool: &Pool<'_>, draw: &mut Draw) -> usize {
        let candidates = pool.candidates;
        let one = draw.below(candidates.len());
        // Among the rest, so that they are two: those from `one` on are one place further.
        let other = draw.below(candidates.len() - 1);
        let other = if other >= one { other + 1 } else { other };
        match candidates.get(other) {
            Some(better) if better.in_flight < candidates[one].in_flight => other,
            // `one` is as random as a third draw. And there may be nobody else.
            _ => one,
        }
    }
}

register!(scoring: P2c);

#[cfg(test)]
mod tests {
    use stook_plugin::conformance;

    use super::*;
    use crate::scoring::testing::{busy, chosen, shares};

    #[test]
    fn of_two_it_is_always_the_better() {
        assert_eq!(chosen(&mut P2c, &busy(&[1, 0])), [1]);
        assert_eq!(chosen(&mut P2c, &busy(&[0, 1])), [0]);
        assert_eq!(chosen(&mut P2c, &busy(&[5])), [0]);
    }

    #[test]
    fn the_two_are_never_the_same() {
        // The worst of three loses to whoever it is drawn with. Of three pairs, the best is in two.
        let shares = shares(&mut P2c, &busy(&[2, 0, 1]));
        assert!(shares[0] == 0 && (610..720).contains(&shares[1]), "{shares:?}");
    }

    #[test]
    fn ties_are_random() {
        let shares = shares(&mut P2c, &busy(&[7, 7, 7, 7]));
        assert!(shares.iter().all(|share| (200..300).contains(share)), "{shares:?}");
    }

    #[test]
    fn holds_to_the_contract() {
        conformance::plugin::<P2c>(&[]);
        conformance::scoring(|| P2c);
    }
}
