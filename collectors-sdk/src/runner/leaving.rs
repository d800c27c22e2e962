//! The end of a collector that ends in order.

use std::time::Duration;

use tokio::time::Instant;

use super::{End, Runner};
use crate::Collector;
use crate::cancellation::Heed;

/// The collector is on its way out.
pub(super) struct Leaving {
    pub(super) reason: &'static str,
    /// Tasks may run until here …
    tasks_until: Instant,
    /// … and what is left may be sent until here.
    until: Instant,
}

/// The part of a drain's grace that belongs to the tasks; the rest is for sending what they leave.
const TASKS_SHARE: f64 = 0.8;

impl Leaving {
    /// When to look again.
    pub(super) fn deadline(&self, busy: bool) -> Instant {
        if busy && Instant::now() < self.tasks_until { self.tasks_until } else { self.until }
    }
}

impl<C: Collector> Runner<C> {
    /// Whether a signal can still change something. The host of a supervised collector has said how much time it has.
    pub(super) fn heeds_signals(&self) -> bool {
        !self.stopped && (self.leaving.is_none() || !self.options.supervised)
    }

    /// A signal asks it to stop.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
        self.leave("asked to stop by a signal", self.options.drain_grace);
    }

    pub(super) fn leave(&mut self, reason: &'static str, grace: Duration) {
        let now = Instant::now();
        // A grace past all reason, from a host that means for ever.
        let grace = grace.min(Duration::from_secs(24 * 3600));
        if let Some(leaving) = &mut self.leaving {
            // Whoever is in more of a hurry decides.
            leaving.tasks_until = leaving.tasks_until.min(now + grace.mul_f64(TASKS_SHARE));
            leaving.until = leaving.until.min(now + grace);
            return;
        }
        tracing::info!(reason, "leaving");
        self.leaving =
            Some(Leaving { reason, tasks_until: now + grace.mul_f64(TASKS_SHARE), until: now + grace });
        self.core.leaving.set();
        if self.core.leaving.heed() == Heed::No {
            // Taken, so that its end is not taken for a failure.
            self.stream = None;
        }
    }

    /// Says goodbye once tasks are done and their results sent, then waits for the host to close: that it has
    /// read `Goodbye` proves that it has read all that came before.
    pub(super) fn go_on_leaving(&mut self) -> Option<End> {
        let now = Instant::now();
        if self.leaving.as_ref()?.tasks_until <= now {
            self.stream = None;
        }
        let busy = self.is_busy();
        let leaving = self.leaving.as_mut()?;
        let session = self.core.session();
        let (open, unsettled) = (session.is_open(), session.unsettled());
        drop(session);
        if now >= leaving.until || (!open && !busy && unsettled == 0) {
            return Some(End::Left);
        }
        if now >= leaving.tasks_until {
            // Half of what is left, so that what they end with can still be sent.
            let grace = leaving.until.saturating_duration_since(now) / 2;
            self.tasks.give_back(leaving.reason, grace.min(self.options.cancel_grace));
        }
        if open && !busy {
            self.core.goodbye(leaving.reason);
        }
        None
    }

    /// Whether nothing is left to be said to a host that is not there now, or no time to wait for it.
    pub(super) fn may_go(&mut self) -> bool {
        let Some(leaving) = &self.leaving else { return false };
        let now = Instant::now();
        if now >= leaving.tasks_until {
            self.stream = None;
        }
        now >= leaving.until || (self.stream.is_none() && self.core.session().unsettled() == 0)
    }
}
