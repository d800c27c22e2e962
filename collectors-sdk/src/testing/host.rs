//! The host that a test talks to.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use stook_proto::{Assignment, CollectorHeartbeat, Hello, RejectReason, Rejection};
use stook_types::{Capability, CorrelationId, TaskId};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::book::{Book, Task};
use super::builder::Builder;
use super::report::{Report, TestResult};
use super::server::Shared;
use super::task::TestTask;
use crate::core::Core;
use crate::runner::AbortOnDrop;
use crate::{Collector, RunError, to_value};

/// A host in memory for one collector. See the [module](super) for a test with it.
///
/// Methods that wait panic, and so fail the test, when the collector ends, when it breaks a rule of the protocol, or when
/// nothing happens for as long as the host has [patience](Builder::patience). Dropping the host ends the collector.
pub struct TestHost {
    pub(super) shared: Arc<Shared>,
    pub(super) core: Arc<Core>,
    pub(super) patience: Duration,
    pub(super) stop: Arc<Notify>,
    /// The collector, and this host's side of the pipes.
    #[expect(dead_code, reason = "they end when this is dropped")]
    pub(super) running: [AbortOnDrop<()>; 2],
}

impl TestHost {
    /// Runs a collector, and waits until it is connected.
    ///
    /// # Panics
    /// If what it says of itself is not valid.
    pub async fn start(collector: impl Collector) -> Self {
        Self::builder().start(collector).await
    }

    /// A host that is not quite as usual.
    pub fn builder() -> Builder {
        Builder::new()
    }

    // === tasks ===

    /// Gives the collector a task, and waits for its end. The arguments are whatever serde can serialize; `()` are none.
    ///
    /// A task of a capability that the collector has not declared [fails](super::TaskEnd::Failed), and so does one more than its
    /// concurrency: that is what the collector makes of them, and a host would not have given them.
    ///
    /// # Panics
    /// If the capability is no name, the arguments can be said by no payload or are larger than a frame; as all that waits.
    pub async fn task(&self, capability: &str, arguments: impl Serialize) -> Report {
        self.assign(capability, arguments).await.end().await
    }

