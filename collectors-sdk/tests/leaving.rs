//! How a collector leaves whose host is not there: within its grace, whatever it still has.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use stook_collector::testing::{RejectReason, TestHost};
use stook_collector::{
    Collector, CorrelationId, Description, Record, RecordError, Recorder, ReplayLimits, TaskError,
};
use tokio::sync::mpsc::{Sender, channel};
use tokio::time::{Instant, sleep, timeout};

const TOPIC: &str = "test.words";
const GRACE: Duration = Duration::from_secs(5);

/// Records one result, and needs this long for its end when it is told to leave.
struct Slow {
    last_words: Duration,
    said: Arc<AtomicBool>,
}

impl Collector for Slow {
    fn describe(&self) -> Description {
        Description::of_kind("slow").topic(TOPIC)
    }

    async fn stream(&self, results: Recorder) -> Result<(), TaskError> {
        let how = Record::new().correlation_id(CorrelationId::new("first")?);
        results.record_as(how, TOPIC, &1).await?;
        results.leaving().await;
        sleep(self.last_words).await;
        self.said.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// A host that has not acknowledged the result of its collector, and whether that has had its last words.
async fn host(last_words: Duration) -> (TestHost, Arc<AtomicBool>) {
    let said = Arc::new(AtomicBool::new(false));
    let host = TestHost::builder()
        .heartbeat(Duration::from_secs(1))
        .drain_grace(GRACE)
        .start(Slow { last_words, said: Arc::clone(&said) })
        .await;
    host.drop_ack();
    host.wait_for_results(1).await;
    (host, said)
}

/// How long it takes from here on.
async fn end(host: TestHost) -> Duration {
    let begin = Instant::now();
    host.end().await.expect("a good end");
    begin.elapsed()
}

const FOR_EVER: Duration = Duration::from_secs(24 * 3600);

#[tokio::test(start_paused = true)]
async fn who_is_drained_and_loses_the_host_does_not_wait_beyond_its_grace() {
    // Another process has its name afterwards: the pauses are the longest that there are.
    for reason in [RejectReason::Duplicate, RejectReason::Busy] {
        let (host, said) = host(FOR_EVER).await;
        host.drain(GRACE);
        sleep(Duration::from_millis(10)).await;
        host.reject(reason);
        let took = end(host).await;
        assert!(took <= GRACE, "{reason}: {took:?}");
        assert!(!said.load(Ordering::Relaxed));
    }
}

#[tokio::test(start_paused = true)]
async fn a_signal_while_the_host_is_away_leaves_time_for_last_words() {
    let (host, said) = host(Duration::from_secs(2)).await;
    host.reject(RejectReason::Busy);
    sleep(Duration::from_secs(60)).await;
    host.stop();
    let took = end(host).await;
    assert!(said.load(Ordering::Relaxed));
    assert!(took <= GRACE, "{took:?}: what it has recorded waits for a host, but no longer");
}

#[tokio::test(start_paused = true)]
async fn a_signal_ends_also_who_has_been_given_all_the_time_by_a_host_that_is_gone() {
    let (host, _) = host(FOR_EVER).await;
    host.drain(FOR_EVER);
    sleep(Duration::from_millis(10)).await;
    host.reject(RejectReason::Busy);
    sleep(Duration::from_secs(60)).await;
    host.stop();
    let took = end(host).await;
    assert!(took <= GRACE, "{took:?}");
}

/// Whoever has a recorder of his own, beside the stream.
struct Aside(Sender<RecordError>);

impl Collector for Aside {
    fn describe(&self) -> Description {
        Description::of_kind("aside").topic(TOPIC)
    }

    async fn stream(&self, results: Recorder) -> Result<(), TaskError> {
        let ended = self.0.clone();
        tokio::spawn(async move {
            for n in 0.. {
                let how = Record::new().correlation_id(CorrelationId::new("aside")?);
                if let Err(error) = results.record_as(how, TOPIC, &n).await {
                    ended.send(error).await?;
                    break;
                }
                tokio::task::yield_now().await;
            }
            Ok::<_, TaskError>(())
        });
        std::future::pending().await
    }
}

#[tokio::test]
async fn nothing_is_recorded_after_the_goodbye() {
    // One waits for room when it is said; the other has it.
    for room in [1, 10_000] {
        let (ended, mut told) = channel(1);
        let replay = ReplayLimits { results: room, ..ReplayLimits::default() };
        let host = TestHost::builder().replay(replay).start(Aside(ended)).await;
        host.wait_for_results(1).await;
        host.stop();
        host.end().await.expect("the host hears nothing that it must not after a goodbye");
        let told = timeout(Duration::from_secs(10), told.recv()).await;
        assert!(matches!(told, Ok(Some(RecordError::Over))), "{told:?}");
    }
}
