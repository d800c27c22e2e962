//! From a released set to the sinks that its aggregate names, and back to who is owed an acknowledgement.

mod lookers;
mod outbox;
mod outlet;
mod watchers;
mod worker;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use stook_engine::{Emission, Released, Settlement};
use stook_plugin::{AggregatedResult, Sink, Source};
use stook_types::WallTime;
use tokio::sync::{mpsc, watch};

use crate::HostError;
use crate::config::Ack;
use crate::control::Message;
use crate::mailbox::Mailboxes;
pub(crate) use lookers::{LOOKERS, Looker, Lookers, Next};
use outbox::Outbox;
pub(crate) use outbox::{ConsumerStatus, SinkStatus};
pub(crate) use outlet::{Outlet, Seat};
#[cfg(all(test, feature = "toml"))]
pub(crate) use watchers::Watch;
use watchers::Watchers;

/// Takes released sets to their sinks. Each sink has a bounded outbox, and a thread of its own or a consumer; where one is
/// full, the producers of its aggregates are slowed down.
pub(crate) struct Delivery {
    origin: WallTime,
    /// Per aggregate, in the order of the specs.
    acks: Vec<Ack>,
    /// Likewise.
    outboxes: Vec<Vec<Arc<Outbox>>>,
    workers: Mutex<Vec<worker::Worker>>,
    outlets: Vec<Arc<Outlet>>,
    configured: Vec<Configured>,
    watchers: Arc<Watchers>,
    lookers: Arc<Lookers>,
    shared: Arc<Shared>,
}

/// What workers need to settle a set.
pub(super) struct Shared {
    mailboxes: Arc<Mailboxes>,
    /// Counts releases and deliveries: something that had no room may have it now.
    progress: watch::Sender<u64>,
    control: mpsc::Sender<Message>,
}

/// A set on its way to one or more sinks.
pub(crate) struct Parcel {
    pub(crate) result: AggregatedResult,
    /// The results that are acknowledged when it is settled.
    origins: Vec<(Arc<Source>, u64)>,
    settlement: Mutex<Option<Settlement>>,
    /// What it takes in memory.
    bytes: usize,
    /// Sinks that have not taken it yet.
    open: AtomicUsize,
}

/// A sink with the aggregates that deliver to it.
pub(crate) struct Target {
    pub(crate) name: Arc<str>,
    /// What config selects for it; `None` for a callback.
    pub(crate) plugin: Option<&'static str>,
    pub(crate) taken_by: TakenBy,
    pub(crate) aggregates: Vec<usize>,
}

/// Who takes what is delivered to a sink.
pub(crate) enum TakenBy {
    Sink(Box<dyn Sink>),
    /// Another process, that connects.
    Consumer,
}

/// A sink of the config that some aggregate delivers to.
pub(crate) struct Configured {
    pub(crate) name: Arc<str>,
    pub(crate) plugin: &'static str,
    pub(crate) aggregates: Vec<usize>,
}

impl Delivery {
    /// Starts a thread for each sink that is no consumer's. Half of the memory is for what waits for sinks, in equal parts:
    /// whoever takes nothing leaves the other half, and theirs, to the others.
    pub(crate) fn start(
        acks: Vec<Ack>,
        targets: Vec<Target>,
        mailboxes: Arc<Mailboxes>,
        origin: WallTime,
        memory: usize,
        control: mpsc::Sender<Message>,
    ) -> Result<Self, HostError> {
        let shared = Arc::new(Shared { mailboxes, progress: watch::Sender::new(0), control });
        let mut outboxes: HashMap<usize, Vec<Arc<Outbox>>> = HashMap::new();
        let (mut workers, mut outlets, mut configured) = (Vec::new(), Vec::new(), Vec::new());
        let share = memory / 2 / targets.len().max(1);
        for Target { name, plugin, taken_by, aggregates } in targets {
            let outbox = Arc::new(Outbox::new(name.clone(), share));
            aggregates.iter().for_each(|i| outboxes.entry(*i).or_default().push(outbox.clone()));
            configured.extend(plugin.map(|plugin| Configured { name, plugin, aggregates }));
            match taken_by {
                TakenBy::Sink(sink) => workers.push(worker::Worker::start(sink, outbox, shared.clone())?),
                TakenBy::Consumer => outlets.push(Arc::new(Outlet::new(outbox, shared.clone()))),
            }
        }
        let outboxes = (0..acks.len()).map(|i| outboxes.remove(&i).unwrap_or_default()).collect();
        let (watchers, lookers) = (Arc::default(), Arc::new(Lookers::new(memory)));
        let workers = Mutex::new(workers);
        Ok(Self { origin, acks, outboxes, workers, outlets, configured, watchers, lookers, shared })
    }

    /// Orders, merges and sends released sets. Under no lock; leaves `released` empty.
    pub(crate) fn submit(&self, released: &mut Vec<Released>) {
        if released.is_empty() {
            return;
        }
        // Woken once for all of them, and not before they are there.
        let mut asleep = Vec::new();
        for released in released.drain(..) {
            self.send(released.finish(self.origin), &mut asleep);
        }
        asleep.into_iter().for_each(Outbox::wake);
        self.shared.progressed();
    }

