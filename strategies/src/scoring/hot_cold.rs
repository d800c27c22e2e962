//! `hot-cold`: the fastest of those that are not among the busiest.

use stook_plugin::{
    BuildContext, BuildError, Candidate, Draw, Plugin, Pool, ScoringPolicy, lowest, options, register,
};

options! {
    /// Options of `hot-cold`.
    pub struct HotColdOptions {
        /// Whoever has more in flight than this quantile of the candidates is hot, from 0 to 1. Higher trusts latency
        /// more: at 1 nobody is hot and only latency counts, at 0 only those with the fewest in flight are cold.
        quantile: f64 = 0.84,
    }
}

/// The lowest latency among the cold.
///
/// The *hot-cold lexicographic* rule of Prequal (B. Wydrowski, R. Kleinberg, S. M. Rumble and A. Archer, *Load is not
/// what you should balance: Introducing Prequal*, NSDI 2024). With the candidates' tasks in flight in ascending
/// order, `f[0] ≤ … ≤ f[n-1]`:
///
/// ```text
/// limit = f[floor(quantile * (n - 1))]
/// hot   = in_flight > limit
/// choice: the lowest latency of those that are not hot
/// ```
///
/// The quantile is rounded down, so that of two collectors the busier one is hot already: rounded up, nobody would be
/// in a pool of six. Prequal's second half, "if all are hot, the fewest in flight", cannot come up: it compares old
/// probes with a limit from elsewhere, we compare all candidates with each other, and the least busy is never hot.
/// With nobody busier than others (at concurrency 1 every candidate has 0 in flight) all are cold.
///
/// Latency is the moving average, or what is expected of one that has finished nothing yet: the pool's median.
pub struct HotCold {
    quantile: f64,
    /// Kept from call to call, so that a decision does not allocate.
    in_flight: Vec<u32>,
}

impl Plugin for HotCold {
    const NAME: &'static str = "hot-cold";
    const DOCS: &'static str = "The lowest latency among those that are cold: that do not have more in flight than most (Prequal's rule). \
        For collectors of different speed: the fast ones get what they can take. A slow one is measured again only when the \
        others are hot.";
    type Options = HotColdOptions;

    fn build(options: HotColdOptions, _: &BuildContext) -> Result<Self, BuildError> {
        let quantile = options.quantile;
        if !(0.0..=1.0).contains(&quantile) {
            let message = format!("{quantile} is no quantile; it must be from 0 to 1, like 0.84");
            return Err(BuildError::in_option("quantile", message));
        }
        Ok(Self { quantile, in_flight: Vec::new() })
    }
}

impl ScoringPolicy for HotCold {
    /// Looks at the whole pool for each candidate. [`choose`](Self::choose) does so once.
    fn cost(&self, candidate: &Candidate, pool: &Pool<'_>) -> f64 {
        let is_less_busy = |other: &&Candidate| other.in_flight < candidate.in_flight;
        let less_busy = pool.candidates.iter().filter(is_less_busy).count();
        cost(candidate, pool, less_busy > self.rank(pool.candidates.len()))
    }

    fn choose(&mut self, pool: &Pool<'_>, draw: &mut Draw) -> usize {
        self.in_flight.clear();
        self.in_flight.extend(pool.candidates.iter().map(|candidate| candidate.in_flight));
        let rank = self.rank(self.in_flight.len());
        let limit = *self.in_flight.select_nth_unstable(rank).1;
        lowest(pool, draw, |candidate| cost(candidate, pool, candidate.in_flight > limit))
    }
}

impl HotCold {
    /// The place of the limit among so many, in ascending order.
    fn rank(&self, candidates: usize) -> usize {
        (self.quantile * candidates.saturating_sub(1) as f64) as usize
    }
}

fn cost(candidate: &Candidate, pool: &Pool<'_>, hot: bool) -> f64 {
    if hot { f64::INFINITY } else { pool.expected_latency(candidate) }
}

register!(scoring: HotCold);

#[cfg(test)]
mod tests {
    use stook_plugin::conformance;

    use super::*;
    use crate::scoring::testing::{busy, candidate, chosen, pool, shares};
    use crate::testing::made;

    fn check(options: &str, candidates: &[Candidate], expect: &[usize]) {
        let mut policy = made::<HotCold>(options);
        assert_eq!(chosen(&mut policy, candidates), expect, "{options} {candidates:?}");
        let cheapest = candidates.iter().map(|candidate| policy.cost(candidate, &pool(candidates)));
        let cheapest = cheapest.fold(f64::NAN, f64::min);
        for place in expect {
            assert_eq!(policy.cost(&candidates[*place], &pool(candidates)), cheapest, "the same in one pass");
        }
    }

    /// As many in flight, at this latency.
    fn of(these: &[(u32, f64)]) -> Vec<Candidate> {
        these.iter().map(|(in_flight, latency)| candidate(*in_flight, Some(*latency))).collect()
    }

    #[test]
    fn the_fastest_of_the_cold_wins() {
        check("{}", &of(&[(9, 10.0), (2, 20.0), (1, 30.0), (0, 40.0)]), &[1]);
        // In the smallest pool the busier one is hot.
        check("{}", &of(&[(1, 10.0), (0, 20.0)]), &[1]);
        check("{}", &of(&[(7, 10.0)]), &[0]);
    }

    #[test]
    fn the_quantile_says_who_is_hot() {
        let four = of(&[(3, 10.0), (2, 20.0), (1, 30.0), (0, 40.0)]);
        check(r#"{"quantile":1.0}"#, &four, &[0]);
        check(r#"{"quantile":0.99}"#, &four, &[1]);
        check(r#"{"quantile":0.5}"#, &four, &[2]);
        check(r#"{"quantile":0.0}"#, &four, &[3]);
        // Among the fewest in flight, latency still decides.
        check(r#"{"quantile":0}"#, &of(&[(1, 10.0), (1, 9.0), (5, 1.0)]), &[1]);
    }

    #[test]
    fn with_one_slot_each_all_are_cold() {
        check("{}", &of(&[(0, 30.0), (0, 10.0), (0, 20.0)]), &[1]);
        let shares = shares(&mut made::<HotCold>("{}"), &busy(&[0, 0, 0, 0]));
        assert!(shares.iter().all(|share| (200..300).contains(share)), "{shares:?}");
    }

    #[test]
    fn a_newcomer_is_expected_at_the_median() {
        check("{}", &[candidate(0, None), candidate(0, Some(1_001.0))], &[0]);
        check("{}", &[candidate(0, None), candidate(0, Some(999.0))], &[1]);
    }

    #[test]
    fn room_is_made_once() {
        let mut policy = made::<HotCold>("{}");
        chosen(&mut policy, &busy(&[0; 64]));
        let room = (policy.in_flight.as_ptr(), policy.in_flight.capacity());
        chosen(&mut policy, &busy(&[1; 64]));
        assert_eq!(room, (policy.in_flight.as_ptr(), policy.in_flight.capacity()));
    }

    #[test]
    fn options_are_checked() {
        conformance::plugin::<HotCold>(&[]);
        let nan = HotColdOptions { quantile: f64::NAN };
        assert!(HotCold::build(nan, &BuildContext::new(1)).is_err());
    }

    #[test]
    fn holds_to_the_contract() {
        for quantile in ["0", "0.5", "0.84", "1"] {
            conformance::scoring(|| made::<HotCold>(&format!(r#"{{"quantile":{quantile}}}"#)));
        }
    }
}
