//! Failover under a schedule explorer: the router on one thread, results and deadlines on others, in every order that
//! shuttle finds. Only with `RUSTFLAGS="--cfg shuttle"`; a schedule that fails is printed, and `shuttle::replay` runs it.

#![cfg(shuttle)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use shuttle::sync::Mutex;
use shuttle::sync::atomic::{AtomicBool, Ordering};
use shuttle::thread;
use stook_engine::{
    Act, AggregateSpec, Arrival, Expected, LeaseId, LoadBalancer, Loss, Modifiers, NamedPolicy, Offered,
    Released, ResultAggregator, ScoreId, Session, Task, TaskEnding, TaskEvent, TaskLimits, TaskRouter, Turn,
    Verdict,
};
use stook_plugin::{Admission, CompletionPolicy, Contribution, Decision, Reason, SetKey, SetView, Source};
use stook_types::{
    Capability, CollectorId, CorrelationId, DecodeError, Encoding, FanOut, Incarnation, Missing, MonoTime,
    Payload, Refusal, SessionEpoch, TaskId, TaskOutcome, Topic, TopicPattern, Value, WallTime,
};

/// Schedules of each scene, by each of two ways to choose them.
const SCHEDULES: usize = 1_500;

static NOTHING: Encoding =
    Encoding { content_type: "none", decode: |_| Ok::<Value, DecodeError>(Value::Null) };

/// Everybody who is expected has answered, and no task waits.
struct Everybody;

impl CompletionPolicy for Everybody {
    fn decide(&self, set: &SetView<'_>) -> Decision {
        let answered = set.expected().next().is_some() && set.expected().all(|member| member.answered);
        if answered && set.unassigned == 0 { Decision::Complete } else { Decision::Pending }
    }
}

/// Every tenth result starts a set.
struct Starts;

impl CompletionPolicy for Starts {
    fn decide(&self, _: &SetView<'_>) -> Decision {
        Decision::Pending
    }

    fn admit(&self, _: &SetView<'_>, next: &Contribution) -> Admission {
        if next.sequence % 10 == 0 { Admission::OpensNext } else { Admission::Enters }
    }
}

/// What the threads share.
struct Shared {
    sets: ResultAggregator,
    released: Mutex<Vec<Released>>,
    /// Who sent what, and what became of it.
    verdicts: Mutex<Vec<(CollectorId, u64, Verdict)>>,
}

/// The router with what its thread knows.
struct Tasks {
    router: TaskRouter,
    shared: Arc<Shared>,
    acts: Vec<Act>,
    epochs: u64,
}

fn id(text: &str) -> CollectorId {
    CollectorId::new(text).unwrap()
}

fn key(text: &str) -> SetKey {
    SetKey::Id(CorrelationId::new(text).unwrap())
}

const NOW: MonoTime = MonoTime::ZERO;

fn at_timeout() -> MonoTime {
    MonoTime::at(Duration::from_secs(10))
}

fn set_up() -> (Arc<Shared>, Tasks) {
    set_up_with(NamedPolicy { name: "expected", policy: Box::new(Everybody) })
}

fn set_up_with(policy: NamedPolicy) -> (Arc<Shared>, Tasks) {
    let topics = vec![TopicPattern::new("a.#").unwrap()];
    let mut spec = AggregateSpec::new("a", topics, Duration::from_secs(10));
    spec.completion = vec![policy];
    let sets = ResultAggregator::new(vec![spec], 1 << 20);
    let shared = Arc::new(Shared { sets, released: Mutex::default(), verdicts: Mutex::default() });
    let balancer = LoadBalancer::new(Vec::new(), Modifiers::NONE, 1);
    let router = TaskRouter::new(balancer, LeaseId(0), TaskLimits::default());
    (shared.clone(), Tasks { router, shared, acts: Vec::new(), epochs: 0 })
}