    fn send<'a>(&'a self, emission: Emission, asleep: &mut Vec<&'a Outbox>) {
        let outboxes = &self.outboxes[emission.aggregate];
        self.watchers.tell(&emission.result);
        let parcel = Arc::new(Parcel {
            result: emission.result,
            origins: match self.acks[emission.aggregate] {
                Ack::Accepted => Vec::new(),
                Ack::Delivered => emission.origins,
            },
            bytes: emission.settlement.bytes(),
            settlement: Mutex::new(Some(emission.settlement)),
            open: AtomicUsize::new(outboxes.len()),
        });
        self.lookers.tell(emission.aggregate, &parcel);
        if outboxes.is_empty() {
            self.shared.settle(&[&parcel]);
        }
        asleep.extend(outboxes.iter().filter(|outbox| outbox.push(parcel.clone())).map(|outbox| &**outbox));
    }

    /// When results of this aggregate are acknowledged.
    pub(crate) fn ack(&self, aggregate: usize) -> Ack {
        self.acks[aggregate]
    }

    /// Whether the sinks of this aggregate keep up. If not, its results shall wait where they are.
    pub(crate) fn has_room(&self, aggregate: usize) -> bool {
        self.outboxes[aggregate].iter().all(|outbox| outbox.has_room())
    }

    /// The sinks of this aggregate that do not keep up.
    pub(crate) fn full(&self, aggregate: usize) -> impl Iterator<Item = &str> {
        self.outboxes[aggregate].iter().filter(|outbox| !outbox.has_room()).map(|outbox| &*outbox.name)
    }

    /// How it stands with each sink.
    pub(crate) fn sinks(&self) -> Vec<SinkStatus> {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        let workers = workers.iter().map(worker::Worker::status);
        workers.chain(self.outlets.iter().map(|outlet| outlet.status())).collect()
    }

    /// Changes whenever something that had no room may have it.
    pub(crate) fn progress(&self) -> watch::Receiver<u64> {
        self.shared.progress.subscribe()
    }

    /// Something became free without a release.
    pub(crate) fn progressed(&self) {
        self.shared.progressed();
    }

    /// Who waits for the sets of one key.
    pub(crate) fn watchers(&self) -> &Arc<Watchers> {
        &self.watchers
    }

    /// Who looks on.
    pub(crate) fn lookers(&self) -> &Arc<Lookers> {
        &self.lookers
    }

    /// What waits for the consumer of this sink, if it is a consumer's.
    pub(crate) fn outlet(&self, sink: &str) -> Option<Arc<Outlet>> {
        self.outlets.iter().find(|outlet| outlet.name() == sink).cloned()
    }

    /// The sinks of the config that some aggregate delivers to.
    pub(crate) fn configured(&self) -> &[Configured] {
        &self.configured
    }

    pub(crate) fn mailboxes(&self) -> &Arc<Mailboxes> {
        &self.shared.mailboxes
    }

    /// Waits until the sinks have taken everything, for `patience` at most, and ends their threads. Blocks.
    pub(crate) fn finish(&self, patience: Duration) {
        let workers = std::mem::take(&mut *self.workers.lock().unwrap_or_else(PoisonError::into_inner));
        let deadline = std::time::Instant::now() + patience;
        workers.iter().for_each(worker::Worker::close);
        self.outlets.iter().for_each(|outlet| outlet.close());
        workers.into_iter().for_each(|worker| worker.finish(deadline));
        self.outlets.iter().for_each(|outlet| outlet.finish(deadline));
    }
}

impl Parcel {
    /// What is to be settled, the first time.
    fn settlement(&self) -> Option<Settlement> {
        self.settlement.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Shared {
    /// One sink took these parcels.
    pub(super) fn taken(&self, parcels: &[Arc<Parcel>]) {
        let last = |parcel: &&Arc<Parcel>| parcel.open.fetch_sub(1, Ordering::AcqRel) == 1;
        self.settle(&parcels.iter().filter(last).collect::<Vec<_>>());
    }

    fn settle(&self, parcels: &[&Arc<Parcel>]) {
        Settlement::all_delivered(parcels.iter().filter_map(|parcel| parcel.settlement()));
        for (source, sequence) in parcels.iter().flat_map(|parcel| &parcel.origins) {
            self.mailboxes.delivered(source, *sequence);
        }
    }

    /// Tells control that a sink fails with this, or does not any more. False if it has no room: nobody waits for it here.
    #[must_use]
    pub(super) fn sink(&self, sink: &Arc<str>, fails: Option<String>) -> bool {
        let sent = self.control.try_send(Message::Sink { sink: sink.clone(), fails });
        !matches!(sent, Err(mpsc::error::TrySendError::Full(_)))
    }

    pub(super) fn progressed(&self) {
        self.progress.send_modify(|count| *count = count.wrapping_add(1));
    }
}
