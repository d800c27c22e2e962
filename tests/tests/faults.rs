//! What goes wrong slowly: hangs, sessions that come and go, hosts that die.

use std::process::{Command, Stdio};
use std::time::Duration;

use stook::Event;
use stook_proto::transport::Endpoint;
use stook_tests::host::processes_of;
use stook_tests::raw::{Raw, hello, result};
use stook_tests::{TestHost, until};
use stook_types::Outcome;

const COLLECTOR: &str = env!("CARGO_BIN_EXE_stook-test-collector");

#[tokio::test]
async fn who_hangs_is_not_waited_for_beyond_the_timeout() {
    let config = r#"
        [aggregate.scan]
        topics = ["t.#"]
        complete = { use = "expected" }
        timeout = "2s"
        [collector.good]
        command = ["@collector", "can=list", "topic=t.good"]
        publish = ["t.good"]
        [collector.stuck]
        command = ["@collector", "can=list", "topic=t.stuck", "do=hang"]
        publish = ["t.stuck"]
        [task.scan]
        every = "50ms"
        capabilities = ["list"]
        into = ["scan"]
    "#;
    let mut host = TestHost::builder(config, COLLECTOR).grace(Duration::from_secs(1)).start().await;
    // It has one task, so many wait for it; that the next one cannot wait is said at once.
    let why = host.event(|event| match event {
        Event::TaskFailed { collector: Some(collector), why, .. } => {
            Some((collector.to_string(), why.clone()))
        }
        _ => None,
    });
    let keeps_up = "the collector does not keep up: too many tasks wait for it";
    assert_eq!(why.await, ("stuck".into(), keeps_up.into()));
    let set = host.result().await;
    assert_eq!((set.reason.as_str(), set.results), ("collectors-lost", 1));
    assert_eq!(set.missing[0].reason.as_str(), "task-failed");
    // The first ones end when their time is up.
    let set = host.result_where(|set| set.reason.as_str() == "timeout").await;
    assert_eq!((set.outcome, set.results), (Outcome::Partial, 1));
    assert_eq!((set.missing[0].collector.as_str(), set.missing[0].reason.as_str()), ("stuck", "timeout"));
    assert!(Duration::from_micros(set.latency_us) >= Duration::from_secs(2));
    host.stop().await;
}

#[tokio::test]
async fn sessions_come_and_go_and_leave_nothing() {
    let config = r#"
        [aggregate.a]
        topics = ["t.#"]
        complete = { use = "count", count = 1 }
        timeout = "60s"
        ack = "delivered"
        [collector.raw-1]
        publish = ["t.#"]
    "#;
    let mut host = TestHost::builder(config, "").start().await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for turn in 0..100 {
        let id = format!("turn {turn}");
        let (mut raw, _) = Raw::join(host.endpoint(), hello("raw-1", "t.x")).await;
        raw.say(result(1, &id, turn)).await;
        if turn % 2 == 0 {
            raw.acknowledged(1).await;
        }
        drop(raw);
        host.event(|event| matches!(event, Event::CollectorLost { .. }).then_some(())).await;
        // What was written before the end is read before it.
        assert_eq!(host.result().await.correlation_id.to_string(), id);
    }
    until("every session's task has ended", || tasks() == before).await;
    assert_eq!(host.stop().await.counters.delivered, 100);
}

#[tokio::test]
async fn collectors_do_not_outlive_a_host_that_was_killed() {
    let directory = tempfile::Builder::new().prefix("stook").tempdir().expect("a directory");
    let config = r#"
        [aggregate.a]
        topics = ["t.#"]
        timeout = "60s"
        [collector.idle]
        command = ["@collector", "can=list", "topic=t.x"]
        publish = ["t.#"]
        [collector.busy]
        command = ["@collector", "topic=t.x"]
        publish = ["t.#"]
    "#;
    let file = directory.path().join("host.toml");
    std::fs::write(&file, config.replace("@collector", COLLECTOR)).expect("written");
    let endpoint = Endpoint::in_directory(directory.path().join("host"));
    let mut host = Command::new(env!("CARGO_BIN_EXE_stook-test-host"))
        .args([file.as_path(), endpoint.directory()])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    if cfg!(target_os = "linux") {
        until("its collectors are there", || processes_of(&endpoint).len() == 2).await;
    }
    host.kill().expect("a child of ours");
    host.wait().expect("a child of ours");
    // They wait for another host for `orphan_grace`, 10 s, and no longer.
    until("they have given up", || processes_of(&endpoint).is_empty()).await;
    // Its socket is dead, and in nobody's way.
    let next = endpoint.lock().expect("the system has freed it").bind().await;
    assert!(next.is_ok(), "{next:?}");
}
