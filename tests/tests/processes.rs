//! Collectors as processes: how they answer, fail, die and leave.

use std::process::{Command, Stdio};
use std::time::Duration;

use stook::Event;
use stook_plugin::AggregatedResult;
use stook_proto::transport::ENDPOINT_VARIABLE;
use stook_tests::host::{is_alive, processes_of};
use stook_tests::{TIMEOUT, TestHost, until};
use stook_types::{CollectorId, Outcome};

const COLLECTOR: &str = env!("CARGO_BIN_EXE_stook-test-collector");

/// A scan over three collectors; `three` behaves in a way of its own.
fn scan(three: &str) -> String {
    r#"
        [aggregate.scan]
        topics = ["t.#"]
        complete = { use = "expected" }
        timeout = "60s"
        merge = { use = "by-collector" }
        [collector.one]
        command = ["@collector", "can=list", "topic=t.list"]
        publish = ["t.list"]
        [collector.two]
        command = ["@collector", "can=hash", "topic=t.hash", "n=2"]
        publish = ["t.hash"]
        [collector.three]
        command = ["@collector", "can=sockets", "topic=t.sockets", @three]
        publish = ["t.sockets"]
        [task.scan]
        every = "50ms"
        capabilities = ["list", "hash", "sockets"]
        into = ["scan"]
    "#
    .replace("@three", three)
}

fn id(text: &str) -> CollectorId {
    CollectorId::new(text).expect("valid")
}

fn missing(set: &AggregatedResult) -> Vec<String> {
    set.missing.iter().map(|missing| format!("{}: {}", missing.collector, missing.reason)).collect()
}

/// It was released because of what happened, and not because its time was up.
fn at_once(set: &AggregatedResult) {
    assert!(Duration::from_micros(set.latency_us) < TIMEOUT / 6, "{} us", set.latency_us);
}

