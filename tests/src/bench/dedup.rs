//! `dedup`: what remembering costs once the memory is full.

use std::sync::Arc;
use std::time::Duration;

use stook_engine::Verdict;
use stook_plugin::{Contribution, DedupStrategy, Source};
use stook_types::{CollectorId, Incarnation, SessionEpoch, Topic};
use uuid::Uuid;

use super::pending::{Pending, Place, READ, sample};
use super::report::{Outcome, Row};
use super::stats::Samples;
use super::stopwatch::Stopwatch;
use super::{Bench, Halt, plugins};

/// A short run leaves out the last.
const CAPACITIES: [usize; 3] = [1_000, 100_000, 1_000_000];
const SETS: usize = 1_000;
/// How often each kind of result is brought in one visit; the first time warms up.
const VISIT: usize = 11;

/// One memory, or none, and what was measured with it.
struct Memory {
    pending: Pending,
    /// How many identities it holds; 0 without dedup.
    capacity: usize,
    new: Samples,
    repeated: Samples,
}

pub(super) fn measure(bench: &mut Bench) -> Result<Outcome, Halt> {
    let visits = bench.amount(10, 100);
    let watch = Stopwatch::new();
    let mut memories = vec![Memory::new(0)];
    for &capacity in &CAPACITIES[..bench.amount(2, CAPACITIES.len())] {
        bench.goes_on(|| format!("fills a memory of {capacity}"))?;
        memories.push(Memory::new(capacity));
    }
    let mut identity = Samples::new();
    for visit in 1..=visits {
        bench.goes_on(|| format!("visit {visit} of {visits}"))?;
        for memory in &mut memories {
            memory.visit(&watch)?;
        }
        identity.extend(identities(&watch).iter());
    }
    let (none, least) = (&memories[0], &memories[1]);
    let mut rows = vec![watch.row(), Row::of("new, no dedup", &none.new, "ns")];
    for Memory { capacity, new, .. } in &memories[1..] {
        let row = Row::of(format!("new, {capacity} remembered"), new, "ns");
        rows.push(row.beside(new.median() / none.new.median(), "no dedup"));
    }
    for Memory { capacity, repeated, .. } in &memories[1..] {
        let row = Row::of(format!("repeated, {capacity} remembered"), repeated, "ns");
        rows.push(row.beside(repeated.median() / least.repeated.median(), "1,000 remembered"));
    }
    rows.push(Row::of("the identity of a result by itself", &identity, "ns"));
    Ok(Outcome {
        values: Vec::new(),
        rows,
        notes: vec![
            "a call of `offer`; `content`, scope aggregate, memory full: each new identity pushes one out; 1,000 sets of three \
             pending, and new results open, enter and complete one equally often"
                .into(),
            "a repeated result says what one of the last capacity / 2 said; the identity is part of every row with dedup: it \
             decodes 128 bytes, an object of five fields, and hashes them"
                .into(),
        ],
    })
}

impl Memory {
    /// A full one.
    fn new(capacity: usize) -> Self {
        let dedup = format!(
            "dedup = {{ use = \"content\", scope = \"aggregate\", window = \"1h\", capacity = {capacity} }}\n"
        );
        let dedup = if capacity == 0 { "" } else { &dedup };
        let mut pending =
            Pending::new(&format!("late = {{ use = \"refuse\", tombstones = 1_000 }}\n{dedup}"));
        pending.fill(SETS, Duration::from_secs(1));
        pending.halve();
        for _ in 0..capacity.div_ceil(READ * Place::ALL.len()) {
            Place::ALL.into_iter().for_each(|place| pending.bring(place));
        }
        Self { pending, capacity, new: Samples::new(), repeated: Samples::new() }
    }

    fn visit(&mut self, watch: &Stopwatch) -> Result<(), Halt> {
        for time in 0..VISIT {
            for place in Place::ALL {
                let took = self.pending.bring_timed(place, watch);
                if time > 0 {
                    self.new.extend(took);
                }
            }
            if self.capacity == 0 {
                continue;
            }
            for arriving in self.pending.read_again(self.capacity as u64 / 2) {
                let (verdict, took) = watch.time(|| self.pending.offer(&arriving));
                if !matches!(verdict, Verdict::Duplicate) {
                    return Err(Halt::failed(format!("not taken for a duplicate: {verdict:?}")));
                }
                if time > 0 {
                    self.repeated.push(took);
                }
            }
        }
        Ok(())
    }
}

/// What `content` takes to know one result.
fn identities(watch: &Stopwatch) -> Samples {
    let strategy = plugins::made::<dyn DedupStrategy>("content", "{}").expect("its options have defaults");
    let id = CollectorId::new("collector-1").expect("an id");
    let source = Arc::new(Source::new(id, "bench", Incarnation(Uuid::nil()), SessionEpoch(1), None));
    let topic = Topic::new("bench.result").expect("a topic");
    let result = |number| Contribution::new(source.clone(), topic.clone(), number, sample(number));
    (1..=READ as u64)
        .map(|number| {
            let result = result(number);
            watch.time(|| strategy.identity(&result)).1
        })
        .collect()
}
