//! Real programs against a host in memory, and a clock that runs.

use std::ffi::OsString;
use std::time::Duration;

use clap::Parser;
use stook_collector::Value;
use stook_collector::testing::{Report, TaskEnd, TestHost, TestResult};

use super::process::{Gone, Keeper};
use super::{Args, Exec};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: Args,
}

/// What a command line makes, with `sh -c` and this script at its end.
fn exec(options: &[&str], script: &str) -> (Exec, Gone) {
    let sh = ["--", "sh", "-c", script];
    let line = ["exec"].into_iter().chain(options.iter().copied()).chain(sh).map(OsString::from);
    let Command { args } = Command::try_parse_from(line).unwrap_or_else(|error| panic!("{error}"));
    let (keeper, gone) = Keeper::new(args.grace.0);
    (args.collector(keeper), gone)
}

async fn start(options: &[&str], script: &str) -> TestHost {
    TestHost::start(exec(options, script).0).await
}

fn values(results: &[TestResult]) -> Vec<Value> {
    results.iter().map(|result| result.value.clone()).collect()
}

#[tokio::test]
async fn a_program_ends_and_its_collector_with_it() {
    let host = start(&["--topic", "t.a"], "printf '1\\n\\n{\"n\": 2}\\nnone\\n3'").await;
    let results = host.wait_for_results(3).await;
    assert_eq!(
        values(&results),
        [1.into(), Value::from([("n", 2)]), 3.into()],
        "each line that is one, and no other"
    );
    assert!(results.iter().all(|result| result.topic == "t.a" && result.timestamp.is_some()));
    assert!(
        results.iter().all(|result| result.correlation_id == results[0].correlation_id),
        "one run, one id"
    );
    host.end().await.expect("a good end");
}

#[tokio::test]
async fn what_failed_is_said_with_its_last_words() {
    let host = start(&[], "echo 1; echo 'no such disk' >&2; echo >&2; exit 3").await;
    assert_eq!(host.wait_for_results(1).await[0].topic, "events.sh");
    let error = host.end().await.unwrap_err();
    assert_eq!(error.exit_code(), 1);
    let text = "failed to stream: `sh` ended with exit status: 3; it last said: no such disk";
    assert_eq!(error.to_string(), text);
}

#[tokio::test]
async fn a_line_says_its_topic_and_what_it_belongs_to() {
    let options = ["--topic", "t.a", "--topic", "t.b", "--topic-field", "t", "--id-field", "job"];
    let script =
        r#"echo '{"job": 1}'; echo '{"t": "t.b", "job": "x"}'; echo '{"t": "t.c", "job": 2}'; echo '{}'"#;
    let host = start(&options, script).await;
    let results = host.wait_for_results(2).await;
    let said = results.iter().map(|result| (result.topic.as_str(), result.correlation_id.to_string()));
    assert_eq!(said.collect::<Vec<_>>(), [("t.a", "1".into()), ("t.b", "x".into())]);
    host.end().await.expect("two lines that are none harm nothing");
}

#[tokio::test]
async fn a_long_line_harms_no_other() {
    let host = start(&["--max-line", "10B"], "echo 1; echo 12345678901; echo 1234567890; echo 2").await;
    assert_eq!(values(&host.wait_for_results(3).await), [1, 1_234_567_890, 2].map(Value::from));
    host.end().await.expect("a good end");
}

#[tokio::test]
async fn once_per_period() {
    // The second run fails, and the third comes nevertheless.
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("runs");
    let script = format!("echo >> {0}; n=$(wc -l < {0}); echo $n; [ $n -ne 2 ]", file.display());
    let host = start(&["--every", "10ms"], &script).await;
    let results = host.wait_for_results(3).await;
    assert_eq!(values(&results[..3]), [1, 2, 3].map(Value::from));
    assert_ne!(results[0].correlation_id, results[1].correlation_id, "each run has an id of its own");
    assert!(results[..3].iter().all(|result| result.last), "each has one line, which is its last");
    host.stop();
    host.end().await.expect("a good end");
}

