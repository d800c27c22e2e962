//! `offer`: a result finds its set, however many there are.

use super::memory::Memory;
use super::pending::{Pending, Place, READ};
use super::report::{Outcome, Row};
use super::stats::Samples;
use super::stopwatch::Stopwatch;
use super::{Bench, Halt};

const SIZES: [usize; 3] = [1_000, 100_000, 1_000_000];

/// Few sets are remembered after their release: what counts here is how many are pending.
const CONFIG: &str = "late = { use = \"refuse\", tombstones = 1_000 }";

/// How often each place is brought in one visit to a size, the first time unmeasured: the visits before were to others,
/// and what a processor knows of this one it has to learn again.
const VISIT: usize = 11;

/// As many of each place as make about a read.
const MIXED: usize = 21;

/// One number of pending sets, and what was measured there.
struct Size {
    pending: Pending,
    sets: usize,
    /// The longest of the calls that opened the sets which are pending, in microseconds: somebody has to wait for it.
    longest: f64,
    single: [Samples; 3],
    mixed: Samples,
    memory: Memory,
    reads: Samples,
}

pub(super) fn measure(bench: &mut Bench) -> Result<Outcome, Halt> {
    let visits = bench.amount(10, 150);
    let watch = Stopwatch::new();
    let mut sizes = Vec::new();
    for sets in SIZES {
        bench.goes_on(|| format!("opens {sets} sets"))?;
        sizes.push(Size::new(sets, &watch));
    }
    for visit in 1..=visits {
        bench.goes_on(|| format!("visit {visit} of {visits}"))?;
        sizes.iter_mut().for_each(|size| size.visit(&watch));
    }
    Ok(outcome(&sizes, &watch))
}

impl Size {
    fn new(sets: usize, watch: &Stopwatch) -> Self {
        let mut pending = Pending::new(CONFIG);
        let mut longest: f64 = 0.0;
        for _ in 0..sets / READ {
            longest = pending.bring_timed(Place::First, watch).into_iter().fold(longest, f64::max);
        }
        pending.halve();
        let (single, mixed, reads) = (Default::default(), Samples::new(), Samples::new());
        Self { pending, sets, longest: longest / 1e3, single, mixed, memory: Memory::new(sets), reads }
    }

    fn visit(&mut self, watch: &Stopwatch) {
        for time in 0..VISIT {
            for place in Place::ALL {
                let took = self.pending.bring_timed(place, watch);
                if time > 0 {
                    self.single[place as usize].extend(took);
                }
            }
        }
        for _ in 1..VISIT {
            let places: Vec<_> = (0..MIXED).flat_map(|_| Place::ALL).collect();
            let read = self.pending.read(&places);
            let offer = || read.iter().for_each(|arriving| drop(self.pending.offer(arriving)));
            let took = watch.time(offer).1;
            self.mixed.push(took / read.len() as f64);
            self.pending.settle();
            self.reads.push(self.memory.read(watch));
        }
    }

    /// Every result for itself, whichever of its set it is.
    fn any(&self) -> Samples {
        let mut any = Samples::new();
        self.single.iter().for_each(|single| any.extend(single.iter()));
        any
    }
}

fn outcome(sizes: &[Size], watch: &Stopwatch) -> Outcome {
    let (few, many) = (&sizes[0], &sizes[SIZES.len() - 1]);
    let median = many.any().median();
    let growth = median / few.any().median();
    let mut rows = vec![watch.row()];
    let mut add = |what: &str, of: &dyn Fn(&Size) -> Samples| {
        let base = of(few).median();
        for size in sizes {
            let (samples, what) = (of(size), format!("{what}, {} sets", size.sets));
            rows.push(Row::of(what, &samples, "ns").beside(samples.median() / base, "with 1,000"));
        }
    };
    add("any result", &Size::any);
    for place in Place::ALL {
        add(&format!("  {}", place.about()), &|size| size.single[place as usize].clone());
    }
    add("63 results, for each", &|size| size.mixed.clone());
    add("this machine: one read of memory", &|size| size.reads.clone());
    for Size { sets, longest, .. } in sizes {
        let longest = [*longest].into_iter().collect();
        rows.push(Row::of(format!("the longest while {sets} sets were opened"), &longest, "µs"));
    }
    Outcome {
        values: vec![
            ("offer", median),
            ("offer_growth", growth),
        ],
        rows,
        notes: vec![
            "each call of `offer` is timed by itself, from the result to its verdict, less what the clock takes; results are \
             made before (slices of one buffer for 64), dropped after, and so are released sets"
                .into(),
            "sets of three from three collectors, `count` and `list`, 128 bytes of payload; as many results open a set as \
             enter and complete one, at random among those pending, half of which have one result, half two"
                .into(),
            "the sizes take turns; the bars count any result, the three places together".into(),
            "63 results: 21 of each place in turn, under one look at the clock".into(),
            "one read: of as many places as there are sets, 640 bytes apart, each where the one before says; what is among many \
             cannot be found with fewer than some of these"
                .into(),
        ],
    }
}
