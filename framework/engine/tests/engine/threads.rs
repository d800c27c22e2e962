//! The aggregator under real threads: each set released once, each result in one place, no deadlock.
//!
//! Every test runs under a watchdog. What a thread releases it finishes and settles itself, as a session does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use stook_engine::{
    AggregateSpec, Expected, LatePolicy, LateSpec, Limits, Offered, Released, ResultAggregator, Session,
    Verdict, WhenFull,
};
use stook_plugin::{Keep, Scope, SetKey};
use stook_types::{CorrelationId, Missing, MonoTime, Outcome, Payload, Refusal, WallTime};

use crate::harness::{JSON, collector, id, key, ms, source, spec, topic};
use crate::policies::{announced, before, count, quorum, remember};

/// Runs a test that must not hang.
fn bounded(test: impl FnOnce() + Send + 'static) {
    let (done, finished) = mpsc::channel();
    let runner = thread::spawn(move || {
        test();
        done.send(()).unwrap();
    });
    match finished.recv_timeout(Duration::from_secs(120)) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("a deadlock: not finished after two minutes"),
        _ => runner.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
    }
}

fn at(millis: u64) -> MonoTime {
    MonoTime::at(ms(millis))
}

/// One emission, as the world saw it.
struct Seen {
    id: String,
    generation: u64,
    revision: u64,
    outcome: Outcome,
    results: u64,
    origins: Vec<(String, u128, u64)>,
}

/// An engine, and what came out of it.
struct World {
    engine: ResultAggregator,
    seen: Mutex<Vec<Seen>>,
    accepted: AtomicU64,
    late: AtomicU64,
    offered: AtomicU64,
    replaced: AtomicU64,
}

impl World {
    fn new(spec: AggregateSpec) -> Self {
        Self::with_memory(spec, 1 << 30)
    }

    fn with_memory(spec: AggregateSpec, memory: usize) -> Self {
        Self {
            engine: ResultAggregator::new(vec![spec], memory),
            seen: Mutex::default(),
            accepted: AtomicU64::new(0),
            late: AtomicU64::new(0),
            offered: AtomicU64::new(0),
            replaced: AtomicU64::new(0),
        }
    }

    fn settle(&self, out: &mut Vec<Released>) {
        for released in out.drain(..) {
            let emission = released.finish(WallTime::from_unix_micros(0));
            let origin = |(source, sequence): &(std::sync::Arc<stook_plugin::Source>, u64)| {
                (source.collector.to_string(), source.incarnation.0.as_u128(), *sequence)
            };
            self.seen.lock().unwrap().push(Seen {
                id: emission.result.correlation_id.to_string(),
                generation: emission.result.generation,
                revision: emission.result.revision,
                outcome: emission.result.outcome,
                results: emission.result.results,
                origins: emission.origins.iter().map(origin).collect(),
            });
            emission.settlement.delivered();
        }
    }

    /// Offers until it is not handed back any more.
    fn offer(
        &self,
        now: MonoTime,
        session: &Session,
        id: &CorrelationId,
        sequence: u64,
        json: u64,
    ) -> Verdict {
        let payload = Payload::new(json.to_string().into_bytes().into(), &JSON);
        let offered = Offered::new(topic("a.x"), id.clone(), sequence, payload);
        let route = self.engine.route(&offered.topic).unwrap();
        let mut out = Vec::new();
        self.offered.fetch_add(1, Relaxed);
        let mut parked = 0;
        loop {
            let verdict = self.engine.offer(now, session, route, &offered, &mut out);
            self.settle(&mut out);
            match &verdict {
                Verdict::Parked => {
                    // Others make room sooner or later, and much later on a machine that is busy.
                    parked += 1;
                    if parked % 8 == 0 {
                        self.act(|engine, out| _ = engine.force(now, 0, None, out));
                    }
                    thread::yield_now();
                    continue;
                }
                Verdict::Accepted { replaced } => {
                    self.accepted.fetch_add(1, Relaxed);
                    self.replaced.fetch_add(u64::from(replaced.is_some()), Relaxed);
                }
                Verdict::Refused(Refusal::Late) => _ = self.late.fetch_add(1, Relaxed),
                _ => {}
            }
            return verdict;
        }
    }

    fn act(&self, act: impl FnOnce(&ResultAggregator, &mut Vec<Released>)) {
        let mut out = Vec::new();
        act(&self.engine, &mut out);
        self.settle(&mut out);
    }

    fn force(&self, now: u64, key: Option<&SetKey>) {
        self.act(|engine, out| _ = engine.force(at(now), 0, key, out));
    }

    fn session(&self, name: &str) -> Session {
        self.engine.connected(source(name, 1, 1))
    }