#[tokio::test]
async fn a_run_has_a_last_line_and_lines_say_that_they_are() {
    let host = start(&["--every", "1h", "--correlation-id", "mine"], "echo 1; echo 2; echo; echo 3").await;
    let results = host.wait_for_results(3).await;
    let last: Vec<_> = results.iter().map(|result| result.last).collect();
    assert_eq!((values(&results), last), ([1, 2, 3].map(Value::from).into(), vec![false, false, true]));
    assert!(results.iter().all(|result| result.correlation_id.to_string() == "mine"));

    let script = r#"echo '{"end": false}'; echo '{"end": true}'"#;
    let host = start(&["--last-field", "end"], script).await;
    let results = host.wait_for_results(2).await;
    assert_eq!(results.iter().map(|result| result.last).collect::<Vec<_>>(), [false, true]);
}

#[tokio::test]
async fn what_is_said_on_the_way_out_is_heard() {
    let script = "trap 'echo 2; kill $!; exit 1' TERM; tail -f /dev/null & echo 1; wait";
    let (collector, gone) = exec(&[], script);
    let host = TestHost::start(collector).await;
    host.wait_for_results(1).await;
    host.stop();
    assert_eq!(values(&host.wait_for_results(2).await), [1, 2].map(Value::from));
    host.end().await.expect("it was told to, however it ended");
    gone.wait().await;
}

#[tokio::test]
async fn for_each_task() {
    let host = start(&["--capability", "test.run", "--topic", "t.a"], "cat; echo; exit 0").await;
    let arguments = Value::from([("text", "x".repeat(200_000))]);
    let results = host.task("test.run", &arguments).await.expect_done();
    assert_eq!((values(&results), &*results[0].topic), (vec![arguments], "t.a"));
    let failed = start(&["--capability", "test.run"], "echo '[]'; kill -9 $$").await;
    let Report { end, results, .. } = failed.task("test.run", ()).await;
    let why = "`sh` ended with signal: 9 (SIGKILL)".to_owned();
    assert_eq!((end, values(&results)), (TaskEnd::Failed(why), vec![Value::Array(vec![])]));
    // A program may leave its input alone, and its output to others.
    let careless = start(&["--capability", "test.run"], "exec <&-; sleep 60 & echo 1").await;
    assert_eq!(values(&careless.task("test.run", &"x".repeat(200_000)).await.expect_done()), [1.into()]);
}

#[tokio::test]
async fn a_program_that_is_not_there() {
    let line = ["exec", "--capability", "test.run", "--", "/no/such/program"];
    let args = Command::parse_from(line).args;
    let host = TestHost::start(args.collector(Keeper::new(Duration::ZERO).0)).await;
    let why = "failed to start `/no/such/program`: No such file or directory (os error 2)";
    assert_eq!(host.task("test.run", ()).await.expect_failed(), why);
}

#[tokio::test]
async fn a_program_that_nobody_wants_is_told_so_and_then_killed() {
    // Says on its way out that it has heard.
    let directory = tempfile::tempdir().expect("a directory");
    let heard = directory.path().join("heard");
    let polite = "trap 'echo > HEARD; kill $!; exit 0' TERM; tail -f /dev/null & echo 1; wait";
    let polite = polite.replace("HEARD", heard.to_str().expect("text"));
    let (collector, gone) = exec(&[], &polite);
    let host = TestHost::start(collector).await;
    host.wait_for_results(1).await;
    host.drain(Duration::from_secs(5));
    host.end().await.expect("a good end");
    gone.wait().await;
    assert!(heard.exists(), "it had time to say so");

    let (collector, gone) =
        exec(&["--capability", "test.run", "--grace", "1ms"], "trap '' TERM; echo 1; exec tail -f /dev/null");
    let host = TestHost::start(collector).await;
    let task = host.assign("test.run", ()).await;
    host.wait_for_results(1).await;
    task.cancel();
    assert_eq!(task.end().await.expect_failed(), "cancelled by the host");
    host.stop();
    host.end().await.expect("a good end");
    tokio::time::timeout(Duration::from_secs(20), gone.wait()).await.expect("it is killed");
}

stook_collector::conformance!(
    mod as_a_collector: real_time exec(&["--capability", "test.run", "--topic", "t.a"], "echo 1; echo 2; cat").0,
    "test.run" => 3
);
