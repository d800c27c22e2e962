//! A sink whose sets another process takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::timeout;

use super::outbox::{Outbox, Reader, SinkStatus};
use super::{Parcel, Shared};

/// What waits for the consumer of one sink.
pub(crate) struct Outlet {
    outbox: Arc<Outbox>,
    shared: Arc<Shared>,
    /// A consumer has left.
    left: Notify,
}

/// The one connection that takes from an outlet. When it is dropped, what was handed out and not taken is for the next.
pub(crate) struct Seat(Arc<Outlet>);

/// How long a connection waits for the one before it to end: that of a process that was killed ends a moment after it.
const HANDOVER: Duration = Duration::from_secs(1);

impl Outlet {
    pub(super) fn new(outbox: Arc<Outbox>, shared: Arc<Shared>) -> Self {
        Self { outbox, shared, left: Notify::new() }
    }

    pub(super) fn name(&self) -> &str {
        &self.outbox.name
    }

    pub(super) fn status(&self) -> SinkStatus {
        SinkStatus { consumer: Some(self.outbox.consumer()), ..self.outbox.status() }
    }

    /// Takes the place of its consumer.
    ///
    /// # Errors
    /// If another process has it, and keeps it.
    pub(crate) async fn consume(self: Arc<Self>, pid: Option<u32>) -> Result<Seat, Reader> {
        let free = async {
            loop {
                let left = self.left.notified();
                if self.outbox.admit(Reader { pid }).is_ok() {
                    return;
                }
                left.await;
            }
        };
        if timeout(HANDOVER, free).await.is_err() {
            self.outbox.admit(Reader { pid })?;
        }
        tracing::info!(sink = self.name(), pid, "a consumer of the sink has connected");
        Ok(Seat(self))
    }

    /// Nothing more will come: waits until the consumer has taken what there is, until `deadline` at most. Nobody waits
    /// for a consumer that is not there.
    pub(super) fn finish(&self, deadline: Instant) {
        let left = self.outbox.drain(deadline.saturating_duration_since(Instant::now()));
        if left > 0 {
            let sink = self.name();
            if self.outbox.consumer().reader.is_some() {
                tracing::error!(
                    sink,
                    sets = left,
                    "its consumer did not take everything before the host ended"
                );
            } else {
                tracing::error!(
                    sink,
                    sets = left,
                    "no consumer is there to take what is left as the host ends"
                );
            }
        }
    }

    pub(super) fn close(&self) {
        self.outbox.close();
    }
}

impl Seat {
    /// The next set, once for each connection, in the order of their release.
    pub(crate) fn next(&self) -> Option<Arc<Parcel>> {
        self.0.outbox.hand()
    }

    /// Returns when there may be a next set.
    pub(crate) async fn arrived(&self) {
        self.0.outbox.arrived().await;
    }

    /// It has done with so many more sets.
    pub(crate) fn taken(&self, sets: u64) {
        let parcels = self.0.outbox.handed(usize::try_from(sets).unwrap_or(usize::MAX));
        self.0.shared.taken(&parcels);
        self.0.outbox.taken(parcels);
        self.0.shared.progressed();
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        tracing::info!(sink = self.0.name(), "the consumer of the sink has left");
        self.0.outbox.dismiss();
        self.0.left.notify_one();
    }
}
