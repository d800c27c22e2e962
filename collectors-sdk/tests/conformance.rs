//! The tests that every collector must pass: on collectors that do, and on those that each of them finds out.

use std::time::Duration;

use stook_collector::testing::Suite;
use stook_collector::{
    Blocking, BlockingCollector, BlockingRecorder, Collector, CorrelationId, Description, Record, Recorder,
    Task, TaskError, Value,
};
use tokio::time::sleep;

const TOPIC: &str = "test.counts";

fn description() -> Description {
    Description::of_kind("test").capability("test.count", 2, [TOPIC])
}

/// Keeps to all rules, and takes its time.
struct Good;

impl Collector for Good {
    fn describe(&self) -> Description {
        description().capability("test.hang", 1, [TOPIC]).topic("test.clock")
    }

    async fn task(&self, task: Task, results: &Recorder) -> Result<(), TaskError> {
        let count = task.arguments()?.as_int().ok_or_else(|| TaskError::new("how far?"))?;
        for n in 0..count {
            sleep(Duration::from_millis(300)).await;
            results.record(TOPIC, &n).await?;
        }
        Ok(())
    }

    async fn stream(&self, results: Recorder) -> Result<(), TaskError> {
        loop {
            let how = Record::new().correlation_id(CorrelationId::random());
            results.record_as(how, "test.clock", "tick").await?;
            sleep(Duration::from_millis(500)).await;
        }
    }
}

stook_collector::conformance!(mod good: Good, "test.count" => 8);

/// Blocks, and looks whether it should.
struct Blocks;

impl BlockingCollector for Blocks {
    fn describe(&self) -> Description {
        description()
    }

    fn task(&self, task: Task, results: &BlockingRecorder) -> Result<(), TaskError> {
        let count = task.arguments()?.as_int().ok_or_else(|| TaskError::new("how far?"))?;
        for n in 0..count {
            if task.is_cancelled() {
                return Err(TaskError::new("cancelled"));
            }
            results.record(TOPIC, &n)?;
        }
        Ok(())
    }
}

stook_collector::conformance!(mod blocks: real_time Blocking::new(Blocks), "test.count" => 100);

/// A collector with this description and this task.
struct Bad<F>(Description, F);

impl<F: Fn(Task, &Recorder) -> Result<(), TaskError> + Send + Sync + 'static> Collector for Bad<F> {
    fn describe(&self) -> Description {
        self.0.clone()
    }

    async fn task(&self, task: Task, results: &Recorder) -> Result<(), TaskError> {
        self.1(task, results)
    }
}

fn suite<F>(description: Description, task: F) -> Suite<impl Fn() -> Bad<F>>
where
    F: Fn(Task, &Recorder) -> Result<(), TaskError> + Clone + Send + Sync + 'static,
{
    Suite::virtual_time(move || Bad(description.clone(), task.clone()))
}

#[test]
#[should_panic(expected = "`test.count` is declared twice")]
fn a_declaration_that_contradicts_itself() {
    suite(description().capability("test.count", 1, [TOPIC]), |_, _| Ok(())).describes_itself();
}

#[test]
#[should_panic(expected = "it declares no topic")]
fn nothing_declared() {
    suite(Description::of_kind("test"), |_, _| Ok(())).describes_itself();
}

#[test]
#[should_panic(expected = "`test.count` failed without a text")]
fn no_text() {
    suite(description(), |_, _| Err(TaskError::new(""))).answers_each_capability();
}

#[test]
#[should_panic(expected = "`test.count` panicked: too little")]
fn a_panic_about_odd_arguments() {
    suite(description(), |task, _| match task.arguments()? {
        Value::Int(-1) => panic!("too little"),
        _ => Ok(()),
    })
    .takes_odd_arguments();
}

#[test]
#[should_panic(expected = "`test.count` answered on `test.other`, which it does not declare")]
fn another_topic() {
    suite(description().topic("test.other"), |_, results| Ok(results.try_record("test.other", &1)?))
        .answers_each_capability();
}

#[test]
#[should_panic(expected = "it recorded on topic `test.none`, which is not in its description")]
fn an_undeclared_topic_and_nobody_told() {
    suite(description(), |_, results| {
        let _ = results.try_record("test.none", &1);
        Ok(())
    })
    .answers_each_capability();
}

#[test]
#[should_panic(expected = "make it a BlockingCollector")]
fn a_blocked_thread() {
    suite(description(), |_, _| {
        // As much as it takes to be sure that nothing else was slow.
        let begin = std::time::Instant::now();
        while begin.elapsed() < Duration::from_millis(1100) {}
        Ok(())
    })
    .blocks_no_heartbeats();
}

/// Swallows that its task is cancelled.
struct Stubborn;

impl Collector for Stubborn {
    fn describe(&self) -> Description {
        description()
    }

    async fn task(&self, task: Task, _: &Recorder) -> Result<(), TaskError> {
        task.cancelled().await;
        panic!("no")
    }
}

#[test]
#[should_panic(expected = "the arguments that conformance! gives must let a task end by itself")]
fn a_task_without_an_end() {
    Suite::virtual_time(|| Stubborn).answers_each_capability();
}

/// Goes on until it is cancelled.
struct Watches;

impl Collector for Watches {
    fn describe(&self) -> Description {
        description()
    }

    async fn task(&self, task: Task, _: &Recorder) -> Result<(), TaskError> {
        task.cancelled().await;
        Err(TaskError::new("as told"))
    }
}

#[test]
fn a_task_that_goes_on_until_it_is_cancelled_can_let_go() {
    Suite::virtual_time(|| Watches).lets_go_of_what_is_cancelled();
}

/// Its stream cannot go on when it is to leave.
struct Fails;

impl Collector for Fails {
    fn describe(&self) -> Description {
        Description::of_kind("test").topic(TOPIC)
    }

    async fn stream(&self, _: Recorder) -> Result<(), TaskError> {
        sleep(Duration::from_secs(1)).await;
        Err(TaskError::new("nothing to see"))
    }
}

#[test]
#[should_panic(expected = "the collector ended (failed to stream: nothing to see) while the test waited for")]
fn a_stream_that_fails() {
    Suite::virtual_time(|| Fails).survives_a_rejection();
}
