//! What waits for one sink.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::Parcel;

/// A queue with a bound that its producers respect: they ask [`has_room`](Self::has_room) before they bring
/// results in. Sets that are open already may still be released into it; their number has a limit of its own.
pub(super) struct Outbox {
    /// Of its sink.
    pub(super) name: Arc<str>,
    queue: Mutex<Queue>,
    changed: Condvar,
    /// The same, for a reader that is no thread.
    arrived: Notify,
    length: AtomicUsize,
    /// What waits takes so much of the memory, which it shares with the results of all aggregates.
    bytes: AtomicUsize,
    /// From so many bytes on, the sink does not keep up.
    share: usize,
    /// What the sink said when it failed last, while it fails.
    error: Mutex<Option<String>>,
}

struct Queue {
    parcels: VecDeque<Arc<Parcel>>,
    /// Since when there is something, or the sink took something.
    since: Instant,
    /// Taken, and left to be dropped by who brings the next one. Memory that is freed by another thread than the one
    /// that allocates makes the two wait for each other's allocator, at every piece of every set.
    spent: Vec<Arc<Parcel>>,
    /// How many, from the front, a reader was handed and has not taken yet.
    handed: usize,
    /// Who reads, if it is a process.
    reader: Option<Reader>,
    closed: bool,
}

/// A process that reads an outbox.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    pub(crate) pid: Option<u32>,
}

/// From so many sets on, the sink does not keep up.
const BOUND: usize = 1_024;
/// More than this, or larger ones, are not left to be dropped: perhaps nobody brings a next one.
const SPENT: usize = 256;
const SMALL: usize = 16 << 10;

/// How it stands with a sink.
pub(crate) struct SinkStatus {
    pub(crate) name: Arc<str>,
    /// Sets that it has not taken yet.
    pub(crate) waiting: usize,
    /// For how long it has taken nothing although something waits.
    pub(crate) stalled: Option<Duration>,
    pub(crate) full: bool,
    pub(crate) error: Option<String>,
    /// If it is a consumer's.
    pub(crate) consumer: Option<ConsumerStatus>,
}

/// How it stands with the consumer of a sink.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConsumerStatus {
    /// `None` if there is none.
    pub(crate) reader: Option<Reader>,
    /// Sets that it was sent and has not acknowledged.
    pub(crate) unacknowledged: usize,
}

impl Outbox {
    /// For a sink that keeps up while less than these bytes of the memory wait for it.
    pub(super) fn new(name: Arc<str>, share: usize) -> Self {
        let (parcels, spent) = (VecDeque::new(), Vec::new());
        Self {
            name,
            queue: Mutex::new(Queue {
                parcels,
                since: Instant::now(),
                spent,
                handed: 0,
                reader: None,
                closed: false,
            }),
            changed: Condvar::new(),
            arrived: Notify::new(),
            length: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            share,
            error: Mutex::new(None),
        }
    }

    pub(super) fn status(&self) -> SinkStatus {
        let queue = self.queue();
        let (waiting, since) = (queue.parcels.len(), queue.since);
        drop(queue);
        SinkStatus {
            name: self.name.clone(),
            waiting,
            stalled: (waiting > 0).then(|| since.elapsed()),
            full: !self.has_room(),
            error: self.error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            consumer: None,
        }
    }

