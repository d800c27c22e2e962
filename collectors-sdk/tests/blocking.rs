//! Collectors that block, in real time: a clock that is paused would stand still while they do. Nothing sleeps; what is
//! waited for is said by a channel or by the host.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stook_collector::testing::{TaskEnd, TestHost};
use stook_collector::{
    Blocking, BlockingCollector, BlockingRecorder, CorrelationId, Description, Options, Record, RecordError,
    ReplayLimits, Task, TaskError, Value, run_until,
};

const TOPIC: &str = "test.blocks";

/// Blocks until the test lets it go on, or until it sees that it is cancelled.
#[derive(Clone)]
struct Blocks {
    go_on: Arc<Mutex<Receiver<()>>>,
    running: Arc<AtomicU32>,
    most: Arc<AtomicU32>,
}

impl Blocks {
    fn new() -> (Self, Sender<()>) {
        let (sender, go_on) = channel();
        let go_on = Arc::new(Mutex::new(go_on));
        (Self { go_on, running: Arc::default(), most: Arc::default() }, sender)
    }
}

impl BlockingCollector for Blocks {
    fn describe(&self) -> Description {
        Description::of_kind("blocks").capability("test.block", 1, [TOPIC])
    }

    fn task(&self, task: Task, results: &BlockingRecorder) -> Result<(), TaskError> {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        let done = match task.arguments()? {
            Value::String(text) if text == "wait" => {
                self.go_on.lock().expect("whole").recv()?;
                results.record(TOPIC, &1)
            }
            Value::String(text) if text == "heed" => {
                while !task.is_cancelled() {
                    std::thread::yield_now();
                }
                results.record(TOPIC, &1)
            }
            Value::Int(count) => (0..count).try_for_each(|n| results.record(TOPIC, &n)),
            other => panic!("not {other:?}"),
        };
        self.running.fetch_sub(1, Ordering::SeqCst);
        Ok(done?)
    }
}

#[tokio::test]
async fn heartbeats_go_on_while_a_thread_blocks() {
    let (collector, go_on) = Blocks::new();
    let host = TestHost::builder().heartbeat(Duration::from_millis(5)).start(Blocking::new(collector)).await;
    let task = host.assign("test.block", "wait").await;
    task.started().await;
    for _ in 0..5 {
        host.heartbeat().await;
    }
    go_on.send(()).expect("it waits");
    assert_eq!(task.end().await.expect_done()[0].value, 1.into());
    assert!(host.task("test.block", ()).await.expect_failed().starts_with("panicked: not "));
}

#[tokio::test]
async fn a_thread_keeps_its_place_until_it_returns() {
    let (collector, go_on) = Blocks::new();
    let most = Arc::clone(&collector.most);
    let host = TestHost::builder().heartbeat(Duration::from_millis(5)).start(Blocking::new(collector)).await;
    let hangs = host.assign("test.block", "wait").await;
    hangs.started().await;
    host.reconnect().await;
    assert_eq!(hangs.end().await.end, TaskEnd::Lost);
    // The host knows nothing of the thread, and gives another task: it waits for the thread.
    let next = host.assign("test.block", 3).await;
    next.started().await;
    host.heartbeat().await;
    go_on.send(()).expect("it waits");
    assert_eq!(next.end().await.expect_done().len(), 3);
    assert_eq!(most.load(Ordering::SeqCst), 1);
    assert_eq!(host.refused(), 0, "what the first had to say was not even sent");

    let hangs = host.assign("test.block", "wait").await;
    hangs.started().await;
    hangs.cancel();
    let why = "`test.block` runs 1 times already, which is its concurrency";
    assert_eq!(host.task("test.block", 3).await.expect_failed(), why, "cancelled, and still there");
    go_on.send(()).expect("it waits");
    let why = "nobody wants more results: the task is over, or the collector leaves";
    assert_eq!(hangs.end().await.expect_failed(), why);
}

#[tokio::test]
async fn a_thread_sees_that_it_is_cancelled() {
    let (collector, _go_on) = Blocks::new();
    let host = TestHost::start(Blocking::new(collector)).await;
    let task = host.assign("test.block", "heed").await;
    task.started().await;
    task.cancel();
    assert!(task.end().await.expect_failed().starts_with("nobody wants more results"));
    assert_eq!(host.task("test.block", 1).await.expect_done().len(), 1, "its place is free");
}

#[tokio::test]
async fn a_thread_that_waits_for_room_is_woken_by_either() {
    let (collector, _go_on) = Blocks::new();
    let replay = ReplayLimits { results: 2, ..ReplayLimits::default() };
    let host = TestHost::builder().replay(replay).start(Blocking::new(collector)).await;
    assert_eq!(host.task("test.block", 50).await.expect_done().len(), 50);
    // No acknowledgement any more: two fit, the third waits until the task is cancelled.
    (0..2).for_each(|_| host.drop_ack());
    let task = host.assign("test.block", 3).await;
    host.wait_for_results(52).await;
    task.cancel();
    assert!(task.end().await.expect_failed().starts_with("nobody wants more results"));
}

/// Streams until it is told to leave.
struct Streams(Sender<RecordError>);

impl BlockingCollector for Streams {
    fn describe(&self) -> Description {
        Description::of_kind("streams").topic(TOPIC)
    }

    fn stream(&self, results: BlockingRecorder) -> Result<(), TaskError> {
        for n in 0.. {
            let how = Record::new().correlation_id(CorrelationId::new("mine")?);
            if let Err(error) = results.record_as(how, TOPIC, &n) {
                assert!(results.is_cancelled());
                self.0.send(error)?;
                break;
            }
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_stream_learns_that_its_collector_leaves() {
    let (sender, ended) = channel();
    let host = TestHost::start(Blocking::new(Streams(sender))).await;
    host.wait_for_results(20).await;
    host.stop();
    host.end().await.expect("a good end");
    let ended = tokio::task::spawn_blocking(move || ended.recv()).await.expect("no panic");
    assert!(matches!(ended, Ok(RecordError::Over)), "{ended:?}");
}

#[tokio::test]
async fn a_stream_ends_with_its_host() {
    let (sender, ended) = channel();
    let host = TestHost::start(Blocking::new(Streams(sender))).await;
    host.wait_for_results(1).await;
    drop(host);
    let ended = tokio::task::spawn_blocking(move || ended.recv()).await.expect("no panic");
    assert!(matches!(ended, Ok(RecordError::Over)), "{ended:?}");
}

#[tokio::test]
async fn more_threads_than_there_can_be_are_a_mistake() {
    struct Many;
    impl BlockingCollector for Many {
        fn describe(&self) -> Description {
            Description::of_kind("many").capability("a", 200, [TOPIC]).capability("b", 57, [TOPIC])
        }
    }
    let options = Options::new(stook_proto::transport::Endpoint::in_directory("nowhere"));
    let error = run_until(Blocking::new(Many), options, std::future::pending()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the collector describes itself wrongly: its tasks at once need 257 threads, and the limit is 256; declare less concurrency"
    );
}