fn task(correlation: &str, fan_out: FanOut) -> Task {
    Task {
        id: TaskId(uuid::Uuid::from_u128(0)),
        name: correlation.into(),
        correlation_id: CorrelationId::new(correlation).unwrap(),
        capabilities: vec![(Capability::new("scan").unwrap(), ScoreId(0))],
        fan_out,
        into: vec![0],
        payload: Payload::new(bytes::Bytes::new(), &NOTHING),
        priority: 0,
        deadline: MonoTime::at(Duration::from_secs(60)),
        attempt: None,
        stall: None,
        backlog: 10,
    }
}

impl Shared {
    fn keep(&self, released: Vec<Released>) {
        self.released.lock().unwrap().extend(released);
    }

    /// A result, as a session reads it: what is fenced by then is offered as such.
    fn offer(&self, session: &Session, correlation: &str, sequence: u64, fenced: &AtomicBool) {
        let topic = Topic::new("a.x").unwrap();
        let route = self.sets.route(&topic).unwrap();
        let payload = Payload::new(bytes::Bytes::new(), &NOTHING);
        let mut offered = Offered::new(topic, CorrelationId::new(correlation).unwrap(), sequence, payload);
        offered.fenced = fenced.load(Ordering::SeqCst);
        let mut released = Vec::new();
        let verdict = self.sets.offer(NOW, session, route, &offered, &mut released);
        self.keep(released);
        self.verdicts.lock().unwrap().push((session.source().collector.clone(), sequence, verdict));
    }

    fn expire(&self, now: MonoTime) {
        let mut released = Vec::new();
        self.sets.expire(now, &mut released);
        self.keep(released);
    }

    /// Every set was released once; every result that was accepted is in it, and no other. Gives why each was released,
    /// by correlation ID and, beyond the first, generation.
    fn check(&self, sets: usize) -> BTreeMap<String, (Reason, Vec<u64>)> {
        let mut ends = BTreeMap::new();
        for released in std::mem::take(&mut *self.released.lock().unwrap()) {
            let emission = released.finish(WallTime::from_unix_micros(0));
            let mut has: Vec<_> = emission.origins.iter().map(|(_, sequence)| *sequence).collect();
            has.sort_unstable();
            let result = &emission.result;
            assert_eq!(result.revision, 1, "{result:?}");
            if result.reason == Reason::CollectorsLost {
                assert!(!result.missing.is_empty(), "{result:?}");
            }
            let name = match result.generation {
                1 => result.correlation_id.to_string(),
                generation => format!("{} {generation}", result.correlation_id),
            };
            let before = ends.insert(name, (result.reason, has));
            assert!(before.is_none(), "released twice: {result:?}");
            emission.settlement.delivered();
        }
        assert_eq!(ends.len(), sets, "{ends:?}");
        let verdicts = self.verdicts.lock().unwrap();
        let accepted = verdicts.iter().filter(|(.., verdict)| matches!(verdict, Verdict::Accepted { .. }));
        let mut accepted: Vec<_> = accepted.map(|(_, sequence, _)| *sequence).collect();
        let mut emitted: Vec<_> = ends.values().flat_map(|(_, has)| has.iter().copied()).collect();
        accepted.sort_unstable();
        emitted.sort_unstable();
        assert_eq!(accepted, emitted, "{verdicts:?} {ends:?}");
        let counters = self.sets.counters();
        assert_eq!(counters.received, verdicts.len() as u64);
        assert_eq!(counters.received, counters.accounted(), "{counters:?}");
        assert_eq!((counters.pending, counters.delivered), (0, accepted.len() as u64), "{counters:?}");
        assert_eq!((counters.released, counters.plugin_panics), (sets as u64, 0));
        ends
    }
}

