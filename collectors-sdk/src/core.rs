//! What recorders, heartbeats and the connection share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::BytesMut;
use stook_proto::collector::{Declaration, Event, RecordError as SessionRecordError, ReplayLimits};
use stook_proto::{CollectorHeartbeat, CollectorSession, LoadMetrics, SessionError};
use stook_types::{MonoTime, Topic};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::cancellation::Cancellation;
use crate::load::{self, Load};
use crate::{Encoded, RecordError};

/// The session behind a lock that is held for a call only, never across an await.
#[derive(Debug)]
pub(crate) struct Core {
    session: Mutex<CollectorSession>,
    origin: Instant,
    /// The declared topics by name, so that recording parses nothing.
    pub(crate) topics: HashMap<String, Topic>,
    /// The first topic that was recorded on and is not declared: whoever swallows the error hides it from nobody.
    pub(crate) undeclared: OnceLock<String>,
    /// There may be something to write.
    pub(crate) output: Notify,
    /// There may be room to record.
    room: Notify,
    /// A session has been opened, so that heartbeats are due.
    opened: Notify,
    progress: AtomicU64,
    pub(crate) active_tasks: AtomicU32,
    /// The collector is to leave, as its stream gets to see it.
    pub(crate) leaving: Cancellation,
}

impl Core {
    pub(crate) fn new(declaration: Declaration, replay: ReplayLimits) -> Self {
        let session = CollectorSession::new(declaration, replay);
        Self {
            topics: session.hello().topics.iter().map(|topic| (topic.to_string(), topic.clone())).collect(),
            session: Mutex::new(session),
            origin: Instant::now(),
            undeclared: OnceLock::new(),
            output: Notify::new(),
            room: Notify::new(),
            opened: Notify::new(),
            progress: AtomicU64::new(0),
            active_tasks: AtomicU32::new(0),
            leaving: Cancellation::new(),
        }
    }

    /// The session. Nothing in it panics halfway, so that a poisoned lock is as good as any.
    pub(crate) fn session(&self) -> MutexGuard<'_, CollectorSession> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> MonoTime {
        MonoTime::at(self.origin.elapsed())
    }

    /// A moment of the session's clock as one to sleep until.
    pub(crate) fn instant(&self, time: MonoTime) -> Instant {
        self.origin + time.since_origin()
    }

    /// Work has been done.
    pub(crate) fn progress(&self) {
        self.progress.fetch_add(1, Ordering::Relaxed);
    }

    /// Records a result if there is room now. Says whether there was.
    pub(crate) fn try_record(&self, encoded: &Encoded) -> Result<bool, RecordError> {
        let mut session = self.session();
        // Under the lock under which the end of a task is said: nothing is recorded after that.
        if encoded.cancellation.as_ref().is_some_and(Cancellation::is_set) {
            return Err(RecordError::Over);
        }
        let recorded = session.record(&encoded.result);
        drop(session);
        match recorded {
            Ok(_) => {
                self.progress();
                self.output.notify_one();
                Ok(true)
            }
            Err(SessionRecordError::Full) => Ok(false),
            Err(SessionRecordError::Over) => Err(RecordError::Over),
            Err(SessionRecordError::TooLarge { length, limit }) => {
                Err(RecordError::TooLarge { length, limit })
            }
            Err(other) => unreachable!("topics and encodings were checked: {other}"),
        }
    }

    /// Records a result, when there is room.
    pub(crate) async fn record(&self, encoded: &Encoded) -> Result<(), RecordError> {
        loop {
            let room = self.room.notified();
            tokio::pin!(room);
            // Listens from here on: room that is made after the attempt is not missed.
            room.as_mut().enable();
            if self.try_record(encoded)? {
                return Ok(());
            }
            tokio::select! {
                () = room => {}
                () = over(encoded.cancellation.as_ref()) => {}
            }
        }
    }

    /// Says goodbye if that can be said now. Nothing is recorded after it.
    pub(crate) fn goodbye(&self, reason: &str) {
        self.session().goodbye(reason);
        self.room.notify_waiters();
    }

    /// There will be no connection any more. Nothing is recorded from here on.
    pub(crate) fn close(&self) {
        self.session().close();
        self.room.notify_waiters();
    }

    /// The last result that was recorded.
    pub(crate) fn recorded(&self) -> u64 {
        self.session().recorded()
    }

    /// How many results up to this one are neither acknowledged nor refused.
    pub(crate) fn unsettled_up_to(&self, sequence: u64) -> usize {
        self.session().unsettled_up_to(sequence)
    }

    /// Waits until all results up to this one are acknowledged or refused.
    pub(crate) async fn settled(&self, sequence: u64) {
        loop {
            let room = self.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            if self.unsettled_up_to(sequence) == 0 {
                return;
            }
            room.await;
        }
    }

    /// Hands what was read to the session, and takes what it has to say.
    pub(crate) fn read(&self, bytes: &mut BytesMut) {
        self.session().read_buffer().extend_from_slice(bytes);
        bytes.clear();
    }

    pub(crate) fn poll(&self) -> Result<Option<Event>, SessionError> {
        let now = self.now();
        let event = self.session().poll(now);
        match event {
            Ok(Some(Event::Welcome(_))) => self.opened.notify_one(),
            Ok(None) => self.room.notify_waiters(),
            _ => {}
        }
        event
    }

    /// Takes what is to be written.
    pub(crate) fn transmit(&self) -> BytesMut {
        self.session().transmit().split()
    }

    /// Sends a heartbeat whenever one is due, for ever. A task of its own, so that nothing a collector does in
    /// its tasks delays it.
    pub(crate) async fn beat(&self) {
        let mut load = Load::new();
        loop {
            let due = self.session().heartbeat_due();
            let Some(due) = due else {
                self.opened.notified().await;
                continue;
            };
            tokio::time::sleep_until(self.instant(due)).await;
            let (cpu, memory_bytes) = (load.cpu(), load::memory_bytes());
            let now = self.now();
            let mut session = self.session();
            // Another connection may have come meanwhile, with beats of its own.
            if session.heartbeat_due().is_some_and(|due| due <= now) {
                let beat = CollectorHeartbeat {
                    progress: self.progress.load(Ordering::Relaxed),
                    load: LoadMetrics {
                        active_tasks: self.active_tasks.load(Ordering::Relaxed),
                        queue_depth: u32::try_from(session.unsettled()).unwrap_or(u32::MAX),
                        cpu,
                        memory_bytes,
                    },
                };
                session.heartbeat(now, beat);
                drop(session);
                self.output.notify_one();
            }
        }
    }
}

/// Until the task is over; never, where there is none.
async fn over(cancellation: Option<&Cancellation>) {
    match cancellation {
        Some(cancellation) => cancellation.wait().await,
        None => std::future::pending().await,
    }
}
