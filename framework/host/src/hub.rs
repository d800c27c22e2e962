//! What every part of a running host shares.

use std::sync::atomic::{AtomicU64, Ordering};

use stook_engine::ResultAggregator;
use stook_plugin::Source;
use stook_proto::host::HostLimits;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::clock::Clock;
use crate::control::Message;
use crate::delivery::Delivery;
use crate::event::Refused;
use crate::session::Turns;
use crate::tally::Tallies;
use crate::ticker::Ticker;
use crate::timed::Slow;

pub(crate) struct Hub {
    pub(crate) clock: Clock,
    pub(crate) aggregator: ResultAggregator,
    pub(crate) delivery: Delivery,
    pub(crate) ticker: Ticker,
    pub(crate) turns: Turns,
    pub(crate) tallies: Tallies,
    pub(crate) limits: HostLimits,
    /// Policies that took too long.
    pub(crate) slow: Slow,
    /// To the one task that owns who is there.
    pub(crate) control: mpsc::Sender<Message>,
    pub(crate) phase: watch::Sender<Phase>,
    /// Places for operators.
    pub(crate) operators: Semaphore,
    /// Connections that were not let in or broke a rule.
    pub(crate) refused: AtomicU64,
}

impl Hub {
    /// Somebody was not let in, or broke a rule. Waits until control has room to hear it.
    pub(crate) async fn refused(&self, refused: Refused) {
        self.count_refused();
        let _ = self.control.send(Message::Refused(refused)).await;
    }

    /// A later, equal result has taken the place of this one, which is a duplicate now: it is acknowledged as if it had been
    /// delivered.
    pub(crate) fn replaced(&self, source: &Source, sequence: u64) {
        self.tallies.replaced(&source.collector);
        self.delivery.mailboxes().delivered(source, sequence);
    }

    pub(crate) fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

/// How far the host has come. Only ever later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    #[default]
    Running,
    /// Sessions take in nothing more.
    Stopping,
    /// The sinks took what they would: sessions acknowledge it and end.
    Flushed,
}

/// Returns when the host has come so far, or is gone. (The guard that `wait_for` gives is a lock; it ends here.)
pub(crate) async fn reached(phase: &mut watch::Receiver<Phase>, at: Phase) {
    let _ = phase.wait_for(|phase| *phase >= at).await;
}
