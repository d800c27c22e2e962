//! Does what is due, when it is due: one task for all deadlines of all sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stook_types::MonoTime;
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::sleep_until;

use crate::hub::Hub;

/// How much of what is due is done before others have their turn: about a millisecond's work, with the merges.
const SOME: usize = 256;

/// Wakes the ticker when a deadline comes up sooner than what it sleeps for.
#[derive(Debug, Default)]
pub(crate) struct Ticker {
    /// Nanoseconds of the time that it sleeps for; `u64::MAX` while it sleeps for nothing.
    armed: AtomicU64,
    sooner: Notify,
}

impl Ticker {
    /// A deadline may have been added.
    pub(crate) fn consider(&self, next: Option<MonoTime>) {
        if next.is_some_and(|next| nanos(next) < self.armed.load(Ordering::Acquire)) {
            self.sooner.notify_one();
        }
    }
}

/// Runs until it is dropped.
pub(crate) async fn run(hub: Arc<Hub>) {
    let mut released = Vec::new();
    loop {
        let more = hub.aggregator.expire_some(hub.clock.now(), SOME, &mut released);
        hub.delivery.submit(&mut released);
        // What is forgotten makes room too.
        hub.delivery.progressed();
        if more {
            yield_now().await;
            continue;
        }
        let sooner = hub.ticker.sooner.notified();
        let next = hub.aggregator.next_deadline();
        hub.ticker.armed.store(next.map_or(u64::MAX, nanos), Ordering::Release);
        // Whoever added a deadline between the look and the store compared it with an old time.
        if hub.aggregator.next_deadline() != next {
            continue;
        }
        match next {
            None => sooner.await,
            Some(next) => tokio::select! {
                biased;
                () = sooner => {}
                () = sleep_until(hub.clock.instant(next)) => {}
            },
        }
    }
}

fn nanos(time: MonoTime) -> u64 {
    u64::try_from(time.since_origin().as_nanos()).unwrap_or(u64::MAX)
}