    /// Ends everything and checks that nothing was lost, doubled or leaked.
    fn check(&self) {
        self.act(|engine, out| engine.shutdown(at(1_000_000), out));
        let counters = self.engine.counters();
        let seen = self.seen.lock().unwrap();
        let emitted: usize = seen.iter().map(|seen| seen.origins.len()).sum();
        let distinct: BTreeSet<_> = seen.iter().flat_map(|seen| &seen.origins).collect();
        assert_eq!(distinct.len(), emitted, "a result in two emissions");
        assert_eq!(emitted as u64, self.accepted.load(Relaxed) - self.replaced.load(Relaxed));
        assert_eq!(counters.received, counters.accounted(), "{counters:?}");
        assert_eq!(counters.received, self.offered.load(Relaxed), "{counters:?}");
        assert_eq!(counters.delivered, emitted as u64, "{counters:?}");
        assert_eq!(counters.late, self.late.load(Relaxed), "{counters:?}");
        assert_eq!(counters.released, seen.len() as u64, "{counters:?}");
        assert_eq!((counters.pending, counters.plugin_panics), (0, 0));
        self.act(|engine, out| engine.expire(at(100_000_000), out));
        assert_eq!(self.engine.memory().used, 0);
        let occupancy = self.engine.status()[0].1;
        assert_eq!((occupancy.open, occupancy.tombstones), (0, 0));
        assert_eq!(self.engine.next_deadline(), None);
    }

    /// That each set of each generation came out once per revision.
    fn check_once(&self) {
        let seen = self.seen.lock().unwrap();
        let distinct: BTreeSet<_> = seen.iter().map(|s| (&s.id, s.generation, s.revision)).collect();
        assert_eq!(distinct.len(), seen.len(), "a set that was emitted twice");
    }
}

const IDS: u64 = 10_000;

fn ids() -> Vec<CorrelationId> {
    (0..IDS).map(|n| id(&n.to_string())).collect()
}

/// The numbers below `n` in an order that jumps about, different for each `seed`.
fn shuffled(n: u64, seed: u64) -> Vec<u64> {
    let mut numbers: Vec<u64> = (0..n).collect();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for i in (1..numbers.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        numbers.swap(i, (state >> 33) as usize % (i + 1));
    }
    numbers
}

fn patient() -> LateSpec {
    LateSpec { tombstones: 1_000_000, remember: ms(10_000_000), ..LateSpec::default() }
}

/// J01
#[test]
fn two_producers_complete_the_same_set_at_once() {
    bounded(|| {
        let world = World::new(AggregateSpec { completion: vec![count(2)], late: patient(), ..spec() });
        let ids = ids();
        thread::scope(|scope| {
            for name in ["p1", "p2"] {
                let (world, ids) = (&world, &ids);
                scope.spawn(move || {
                    let session = world.session(name);
                    for (n, id) in (1..).zip(ids) {
                        world.offer(at(0), &session, id, n, n);
                    }
                });
            }
        });
        let seen = world.seen.lock().unwrap().len() as u64;
        assert_eq!((seen, world.accepted.load(Relaxed)), (IDS, 2 * IDS));
        world.check_once();
        world.check();
    });
}

/// A race between the last result of each set and something else that ends it: every set comes out once, complete
/// with two results or partial with one, and then the other result was late.
fn race(end: impl Fn(&World, u64) + Send + Sync + 'static) {
    bounded(move || {
        let world = World::new(AggregateSpec { completion: vec![count(2)], late: patient(), ..spec() });
        let ids = ids();
        let (first, second) = (world.session("p1"), world.session("p2"));
        for (n, id) in (1..).zip(&ids) {
            world.offer(at(n), &first, id, n, n);
        }
        let done = AtomicU64::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                for (n, id) in (1..).zip(&ids) {
                    world.offer(at(n), &second, id, n, n);
                    done.store(n, Relaxed);
                }
            });
            scope.spawn(|| {
                while done.load(Relaxed) < IDS {
                    end(&world, done.load(Relaxed));
                }
            });
        });
        let seen = world.seen.lock().unwrap();
        for emission in &*seen {
            let complete = emission.outcome == Outcome::Complete;
            assert_eq!(emission.results, if complete { 2 } else { 1 });
        }
        let partial = seen.iter().filter(|seen| seen.outcome == Outcome::Partial).count() as u64;
        assert_eq!((seen.len() as u64, partial), (IDS, world.late.load(Relaxed)));
        drop(seen);
        world.check_once();
        world.check();
    });
}

/// J02
#[test]
fn completion_and_timeout_race() {
    // Set n is due at 10,000 + n: let the timeouts run along with the second results.
    race(|world, done| world.act(|engine, out| engine.expire(at(10_000 + done + 2), out)));
}

