//! Which answers come too late: a lease is fenced, its session is over, or nothing of that is so.

mod common;

use std::num::NonZeroU32;

use common::{HEARTBEAT, assignment, declaration, result};
use stook_proto::collector::{Event as Told, NewResult, ReplayLimits};
use stook_proto::host::{Event, HostLimits, ReceivedResult};
use stook_proto::{CollectorSession, HostSession, Lease, TaskOutcome};
use stook_types::{MonoTime, SessionEpoch};

const NOW: MonoTime = MonoTime::ZERO;

fn origin(run: u32) -> Lease {
    Lease::origin(NonZeroU32::new(run).expect("not 0"))
}

/// A collector, and the host that it is connected to.
struct Pair {
    collector: CollectorSession,
    host: HostSession,
}

impl Pair {
    fn new() -> Self {
        let collector = CollectorSession::new(declaration(), ReplayLimits::default());
        Self { collector, host: HostSession::new(NOW, HostLimits::default()) }
    }

    /// A new connection to a host that has given leases up to this one.
    fn connect(&mut self, last: Lease) {
        self.collector.connect(NOW);
        self.host = HostSession::new(NOW, HostLimits::default());
        assert!(matches!(self.up()[..], [Event::Hello(_)]));
        self.host.welcome(SessionEpoch(1), HEARTBEAT, last);
        assert!(matches!(self.down()[..], [Told::Welcome(_)]));
    }

    fn assign(&mut self, lease: Lease) {
        self.host.assign(&assignment(lease)).expect("open");
        assert!(matches!(self.down()[..], [Told::Assigned(_)]));
        self.collector.task_started(lease);
    }

    fn record(&mut self, lease: Option<Lease>) {
        self.collector.record(&NewResult { lease, ..result(1) }).expect("room");
    }

    fn up(&mut self) -> Vec<Event> {
        self.host.read_buffer().extend_from_slice(&self.collector.transmit().split());
        std::iter::from_fn(|| self.host.poll(NOW).expect("a good collector")).collect()
    }

    fn down(&mut self) -> Vec<Told> {
        self.collector.read_buffer().extend_from_slice(&self.host.transmit().split());
        std::iter::from_fn(|| self.collector.poll(NOW).expect("a good host")).collect()
    }

    /// The leases of the results that arrive, and whether they are fenced.
    fn received(&mut self) -> Vec<(Option<Lease>, bool)> {
        let results = self.up().into_iter().flat_map(|event| match event {
            Event::Results(batch) => batch,
            _ => Vec::new(),
        });
        results.map(|ReceivedResult { lease, fenced, .. }| (lease, fenced)).collect()
    }
}

#[test]
fn a_result_carries_its_lease_over_a_reconnect() {
    let mut pair = Pair::new();
    pair.connect(origin(1));
    let lease = origin(1).next();
    pair.assign(lease);
    pair.record(Some(lease));
    pair.record(None);
    assert_eq!(pair.received(), [(Some(lease), false), (None, false)]);

    // The host has given its task to somebody else.
    pair.connect(lease.next());
    assert_eq!(pair.received(), [(Some(lease), true), (None, false)]);
    // A later life of the host knows of nobody who might have answered.
    pair.connect(origin(2));
    assert_eq!(pair.received(), [(Some(lease), false), (None, false)]);
}

#[test]
fn a_task_is_taken_back() {
    let mut pair = Pair::new();
    pair.connect(origin(1));
    let (late, good) = (origin(1).next(), origin(1).next().next());
    pair.assign(late);
    pair.assign(good);
    pair.host.fence(late);
    pair.host.fence(late);
    assert!(matches!(pair.down()[..], [Told::Cancelled(lease)] if lease == late), "it is told once");

    pair.record(Some(late));
    pair.record(Some(good));
    assert_eq!(pair.received(), [(Some(late), true), (Some(good), false)]);
    let outcomes =
        [(late, TaskOutcome::Failed("cancelled".into())), (good, TaskOutcome::Returned("leaving".into()))];
    outcomes.clone().into_iter().for_each(|(lease, outcome)| pair.collector.task_finished(lease, outcome));
    let told = pair.up().into_iter().map(|event| match event {
        Event::TaskFinished { lease, outcome } => (lease, outcome),
        other => panic!("{other:?}"),
    });
    assert_eq!(told.collect::<Vec<_>>(), outcomes);

    // Fenced stays fenced; what ended well is not fenced any more, whatever comes of it.
    pair.host.fence(good);
    assert!(!pair.host.wants_transmit());
    pair.record(Some(late));
    pair.record(Some(good));
    assert_eq!(pair.received(), [(Some(late), true), (Some(good), false)]);
}
