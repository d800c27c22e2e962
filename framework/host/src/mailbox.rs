//! What is kept for one incarnation of a collector, over all its sessions: results that were accepted and not yet
//! delivered, and acknowledgements on their way back.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dashmap::DashMap;
use stook_plugin::{SetKey, Source};
use stook_types::{CollectorId, Incarnation};
use tokio::sync::Notify;

/// One incarnation's results whose `ack = "delivered"` is outstanding. Bounded by its replay capacity: it cannot
/// send more than that unacknowledged.
#[derive(Debug)]
pub(crate) struct Mailbox {
    incarnation: Incarnation,
    inner: Mutex<Inner>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    /// Sequence to the set that holds the result.
    undelivered: BTreeMap<u64, (usize, SetKey)>,
    /// Delivered, and to be acknowledged.
    delivered: Vec<u64>,
}

/// The mailbox of each collector's latest incarnation.
#[derive(Debug, Default)]
pub(crate) struct Mailboxes(DashMap<CollectorId, Arc<Mailbox>>);

// === impl Mailbox ===

impl Mailbox {
    fn new(incarnation: Incarnation) -> Arc<Self> {
        Arc::new(Self { incarnation, inner: Mutex::default(), arrived: Notify::new() })
    }

    /// Notes a result before it is offered: its set may be delivered before the offer returns. False if it was
    /// accepted before and still waits for its sinks.
    pub(crate) fn expect(&self, sequence: u64, aggregate: usize, key: SetKey) -> bool {
        match self.inner().undelivered.entry(sequence) {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert((aggregate, key));
                true
            }
        }
    }

    /// The result was not accepted after all.
    pub(crate) fn forget(&self, sequence: u64) {
        self.inner().undelivered.remove(&sequence);
    }

    /// Every sink of its set took the result.
    fn deliver(&self, sequence: u64) {
        let mut inner = self.inner();
        if inner.undelivered.remove(&sequence).is_some() {
            inner.delivered.push(sequence);
            drop(inner);
            self.arrived.notify_one();
        }
    }

    /// The sequences to acknowledge.
    pub(crate) fn take_delivered(&self) -> Vec<u64> {
        std::mem::take(&mut self.inner().delivered)
    }

    /// Returns when there is something to acknowledge, at the latest.
    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// The sets that hold results of this incarnation, one entry per result.
    pub(crate) fn sets(&self) -> Vec<(usize, SetKey)> {
        self.inner().undelivered.values().cloned().collect()
    }

    /// The set that holds the lowest unacknowledged result.
    pub(crate) fn lowest(&self) -> Option<(usize, SetKey)> {
        self.inner().undelivered.values().next().cloned()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Mailboxes ===

impl Mailboxes {
    /// The mailbox of this incarnation: the one of its earlier sessions, or a new one in place of its predecessor's.
    pub(crate) fn of(&self, collector: &CollectorId, incarnation: Incarnation) -> Arc<Mailbox> {
        let mut mailbox = self.0.entry(collector.clone()).or_insert_with(|| Mailbox::new(incarnation));
        if mailbox.incarnation != incarnation {
            *mailbox = Mailbox::new(incarnation);
        }
        mailbox.clone()
    }

    /// Every sink took this result.
    pub(crate) fn delivered(&self, source: &Source, sequence: u64) {
        let mailbox = self.0.get(&source.collector).map(|mailbox| mailbox.clone());
        if let Some(mailbox) = mailbox.filter(|mailbox| mailbox.incarnation == source.incarnation) {
            mailbox.deliver(sequence);
        }
    }
}
