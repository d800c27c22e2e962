//! A host that says what it should, at a moment that is not the best.

use std::cell::RefCell;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use stook_proto::transport::{Endpoint, EndpointError};
use stook_proto::wire;
use stook_types::CorrelationId;
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split,
};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::advance;

use super::Runner;
use crate::link::Connect;
use crate::notices::Notices;
use crate::{Collector, Description, Options, Record, Recorder, RunError, TaskError};

/// Bytes that are under way at most; a result is more than that.
const PIPE: usize = 4 * 1024;

/// Gives the other end of each connection away.
struct Door(mpsc::Sender<DuplexStream>);

impl Connect for Door {
    type Connection = (ReadHalf<DuplexStream>, WriteHalf<DuplexStream>);

    async fn connect(&self) -> Result<Self::Connection, EndpointError> {
        let (here, there) = duplex(PIPE);
        self.0.send(there).await.expect("the test goes on");
        Ok(split(here))
    }

    fn halves(
        (reader, writer): &mut Self::Connection,
    ) -> (impl AsyncRead + Unpin + Send, impl AsyncWrite + Unpin + Send) {
        (reader, writer)
    }
}

/// Records something whenever it is told to.
struct Told(Arc<Notify>);

impl Collector for Told {
    fn describe(&self) -> Description {
        Description::of_kind("told").topic("test.told")
    }

    async fn stream(&self, results: Recorder) -> Result<(), TaskError> {
        loop {
            self.0.notified().await;
            let how = Record::new().correlation_id(CorrelationId::new("told")?);
            results.record_as(how, "test.told", &"x".repeat(2 * PIPE)).await?;
        }
    }
}

thread_local!(static SAID: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) });

/// A collector that runs, and what a test does to it.
struct Run {
    /// Its connections, from their other end.
    hosts: mpsc::Receiver<DuplexStream>,
    record: Arc<Notify>,
    stop: oneshot::Sender<()>,
    life: JoinHandle<Result<(), RunError>>,
}

impl Run {
    fn start() -> Self {
        let record = Arc::new(Notify::new());
        let options = Options::new(Endpoint::in_directory("nowhere"));
        let mut runner = Runner::new(Told(record.clone()), options).expect("it describes itself well");
        runner.notices = Notices::to(|what| SAID.with_borrow_mut(|said| said.push(what.to_owned())));
        let ((door, hosts), (stop, stopped)) = (mpsc::channel(1), oneshot::channel());
        let life = async move { runner.run(Door(door), pin!(async { stopped.await.expect("told") })).await };
        Self { hosts, record, stop, life: tokio::spawn(life) }
    }

    /// The next connection, once it has introduced itself there.
    async fn connection(&mut self) -> DuplexStream {
        let mut host = self.hosts.recv().await.expect("it connects");
        says_something(&mut host).await;
        host
    }
}

async fn says_something(host: &mut DuplexStream) {
    assert!(host.read(&mut [0; PIPE]).await.expect("a pipe") > 0, "it has closed");
}

async fn reads_goodbye(host: &mut DuplexStream) {
    let (mut said, goodbye) = (Vec::new(), b"asked to stop by a signal");
    while !said.ends_with(goodbye) {
        assert!(host.read_buf(&mut said).await.expect("a pipe") > 0, "it has closed");
    }
}

async fn welcome(host: &mut DuplexStream) {
    let terms = wire::Welcome {
        credit_results: 1 << 10,
        credit_bytes: 1 << 20,
        max_frame_bytes: 1 << 20,
        max_result_bytes: 1 << 16,
        heartbeat_ms: 60_000,
        ..wire::Welcome::default()
    };
    let mut bytes = bytes::BytesMut::new();
    stook_proto::encode(terms, &mut bytes);
    host.write_all(&bytes).await.expect("a pipe");
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_stood_still_reads_before_it_judges() {
    let mut run = Run::start();
    // Which of two things that are ready comes first is left to chance.
    for _ in 0..50 {
        let mut host = run.connection().await;
        run.record.notify_one();
        welcome(&mut host).await;
        advance(Duration::from_secs(11)).await;
        says_something(&mut host).await;
    }
    run.life.abort();
}

#[tokio::test(start_paused = true)]
async fn who_leaves_with_what_nobody_may_have_heard_says_so() {
    for answers in [false, true] {
        let mut run = Run::start();
        let mut host = run.connection().await;
        run.record.notify_one();
        if answers {
            welcome(&mut host).await;
            says_something(&mut host).await;
        }
        run.stop.send(()).expect("it listens");
        if answers {
            // That the host closes then means that it has a place for all before.
            reads_goodbye(&mut host).await;
            drop(host);
        }
        run.life.await.expect("no panic").expect("a good end");
        let lost = "left with results that the host has not acknowledged: 1";
        assert_eq!(SAID.take().iter().any(|said| said == lost), !answers);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_not_read_before_the_goodbye_goes_again() {
    let mut run = Run::start();
    let mut host = run.connection().await;
    // Both before there is a session, so that they go out together.
    run.record.notify_one();
    tokio::time::sleep(Duration::from_millis(1)).await;
    run.stop.send(()).expect("it listens");
    tokio::time::sleep(Duration::from_millis(1)).await;
    welcome(&mut host).await;
    // The rest of the result, and the goodbye, wait for room in the pipe.
    says_something(&mut host).await;
    drop(host);
    let mut host = run.hosts.recv().await.expect("it comes again");
    welcome(&mut host).await;
    reads_goodbye(&mut host).await;
    drop(host);
    run.life.await.expect("no panic").expect("a good end");
}