    /// Gives the collector a task, when it is connected, and does not wait for its end.
    ///
    /// # Panics
    /// As [`task`](Self::task).
    pub async fn assign(&self, capability: &str, arguments: impl Serialize) -> TestTask<'_> {
        self.connected().await;
        let arguments = to_value(&arguments).unwrap_or_else(|error| panic!("bad arguments: {error}"));
        let mut book = self.shared.book();
        let lease = book.last_lease.next();
        book.last_lease = lease;
        let task = TaskId::random();
        let assignment = Assignment {
            lease,
            task,
            capability: Capability::new(capability).unwrap_or_else(|error| panic!("{error}")),
            correlation_id: CorrelationId::random(),
            payload: stook_proto::payload(&arguments)
                .unwrap_or_else(|error| panic!("bad arguments: {error}")),
            timeout: None,
        };
        let session = book.session.as_mut().expect("it is connected");
        session
            .assign(&assignment)
            .unwrap_or_else(|error| panic!("failed to assign `{capability}`: {error}"));
        book.tasks.insert(lease, Task { id: task, started: false, end: None });
        drop(book);
        self.shared.told.notify_one();
        TestTask::new(self, lease)
    }

    // === what came ===

    /// Waits until the collector is connected.
    pub async fn connected(&self) {
        self.until("the collector to connect", |book| book.is_open().then_some(())).await;
    }

    /// Waits until everything that the collector has recorded so far is acknowledged or refused.
    pub async fn flushed(&self) {
        let last = self.core.recorded();
        let core = Arc::clone(&self.core);
        self.until("acknowledgements", move |_| (core.unsettled_up_to(last) == 0).then_some(())).await;
    }

    /// All results so far that the host took, each once, in the order in which they were recorded.
    pub fn results(&self) -> Vec<TestResult> {
        self.shared.book().results.values().cloned().collect()
    }

    /// Waits until the host has taken this many results, of whatever task or of none, and gives all of them.
    pub async fn wait_for_results(&self, count: usize) -> Vec<TestResult> {
        let enough = |book: &mut Book| (book.results.len() >= count).then_some(());
        self.until(&format!("{count} results"), enough).await;
        self.results()
    }

    /// Waits for the next heartbeat.
    pub async fn heartbeat(&self) -> CollectorHeartbeat {
        let before = self.heartbeats();
        let next = move |book: &mut Book| book.last_heartbeat.filter(|_| book.heartbeats > before);
        self.until("a heartbeat", next).await
    }

    /// Heartbeats so far.
    pub fn heartbeats(&self) -> u64 {
        self.shared.book().heartbeats
    }

    /// Acknowledgements of results so far, each time that one was given.
    pub fn acknowledged(&self) -> usize {
        self.shared.book().acknowledged
    }

    /// Results that the host refused so far: too large, or of a task that was taken back.
    pub fn refused(&self) -> usize {
        self.shared.book().refused.len()
    }

    /// How the collector has introduced itself.
    ///
    /// # Panics
    /// Never: it was connected.
    pub fn hello(&self) -> Hello {
        self.shared.book().hello.clone().expect("a host starts with a collector that is connected")
    }

    // === faults ===

    /// The acknowledgement of the next result on this connection gets lost. The collector keeps that result, and
    /// sends it again after a [`reconnect`](Self::reconnect).
    pub fn drop_ack(&self) {
        self.shared.book().drop_acks += 1;
    }

    /// The connection breaks. Tasks that run are [lost](super::TaskEnd::Lost); the collector comes back by itself.
    pub fn disconnect(&self) {
        self.shared.broken.notify_one();
    }

    /// The connection breaks, and the collector is waited for.
    pub async fn reconnect(&self) {
        let before = self.shared.book().sessions;
        self.disconnect();
        let again = move |book: &mut Book| (book.sessions > before && book.is_open()).then_some(());
        self.until("the collector to connect again", again).await;
    }

    /// The host stands still: it reads nothing, acknowledges nothing, gives no credit, until it is to [`resume`](Self::resume).
    pub fn stall(&self) {
        self.shared.book().stalled = true;
        self.shared.told.notify_one();
    }

    /// The host goes on.
    pub fn resume(&self) {
        self.shared.book().stalled = false;
        self.shared.told.notify_one();
    }

    /// The host ends the session for this reason, and does not take the collector again until it is to
    /// [`accept`](Self::accept).
    pub fn reject(&self, reason: RejectReason) {
        let rejection = Rejection::new(reason, "rejected by a test", "");
        let mut book = self.shared.book();
        if let Some(session) = &mut book.session {
            session.reject(&rejection);
            book.closing = true;
        }
        book.rejection = Some(rejection);
        drop(book);
        self.shared.told.notify_one();
    }

    /// The host takes the collector again.
    pub fn accept(&self) {
        self.shared.book().rejection = None;
    }

    // === the end ===

    /// The host tells the collector to leave, with this much time for its tasks. Nothing if it is not connected.
    pub fn drain(&self, grace: Duration) {
        if let Some(session) = &mut self.shared.book().session {
            session.drain(grace);
        }
        self.shared.told.notify_one();
    }

    /// Tells the collector to stop, as a signal does.
    pub fn stop(&self) {
        self.stop.notify_one();
    }

    /// Waits until the collector has ended, and says how: what its process's exit code would say.
    ///
    /// # Errors
    /// If its process would not end well.
    pub async fn end(self) -> Result<(), RunError> {
        self.ended().await
    }

    // === impl ===

    pub(super) async fn ended(&self) -> Result<(), RunError> {
        self.until_or_end("the end of the collector", |book| book.outcome.take()).await
    }

    /// Sequences that were recorded, and have neither been taken nor refused.
    pub(super) fn missing(&self) -> Vec<u64> {
        let recorded = self.core.recorded();
        let book = self.shared.book();
        let known =
            |sequence: &u64| book.results.contains_key(sequence) || book.refused.contains_key(sequence);
        (1..=recorded).filter(|sequence| !known(sequence)).collect()
    }

    /// A topic that was recorded on and is not declared, whatever became of the error.
    pub(super) fn undeclared(&self) -> Option<&str> {
        self.core.undeclared.get().map(String::as_str)
    }

    pub(super) async fn until<T>(&self, what: &str, mut there: impl FnMut(&mut Book) -> Option<T>) -> T {
        let there = |book: &mut Book| {
            there(book).or_else(|| {
                let Some(outcome) = &book.outcome else { return None };
                let how = outcome.as_ref().map_or_else(ToString::to_string, |()| "in order".into());
                panic!("the collector ended ({how}) while the test waited for {what}; {book}")
            })
        };
        self.until_or_end(what, there).await
    }

    async fn until_or_end<T>(&self, what: &str, mut there: impl FnMut(&mut Book) -> Option<T>) -> T {
        let deadline = Instant::now() + self.patience;
        loop {
            let heard = self.shared.heard.notified();
            tokio::pin!(heard);
            heard.as_mut().enable();
            {
                let mut book = self.shared.book();
                if let Some(found) = there(&mut book) {
                    return found;
                }
                if let Some(broken) = &book.broken {
                    panic!("the collector broke a rule while the test waited for {what}: {broken}");
                }
            }
            if timeout_at(deadline, heard).await.is_err() {
                let patience = self.patience;
                panic!("the test waited {patience:?} for {what} in vain; {}", self.shared.book())
            }
        }
    }
}