/// J04
#[test]
fn completion_and_force_race() {
    race(|world, done| {
        for n in done..(done + 4).min(IDS) {
            world.force(done, Some(&key(&n.to_string())));
        }
    });
    race(|world, done| {
        if done > IDS / 2 {
            world.force(done, None);
        }
    });
}

#[test]
fn completion_and_eviction_race() {
    race(|world, done| {
        let keys: Vec<_> = (done..(done + 4).min(IDS)).map(|n| key(&n.to_string())).collect();
        let sets = keys.iter().map(|key| (0, key));
        world.act(|engine, out| _ = engine.evict_longest_idle(at(done), sets, out));
    });
}

/// J05
#[test]
fn timeout_late_result_and_the_end_of_a_tombstone_race() {
    bounded(|| {
        let late = LateSpec { tombstones: 50, remember: ms(3), ..LateSpec::default() };
        let world = World::new(AggregateSpec { timeout: ms(2), late, ..spec() });
        let clock = AtomicU64::new(0);
        let ids: Vec<_> = (0..40).map(|n| id(&n.to_string())).collect();
        let running = AtomicBool::new(true);
        thread::scope(|scope| {
            let producers: Vec<_> = ["p1", "p2", "p3"]
                .into_iter()
                .map(|name| {
                    let (world, clock, ids) = (&world, &clock, &ids);
                    scope.spawn(move || {
                        let session = world.session(name);
                        for n in 1..=20_000 {
                            let now = at(clock.load(Relaxed));
                            world.offer(now, &session, &ids[n as usize * 7 % 40], n, n);
                        }
                    })
                })
                .collect();
            scope.spawn(|| {
                while running.load(Relaxed) {
                    let now = at(clock.fetch_add(1, Relaxed));
                    world.act(|engine, out| engine.expire(now, out));
                    thread::yield_now();
                }
            });
            producers.into_iter().for_each(|producer| producer.join().unwrap());
            running.store(false, Relaxed);
        });
        assert_eq!(world.offered.load(Relaxed), world.accepted.load(Relaxed) + world.late.load(Relaxed));
        world.check();
    });
}

/// Eight producers, three results of each for each of 10,000 IDs, in as many orders. `content` is what the `n`th says.
fn eight_producers(spec: AggregateSpec, content: fn(u64) -> u64) -> World {
    let world = World::new(AggregateSpec { late: patient(), ..spec });
    let ids = ids();
    thread::scope(|scope| {
        for producer in 0..8 {
            let (world, ids) = (&world, &ids);
            scope.spawn(move || {
                let session = world.session(&format!("p{producer}"));
                for n in shuffled(3 * IDS, producer + 1) {
                    world.offer(at(0), &session, &ids[(n / 3) as usize], n + 1, content(n));
                }
            });
        }
    });
    world
}

/// J09: that every ID came out complete and once, with so many results, and that all are remembered.
fn check_every_id(world: &World, results: u64) {
    let seen = world.seen.lock().unwrap();
    assert_eq!(seen.len() as u64, IDS, "every id once");
    assert!(seen.iter().all(|seen| seen.outcome == Outcome::Complete && seen.results == results));
    drop(seen);
    let occupancy = world.engine.status()[0].1;
    assert_eq!((occupancy.open, occupancy.tombstones), (0, IDS as usize), "no set left, no tombstone lost");
    let counters = world.engine.counters();
    assert_eq!((counters.received, counters.delivered), (240_000, results * IDS));
    assert_eq!(counters.duplicate, 240_000 - results * IDS);
    world.check_once();
    world.check();
}

/// J09
#[test]
fn eight_producers_ten_thousand_ids_three_results_each() {
    bounded(|| {
        let world = eight_producers(AggregateSpec { completion: vec![count(24)], ..spec() }, |n| n);
        check_every_id(&world, 24);
    });
}

/// J09: all eight say the same three things of each ID, so that three are news.
#[test]
fn eight_producers_say_the_same() {
    bounded(|| {
        let dedup = Some(remember(Scope::Aggregate, 1_000_000, 1_000_000, Keep::First));
        let world = eight_producers(AggregateSpec { completion: vec![count(3)], dedup, ..spec() }, |n| n);
        check_every_id(&world, 3);
    });
}

/// J09: sets hold ten results and end where the next begins, so that each ID has three of them: 10, 10 and 4.
#[test]
fn eight_producers_and_sets_that_end_where_the_next_begins() {
    bounded(|| {
        let world = eight_producers(AggregateSpec { completion: vec![before(10)], ..spec() }, |_| 1);
        world.act(|engine, out| engine.shutdown(at(0), out));
        let seen = world.seen.lock().unwrap();
        assert_eq!(seen.len() as u64, 3 * IDS);
        assert!(seen.iter().all(|seen| seen.results == if seen.generation < 3 { 10 } else { 4 }));
        drop(seen);
        let occupancy = world.engine.status()[0].1;
        assert_eq!((occupancy.open, occupancy.tombstones), (0, IDS as usize));
        world.check_once();
        world.check();
    });
}

