//! `seed-weighted`: the formula of the project that stook began from, without its flaws.

use std::hint::black_box;

use stook_plugin::{
    BuildContext, BuildError, Candidate, Draw, Plugin, Pool, ScoringPolicy, lowest, options, register,
};
use stook_types::units::ByteSize;

options! {
    /// Options of `seed-weighted`.
    pub struct SeedWeightedOptions {
        /// The resident memory at which a collector counts as full, which is 100 %.
        memory: ByteSize = ByteSize(1 << 30),
    }
}

/// A weighted sum of load, failures and latency, in whole points.
///
/// ```text
/// cost = 4 * tasks        in flight, of all capabilities
///      + 3 * cpu          % of a core, as the collector says
///      + 2 * memory       % of the option `memory`, as the collector says
///      + 9 * failures     % of its tasks that fail
///      + 1 * latency      % of the pool's median
/// ```
///
/// The original scored the collectors, and the highest score won: (100 - tasks), (100 - cpu) and (100 - memory), weighted,
/// times the share of success. This is the same turned into a cost, with four differences, each with a test below:
///
/// * the original subtracts without a sign, so that 101 tasks are as good as four billion free slots; here points are
///   signed, and saturate;
/// * it gives ties to the last; here they are random, as for every policy;
/// * a newcomer has no success yet and scores 0, for ever; here nothing has failed before something has, and the
///   latency to expect is the pool's median;
/// * it keeps an average of latency and never looks at it; here it counts.
///
/// Failures are added, where success was multiplied: a share of a bad score would be a better one. 9 is the sum of the
/// other three weights, so that a point of failure costs what it cost an idle collector.
pub struct SeedWeighted {
    /// In bytes; above 0.
    memory: f64,
}

impl Plugin for SeedWeighted {
    const NAME: &'static str = "seed-weighted";
    const DOCS: &'static str = "The lowest weighted sum of tasks in flight, processor, memory, failures and latency. It leans on what \
        collectors say of themselves, which is as old as their last heartbeat: for those whose load is not the host's \
        doing.";
    type Options = SeedWeightedOptions;

    fn build(options: SeedWeightedOptions, _: &BuildContext) -> Result<Self, BuildError> {
        if options.memory.0 == 0 {
            let message = "every collector has more than no memory; write a size above zero, like \"1GiB\"";
            return Err(BuildError::in_option("memory", message));
        }
        Ok(Self { memory: options.memory.0 as f64 })
    }
}

/// What is taken where nothing is known; the same for all candidates.
struct Unknown {
    /// The pool's median.
    latency: f64,
    /// None.
    cpu: f64,
}

impl ScoringPolicy for SeedWeighted {
    fn cost(&self, candidate: &Candidate, pool: &Pool<'_>) -> f64 {
        self.points(candidate, &Unknown::of(pool))
    }

    fn choose(&mut self, pool: &Pool<'_>, draw: &mut Draw) -> usize {
        let unknown = Unknown::of(pool);
        lowest(pool, draw, |candidate| self.points(candidate, &unknown))
    }
}

impl SeedWeighted {
    fn points(&self, candidate: &Candidate, unknown: &Unknown) -> f64 {
        let hints = candidate.hints;
        // Where the platform does not tell, it tells of none of them.
        let memory = hints.memory_bytes.unwrap_or(0) as f64 / self.memory;
        let latency = candidate.latency.unwrap_or(unknown.latency) / unknown.latency;
        let points: [(i64, i64); 5] = [
            (4, candidate.busy.into()),
            (3, percent(hints.cpu.unwrap_or(unknown.cpu))),
            (2, percent(memory)),
            (9, percent(1.0 - candidate.success_rate)),
            (1, percent(latency)),
        ];
        let sum = points
            .into_iter()
            .fold(0_i64, |sum, (weight, points)| sum.saturating_add(points.saturating_mul(weight)));
        sum as f64
    }
}

impl Unknown {
    fn of(pool: &Pool<'_>) -> Self {
        // With a constant the compiler multiplies first and chooses then: also what an absent number has left in its
        // place, which may be denormal, and then costs more than all the rest.
        Self { latency: pool.expected_latency(&Candidate::new(1)), cpu: black_box(0.0) }
    }
}

/// In whole points. Saturates; `NaN` is none.
fn percent(share: f64) -> i64 {
    (100.0 * share) as i64
}

register!(scoring: SeedWeighted);

#[cfg(test)]
mod tests {
    use stook_plugin::{LoadHints, conformance};

    use super::*;
    use crate::scoring::testing::{busy, candidate, chosen, pool, shares};
    use crate::testing::made;

    /// The formula as it was, reconstructed from its description: what each of the four flaws comes from is in it.
    mod original {
        use stook_plugin::Candidate;

        pub(super) struct Collector {
            active_tasks: u32,
            cpu_percent: f64,
            memory_percent: f64,
            succeeded: u64,
            finished: u64,
            /// Kept up to date, and read by nobody.
            #[expect(dead_code, reason = "that it is not read is one of the flaws")]
            average_latency: f64,
        }

        impl Collector {
            /// What the original knew of this one, had it finished so many tasks.
            pub(super) fn new(candidate: &Candidate, finished: u64) -> Self {
                Self {
                    active_tasks: candidate.busy,
                    cpu_percent: candidate.hints.cpu.unwrap_or(0.0) * 100.0,
                    memory_percent: candidate.hints.memory_bytes.unwrap_or(0) as f64 / (1 << 30) as f64
                        * 100.0,
                    succeeded: (finished as f64 * candidate.success_rate) as u64,
                    finished,
                    average_latency: candidate.latency.unwrap_or(0.0),
                }
            }

