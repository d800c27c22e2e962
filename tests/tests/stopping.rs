//! How a host comes to its end, or does not come to its start.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use stook::{Endpoint, Host, HostError};
use stook_plugin::AggregatedResult;
use stook_proto::transport::EndpointError;
use stook_proto::wire;
use stook_tests::gate::{Gate, Mode};
use stook_tests::host::{config, processes_of};
use stook_tests::raw::{Raw, answer, hello, result, worker};
use stook_tests::{TestHost, soon, until};

const COLLECTOR: &str = env!("CARGO_BIN_EXE_stook-test-collector");

/// One collector that is spawned and behaves as said, one that comes by itself.
fn scan(does: &str) -> String {
    r#"
        [aggregate.scan]
        topics = ["t.#"]
        complete = { use = "expected" }
        timeout = "60s"
        [collector.child]
        command = ["@collector", "can=list", "topic=t.list", "do=@does"]
        publish = ["t.list"]
        [collector.raw-1]
        publish = ["t.raw"]
        [task.scan]
        every = "1h"
        capabilities = ["list"]
        into = ["scan"]
    "#
    .replace("@does", does)
}

fn missing(set: &AggregatedResult) -> Vec<String> {
    set.missing.iter().map(|missing| format!("{}: {}", missing.collector, missing.reason)).collect()
}

#[tokio::test]
async fn open_sets_are_released_with_what_they_have() {
    let mut host = TestHost::builder(&scan("hang"), COLLECTOR).grace(Duration::from_secs(1)).start().await;
    let (mut raw, _) = Raw::join(host.endpoint(), worker("raw-1", "t.raw", "list")).await;
    let task = raw.assignment().await;
    host.assigned("child").await;
    raw.say(answer(1, &task, 1)).await;
    raw.acknowledged(1).await;
    let (ended, released) = host.end().await;
    let summary = ended.expect("the sinks took it");
    let [set] = &released[..] else { panic!("{released:?}") };
    assert_eq!((set.outcome.as_str(), set.reason.as_str(), set.results), ("partial", "shutdown", 1));
    // Neither was lost: they were not given the time.
    assert_eq!(missing(set), ["child: outstanding", "raw-1: outstanding"]);
    assert_eq!((summary.counters.delivered, summary.counters.released), (1, 1));
}

#[tokio::test]
async fn a_drained_collector_finishes_its_task() {
    let config = scan("slow\", \"ms=300");
    let mut host = TestHost::builder(&config, COLLECTOR).start().await;
    let (raw, _) = Raw::join(host.endpoint(), hello("raw-1", "t.raw")).await;
    host.assigned("child").await;
    drop(raw);
    let began = Instant::now();
    let (_, released) = host.end().await;
    let [set] = &released[..] else { panic!("{released:?}") };
    assert_eq!((set.outcome.as_str(), set.reason.as_str(), set.results), ("complete", "expected", 1));
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "it leaves when it is done, not when its grace is over"
    );
}

#[tokio::test]
async fn who_does_not_leave_is_made_to() {
    let grace = Duration::from_secs(1);
    let mut host = TestHost::builder(&scan("stay"), COLLECTOR).grace(grace).start().await;
    host.connected("child").await;
    let began = Instant::now();
    // This checks as well that it is gone and reaped.
    host.stop().await;
    assert!(began.elapsed() < 5 * grace);
}

#[tokio::test]
async fn a_sink_that_never_recovers_is_not_waited_for_without_end() {
    for mode in [Mode::Fail, Mode::Block] {
        let config = r#"
            [aggregate.a]
            topics = ["t.#"]
            complete = { use = "count", count = 1 }
            timeout = "60s"
            ack = "delivered"
            deliver = ["gate"]
            [collector.raw-1]
            publish = ["t.#"]
            [sink.gate]
            use = "tests/gate"
            name = "@gate"
        "#;
        let name = format!("never-{mode:?}");
        let gate = Gate::named(&name);
        gate.set(mode);
        let config = config.replace("@gate", &name);
        let grace = Duration::from_secs(1);
        let host = TestHost::builder(&config, "").grace(grace).start().await;
        let (mut raw, _) = Raw::join(host.endpoint(), hello("raw-1", "t.x")).await;
        raw.say(result(1, "a", 1)).await;
        until("the sink is asked", || gate.attempts() > 0).await;
        let began = Instant::now();
        let (ended, _) = host.end().await;
        assert!(matches!(ended, Err(HostError::Undelivered(1))), "{ended:?}");
        assert!(began.elapsed() < 5 * grace);
        // The collector still has it: it was never told otherwise.
        let last = raw.next().await;
        assert!(
            matches!(&last, Some(wire::frame::Body::Credit(_))),
            "credit came back when it was in its set: {last:?}"
        );
        assert_eq!(raw.rejected().await.reason(), wire::reject::Reason::ShuttingDown);
        gate.set(Mode::Open);
    }
}