/// Everything at once: producers against expiry, force, eviction, announcements, losses and reconnects.
fn chaos(spec: AggregateSpec, memory: usize, offers: u64) -> World {
    let world = World::with_memory(spec, memory);
    let clock = AtomicU64::new(0);
    let ids: Vec<_> = (0..200).map(|n| id(&n.to_string())).collect();
    let running = AtomicBool::new(true);
    thread::scope(|scope| {
        let producers: Vec<_> = (1..=4)
            .map(|producer| {
                let (world, clock, ids) = (&world, &clock, &ids);
                scope.spawn(move || {
                    let name = format!("p{producer}");
                    let mut session = world.session(&name);
                    for n in 1..=offers {
                        let now = at(clock.fetch_add(1, Relaxed) / 16);
                        world.offer(now, &session, &ids[(n * (producer + 6) % 200) as usize], n, n % 50);
                        if n % 500 == 0 {
                            let lost = session.source().clone();
                            world.act(|engine, out| engine.collector_lost(now, &lost, Missing::Exited, out));
                            session = world.engine.connected(source(&name, n.into(), n + 1));
                        }
                    }
                })
            })
            .collect();
        type Disturb = fn(&ResultAggregator, MonoTime, u64, &mut Vec<Released>);
        let disturb: [Disturb; 3] = [
            |engine, now, _, out| {
                engine.expire(now, out);
                _ = (engine.next_deadline(), engine.status());
            },
            |engine, now, n, out| match n % 50 {
                0 => _ = engine.force(now, 0, None, out),
                m => _ = engine.force(now, 0, Some(&key(&m.to_string())), out),
            },
            |engine, now, n, out| {
                let set = key(&(n % 200).to_string());
                let all = [Expected::tasks(collector("p1"), 1), Expected::first_result(collector("p9"))];
                _ = engine.announce(now, 0, &set, &all, out);
                engine.task_finished(now, 0, &set, &collector("p1"), out);
                engine.evict_longest_idle(now, [(0, &set)], out);
            },
        ];
        for disturb in disturb {
            let (world, clock, running) = (&world, &clock, &running);
            scope.spawn(move || {
                for n in 0.. {
                    if !running.load(Relaxed) {
                        break;
                    }
                    world.act(|engine, out| disturb(engine, at(clock.load(Relaxed) / 16), n, out));
                    thread::yield_now();
                }
            });
        }
        producers.into_iter().for_each(|producer| producer.join().unwrap());
        running.store(false, Relaxed);
    });
    world
}

fn chaotic(late: LatePolicy) -> AggregateSpec {
    AggregateSpec {
        completion: vec![announced(), quorum(3), count(9)],
        timeout: ms(40),
        idle: Some(ms(20)),
        late: LateSpec { policy: late, ..patient() },
        ..spec()
    }
}

#[test]
fn chaos_with_reopened_sets() {
    bounded(|| {
        let world = chaos(chaotic(LatePolicy::Reopen), 1 << 30, 10_000);
        world.check_once();
        world.check();
        let mut generations = BTreeMap::<String, BTreeSet<u64>>::new();
        for seen in &*world.seen.lock().unwrap() {
            generations.entry(seen.id.clone()).or_default().insert(seen.generation);
        }
        for (id, seen) in generations {
            let last = *seen.last().unwrap();
            assert_eq!(seen.len() as u64, last, "{id}: a generation that never came out");
        }
    });
}

#[test]
fn chaos_with_corrections() {
    bounded(|| {
        let world = chaos(chaotic(LatePolicy::Correct(ms(100))), 1 << 30, 10_000);
        world.check_once();
        world.check();
    });
}

#[test]
fn chaos_with_dedup() {
    for scope in [Scope::Set, Scope::Aggregate, Scope::Collector] {
        bounded(move || {
            let dedup = Some(remember(scope, 30, 100, Keep::Last));
            let world = chaos(AggregateSpec { dedup, ..chaotic(LatePolicy::Reopen) }, 1 << 30, 5_000);
            world.check_once();
            world.check();
        });
    }
}

#[test]
fn chaos_without_room() {
    for when_full in [WhenFull::EmitOldest, WhenFull::Refuse, WhenFull::Backpressure] {
        bounded(move || {
            let limits = Limits { sets: 8, results_per_set: 6, when_full, ..Limits::default() };
            let spec = AggregateSpec { limits, ..chaotic(LatePolicy::Reopen) };
            let world = chaos(spec, 6_000, 2_000);
            world.check_once();
            world.check();
        });
    }
}