impl Tasks {
    fn step<T>(&mut self, act: impl FnOnce(&mut TaskRouter, &mut Turn<'_>) -> T) -> T {
        let mut released = Vec::new();
        let mut turn =
            Turn { now: NOW, sets: &self.shared.sets, released: &mut released, acts: &mut self.acts };
        let done = act(&mut self.router, &mut turn);
        self.shared.keep(released);
        assert!(self.router.counters().add_up());
        done
    }

    fn connect(&mut self, name: &str, concurrency: u32) -> Arc<Session> {
        self.epochs += 1;
        let incarnation = Incarnation(uuid::Uuid::from_u128(self.epochs.into()));
        let source = Source::new(id(name), "kind", incarnation, SessionEpoch(self.epochs), None);
        let session = self.shared.sets.connected(source.clone());
        let scan = [(Capability::new("scan").unwrap(), concurrency)];
        self.step(|router, turn| router.connected(turn, Arrival { source: &source, capabilities: &scan }));
        Arc::new(session)
    }

    fn lose(&mut self, session: &Session) {
        let loss = Loss { why: Missing::Exited, suspicious: true };
        self.step(|router, turn| router.lost(turn, session.source(), loss));
    }

    /// Who has a task, and under which lease.
    fn holds(&self, name: &str) -> Vec<LeaseId> {
        let leases = self.router.status(NOW, usize::MAX).leases;
        leases.iter().filter(|lease| lease.collector == id(name)).map(|lease| lease.lease).collect()
    }

    fn end_all(&mut self, session: &Session, ending: &TaskEnding) {
        let source = session.source();
        for lease in self.holds(source.collector.as_str()) {
            self.step(|router, turn| {
                router.ended(turn, &source.collector, source.epoch, lease, ending.clone());
            });
        }
    }

    fn ends(&self) -> Vec<TaskOutcome> {
        let end = |act: &Act| match act {
            Act::Tell(TaskEvent::Ended { outcome, .. }) => Some(*outcome),
            _ => None,
        };
        self.acts.iter().filter_map(end).collect()
    }
}

fn explore(scene: fn()) {
    shuttle::check_random(scene, SCHEDULES);
    shuttle::check_pct(scene, SCHEDULES, 3);
}

/// `p1` has the task and is lost; `p2` takes over and ends it. Both answer, `p1` until it learns that it is fenced.
fn failover(until: MonoTime) {
    let (shared, mut tasks) = set_up();
    let p1 = tasks.connect("p1", 1);
    tasks.step(|router, turn| router.submit(turn, task("t", FanOut::One))).unwrap();
    let p2 = tasks.connect("p2", 1);
    let fenced = Arc::new(AtomicBool::new(false));

    let old = {
        let (shared, p1, fenced) = (shared.clone(), p1.clone(), fenced.clone());
        thread::spawn(move || (1..=3).for_each(|sequence| shared.offer(&p1, "t", sequence, &fenced)))
    };
    let clock = {
        let shared = shared.clone();
        thread::spawn(move || shared.expire(until))
    };
    fenced.store(true, Ordering::SeqCst);
    tasks.lose(&p1);
    assert_eq!(tasks.holds("p2").len(), 1);
    let new = {
        let (shared, p2) = (shared.clone(), p2.clone());
        thread::spawn(move || {
            let live = AtomicBool::new(false);
            (11..=12).for_each(|sequence| shared.offer(&p2, "t", sequence, &live));
        })
    };
    new.join().unwrap();
    tasks.end_all(&p2, &TaskEnding::Done);
    old.join().unwrap();
    clock.join().unwrap();

    assert_eq!(tasks.ends(), [TaskOutcome::Done]);
    let ends = shared.check(1);
    let (reason, has) = &ends["t"];
    if until == NOW {
        assert_eq!(*reason, Reason::Completed("expected"));
        assert!(has.ends_with(&[11, 12]), "{has:?}");
        let verdicts = shared.verdicts.lock().unwrap();
        for (who, _, verdict) in verdicts.iter() {
            let of_p1 = matches!(
                verdict,
                Verdict::Accepted { .. } | Verdict::Refused(Refusal::StaleEpoch | Refusal::Late)
            );
            let of_p2 = matches!(verdict, Verdict::Accepted { .. });
            assert!(if *who == id("p1") { of_p1 } else { of_p2 }, "{who} {verdict:?}");
        }
    } else {
        assert!(matches!(reason, Reason::Completed("expected") | Reason::Timeout), "{reason:?}");
    }
}

#[test]
fn the_replacement_completes_the_set() {
    explore(|| failover(NOW));
}

#[test]
fn a_timeout_and_a_failover_release_a_set_once() {
    explore(|| failover(at_timeout()));
}

#[test]
fn a_set_whose_task_waits_for_somebody_is_not_lost() {
    explore(|| {
        let (shared, mut tasks) = set_up();
        let p1 = tasks.connect("p1", 1);
        tasks.step(|router, turn| router.submit(turn, task("t", FanOut::One))).unwrap();
        let fenced = Arc::new(AtomicBool::new(false));
        let old = {
            let (shared, p1, fenced) = (shared.clone(), p1.clone(), fenced.clone());
            thread::spawn(move || (1..=2).for_each(|sequence| shared.offer(&p1, "t", sequence, &fenced)))
        };
        fenced.store(true, Ordering::SeqCst);
        tasks.lose(&p1);
        let late = {
            let (shared, p1, fenced) = (shared.clone(), p1.clone(), fenced.clone());
            thread::spawn(move || shared.offer(&p1, "t", 3, &fenced))
        };
        // A restart: the same name, and nothing of what the other had.
        let again = tasks.connect("p1", 1);
        assert_eq!(tasks.holds("p1").len(), 1);
        let live = AtomicBool::new(false);
        shared.offer(&again, "t", 11, &live);
        tasks.end_all(&again, &TaskEnding::Done);
        old.join().unwrap();
        late.join().unwrap();
        let ends = shared.check(1);
        assert_eq!(ends["t"].0, Reason::Completed("expected"));
        assert!(ends["t"].1.contains(&11), "{ends:?}");
    });
}

#[test]
fn everybody_is_asked_one_is_lost_and_the_other_answers() {
    explore(|| {
        let (shared, mut tasks) = set_up();
        let p1 = tasks.connect("p1", 2);
        let p2 = tasks.connect("p2", 2);
        for name in ["s", "t"] {
            tasks.step(|router, turn| router.submit(turn, task(name, FanOut::Each))).unwrap();
        }
        let fenced = Arc::new(AtomicBool::new(false));
        let of_p1 = {
            let (shared, p1, fenced) = (shared.clone(), p1.clone(), fenced.clone());
            thread::spawn(move || {
                shared.offer(&p1, "s", 1, &fenced);
                shared.offer(&p1, "t", 2, &fenced);
            })
        };
        let of_p2 = {
            let (shared, p2) = (shared.clone(), p2.clone());
            thread::spawn(move || {
                let live = AtomicBool::new(false);
                shared.offer(&p2, "s", 11, &live);
                shared.offer(&p2, "t", 12, &live);
            })
        };
        fenced.store(true, Ordering::SeqCst);
        tasks.lose(&p1);
        of_p2.join().unwrap();
        tasks.end_all(&p2, &TaskEnding::Done);
        of_p1.join().unwrap();
        assert_eq!(tasks.ends(), [TaskOutcome::Partial; 2]);
        for (name, (reason, has)) in shared.check(2) {
            assert_eq!(reason, Reason::CollectorsLost);
            assert!(has.contains(if name == "s" { &11 } else { &12 }), "{has:?}");
        }
    });
}

#[test]
fn a_task_that_was_taken_into_an_open_set_is_waited_for() {
    explore(|| {
        let (shared, mut tasks) = set_up();
        let p1 = tasks.connect("p1", 1);
        let other = tasks.connect("p9", 0);
        let expected = [Expected::first_result(id("p9"))];
        shared.sets.announce(NOW, 0, &key("t"), &expected, &mut Vec::new()).unwrap();
        // The only answer that the set waits for comes while a task is taken into it.
        let answer = {
            let shared = shared.clone();
            thread::spawn(move || shared.offer(&other, "t", 1, &AtomicBool::new(false)))
        };
        let taken = tasks.step(|router, turn| router.submit(turn, task("t", FanOut::One)));
        if taken.is_ok() {
            shared.offer(&p1, "t", 2, &AtomicBool::new(false));
            tasks.end_all(&p1, &TaskEnding::Done);
        }
        answer.join().unwrap();
        let ends = shared.check(1);
        assert_eq!(ends["t"].1, if taken.is_ok() { vec![1, 2] } else { vec![1] });
    });
}

#[test]
fn a_set_that_is_forced_while_its_task_moves_is_released_once() {
    explore(|| {
        let (shared, mut tasks) = set_up();
        let p1 = tasks.connect("p1", 1);
        tasks.step(|router, turn| router.submit(turn, task("t", FanOut::One))).unwrap();
        let p2 = tasks.connect("p2", 1);
        let forces = {
            let shared = shared.clone();
            thread::spawn(move || {
                let mut released = Vec::new();
                shared.sets.force(NOW, 0, Some(&key("t")), &mut released);
                shared.keep(released);
            })
        };
        let answers = {
            let (shared, p2) = (shared.clone(), p2.clone());
            thread::spawn(move || shared.offer(&p2, "t", 11, &AtomicBool::new(false)))
        };
        tasks.lose(&p1);
        tasks.end_all(&p2, &TaskEnding::Failed("it did not work".into()));
        forces.join().unwrap();
        answers.join().unwrap();
        let ends = shared.check(1);
        assert!(matches!(ends["t"].0, Reason::Forced | Reason::CollectorsLost), "{ends:?}");
    });
}

#[test]
fn the_set_itself_refuses_the_lost_though_its_session_has_not_heard_of_it() {
    explore(|| {
        let (shared, mut tasks) = set_up();
        let p1 = tasks.connect("p1", 1);
        tasks.step(|router, turn| router.submit(turn, task("t", FanOut::One))).unwrap();
        let p2 = tasks.connect("p2", 1);
        let moved = Arc::new(AtomicBool::new(false));
        let lost = p1.clone();
        let old = {
            let (shared, moved) = (shared.clone(), moved.clone());
            thread::spawn(move || {
                let unaware = AtomicBool::new(false);
                let offer = |sequence| {
                    let was_moved = moved.load(Ordering::SeqCst);
                    shared.offer(&p1, "t", sequence, &unaware);
                    (sequence, was_moved)
                };
                (1..=4).map(offer).collect::<Vec<_>>()
            })
        };
        tasks.lose(&lost);
        moved.store(true, Ordering::SeqCst);
        tasks.end_all(&p2, &TaskEnding::Done);
        let offered = old.join().unwrap();
        let ends = shared.check(1);
        assert_eq!(ends["t"].0, Reason::Completed("expected"));
        for (sequence, _) in offered.iter().filter(|(_, was_moved)| *was_moved) {
            assert!(!ends["t"].1.contains(sequence), "{offered:?} {ends:?}");
        }
    });
}

/// Two collectors start sets of one correlation ID while time may run out.
fn starts_race(until: MonoTime) {
    let (shared, mut tasks) = set_up_with(NamedPolicy { name: "starts", policy: Box::new(Starts) });
    let threads: Vec<_> = [("p1", [10, 11, 20]), ("p2", [30, 31, 40])]
        .map(|(name, sequences)| {
            let (shared, session) = (shared.clone(), tasks.connect(name, 1));
            thread::spawn(move || {
                let live = AtomicBool::new(false);
                sequences.iter().for_each(|sequence| shared.offer(&session, "t", *sequence, &live));
            })
        })
        .into();
    shared.expire(until);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let mut released = Vec::new();
    shared.sets.shutdown(NOW, &mut released);
    shared.keep(released);

    let sets = shared.released.lock().unwrap().len();
    let ends = shared.check(sets);
    for generation in 1..=sets {
        let name = if generation == 1 { "t".to_owned() } else { format!("t {generation}") };
        let (reason, has) = &ends[&name];
        assert!(has.iter().filter(|sequence| *sequence % 10 == 0).count() <= 1, "{ends:?}");
        let is_last = generation == sets;
        assert_eq!(*reason == Reason::Completed("starts"), !is_last, "{ends:?}");
    }
    if until == NOW {
        assert_eq!(sets, 4, "{ends:?}");
    }
    let (_, occupancy) = shared.sets.status()[0];
    assert_eq!((occupancy.open, occupancy.tombstones, shared.sets.memory().used), (0, 1, 0));
}

#[test]
fn each_start_opens_a_set_whoever_is_first() {
    explore(|| starts_race(NOW));
}

#[test]
fn a_timeout_ends_a_chain_of_sets_wherever_it_is() {
    explore(|| starts_race(at_timeout()));
}