#[tokio::test]
async fn a_dropped_run_leaves_no_process() {
    let mut host = TestHost::builder(&scan("hang"), COLLECTOR).start().await;
    host.connected("child").await;
    let endpoint = host.endpoint().clone();
    host.abort().await;
    until("its children are killed", || processes_of(&endpoint).is_empty()).await;
}

#[tokio::test]
async fn a_second_host_of_the_same_name_is_refused_and_harms_nothing() {
    let text = scan("answer");
    let mut host = TestHost::builder(&text, COLLECTOR).start().await;
    host.connected("child").await;
    let second = Host::builder(config(&text, host.here())).endpoint(host.endpoint().clone());
    let second = soon(second.build().expect("a good config").run()).await;
    match second {
        Err(HostError::Endpoint(EndpointError::HostRunning { pid, .. })) => {
            assert_eq!(pid, Some(std::process::id()));
        }
        other => panic!("{other:?}"),
    }
    // The first has its socket, its collector and its task.
    let (mut raw, _) = Raw::join(host.endpoint(), hello("raw-1", "t.raw")).await;
    assert_eq!(host.result().await.results, 1);
    raw.say(result(1, "mine", 1)).await;
    raw.acknowledged(1).await;
    drop(raw);
    host.stop().await;
}

#[tokio::test]
async fn what_is_in_the_way_is_named_and_stays() {
    let directory = tempfile::tempdir().expect("a directory");
    let text = "[aggregate.a]\ntopics = [\"t.#\"]\ntimeout = \"1s\"";
    let run = async |endpoint: &Endpoint| {
        let host =
            Host::builder(config(text, Path::new("/"))).endpoint(endpoint.clone()).build().expect("good");
        soon(host.run()).await.expect_err("something is in the way").to_string()
    };
    let endpoint = Endpoint::in_directory(directory.path().join("host"));
    endpoint.create_directory().expect("free");
    let socket = endpoint.directory().join("socket");
    std::fs::write(&socket, "precious").expect("written");
    let error = run(&endpoint).await;
    assert!(error.ends_with("is in the way: a file; remove it if nobody needs it"), "{error}");
    assert_eq!(std::fs::read_to_string(&socket).expect("still there"), "precious");

    let taken = Endpoint::in_directory(directory.path().join("file"));
    std::fs::write(taken.directory(), "").expect("written");
    let error = run(&taken).await;
    assert!(error.contains("is not private: it is no directory"), "{error}");
}

#[tokio::test]
async fn a_host_in_a_process_of_its_own() {
    let directory = tempfile::Builder::new().prefix("stook").tempdir().expect("a directory");
    let (file, out) = (directory.path().join("host.toml"), directory.path().join("out.jsonl"));
    let text = scan("answer")
        .replace("\"1h\"", "\"20ms\"")
        .replace("[collector.raw-1]\n        publish = [\"t.raw\"]", "")
        + &format!("[sink.out]\nuse = \"jsonl\"\npath = '{}'\n", out.display());
    let text =
        text.replace("@collector", COLLECTOR).replace("timeout", "deliver = [\"out\"]\n        timeout");
    std::fs::write(&file, text).expect("written");
    let endpoint = Endpoint::in_directory(directory.path().join("host"));
    let mut host = Command::new(env!("CARGO_BIN_EXE_stook-test-host"))
        .args([file.as_path(), endpoint.directory()])
        .stdin(Stdio::piped())
        .spawn()
        .expect("it starts");
    let lines = || std::fs::read_to_string(&out).unwrap_or_default().lines().count();
    until("sets are written", || lines() >= 3).await;
    drop(host.stdin.take());
    assert!(host.wait().expect("a child of ours").success());
    assert!(!endpoint.directory().exists());
    until("no collector is left", || processes_of(&endpoint).is_empty()).await;
    for line in std::fs::read_to_string(&out).expect("written").lines() {
        let set: serde_json::Value = serde_json::from_str(line).expect("one object a line");
        assert_eq!(set["aggregate"], "scan");
        // The last scan may have come to a collector that was leaving.
        match set["outcome"].as_str() {
            Some("complete") => assert_eq!(set["contributors"][0]["collector"], "child", "{line}"),
            _ => assert_eq!((&set["reason"], &set["results"]), (&"shutdown".into(), &0.into()), "{line}"),
        }
    }
}
