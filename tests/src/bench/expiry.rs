//! `expiry`: what many sets that are due cost together.

use std::time::Duration;

use super::pending::{Pending, TIMEOUT};
use super::report::{Outcome, Row};
use super::stats::Samples;
use super::stopwatch::Stopwatch;
use super::{Bench, Halt};

/// A short run leaves out the last.
const SIZES: [usize; 3] = [1_000, 100_000, 1_000_000];

/// With which the most sets fall due one after the other: a thousand in each step.
const STEP: Duration = Duration::from_millis(1);
const PER_STEP: usize = 1_000;

/// What was measured with one number of sets.
struct Size {
    sets: usize,
    expire: Samples,
    finish: Samples,
}

pub(super) fn measure(bench: &mut Bench) -> Result<Outcome, Halt> {
    let rounds = bench.amount(1, 10);
    let watch = Stopwatch::new();
    let new = |sets| Size { sets, expire: Samples::new(), finish: Samples::new() };
    let mut sizes: Vec<_> = SIZES[..bench.amount(2, SIZES.len())].iter().copied().map(new).collect();
    let most = sizes[sizes.len() - 1].sets;
    let (mut steps, mut longest) = (Samples::new(), Samples::new());
    for round in 1..=rounds {
        for size in &mut sizes {
            let sets = size.sets;
            for _ in 0..(100_000 / sets).clamp(1, 20) {
                bench.goes_on(|| format!("round {round} of {rounds}: {sets} sets at once"))?;
                size.at_once(&watch);
            }
        }
        bench.goes_on(|| format!("round {round} of {rounds}: one after the other"))?;
        let of_round = over_time(most, &watch);
        longest.push(of_round.quantile(1.0));
        steps.extend(of_round.iter());
    }
    let base = (sizes[0].expire.median(), sizes[0].finish.median());
    let mut rows = Vec::new();
    for Size { sets, expire, finish } in &sizes {
        let per_set = |what: &str, samples: &Samples, base: f64| {
            let row = Row::of(format!("{what}, {sets} sets due at once, for each"), samples, "ns");
            row.beside(samples.median() / base, "1,000 sets")
        };
        rows.push(per_set("expire", expire, base.0));
        rows.push(per_set("finish and settle", finish, base.1));
    }
    let in_ms = |all: &Samples, scale: f64| all.iter().map(|ns| ns * scale / 1e6).collect::<Samples>();
    let at_once = in_ms(&sizes[sizes.len() - 1].expire, most as f64);
    rows.push(Row::of(format!("the one call of expire for {most} sets"), &at_once, "ms"));
    let step = format!("{most} sets, {PER_STEP} due every ms: a call of expire");
    rows.push(Row::of(step, &in_ms(&steps, 1.0), "ms"));
    rows.push(Row::of("  the longest of all calls of a round", &in_ms(&longest, 1.0), "ms"));
    Ok(Outcome {
        values: Vec::new(),
        rows,
        notes: vec![
            "sets of one result of 128 bytes, defaults of `late`: from the 100,001st on a release also forgets one that was \
             released before"
                .into(),
            "expire releases; to finish orders, merges (`list`) and describes a set, under no lock; both on one thread".into(),
        ],
    })
}

impl Size {
    /// All fall due in the same moment.
    fn at_once(&mut self, watch: &Stopwatch) {
        let mut pending = Pending::new("");
        pending.fill(self.sets, Duration::ZERO);
        pending.now = pending.now + TIMEOUT;
        let (released, took) = watch.time(|| pending.expire());
        assert_eq!(released, self.sets, "all are due");
        self.expire.push(took / self.sets as f64);
        let ((), took) = watch.time(|| pending.settle());
        self.finish.push(took / self.sets as f64);
    }
}

/// The calls of `expire` while so many sets fall due, a thousand in each step. In nanoseconds.
fn over_time(sets: usize, watch: &Stopwatch) -> Samples {
    let mut pending = Pending::new("");
    let steps = sets / PER_STEP;
    let start = pending.now;
    pending.fill(sets, STEP * u32::try_from(steps).unwrap_or(u32::MAX));
    let step = |number| {
        pending.now = start + TIMEOUT + STEP * number;
        let took = watch.time(|| pending.expire()).1;
        pending.settle();
        took
    };
    (1..=u32::try_from(steps).unwrap_or(u32::MAX)).map(step).collect()
}
