//! The thread of one sink.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use stook_plugin::{Sink, SinkError};

use super::outbox::{Outbox, SinkStatus};
use super::{Parcel, Shared};
use crate::HostError;
use crate::event::clipped;

/// A sink at work. Dropping it ends the thread, at the latest when the sink fails.
pub(super) struct Worker {
    name: Arc<str>,
    outbox: Arc<Outbox>,
    thread: Option<JoinHandle<()>>,
    /// Disconnected when the thread ends.
    ended: Receiver<()>,
    /// Set when the host will wait no longer.
    abandon: Arc<AtomicBool>,
}

/// How many sets are delivered before a flush at most.
const BATCH: usize = 64;
/// Pauses after failures grow from the first to the last.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

impl Worker {
    pub(super) fn start(
        sink: Box<dyn Sink>,
        outbox: Arc<Outbox>,
        shared: Arc<Shared>,
    ) -> Result<Self, HostError> {
        let name = outbox.name.clone();
        let (alive, ended) = sync_channel(0);
        let abandon = Arc::new(AtomicBool::new(false));
        let task = Task {
            name: name.clone(),
            sink,
            outbox: outbox.clone(),
            shared,
            abandon: abandon.clone(),
            fails: None,
            told: false,
        };
        let run = move || {
            task.run();
            drop(alive);
        };
        let thread = std::thread::Builder::new().name(format!("sink-{name}")).spawn(run);
        let thread = thread.map_err(|source| HostError::Thread { sink: name.to_string(), source })?;
        Ok(Self { name, outbox, thread: Some(thread), ended, abandon })
    }

    pub(super) fn status(&self) -> SinkStatus {
        self.outbox.status()
    }

    /// Nothing more will come: the thread ends when it has delivered what is there.
    pub(super) fn close(&self) {
        self.outbox.close();
    }

    /// Waits for the thread until `deadline`. One that blocks inside its sink is left behind.
    pub(super) fn finish(mut self, deadline: Instant) {
        let patience = deadline.saturating_duration_since(Instant::now());
        if self.ended.recv_timeout(patience) == Err(RecvTimeoutError::Disconnected) {
            // It has ended; a panic in it was logged.
            let _ = self.thread.take().map(JoinHandle::join);
        } else {
            tracing::error!(sink = %self.name, "the sink did not take everything before the host ended");
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.abandon.store(true, Ordering::Relaxed);
        self.outbox.close();
    }
}

struct Task {
    name: Arc<str>,
    sink: Box<dyn Sink>,
    outbox: Arc<Outbox>,
    shared: Arc<Shared>,
    abandon: Arc<AtomicBool>,
    /// What it fails with, once it has for long.
    fails: Option<String>,
    /// Whether control was told last that it fails.
    told: bool,
}

impl Task {
    fn run(mut self) {
        let mut pause = PAUSES.0;
        while let Some(parcels) = self.outbox.peek(BATCH, self.untold().then_some(PAUSES.1)) {
            if parcels.is_empty() {
                self.tell();
                continue;
            }
            match self.deliver(&parcels) {
                Ok(()) => {
                    self.fails = None;
                    self.tell();
                    if std::mem::replace(&mut pause, PAUSES.0) > PAUSES.0 {
                        self.outbox.fails(None);
                    }
                    self.shared.taken(&parcels);
                    self.outbox.taken(parcels);
                    self.shared.progressed();
                }
                Err(error) => {
                    tracing::error!(sink = %self.name, %error, again_in = ?pause, "failed to deliver");
                    let why = clipped(error.to_string());
                    self.outbox.fails(Some(why.clone()));
                    if self.abandon.load(Ordering::Relaxed) {
                        return;
                    }
                    self.outbox.pause(pause);
                    if pause < PAUSES.1 {
                        pause = (pause * 2).min(PAUSES.1);
                        // Once, and not for what a second attempt has mended.
                        if pause == PAUSES.1 {
                            self.fails = Some(why);
                        }
                    }
                    self.tell();
                }
            }
        }
    }

    /// Whether control does not know how it stands.
    fn untold(&self) -> bool {
        self.fails.is_some() != self.told
    }

    /// Tells control what it does not know. If it has no room it is told later.
    fn tell(&mut self) {
        if self.untold() && self.shared.sink(&self.name, self.fails.clone()) {
            self.told = !self.told;
        }
    }

    fn deliver(&mut self, parcels: &[Arc<Parcel>]) -> Result<(), SinkError> {
        let sink = &mut self.sink;
        let deliver = || {
            parcels.iter().try_for_each(|parcel| sink.deliver(&parcel.result))?;
            sink.flush()
        };
        catch_unwind(AssertUnwindSafe(deliver)).unwrap_or_else(|_| Err(SinkError::new("the sink panicked")))
    }
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