            fn success_rate(&self) -> f64 {
                if self.finished == 0 { 0.0 } else { self.succeeded as f64 / self.finished as f64 }
            }

            fn score(&self) -> f64 {
                // What `100 - self.active_tasks` does in a release build.
                let free = f64::from(100_u32.wrapping_sub(self.active_tasks));
                let weighted =
                    free * 0.4 + (100.0 - self.cpu_percent) * 0.3 + (100.0 - self.memory_percent) * 0.2;
                weighted * self.success_rate()
            }
        }

        pub(super) fn choose(collectors: &[Collector]) -> usize {
            let scores = collectors.iter().map(Collector::score).enumerate();
            scores.max_by(|(_, one), (_, other)| one.total_cmp(other)).expect("a candidate").0
        }
    }

    /// Whom the original chooses, where each has finished ten tasks.
    fn originally(candidates: &[Candidate]) -> usize {
        let collectors: Vec<_> =
            candidates.iter().map(|candidate| original::Collector::new(candidate, 10)).collect();
        original::choose(&collectors)
    }

    fn ours(candidates: &[Candidate]) -> Vec<usize> {
        chosen(&mut made::<SeedWeighted>("{}"), candidates)
    }

    #[test]
    fn without_the_flaws_the_two_agree() {
        let check = |candidates: [Candidate; 2]| {
            assert_eq!(originally(&candidates), 0, "{candidates:?}");
            assert_eq!(ours(&candidates), [0], "{candidates:?}");
        };
        let says = |cpu, memory_bytes| {
            let mut candidate = candidate(3, Some(1_000.0));
            candidate.hints = LoadHints::clamped(Some(cpu), Some(memory_bytes), 0);
            candidate
        };
        check([says(0.1, 1 << 20), says(0.2, 1 << 20)]);
        check([says(0.1, 1 << 25), says(0.1, 1 << 29)]);
        check([candidate(3, Some(1_000.0)), candidate(4, Some(1_000.0))]);
        let mut fails = candidate(3, Some(1_000.0));
        fails.success_rate = 0.5;
        check([candidate(3, Some(1_000.0)), fails]);
    }

    #[test]
    fn flaw_1_more_than_100_tasks_underflow() {
        let overloaded = busy(&[101, 100, 5]);
        assert_eq!(originally(&overloaded), 0, "4,294,967,295 free slots");
        assert_eq!(ours(&overloaded), [2]);
        assert_eq!(ours(&busy(&[u32::MAX, 101, 102])), [1]);
    }

    #[test]
    fn flaw_2_ties_go_to_the_last() {
        let equal = busy(&[0, 0, 0, 0]);
        assert_eq!(originally(&equal), 3);
        let shares = shares(&mut made::<SeedWeighted>("{}"), &equal);
        assert!(shares.iter().all(|share| (200..300).contains(share)), "{shares:?}");
    }

    #[test]
    fn flaw_3_a_newcomer_is_never_chosen() {
        let pool = [candidate(0, None), candidate(99, Some(5_000.0))];
        let collectors = [original::Collector::new(&pool[0], 0), original::Collector::new(&pool[1], 10)];
        assert_eq!(original::choose(&collectors), 1, "idle, and worth 0");
        assert_eq!(ours(&pool), [0]);
        // It is expected at the median, no better: whoever is faster than that is preferred.
        assert_eq!(ours(&[candidate(0, None), candidate(0, Some(500.0))]), [1]);
        assert_eq!(ours(&[candidate(0, None), candidate(0, Some(1_000.0))]), [0, 1]);
    }

    #[test]
    fn flaw_4_latency_is_averaged_and_ignored() {
        let fast_and_slow = [candidate(0, Some(500.0)), candidate(0, Some(60_000_000.0))];
        assert_eq!(originally(&fast_and_slow), 1, "a minute is as good as half a millisecond");
        assert_eq!(ours(&fast_and_slow), [0]);
    }

    #[test]
    fn points_are_weighed_as_documented() {
        let mut candidate = candidate(7, Some(2_500.0));
        candidate.busy = 10;
        candidate.success_rate = 0.75;
        candidate.hints = LoadHints::clamped(Some(0.5), Some(1 << 28), 0);
        let policy = made::<SeedWeighted>("{}");
        assert_eq!(policy.cost(&candidate, &pool(&[])), 40.0 + 150.0 + 50.0 + 225.0 + 250.0);
        candidate.busy = u32::MAX;
        candidate.latency = Some(f64::INFINITY);
        assert_eq!(policy.cost(&candidate, &pool(&[])), i64::MAX as f64, "and saturates");
    }

    #[test]
    fn a_choice_is_the_lowest_cost() {
        let mut policy = made::<SeedWeighted>("{}");
        let mut draw = Draw::new(5);
        for _ in 0..100 {
            let mut any = || {
                let mut any = candidate(draw.below(9) as u32, Some(500.0 * draw.below(9) as f64));
                any.latency = any.latency.filter(|latency| *latency > 0.0);
                let cpu = Some(draw.below(3) as f64 / 2.0).filter(|cpu| *cpu > 0.0);
                any.hints = LoadHints::clamped(cpu, None, 0);
                any
            };
            let candidates: Vec<_> = (0..8).map(|_| any()).collect();
            let pool = pool(&candidates);
            let costs: Vec<_> = candidates.iter().map(|candidate| policy.cost(candidate, &pool)).collect();
            let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
            assert_eq!(costs[policy.choose(&pool, &mut draw)], least, "{candidates:?}");
        }
    }

    #[test]
    fn options_are_checked() {
        conformance::plugin::<SeedWeighted>(&[]);
    }

    #[test]
    fn holds_to_the_contract() {
        conformance::scoring(|| made::<SeedWeighted>("{}"));
    }
}
