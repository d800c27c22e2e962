//! What is asked of every scoring policy.

use std::fmt;
use std::time::Duration;

use stook_types::MonoTime;

use super::{answer, brief, one_of};
use crate::{Candidate, Draw, LoadHints, Pool, ScoringPolicy};

/// Latencies in microseconds, and what a broken clock or a division could make of them.
const LATENCIES: [f64; 10] = [
    0.0,
    f64::MIN_POSITIVE,
    1.0,
    1_000.0,
    3_600e6,
    f64::MAX,
    f64::INFINITY,
    -1.0,
    f64::NEG_INFINITY,
    f64::NAN,
];
const COUNTS: [u32; 6] = [0, 1, 99, 101, u32::MAX - 1, u32::MAX];
const SIZES: [usize; 6] = [1, 2, 3, 7, 64, 200];

/// Holds a scoring policy to its contract:
///
/// * it panics at no candidates, however absurd: no slots, `u32::MAX` in flight, latencies that are negative,
///   infinite or `NaN`, measured in the future;
/// * its choice is one of the candidates, also where there is only one;
/// * the same candidates and the same seed give the same choice;
/// * of equal candidates, each gets at least a quarter of its share: their order means nothing.
///
/// `make` makes an instance as config would; it is called for each of these.
///
/// # Panics
/// If the policy does not hold to it.
#[track_caller]
pub fn scoring<P: ScoringPolicy>(make: impl Fn() -> P) {
    chooses_a_candidate(&mut make());
    repeats_itself(&mut make(), &mut make());
    for latency in [None, Some(1_000.0)] {
        for equals in [2, 5, 64] {
            starves_nobody(&mut make(), equals, latency);
        }
    }
}

#[track_caller]
fn chooses_a_candidate(policy: &mut impl ScoringPolicy) {
    for seed in 0..600 {
        let mut draw = Draw::new(seed);
        let size = one_of(&SIZES, &mut draw);
        let candidates: Vec<_> = (0..size).map(|_| absurd(&mut draw)).collect();
        let pool = Pool::new(&candidates, moment(&mut draw), latency(&mut draw));
        let input =
            fmt::from_fn(|f| write!(f, "seed {seed}: {}", brief(&fmt::from_fn(|f| write!(f, "{pool:?}")))));
        for candidate in &candidates {
            answer(&input, || policy.cost(candidate, &pool));
        }
        let choice = answer(&input, || policy.choose(&pool, &mut draw));
        assert!(
            choice < size,
            "a choice is a place in `pool.candidates`: it was {choice} of {size}, at {input}"
        );
    }
}

#[track_caller]
fn repeats_itself(one: &mut impl ScoringPolicy, other: &mut impl ScoringPolicy) {
    for seed in 0..200 {
        let mut draw = Draw::new(seed);
        let size = one_of(&SIZES, &mut draw);
        let candidates: Vec<_> = (0..size).map(|_| plausible(&mut draw)).collect();
        let pool = Pool::new(&candidates, MonoTime::at(Duration::from_secs(60)), Some(1_000.0));
        let input =
            fmt::from_fn(|f| write!(f, "seed {seed}: {}", brief(&fmt::from_fn(|f| write!(f, "{pool:?}")))));
        let choices = [
            answer(&input, || one.choose(&pool, &mut draw.clone())),
            answer(&input, || other.choose(&pool, &mut draw)),
        ];
        assert!(
            choices[0] == choices[1],
            "two instances that were asked the same with the same seed choose the same: they chose {choices:?}; \
             random choices come from `draw` alone; at {input}"
        );
    }
}

#[track_caller]
fn starves_nobody(policy: &mut impl ScoringPolicy, equals: usize, latency: Option<f64>) {
    const SHARE: u32 = 200;
    const SEED: u64 = 1;
    let mut equal = Candidate::new(4);
    equal.latency = latency;
    equal.peak = latency.unwrap_or(0.0);
    let candidates = vec![equal; equals];
    let pool = Pool::new(&candidates, MonoTime::at(Duration::from_secs(60)), latency);
    let input = format!("seed {SEED}, {equals} times {:?}", candidates[0]);
    let mut draw = Draw::new(SEED);
    let mut given = vec![0_u32; equals];
    for _ in 0..SHARE as usize * equals {
        given[answer(&input, || policy.choose(&pool, &mut draw))] += 1;
    }
    let least = given.iter().min();
    assert!(
        least >= Some(&(SHARE / 4)),
        "equal candidates get about equally much, whatever their order: with {SHARE} tasks for each they got \
         {given:?}; break ties at random, as `lowest` does; at {input}"
    );
}

