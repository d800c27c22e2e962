//! Collectors against the host in memory, in virtual time.

use std::time::Duration;

use stook_collector::testing::{HostLimits, RejectReason, TaskEnd, TestHost};
use stook_collector::{
    Collector, CorrelationId, Description, Record, Recorder, ReplayLimits, RunError, Task, TaskError, Value,
};
use tokio::time::{Instant, sleep};

const TOPIC: &str = "test.counts";

/// Counts as far as it is told, slowly; or hangs, or panics.
struct Counter;

impl Collector for Counter {
    fn describe(&self) -> Description {
        Description::of_kind("counter").capability("test.count", 2, [TOPIC])
    }

    async fn task(&self, task: Task, results: &Recorder) -> Result<(), TaskError> {
        match task.arguments()? {
            Value::Int(count) => {
                for n in 0..count {
                    sleep(Duration::from_millis(100)).await;
                    results.record(TOPIC, &n).await?;
                }
                Ok(())
            }
            Value::Null => std::future::pending().await,
            _ => panic!("no number"),
        }
    }
}

fn ints(results: &[stook_collector::testing::TestResult]) -> Vec<i64> {
    results.iter().filter_map(|result| result.value.as_int()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_task_and_its_results() {
    let host = TestHost::start(Counter).await;
    assert_eq!(host.hello().kind, "counter");
    let begin = Instant::now();
    let results = host.task("test.count", 3).await.expect_done();
    assert_eq!(ints(&results), [0, 1, 2]);
    assert!(results.iter().all(|result| result.topic == TOPIC && result.arrivals == 1 && !result.last));
    let took = begin.elapsed();
    assert!((300..=310).contains(&took.as_millis()), "{took:?} of a clock that only waits");
    assert_eq!(host.task("test.count", "no").await.expect_failed(), "panicked: no number");
    assert_eq!(host.acknowledged(), 3);
}

#[tokio::test(start_paused = true)]
async fn heartbeats_go_on_while_a_task_hangs() {
    let host = TestHost::start(Counter).await;
    let task = host.assign("test.count", ()).await;
    task.started().await;
    let begin = Instant::now();
    for _ in 0..30 {
        assert_eq!(host.heartbeat().await.load.active_tasks, 1);
    }
    assert!((58..=60).contains(&begin.elapsed().as_secs()), "every two seconds");
    task.cancel();
    assert_eq!(task.end().await.expect_failed(), "cancelled by the host");
}

#[tokio::test(start_paused = true)]
async fn a_lost_acknowledgement_is_made_good_after_a_reconnect() {
    let host = TestHost::start(Counter).await;
    host.drop_ack();
    assert_eq!(ints(&host.task("test.count", 2).await.expect_done()), [0, 1]);
    assert_eq!(host.heartbeat().await.load.queue_depth, 1, "it is kept");
    host.reconnect().await;
    assert_eq!(host.heartbeat().await.load.queue_depth, 0);
    let arrivals: Vec<_> = host.results().iter().map(|result| result.arrivals).collect();
    assert_eq!(arrivals, [2, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_takes_its_tasks() {
    let host = TestHost::start(Counter).await;
    let task = host.assign("test.count", 5).await;
    host.wait_for_results(2).await;
    host.reconnect().await;
    let report = task.end().await;
    assert_eq!((report.end, ints(&report.results)), (TaskEnd::Lost, vec![0, 1]));
    assert_eq!(ints(&host.task("test.count", 1).await.expect_done()), [0], "it goes on");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_stands_still_slows_its_collector() {
    let limits = HostLimits { max_replay: 4, ..HostLimits::default() };
    let replay = ReplayLimits { results: 4, ..ReplayLimits::default() };
    let host = TestHost::builder().limits(limits).replay(replay).start(Counter).await;
    let task = host.assign("test.count", 10).await;
    host.wait_for_results(1).await;
    host.stall();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(host.results().len(), 1);
    let resumed = Instant::now();
    host.resume();
    assert_eq!(ints(&task.end().await.expect_done()), (0..10).collect::<Vec<_>>());
    let took = resumed.elapsed();
    assert!(
        (400..=510).contains(&took.as_millis()),
        "it had recorded four and waited with the fifth: {took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn rejected_for_now_and_for_ever() {
    let host = TestHost::start(Counter).await;
    host.reject(RejectReason::Busy);
    sleep(Duration::from_secs(10)).await;
    host.accept();
    host.connected().await;
    assert_eq!(ints(&host.task("test.count", 1).await.expect_done()), [0]);

    host.reject(RejectReason::Token);
    let error = host.end().await.unwrap_err();
    assert!(matches!(error, RunError::Rejected(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn drained_and_stopped() {
    let host = TestHost::start(Counter).await;
    let (ends, hangs) = (host.assign("test.count", 5).await, host.assign("test.count", ()).await);
    hangs.started().await;
    host.drain(Duration::from_secs(1));
    assert_eq!(ints(&ends.end().await.expect_done()), [0, 1, 2, 3, 4]);
    let why = "the collector leaves: drained by the host".to_owned();
    assert_eq!(hangs.end().await.end, TaskEnd::Returned(why));
    host.end().await.expect("a good end");

    let host = TestHost::start(Counter).await;
    host.stop();
    host.end().await.expect("a good end");
}

#[tokio::test(start_paused = true)]
#[should_panic(
    expected = "the test waited 60s for a task to end in vain; the collector is connected, was taken 1 times"
)]
async fn nothing_is_waited_for_in_vain() {
    TestHost::start(Counter).await.task("test.count", ()).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "the collector ended (in order) while the test waited for 9 results")]
async fn an_end_is_no_result() {
    let host = TestHost::start(Counter).await;
    host.stop();
    host.wait_for_results(9).await;
}

/// Says something of its own accord every second.
struct Clock;

impl Collector for Clock {
    fn describe(&self) -> Description {
        Description::of_kind("clock").topic(TOPIC)
    }

    async fn stream(&self, results: Recorder) -> Result<(), TaskError> {
        for n in 0.. {
            let how = Record::new().correlation_id(CorrelationId::new(&format!("second-{n}"))?).last();
            results.record_as(how, TOPIC, &n).await?;
            sleep(Duration::from_secs(1)).await;
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_goes_on_through_everything() {
    let host = TestHost::start(Clock).await;
    host.drop_ack();
    host.wait_for_results(3).await;
    host.reconnect().await;
    host.stall();
    sleep(Duration::from_secs(3)).await;
    host.resume();
    let results = host.wait_for_results(9).await;
    assert_eq!(ints(&results), (0..9).collect::<Vec<_>>());
    assert!(results.iter().all(|result| result.last && result.task.is_none()));
    assert_eq!(results[8].correlation_id, CorrelationId::new("second-8").expect("valid"));
}

/// Says more than the host takes, and knows.
struct Large;

impl Collector for Large {
    fn describe(&self) -> Description {
        Description::of_kind("large").capability("test.large", 1, [TOPIC])
    }

    async fn task(&self, _: Task, results: &Recorder) -> Result<(), TaskError> {
        Ok(results.record(TOPIC, &"x".repeat(2_000)).await?)
    }

    async fn stream(&self, results: Recorder) -> Result<(), TaskError> {
        results.leaving().await;
        let id = CorrelationId::new("last words")?;
        results.record_as(Record::new().correlation_id(id), TOPIC, "well, then").await?;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_is_known_before_it_is_sent() {
    let limits = HostLimits { max_result_bytes: 1_000, ..HostLimits::default() };
    let host = TestHost::builder().limits(limits).start(Large).await;
    let why = "a result of 2003 bytes is over the limit of 1000 bytes";
    assert_eq!(host.task("test.large", ()).await.expect_failed(), why);
    assert_eq!(host.refused(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_asks_to_be_told_has_last_words() {
    let host = TestHost::start(Large).await;
    host.drain(Duration::from_secs(1));
    let results = host.wait_for_results(1).await;
    assert_eq!(results[0].value, Value::from("well, then"));
    host.end().await.expect("a good end");
}

/// Says what is too large before it knows.
struct Early;

impl Collector for Early {
    fn describe(&self) -> Description {
        Description::of_kind("early").topic(TOPIC)
    }

    async fn stream(&self, results: Recorder) -> Result<(), TaskError> {
        let how = Record::new().correlation_id(CorrelationId::random());
        Ok(results.try_record_as(how, TOPIC, &"x".repeat(2_000))?)
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_everything_has_not_ended_well() {
    let limits = HostLimits { max_result_bytes: 1_000, ..HostLimits::default() };
    let host = TestHost::builder().limits(limits).start(Early).await;
    let error = host.end().await.unwrap_err();
    let why = "the host refused the only result on `test.counts`: too-large";
    assert!(error.to_string().starts_with(why), "{error}");
    assert_eq!(error.exit_code(), 1);
}
