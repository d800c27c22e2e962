//! Both ends against each other, in memory, through a wire that is cut anywhere.

mod common;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::num::NonZeroU32;

use bytes::Buf;
use common::{HEARTBEAT, assignment, declaration, result};
use proptest::prelude::*;
use stook_proto::collector::{Event as Told, NewResult, RecordError, ReplayLimits};
use stook_proto::host::{Event, HostLimits};
use stook_proto::{CollectorSession, Credit, HostSession, Lease, TaskOutcome};
use stook_types::{MonoTime, Refusal, SessionEpoch, Value};

#[derive(Clone, Debug)]
enum Op {
    /// A result of this size; an answer to the task that runs, if so and there is one.
    Record(usize, bool),
    /// Bytes that come through, each way.
    Up(usize),
    Down(usize),
    /// The host settles the n-th of what it holds; refuses if so.
    Settle(usize, bool),
    /// Of what came in earlier sessions, the n-th has a place only now.
    SettleLate(usize),
    Assign,
    Finish,
    /// The host takes the oldest open task back.
    Fence,
    Heartbeat,
    Drain,
    Cut,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (0usize..400, any::<bool>()).prop_map(|(size, answer)| Op::Record(size, answer)),
        8 => (1usize..3000).prop_map(Op::Up),
        8 => (1usize..300).prop_map(Op::Down),
        8 => (any::<usize>(), prop::bool::weighted(0.1)).prop_map(|(nth, refuse)| Op::Settle(nth, refuse)),
        4 => any::<usize>().prop_map(Op::SettleLate),
        2 => Just(Op::Assign),
        2 => Just(Op::Finish),
        1 => Just(Op::Fence),
        1 => Just(Op::Heartbeat),
        1 => Just(Op::Drain),
        1 => Just(Op::Cut),
    ]
}

struct World {
    collector: CollectorSession,
    host: HostSession,
    /// Bytes of payload of each sequence recorded, and the lease that it answers.
    recorded: BTreeMap<u64, (usize, Option<Lease>)>,
    delivered: BTreeSet<u64>,
    /// Received in this session and not settled.
    held: VecDeque<u64>,
    /// Of those that came in earlier sessions, the ones that were not.
    held_before: VecDeque<u64>,
    /// What came on this connection, and what was settled on it.
    came: BTreeSet<u64>,
    settled: BTreeSet<u64>,
    /// What was settled although it may not have come again.
    settled_late: BTreeSet<u64>,
    refused: BTreeSet<u64>,
    told_refused: BTreeSet<u64>,
    last_lease: Lease,
    /// The last when the session was opened.
    lease_before: Lease,
    /// Open at the host, and those among them that were taken back.
    assigned: BTreeSet<Lease>,
    fenced: BTreeSet<Lease>,
    /// Leases at the collector.
    running: VecDeque<Lease>,
    /// Per finished lease, the highest sequence recorded before.
    finished: BTreeMap<Lease, u64>,
    /// Goodbye was said; and on this connection the host has heard it.
    leaves: bool,
    left: bool,
}

const REPLAY: ReplayLimits = ReplayLimits { results: 40, bytes: 8 * 1024 };
const NOW: MonoTime = MonoTime::ZERO;
const RUN: NonZeroU32 = NonZeroU32::new(0xfeed).unwrap();

fn limits() -> HostLimits {
    HostLimits {
        credit: Credit { results: 16, bytes: 1000 },
        max_result_bytes: 300,
        max_frame_bytes: 2000,
        ..HostLimits::default()
    }
}

