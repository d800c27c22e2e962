//! A host that does what a test says, on a real socket in a directory of its own.

use std::future::Future;
use std::time::{Duration, Instant};

use bytes::Buf;
use stook_collector::{Options, RunError};
use stook_proto::host::{Event, HostLimits, ReceivedResult};
use stook_proto::transport::{Endpoint, HostLock, Listener, Stream};
use stook_proto::{Assignment, HostSession, Lease, TaskOutcome};
use stook_types::{Capability, CorrelationId, MonoTime, SessionEpoch, TaskId, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// No test waits longer than this for anything.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Host {
    listener: Option<Listener>,
    lock: HostLock,
    directory: tempfile::TempDir,
    pub(crate) limits: HostLimits,
    pub(crate) heartbeat: Duration,
    /// The last that was given before a collector is taken.
    pub(crate) last_lease: Lease,
}

pub(crate) struct Connection {
    pub(crate) stream: Stream,
    pub(crate) session: HostSession,
    origin: Instant,
}

/// A collector that runs until it is told to stop, or leaves.
pub(crate) struct Running {
    pub(crate) stop: Option<oneshot::Sender<()>>,
    pub(crate) outcome: JoinHandle<Result<(), RunError>>,
}

pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it happens in time")
}

impl Host {
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let lock = Endpoint::in_directory(directory.path().join("stook")).lock().expect("free");
        let listener = Some(lock.bind().await.expect("free"));
        Self {
            listener,
            lock,
            directory,
            limits: HostLimits::default(),
            heartbeat: Duration::from_secs(2),
            last_lease: Lease(0),
        }
    }

    pub(crate) fn options(&self) -> Options {
        Options::new(self.lock.endpoint().clone())
    }

    pub(crate) fn run(&self, collector: impl stook_collector::Collector) -> Running {
        self.run_with(collector, self.options())
    }

    pub(crate) fn run_with(&self, collector: impl stook_collector::Collector, options: Options) -> Running {
        let (stop, stopped) = oneshot::channel();
        let outcome = tokio::spawn(stook_collector::run_until(collector, options, async {
            if stopped.await.is_err() {
                std::future::pending::<()>().await;
            }
        }));
        Running { stop: Some(stop), outcome }
    }

    /// The next connection, before anything is read from it.
    pub(crate) async fn accept(&self) -> Connection {
        let listener = self.listener.as_ref().expect("listening");
        let (stream, _) = soon(listener.accept()).await.expect("a connection");
        Connection { stream, session: HostSession::new(MonoTime::ZERO, self.limits), origin: Instant::now() }
    }

    /// The next collector, taken.
    pub(crate) async fn welcome(&self) -> Connection {
        let mut connection = self.accept().await;
        let hello = connection.next().await;
        assert!(matches!(hello, Event::Hello(_)), "{hello:?}");
        connection.session.welcome(SessionEpoch(1), self.heartbeat, self.last_lease);
        connection.flush().await;
        connection
    }

    /// Nobody listens any more.
    pub(crate) fn close(&mut self) {
        self.listener = None;
    }

    /// Everything is gone that this has made.
    pub(crate) fn leaves_nothing(self) {
        let Self { listener, lock, directory, .. } = self;
        drop((listener, lock));
        assert_eq!(std::fs::read_dir(directory.path()).expect("readable").count(), 0);
    }
}

impl Connection {
    pub(crate) async fn flush(&mut self) {
        let out = self.session.transmit();
        soon((&self.stream).write_all(out)).await.expect("the collector reads");
        out.advance(out.len());
    }

    /// The next event but heartbeats, or `None` at the end of the connection.
    pub(crate) async fn event(&mut self) -> Option<Event> {
        loop {
            let now = MonoTime::at(self.origin.elapsed());
            match self.session.poll(now).expect("the collector keeps to the rules") {
                Some(Event::Heartbeat(_)) => {}
                Some(event) => return Some(event),
                None => {
                    let read = soon((&self.stream).read_buf(self.session.read_buffer())).await;
                    if read.unwrap_or(0) == 0 {
                        return None;
                    }
                }
            }
        }
    }

    pub(crate) async fn next(&mut self) -> Event {
        self.event().await.expect("the connection stays")
    }

    pub(crate) async fn results(&mut self) -> Vec<ReceivedResult> {
        match self.next().await {
            Event::Results(batch) => batch,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn finished(&mut self, lease: u64) -> TaskOutcome {
        loop {
            match self.next().await {
                Event::TaskFinished { lease: Lease(finished), outcome } if finished == lease => {
                    return outcome;
                }
                Event::TaskFinished { .. } | Event::TaskStarted(_) | Event::Results(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub(crate) async fn assign(&mut self, lease: u64, capability: &str, arguments: impl Into<Value>) {
        let assignment = Assignment {
            lease: Lease(lease),
            task: TaskId::random(),
            capability: Capability::new(capability).expect("valid"),
            correlation_id: CorrelationId::new("scan").expect("valid"),
            payload: stook_proto::payload(&arguments.into()).expect("flat"),
            timeout: None,
        };
        self.session.assign(&assignment).expect("open");
        self.flush().await;
    }
}

impl Running {
    pub(crate) fn stop(&mut self) {
        self.stop.take().expect("not yet stopped").send(()).expect("it runs");
    }

    pub(crate) async fn end(self) -> Result<(), RunError> {
        soon(self.outcome).await.expect("it does not panic")
    }
}