    /// The sink failed with this, or does not any more.
    pub(super) fn fails(&self, error: Option<String>) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }

    pub(super) fn has_room(&self) -> bool {
        self.length.load(Ordering::Relaxed) < BOUND && self.bytes.load(Ordering::Relaxed) < self.share
    }

    /// True if there was nothing to read before: then somebody may wait, and it is the caller's duty to [`wake`](Self::wake).
    #[must_use]
    pub(super) fn push(&self, parcel: Arc<Parcel>) -> bool {
        let mut queue = self.queue();
        self.bytes.fetch_add(parcel.bytes, Ordering::Relaxed);
        queue.parcels.push_back(parcel);
        self.length.store(queue.parcels.len(), Ordering::Relaxed);
        let first = queue.parcels.len() == queue.handed + 1;
        if queue.parcels.len() == 1 {
            queue.since = Instant::now();
        }
        let spent = std::mem::take(&mut queue.spent);
        drop(queue);
        drop(spent);
        first
    }

    /// There is something to [`peek`](Self::peek) at.
    pub(super) fn wake(&self) {
        self.changed.notify_one();
        self.arrived.notify_one();
    }

    /// Up to `most` parcels, which stay in the queue until [`taken`](Self::taken). Waits for the first, for `patience` if
    /// that is given: then there may be none. `None` when the outbox is closed and empty.
    pub(super) fn peek(&self, most: usize, patience: Option<Duration>) -> Option<Vec<Arc<Parcel>>> {
        let nothing = |queue: &mut Queue| queue.parcels.is_empty() && !queue.closed;
        let queue = self.queue();
        let queue = match patience {
            None => self.changed.wait_while(queue, nothing).unwrap_or_else(PoisonError::into_inner),
            Some(patience) => {
                let waited = self.changed.wait_timeout_while(queue, patience, nothing);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        if queue.parcels.is_empty() && queue.closed {
            return None;
        }
        Some(queue.parcels.iter().take(most).cloned().collect())
    }

    /// Removes these parcels, the first of the queue.
    pub(super) fn taken(&self, parcels: Vec<Arc<Parcel>>) {
        let mut queue = self.queue();
        queue.since = Instant::now();
        let Queue { parcels: waiting, spent, handed, .. } = &mut *queue;
        *handed = handed.saturating_sub(parcels.len());
        let bytes = parcels.iter().map(|parcel| parcel.bytes).sum();
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        let left = SPENT.saturating_sub(spent.len());
        let small = |parcel: &Arc<Parcel>| parcel.bytes <= SMALL;
        spent.extend(waiting.drain(..parcels.len()).filter(small).take(left));
        self.length.store(waiting.len(), Ordering::Relaxed);
        if waiting.is_empty() && queue.closed {
            self.changed.notify_all();
        }
        drop(queue);
        // Those that are in no outbox any more end here, under no lock.
        drop(parcels);
    }

    /// Nothing more will come.
    pub(super) fn close(&self) {
        self.queue().closed = true;
        self.changed.notify_all();
    }

    /// Waits for `pause`, or only for a moment if the outbox is closed.
    pub(super) fn pause(&self, pause: Duration) {
        let queue = self.queue();
        let (queue, _) = self
            .changed
            .wait_timeout_while(queue, pause, |queue| !queue.closed)
            .unwrap_or_else(PoisonError::into_inner);
        if queue.closed {
            drop(queue);
            std::thread::sleep(pause.min(Duration::from_millis(10)));
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For a reader that is a process.
impl Outbox {
    pub(super) fn consumer(&self) -> ConsumerStatus {
        let queue = self.queue();
        ConsumerStatus { reader: queue.reader, unacknowledged: queue.handed }
    }

    /// Lets a process read, from the front, if no other does.
    ///
    /// # Errors
    /// If one does.
    pub(super) fn admit(&self, reader: Reader) -> Result<(), Reader> {
        let mut queue = self.queue();
        match queue.reader {
            Some(other) => Err(other),
            None => {
                queue.reader = Some(reader);
                Ok(())
            }
        }
    }

    /// The process reads no more. What it was handed and did not take is for the next.
    pub(super) fn dismiss(&self) {
        let mut queue = self.queue();
        queue.reader = None;
        queue.handed = 0;
        drop(queue);
        self.changed.notify_all();
    }

    /// The next that the reader was not handed.
    pub(super) fn hand(&self) -> Option<Arc<Parcel>> {
        let mut queue = self.queue();
        let parcel = queue.parcels.get(queue.handed).cloned()?;
        queue.handed += 1;
        Some(parcel)
    }

    /// The first of those that the reader was handed, to be [`taken`](Self::taken).
    pub(super) fn handed(&self, most: usize) -> Vec<Arc<Parcel>> {
        let queue = self.queue();
        queue.parcels.iter().take(most.min(queue.handed)).cloned().collect()
    }

    /// Returns when there may be something to [`hand`](Self::hand).
    pub(super) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Waits until the reader has taken everything or leaves, for `patience` at most. Gives how much is left.
    pub(super) fn drain(&self, patience: Duration) -> usize {
        let more = |queue: &mut Queue| queue.reader.is_some() && !queue.parcels.is_empty();
        let waited = self.changed.wait_timeout_while(self.queue(), patience, more);
        waited.unwrap_or_else(PoisonError::into_inner).0.parcels.len()
    }
}