impl World {
    fn new() -> Self {
        let mut collector = CollectorSession::new(declaration(), REPLAY);
        collector.connect(NOW);
        Self {
            collector,
            host: HostSession::new(NOW, limits()),
            recorded: BTreeMap::new(),
            delivered: BTreeSet::new(),
            held: VecDeque::new(),
            held_before: VecDeque::new(),
            came: BTreeSet::new(),
            settled: BTreeSet::new(),
            settled_late: BTreeSet::new(),
            refused: BTreeSet::new(),
            told_refused: BTreeSet::new(),
            last_lease: Lease::origin(RUN),
            lease_before: Lease::origin(RUN),
            assigned: BTreeSet::new(),
            fenced: BTreeSet::new(),
            running: VecDeque::new(),
            finished: BTreeMap::new(),
            leaves: false,
            left: false,
        }
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Record(size, answer) => self.record(size, answer),
            Op::Up(bytes) => self.up(bytes),
            Op::Down(bytes) => self.down(bytes),
            Op::Settle(nth, refuse) => self.settle(nth, refuse),
            Op::SettleLate(nth) => self.settle_late(nth),
            Op::Assign => self.assign(),
            Op::Finish => {
                if let Some(lease) = self.running.pop_front() {
                    self.finished.insert(lease, self.recorded.last_key_value().map_or(0, |(last, _)| *last));
                    self.collector.task_finished(lease, TaskOutcome::Done);
                }
            }
            Op::Fence => {
                if let Some(lease) = self.assigned.first() {
                    self.fenced.insert(*lease);
                    self.host.fence(*lease);
                }
            }
            Op::Heartbeat => self.collector.heartbeat(NOW, stook_proto::CollectorHeartbeat::default()),
            Op::Drain => self.host.drain(HEARTBEAT),
            Op::Cut => self.cut(),
        }
        assert!(self.collector.unsettled() <= REPLAY.results as usize);
        assert!(self.host.unsettled() <= u64::from(REPLAY.results));
        assert_eq!(self.host.unsettled(), self.came.difference(&self.settled).count() as u64);
    }

    fn record(&mut self, size: usize, answer: bool) {
        let lease = self.running.front().copied().filter(|_| answer);
        match self.collector.record(&NewResult { lease, ..result(size) }) {
            Ok(sequence) => {
                let before = self.recorded.insert(sequence, (size, lease));
                assert_eq!(before, None, "sequences are never used twice");
            }
            Err(RecordError::Full) => assert!(self.collector.unsettled() > 0),
            Err(RecordError::Over) => assert!(self.leaves),
            // Once it has heard how much the host takes; before, the host is told the size.
            Err(RecordError::TooLarge { length, limit: 300 }) => assert!(length > 300),
            Err(error) => panic!("{error}"),
        }
    }

    fn up(&mut self, bytes: usize) {
        let out = self.collector.transmit();
        let bytes = bytes.min(out.len());
        self.host.read_buffer().extend_from_slice(&out[..bytes]);
        out.advance(bytes);
        while let Some(event) = self.host.poll(NOW).expect("the collector keeps to the rules") {
            self.hear(event);
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Hello(_) => {
                self.lease_before = self.last_lease;
                self.host.welcome(SessionEpoch(1), HEARTBEAT, self.last_lease);
            }
            Event::Results(batch) => {
                for result in batch {
                    let (size, lease) = self.recorded[&result.sequence];
                    assert_eq!(result.lease, lease, "however often it is sent");
                    let too_late = |lease| lease <= self.lease_before || self.fenced.contains(&lease);
                    assert_eq!(result.fenced, lease.is_some_and(too_late));
                    // Encoded, the largest are over the limit of 300 and come without their payload.
                    if size <= 250 {
                        assert_eq!(result.refuse, None);
                        let value = result.payload.decode().expect("intact");
                        assert_eq!(value, Value::Bytes(vec![7; size]));
                    }
                    self.delivered.insert(result.sequence);
                    self.held.push_back(result.sequence);
                    self.came.insert(result.sequence);
                    self.host.return_credit(1, result.payload.len() as u64);
                }
            }
            Event::TaskFinished { lease, outcome } => {
                assert_eq!(outcome, TaskOutcome::Done);
                assert!(self.assigned.remove(&lease));
                let before = self.finished[&lease];
                assert!(
                    self.recorded.range(..=before).all(|(sequence, _)| self.delivered.contains(sequence)),
                    "a task's end has overtaken its results"
                );
            }
            Event::Goodbye(_) => {
                assert!(self.leaves && self.collector.has_left());
                self.left = true;
            }
            Event::Heartbeat(_) | Event::TaskStarted(_) => {}
            other => panic!("{other:?}"),
        }
    }

    fn down(&mut self, bytes: usize) {
        let out = self.host.transmit();
        let bytes = bytes.min(out.len());
        self.collector.read_buffer().extend_from_slice(&out[..bytes]);
        out.advance(bytes);
        while let Some(event) = self.collector.poll(NOW).expect("the host keeps to the rules") {
            match event {
                Told::Assigned(assignment) => {
                    self.collector.task_started(assignment.lease);
                    self.running.push_back(assignment.lease);
                }
                Told::Refused { sequence, topic, reason } => {
                    assert_eq!(reason, "late");
                    let declared = |topic| self.collector.hello().topics.contains(&topic);
                    assert!(topic.map_or(self.settled_late.contains(&sequence), declared));
                    assert!(self.refused.contains(&sequence));
                    self.told_refused.insert(sequence);
                }
                Told::Cancelled(lease) => assert!(self.running.contains(&lease)),
                Told::Welcome(_) | Told::Drain(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn settle(&mut self, nth: usize, refuse: bool) {
        if self.held.is_empty() {
            return;
        }
        let sequence = self.held.remove(nth % self.held.len()).expect("in range");
        self.settled.insert(sequence);
        if refuse {
            self.refused.insert(sequence);
            self.host.refuse(sequence, Refusal::Late);
        } else {
            self.host.ack(sequence);
        }
    }

    /// Its sinks may take a result at any time; it may be under way again.
    fn settle_late(&mut self, nth: usize) {
        if self.held_before.is_empty() || !(self.host.is_open() || self.left) {
            return;
        }
        let sequence = self.held_before.remove(nth % self.held_before.len()).expect("in range");
        self.settled.insert(sequence);
        self.settled_late.insert(sequence);
        self.host.ack(sequence);
    }

    fn assign(&mut self) {
        self.last_lease = self.last_lease.next();
        if self.host.assign(&assignment(self.last_lease)).is_ok() {
            self.assigned.insert(self.last_lease);
        }
    }

    fn cut(&mut self) {
        self.collector.connect(NOW);
        self.host = HostSession::new(NOW, limits());
        self.held_before.append(&mut self.held);
        self.came.clear();
        self.settled.clear();
        self.running.clear();
        self.assigned.clear();
        self.fenced.clear();
        self.left = false;
    }

    /// What a collector does that has had enough; it may have to wait for a session.
    fn goodbye(&mut self) {
        while !self.collector.is_open() {
            self.up(usize::MAX);
            self.down(usize::MAX);
        }
        self.collector.goodbye("enough");
        self.leaves = true;
    }

    /// No more mishaps: everything arrives and is settled.
    fn come_to_rest(&mut self) {
        for _ in 0..10_000 {
            self.up(usize::MAX);
            self.settle(0, false);
            self.down(usize::MAX);
            if self.collector.is_idle() && self.held.is_empty() && !self.host.wants_transmit() {
                return;
            }
        }
        panic!("{} results are stuck", self.collector.unsettled());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn nothing_is_lost(ops in prop::collection::vec(op(), 1..300)) {
        let mut world = World::new();
        ops.iter().for_each(|op| world.apply(op));
        world.come_to_rest();
        let recorded: BTreeSet<_> = world.recorded.keys().copied().collect();
        prop_assert_eq!(&world.delivered, &recorded);
        prop_assert_eq!(world.host.unsettled(), 0);
    }

    /// Whatever is tried after the goodbye, and whatever crosses it: the host hears nothing that it must not.
    #[test]
    fn who_leaves_says_what_it_had_to_and_nothing_more(
        before in prop::collection::vec(op(), 0..100),
        after in prop::collection::vec(op(), 0..100),
    ) {
        let mut world = World::new();
        before.iter().for_each(|op| world.apply(op));
        world.goodbye();
        let recorded: BTreeSet<_> = world.recorded.keys().copied().collect();
        after.iter().for_each(|op| world.apply(op));
        world.goodbye();
        world.come_to_rest();
        prop_assert!(world.left);
        prop_assert_eq!(world.recorded.len(), recorded.len());
        prop_assert_eq!(&world.delivered, &recorded);
    }
}

/// Settled out of order, over a reconnection: the holes of the first session do not stop the second.
#[test]
fn a_new_session_knows_what_is_settled() {
    let mut world = World::new();
    let step = |world: &mut World, ops: &[Op]| ops.iter().for_each(|op| world.apply(op));
    let (up, down) = (Op::Up(usize::MAX), Op::Down(usize::MAX));
    step(&mut world, &[up.clone(), down.clone(), Op::Record(1, false), Op::Record(1, false), up.clone()]);
    step(&mut world, &[Op::Settle(1, false), down.clone()]);
    assert_eq!(world.collector.unsettled(), 1);
    step(&mut world, &[Op::Cut, up.clone(), down.clone(), up.clone()]);
    assert_eq!(world.held, [1], "only what is not settled is sent again");
    world.come_to_rest();
    assert_eq!(world.host.span_left(), 4 * u64::from(REPLAY.results));
}
