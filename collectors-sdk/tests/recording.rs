//! What a task can do about a full buffer, an end that is near, and a host that wants no more of it.

use std::sync::Mutex;
use std::time::Duration;

use stook_collector::testing::{TaskEnd, TestHost};
use stook_collector::{
    Collector, Description, FlushError, Record, RecordError, Recorder, ReplayLimits, Task, TaskError,
    TryRecordError, Value,
};
use tokio::time::{Instant, sleep};

const TOPIC: &str = "test.counts";

/// A collector whose tasks are this function; it can keep a recorder for later.
struct Does<F> {
    what: F,
    kept: Mutex<Option<Recorder>>,
}

fn does<F>(what: F) -> Does<F>
where
    F: AsyncDo,
{
    Does { what, kept: Mutex::default() }
}

/// An async function of a task and its recorder, whose future is known to be `Send`.
trait AsyncDo: Send + Sync + 'static {
    fn call(&self, task: Task, results: Recorder) -> impl Future<Output = Result<(), TaskError>> + Send;
}

impl<F, Fut> AsyncDo for F
where
    F: Fn(Task, Recorder) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), TaskError>> + Send,
{
    fn call(&self, task: Task, results: Recorder) -> impl Future<Output = Result<(), TaskError>> + Send {
        self(task, results)
    }
}

impl<F: AsyncDo> Collector for Does<F> {
    fn describe(&self) -> Description {
        Description::of_kind("doer").capability("test.do", 8, [TOPIC])
    }

    async fn task(&self, task: Task, results: &Recorder) -> Result<(), TaskError> {
        *self.kept.lock().expect("whole") = Some(results.clone());
        self.what.call(task, results.clone()).await
    }
}

fn small() -> ReplayLimits {
    ReplayLimits { results: 2, ..ReplayLimits::default() }
}

#[tokio::test(start_paused = true)]
async fn try_record_gives_back_what_has_no_room() {
    let host = TestHost::builder()
        .replay(small())
        .start(does(async |_: Task, results: Recorder| {
            sleep(Duration::from_secs(1)).await;
            results.try_record(TOPIC, &1)?;
            results.try_record_as(Record::new().last(), TOPIC, &2)?;
            let begin = Instant::now();
            let Err(TryRecordError::Full(third)) = results.try_record(TOPIC, &3) else { panic!("no room") };
            assert!(!results.try_record_encoded(&third)?, "still none");
            assert_eq!(begin.elapsed(), Duration::ZERO, "it does not wait");
            results.record_encoded(&third).await?;
            assert!(begin.elapsed() >= Duration::from_secs(9), "this does");
            let wrong = results.try_record("test.cuonts", &4);
            assert!(matches!(wrong, Err(TryRecordError::Record(RecordError::Topic { .. }))), "{wrong:?}");
            Ok(())
        }))
        .await;
    let task = host.assign("test.do", ()).await;
    task.started().await;
    host.stall();
    sleep(Duration::from_secs(10)).await;
    host.resume();
    let results = task.end().await.expect_done();
    assert_eq!(
        results.iter().map(|result| result.value.clone()).collect::<Vec<_>>(),
        [1, 2, 3].map(Value::from)
    );
    assert_eq!(results.iter().map(|result| result.last).collect::<Vec<_>>(), [false, true, false]);
}

#[tokio::test(start_paused = true)]
async fn flush_waits_for_acknowledgements() {
    let host = TestHost::start(does(async |_: Task, results: Recorder| {
        results.flush(Duration::ZERO).await?;
        results.record(TOPIC, &1).await?;
        results.record(TOPIC, &2).await?;
        let FlushError { unacknowledged, .. } = results.flush(Duration::from_secs(3)).await.unwrap_err();
        assert_eq!(unacknowledged, 1, "of the first the acknowledgement was lost");
        Ok(())
    }))
    .await;
    host.drop_ack();
    let begin = Instant::now();
    host.task("test.do", ()).await.expect_done();
    assert_eq!(begin.elapsed().as_secs(), 3);

    let host = TestHost::start(does(async |_: Task, results: Recorder| {
        results.record(TOPIC, &1).await?;
        Ok(results.flush(Duration::from_secs(3)).await?)
    }))
    .await;
    let begin = Instant::now();
    host.task("test.do", ()).await.expect_done();
    assert!(begin.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn who_asks_to_be_told_can_clean_up() {
    let host = TestHost::start(does(async |task: Task, results: Recorder| {
        task.cancelled().await;
        assert!(task.is_cancelled());
        assert!(matches!(results.record(TOPIC, &1).await, Err(RecordError::Over)), "the host wants no more");
        sleep(Duration::from_secs(3)).await;
        Err(TaskError::new("cleaned up"))
    }))
    .await;
    let task = host.assign("test.do", ()).await;
    task.started().await;
    sleep(Duration::from_secs(1)).await;
    let begin = Instant::now();
    task.cancel();
    assert_eq!(task.end().await.expect_failed(), "cleaned up");
    assert_eq!(begin.elapsed().as_secs(), 3);
    assert_eq!((host.results().len(), host.refused()), (0, 0), "it was not even sent");

    let task = host.assign("test.do", ()).await;
    sleep(Duration::from_secs(1)).await;
    host.drain(Duration::from_secs(30));
    let why = "the collector leaves: drained by the host".to_owned();
    assert_eq!(task.end().await.end, TaskEnd::Returned(why), "nothing is wrong with the task");
}

#[tokio::test(start_paused = true)]
async fn who_takes_too_long_to_clean_up_is_dropped() {
    let host = TestHost::start(does(async |task: Task, _| {
        task.cancelled().await;
        std::future::pending().await
    }))
    .await;
    let task = host.assign("test.do", ()).await;
    task.started().await;
    sleep(Duration::from_secs(1)).await;
    let begin = Instant::now();
    task.cancel();
    assert_eq!(task.end().await.expect_failed(), "cancelled by the host");
    assert_eq!(begin.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_recorder_is_over_with_its_task() {
    let collector =
        std::sync::Arc::new(does(async |_: Task, results: Recorder| Ok(results.record(TOPIC, &1).await?)));
    let kept = std::sync::Arc::clone(&collector);
    let host = TestHost::start(Shared(collector)).await;
    host.task("test.do", ()).await.expect_done();
    let results = kept.kept.lock().expect("whole").take().expect("kept");
    assert!(matches!(results.record(TOPIC, &2).await, Err(RecordError::Over)));
    let other = Record::new().correlation_id(stook_collector::CorrelationId::new("other").expect("valid"));
    results.record_as(other, TOPIC, &3).await.expect("it belongs to nobody's task");
    let results = host.wait_for_results(2).await;
    assert_eq!((&results[1].value, results[1].task), (&Value::from(3), None));
}

/// A collector that a test can look into.
struct Shared<C>(std::sync::Arc<C>);

impl<C: Collector> Collector for Shared<C> {
    fn describe(&self) -> Description {
        self.0.describe()
    }

    async fn task(&self, task: Task, results: &Recorder) -> Result<(), TaskError> {
        self.0.task(task, results).await
    }
}