/// What no engine should ever say.
fn absurd(draw: &mut Draw) -> Candidate {
    let mut candidate = Candidate::new(one_of(&COUNTS, draw));
    candidate.in_flight = one_of(&COUNTS, draw);
    candidate.busy = one_of(&COUNTS, draw);
    candidate.latency = latency(draw);
    candidate.peak = one_of(&LATENCIES, draw);
    candidate.peak_at = moment(draw);
    candidate.success_rate = one_of(&[0.0, 0.5, 1.0, -1.0, 2.0, f64::NAN], draw);
    candidate.last_given = one_of(&[0, 1, u64::MAX], draw);
    candidate.hints = LoadHints {
        cpu: one_of(&[None, Some(0.0), Some(1_024.0), Some(-1.0), Some(f64::INFINITY), Some(f64::NAN)], draw),
        memory_bytes: one_of(&[None, Some(0), Some(u64::MAX)], draw),
        queue_depth: one_of(&COUNTS, draw),
    };
    candidate
}

/// What an engine says every day.
fn plausible(draw: &mut Draw) -> Candidate {
    let mut candidate = Candidate::new(8);
    candidate.in_flight = one_of(&[0, 1, 2, 7], draw);
    candidate.busy = candidate.in_flight;
    candidate.latency = one_of(&[None, Some(500.0), Some(1_000.0), Some(4_000.0)], draw);
    candidate.peak = candidate.latency.unwrap_or(0.0);
    candidate.peak_at = MonoTime::at(Duration::from_secs(one_of(&[0, 30, 59], draw)));
    candidate.success_rate = one_of(&[1.0, 0.9], draw);
    candidate.last_given = one_of(&[0, 1, 1_000], draw);
    candidate.hints = LoadHints::clamped(one_of(&[None, Some(0.3)], draw), Some(1 << 24), 0);
    candidate
}

fn latency(draw: &mut Draw) -> Option<f64> {
    (draw.below(4) > 0).then(|| one_of(&LATENCIES, draw))
}

fn moment(draw: &mut Draw) -> MonoTime {
    MonoTime::at(one_of(&[Duration::ZERO, Duration::from_secs(60), Duration::MAX], draw))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::testing::violates;
    use crate::lowest;

    /// A policy that chooses by this.
    struct By<F>(F);

    impl<F: FnMut(&Pool<'_>, &mut Draw) -> usize + Send + 'static> ScoringPolicy for By<F> {
        fn cost(&self, _: &Candidate, _: &Pool<'_>) -> f64 {
            0.0
        }

        fn choose(&mut self, pool: &Pool<'_>, draw: &mut Draw) -> usize {
            self.0(pool, draw)
        }
    }

    #[test]
    fn what_holds_to_the_contract_passes() {
        scoring(|| By(|pool: &Pool<'_>, draw: &mut Draw| draw.below(pool.candidates.len())));
        scoring(|| By(|pool: &Pool<'_>, draw: &mut Draw| lowest(pool, draw, |candidate| candidate.peak)));
        // Turns need no chance.
        scoring(|| {
            let mut turn = 0;
            By(move |pool: &Pool<'_>, _: &mut Draw| {
                turn += 1;
                turn % pool.candidates.len()
            })
        });
    }

    #[test]
    fn each_violation_is_named_with_its_input() {
        violates("it was 1 of 1, at seed", || scoring(|| By(|_: &Pool<'_>, _: &mut Draw| 1)));
        violates("`attempt to subtract with overflow`, at seed", || {
            scoring(|| {
                By(|pool: &Pool<'_>, draw: &mut Draw| {
                    lowest(pool, draw, |candidate| (candidate.concurrency - candidate.in_flight).into())
                })
            });
        });
        violates("200 tasks for each they got [400, 0]; break ties at random", || {
            scoring(|| By(|_: &Pool<'_>, _: &mut Draw| 0));
        });
        violates("random choices come from `draw` alone", || {
            let instances = std::cell::Cell::new(0);
            scoring(|| {
                instances.set(instances.get() + 1);
                let mut own = Draw::new(instances.get());
                By(move |pool: &Pool<'_>, _: &mut Draw| own.below(pool.candidates.len()))
            });
        });
    }
}