/// How the process of `three` ended.
async fn end_of_three(host: &mut TestHost) -> String {
    host.event(|event| match event {
        Event::CollectorExited { collector, how } if collector.as_str() == "three" => Some(how.clone()),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn three_collectors_answer_into_one_set() {
    let mut host = TestHost::builder(&scan("\"n=1\""), COLLECTOR).start().await;
    for _ in 0..3 {
        let set = host.result().await;
        assert_eq!((set.outcome, set.reason.as_str(), set.results), (Outcome::Complete, "expected", 4));
        let who: Vec<_> = set.contributors.iter().map(|who| (who.collector.as_str(), who.results)).collect();
        assert_eq!(who.len(), 3, "{who:?}");
        assert!(who.contains(&("two", 2)), "{who:?}");
        assert!(set.missing.is_empty() && set.conflicts.is_empty());
    }
    host.stop().await;
}

#[tokio::test]
async fn whose_results_are_refused_is_missing_though_its_task_is_finished() {
    let config = scan("\"n=2\"").replace(r#"publish = ["t.sockets"]"#, r#"publish = ["t.other"]"#);
    let mut host = TestHost::builder(&config, COLLECTOR).start().await;
    let why = host
        .event(|event| match event {
            Event::TaskFailed { collector: Some(who), why, .. } if who.as_str() == "three" => {
                Some(why.clone())
            }
            _ => None,
        })
        .await;
    assert_eq!(why, "2 of its results were refused, the first one: topic-not-allowed (t.sockets)");
    let set = host.result().await;
    assert_eq!((set.outcome, set.reason.as_str(), set.results), (Outcome::Partial, "collectors-lost", 3));
    assert_eq!(missing(&set), ["three: refused"]);
    at_once(&set);
    host.stop().await;
}

#[tokio::test]
async fn one_that_is_killed_is_named_at_once_and_from_then_on() {
    let mut host = TestHost::builder(&scan("\"do=hang\""), COLLECTOR).start().await;
    let pid = host.connected("three").await;
    host.assigned("three").await;
    host.handle().kill(&id("three"));
    for _ in 0..3 {
        let set = host.result().await;
        assert_eq!((set.outcome, set.reason.as_str()), (Outcome::Partial, "collectors-lost"));
        assert_eq!((missing(&set), set.results), (vec!["three: exited".to_owned()], 3));
        at_once(&set);
    }
    until("it is reaped", || !is_alive(pid)).await;
    host.stop().await;
}

#[tokio::test]
async fn an_error_or_a_panic_fails_the_task_and_not_the_collector() {
    for (how, why) in [("fail-first", "as it was told"), ("panic-first", "panicked: as it was told")] {
        let mut host = TestHost::builder(&scan(&format!("\"do={how}\"")), COLLECTOR).start().await;
        let told = host.event(|event| match event {
            Event::TaskFailed { why, .. } => Some(why.clone()),
            _ => None,
        });
        assert_eq!(told.await, why);
        let set = host.result().await;
        assert_eq!((set.outcome, set.reason.as_str()), (Outcome::Partial, "collectors-lost"), "{how}");
        assert_eq!((missing(&set), set.results), (vec!["three: task-failed".to_owned()], 3));
        at_once(&set);
        let set = host.result_where(|set| set.missing.is_empty()).await;
        assert_eq!((set.outcome, set.results), (Outcome::Complete, 4), "it lives on");
        host.stop().await;
    }
}

#[tokio::test]
async fn what_a_failed_task_sent_before_stays() {
    let mut host = TestHost::builder(&scan("\"do=answer-and-fail\""), COLLECTOR).start().await;
    let set = host.result().await;
    assert_eq!((missing(&set), set.results), (vec!["three: task-failed".to_owned()], 4));
    host.stop().await;
}

#[tokio::test]
async fn however_it_ends_it_has_exited() {
    for (does, how) in [("exit", "exit code 0"), ("abort", if cfg!(unix) { "signal 6" } else { "exit code" })]
    {
        let mut host = TestHost::builder(&scan(&format!("\"do={does}\"")), COLLECTOR).start().await;
        let set = host.result().await;
        assert_eq!(
            (set.reason.as_str(), missing(&set)),
            ("collectors-lost", vec!["three: exited".to_owned()])
        );
        at_once(&set);
        let told = end_of_three(&mut host).await;
        assert!(told.contains(how), "{told}");
        host.stop().await;
    }
}

#[tokio::test]
async fn a_grandchild_does_not_hide_that_its_parent_has_exited() {
    // It keeps the parent's output open, or its output and its connection.
    for does in ["grandchild", "keep-socket"] {
        if does == "keep-socket" && !cfg!(unix) {
            continue;
        }
        let three = format!(r#""do={does}", "leash=@here/leash""#);
        let builder = TestHost::builder(&scan(&three), COLLECTOR);
        let leash = builder.here().join("leash");
        std::fs::write(&leash, "").expect("a file");
        let mut host = builder.start().await;
        let set = host.result_where(|set| !set.missing.is_empty()).await;
        assert_eq!(missing(&set), ["three: exited"], "{does}");
        at_once(&set);
        assert_eq!(end_of_three(&mut host).await, "exit code 0");
        std::fs::remove_file(leash).expect("still there");
        host.stop().await;
    }
}

#[tokio::test]
async fn one_that_cannot_start_or_never_connects_does_not_keep_the_others() {
    let config = scan("\"n=1\"").replace(r#""@collector", "can=sockets""#, r#""/nowhere/to/be/found", "x""#);
    let mut host = TestHost::builder(&config, COLLECTOR).start().await;
    let how = end_of_three(&mut host).await;
    assert!(how.starts_with("failed to start `/nowhere/to/be/found`: "), "{how}");
    assert_eq!(host.result().await.results, 3);
    host.stop().await;

    let mut host = TestHost::builder(&scan("\"do=exit-at-once\""), COLLECTOR).start().await;
    assert_eq!(end_of_three(&mut host).await, "exit code 3");
    assert_eq!(host.result().await.results, 3);
    host.stop().await;

    // One that hangs at its start is awaited before the schedule begins, but not when the host stops.
    let mut host = TestHost::builder(&scan("\"do=never-connect\""), COLLECTOR).start().await;
    host.connected("two").await;
    let began = std::time::Instant::now();
    host.stop().await;
    assert!(began.elapsed() < Duration::from_secs(5), "it does not have the grace of those who were asked");
}

#[tokio::test]
async fn a_collector_that_nobody_spawned_connects_by_itself() {
    let config =
        scan("\"n=1\"").replace(r#"command = ["@collector", "can=sockets", "topic=t.sockets", "n=1"]"#, "");
    assert!(!config.contains("can=sockets"));
    let mut host = TestHost::builder(&config, COLLECTOR).start().await;
    let start = |host: &TestHost| {
        Command::new(COLLECTOR)
            .args(["can=sockets", "topic=t.sockets"])
            .env(ENDPOINT_VARIABLE, host.endpoint().directory())
            .env("STOOK_COLLECTOR_ID", "three")
            .stdin(Stdio::null())
            .spawn()
            .expect("it starts")
    };
    let mut three = start(&host);
    assert_eq!(host.connected("three").await, three.id());
    assert_eq!(host.result().await.outcome, Outcome::Complete, "the schedule waited for it");

    three.kill().expect("a child of ours");
    three.wait().expect("a child of ours");
    let set = host.result_where(|set| !set.missing.is_empty()).await;
    assert_eq!(missing(&set), ["three: disconnected"], "nobody here knows how its process is");

    let mut three = start(&host);
    assert_eq!(host.result_where(|set| set.missing.is_empty()).await.results, 4);
    assert_eq!(processes_of(host.endpoint()).len(), if cfg!(target_os = "linux") { 3 } else { 0 });
    // Whom the host has not spawned it does not stop: it is told, and waits for another host.
    three.kill().expect("a child of ours");
    three.wait().expect("a child of ours");
    host.stop().await;
}
