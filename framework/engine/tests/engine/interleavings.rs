//! However results were scheduled, their sets are the same; and however often a set is touched, that costs the same.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;

use stook_engine::{AggregateSpec, Offered, Released, ResultAggregator, Session, Verdict};
use stook_plugin::{Contribution, OrderStrategy};
use stook_types::{MonoTime, Payload, WallTime};

use crate::harness::{JSON, id, ms, source, spec, topic};
use crate::policies::count;

const PRODUCERS: [&str; 3] = ["p1", "p2", "p3"];
const SETS: u64 = 40;
/// Of each producer, in each set.
const RESULTS: u64 = 25;

struct BySequence;

impl OrderStrategy for BySequence {
    fn compare(&self, a: &Contribution, b: &Contribution) -> Ordering {
        (&a.source.collector, a.sequence).cmp(&(&b.source.collector, b.sequence))
    }
}

/// Results of three producers into the same sets, and what each set became.
struct World {
    engine: ResultAggregator,
    became: Mutex<BTreeMap<String, String>>,
}

impl World {
    fn new() -> Self {
        let completion = vec![count(PRODUCERS.len() * RESULTS as usize)];
        let spec = AggregateSpec { completion, order: Some(Box::new(BySequence)), ..spec() };
        Self { engine: ResultAggregator::new(vec![spec], 1 << 30), became: Mutex::default() }
    }

    /// All that one producer has to say, numbered as it says it.
    fn produce(&self, name: &str) {
        let session = self.engine.connected(source(name, 1, 1));
        for sequence in 1..=SETS * RESULTS {
            let json = format!("\"{name} {sequence}\"");
            offer(&self.engine, &session, MonoTime::ZERO, sequence % SETS, sequence, json, |released| {
                let emission = released.finish(WallTime::from_unix_micros(0));
                let became = serde_json::to_string(&(&emission.result.value, &emission.result.contributors));
                let set = emission.result.correlation_id.to_string();
                let before = self.became.lock().unwrap().insert(set, became.unwrap());
                assert_eq!(before, None, "a set came out twice");
                emission.settlement.delivered();
            });
        }
    }

    fn became(self) -> BTreeMap<String, String> {
        let counters = self.engine.counters();
        assert_eq!((counters.delivered, counters.pending), (PRODUCERS.len() as u64 * SETS * RESULTS, 0));
        self.became.into_inner().unwrap()
    }
}

fn offer(
    engine: &ResultAggregator,
    session: &Session,
    now: MonoTime,
    set: u64,
    sequence: u64,
    json: String,
    take: impl FnMut(Released),
) {
    let payload = Payload::new(json.into_bytes().into(), &JSON);
    let offered = Offered::new(topic("a.x"), id(&set.to_string()), sequence, payload);
    let route = engine.route(&offered.topic).unwrap();
    let mut out = Vec::new();
    let verdict = engine.offer(now, session, route, &offered, &mut out);
    assert!(matches!(verdict, Verdict::Accepted { .. }), "{verdict:?}");
    out.into_iter().for_each(take);
}

/// G12: three connections at once, and one after the other.
#[test]
fn a_set_is_the_same_over_any_interleaving() {
    let alone = World::new();
    PRODUCERS.iter().for_each(|name| alone.produce(name));
    let alone = alone.became();
    assert_eq!(alone.len() as u64, SETS);
    for _ in 0..5 {
        let together = World::new();
        thread::scope(|scope| {
            for name in PRODUCERS {
                let world = &together;
                scope.spawn(move || world.produce(name));
            }
        });
        assert_eq!(together.became(), alone);
    }
}

/// D17: what goes on and on is not due, and looked at once in its idle time, not once for each result.
#[test]
fn sets_that_are_touched_again_and_again_are_seldom_looked_at() {
    const IDLE: u64 = 1_000;
    let engine = ResultAggregator::new(vec![AggregateSpec { idle: Some(ms(IDLE)), ..spec() }], 1 << 30);
    let session = engine.connected(source("p1", 1, 1));
    let (mut sequence, mut steps) = (0, 0);
    let mut out = Vec::new();
    for now in (0..5 * IDLE).step_by(10) {
        let now = MonoTime::at(ms(now));
        for set in 0..100 {
            sequence += 1;
            let json = sequence.to_string();
            offer(&engine, &session, now, set, sequence, json, |_| panic!("nothing ends a set here"));
        }
        while engine.expire_some(now, 1, &mut out) {
            steps += 1;
        }
        assert!(out.is_empty());
    }
    assert!(steps <= 5 * 100, "{steps} looks at 100 sets in five times their idle time");
}
