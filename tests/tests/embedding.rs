//! A host inside a program: what its callbacks may do to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use stook::config::{Config, Source};
use stook::{
    BuildContext, Client, Endpoint, Event, Host, HostError, Registry, RestartRefused, Submission,
    SubmitRefusal,
};
use stook_plugin::{
    AggregatedResult, Algebra, BuildError, Candidate, Conflicts, Draw, FailureDetector, MergeError,
    MergeInput, MergeStrategy, Merged, NoOptions, Plugin, Pool, Registration, ScoringPolicy, Watch,
};
use stook_tests::host::{config, one};
use stook_tests::raw::{Raw, hello, result, worker};
use stook_tests::soon;
use stook_types::{FanOut, MonoTime};

const CONFIG: &str = r#"
aggregate.a = { topics = ["t.#"], timeout = "1m" }
aggregate.keyed = { topics = ["k.#"], timeout = "1m", key = ["pid"] }
collector.p = { publish = ["t.#"] }
"#;

fn builder(directory: &std::path::Path) -> stook::HostBuilder {
    builder_of(CONFIG, directory)
}

fn builder_of(config: &str, directory: &std::path::Path) -> stook::HostBuilder {
    let registry = Registry::builder().build().expect("no plugins, no collision");
    let source = Source::toml("stook.toml", config).unwrap();
    let (config, _) = Config::load(&source, &registry, &BuildContext::default()).unwrap();
    Host::builder(config).endpoint(Endpoint::in_directory(directory.join("host")))
}

#[tokio::test]
async fn a_listener_that_panics_does_not_end_the_host() {
    let directory = tempfile::tempdir().unwrap();
    let builder = builder(directory.path());
    let handle = builder.handle();
    let listener = move |event: &Event| {
        // It stops in order all the same: `run` returns its summary.
        handle.stop();
        panic!("at {event:?}, as this test wants it");
    };
    let ended = builder.on_event(listener).build().unwrap().run().await;
    assert_eq!(ended.expect("it ends well").counters.received, 0);
}

#[tokio::test]
async fn a_callback_for_an_aggregate_that_is_not_there_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let built = builder(directory.path()).on_complete("b", |_| {}).build();
    let Err(error @ HostError::UnknownAggregate { .. }) = built.map(drop) else { panic!("it is refused") };
    assert_eq!(error.to_string(), "no aggregate is named `b`, to call back for; there is a, keyed");
}

#[tokio::test]
async fn what_is_refused_can_be_matched_on() {
    let directory = tempfile::tempdir().unwrap();
    let host = builder(directory.path()).build().unwrap();
    let (handle, asker) = (host.handle(), host.handle());
    let asks = async move {
        let task = |into| one("scan", "", into);
        let to = |id: &str| Submission { fan_out: FanOut::Ids(vec![id.parse().unwrap()]), ..task(&["a"]) };
        let each = Submission { fan_out: FanOut::Each, ..task(&["a"]) };
        let refused = [
            (task(&["b"]), SubmitRefusal::UnknownAggregate("b".into())),
            (task(&["keyed"]), SubmitRefusal::KeyedAggregate("keyed".into())),
            (to("q"), SubmitRefusal::UnknownCollector("q".parse().unwrap())),
            (each, SubmitRefusal::Unable),
        ];
        for (submission, kind) in refused {
            let refused = asker.submit(submission.clone()).await.expect_err("it is not possible");
            assert_eq!(refused.kind, kind, "{submission:?}: {refused}");
        }
        let refused = asker.restart(&"q".parse().unwrap()).await.expect_err("it is not there");
        assert_eq!(
            refused,
            RestartRefused::Unknown { collector: "q".parse().unwrap(), near: Some("p".into()) }
        );
        let p = "p".parse().unwrap();
        assert_eq!(asker.restart(&p).await, Err(RestartRefused::NotOurs(p.clone())));
        asker.stop();
        (asker, p)
    };
    let (ended, (asker, p)) = tokio::join!(host.run(), asks);
    ended.expect("it ends well");
    assert_eq!(asker.restart(&p).await, Err(RestartRefused::Stopping));
    let refused = handle.submit(one("scan", "", &[])).await.expect_err("it has ended");
    assert_eq!(refused.kind, SubmitRefusal::Stopping);
}

#[tokio::test]
async fn who_wants_to_submit_can_wait_until_the_host_is_ready() {
    let directory = tempfile::tempdir().unwrap();
    // `p` is started by nobody, and so fails to register.
    let host = builder(directory.path()).registration(Duration::from_millis(10)).build().unwrap();
    let (handle, of_another) = (host.handle(), builder(directory.path()).handle());
    let asks = async {
        assert!(handle.ready().await);
        handle.stop();
    };
    let (ended, ()) = soon(async { tokio::join!(host.run(), asks) }).await;
    ended.expect("it ends well");
    assert!(handle.ready().await, "it has been");
    assert!(!of_another.ready().await, "it was never built");
}

#[tokio::test]
async fn a_patience_without_end_is_a_long_one() {
    let directory = tempfile::tempdir().unwrap();
    let builder = builder(directory.path()).grace(Duration::MAX).registration(Duration::MAX);
    let handle = builder.handle();
    let stops = builder.on_event(move |_| handle.stop());
    stops.build().unwrap().run().await.expect("no clock overflows, and nobody is waited for");
}

/// Policies that do nothing right.
struct Bad;

impl Plugin for Bad {
    const NAME: &'static str = "bad";
    const DOCS: &'static str = "For tests.";
    type Options = NoOptions;

    fn build(_: NoOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self)
    }
}

impl MergeStrategy for Bad {
    fn algebra(&self) -> Algebra {
        Algebra::default()
    }

    fn merge(&self, input: &MergeInput<'_>, _: &mut Conflicts) -> Result<Merged, MergeError> {
        Err(MergeError::new(format!("{} is too few", input.results.len())))
    }
}

impl ScoringPolicy for Bad {
    fn cost(&self, _: &Candidate, _: &Pool<'_>) -> f64 {
        0.0
    }

    fn choose(&mut self, _: &Pool<'_>, _: &mut Draw) -> usize {
        panic!("as this test wants it")
    }
}

impl FailureDetector for Bad {
    fn heartbeat(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn watch(&self, _: MonoTime) -> Box<dyn Watch> {
        Box::new(Self)
    }
}

impl Watch for Bad {
    fn beat(&mut self, _: MonoTime) {}

    fn alive(&mut self, _: MonoTime) {
        std::thread::sleep(Duration::from_millis(60));
    }

    fn dead_at(&self) -> MonoTime {
        MonoTime::at(Duration::MAX)
    }
}

/// Scores are found by who has declared what, also by who comes later.
#[tokio::test]
async fn policies_that_misbehave_are_replaced_and_named() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::builder()
        .with(Registration::scoring::<Bad>("test"))
        .with(Registration::detection::<Bad>("test"))
        .build()
        .unwrap();
    let config = r#"
        aggregate.a = { topics = ["t.#"], timeout = "1m", topic = { "t.bad" = { score = { use = "bad" } } } }
        collector.p = { publish = ["t.#"] }
        collector.q = { publish = ["t.#"] }
        collector.r = { publish = ["t.#"], detect = { use = "bad" } }
        "#;
    let source = Source::toml("stook.toml", config).unwrap();
    let (config, _) = Config::load(&source, &registry, &BuildContext::default()).unwrap();
    let endpoint = Endpoint::in_directory(directory.path().join("host"));
    let (to_events, mut events) = tokio::sync::mpsc::channel(65_536);
    let listener = move |event: &Event| _ = to_events.try_send(event.clone());
    let host = Host::builder(config).endpoint(endpoint.clone()).on_event(listener).build().unwrap();
    let handle = host.handle();
    let asks = async move {
        soon(events.recv()).await.expect("it listens");
        let join = |id: &'static str, topic: &'static str| Raw::join(&endpoint, worker(id, topic, "scan"));
        let one = || one("scan", "", &["a"]);
        let _p = join("p", "t.good").await;
        let _q = join("q", "t.good").await;
        assert_eq!(handle.submit(one()).await.unwrap().placed.assigned, 1);
        let _r = join("r", "t.bad").await;
        assert_eq!(handle.submit(one()).await.unwrap().placed.assigned, 1, "by the engine's own rule");
        let mut told = BTreeMap::new();
        while told.len() < 2 {
            let event = soon(events.recv()).await.expect("the host runs");
            if let Event::PluginMisbehaved { plugin: "bad", kind, what } = event {
                told.entry(kind).or_insert(what);
            }
        }
        assert_eq!(told["scoring"], "has panicked or made no sense once");
        let slow = &told["detection"];
        assert!(slow.starts_with("has taken 50 ms or more "), "{slow}");
        let status = serde_json::to_value(handle.status().await.expect("it runs")).unwrap();
        assert_eq!(status["plugins"]["misbehaved"], serde_json::json!({ "bad": 1 }));
        assert!(status["plugins"]["slow"]["bad"].as_u64() >= Some(1), "{}", status["plugins"]);
        handle.stop();
    };
    let (ended, ()) = tokio::join!(host.run(), asks);
    ended.expect("it ends well");
}

#[tokio::test]
async fn a_merge_that_fails_is_told_with_its_reason() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::builder().with(Registration::merge::<Bad>("test")).build().unwrap();
    let config = r#"
        aggregate.a = { topics = ["t.#"], timeout = "1ms", merge = { use = "bad" } }
        collector.p = { publish = ["t.#"] }
        "#;
    let source = Source::toml("stook.toml", config).unwrap();
    let (config, _) = Config::load(&source, &registry, &BuildContext::default()).unwrap();
    let endpoint = Endpoint::in_directory(directory.path().join("host"));
    let (to_events, mut events) = tokio::sync::mpsc::channel(1_024);
    let (to_sets, mut sets) = tokio::sync::mpsc::channel(16);
    let host = Host::builder(config)
        .endpoint(endpoint.clone())
        .on_event(move |event| _ = to_events.try_send(event.clone()))
        .on_complete("a", move |set| _ = to_sets.try_send(serde_json::to_value(set).unwrap()));
    let host = host.build().unwrap();
    let handle = host.handle();
    let asks = async move {
        soon(events.recv()).await.expect("it listens");
        let (p, _) = Raw::join(&endpoint, hello("p", "t.x")).await;
        p.say(result(1, "1", 5)).await;
        let set = soon(sets.recv()).await.expect("it is released");
        assert_eq!((&set["reason"], &set["error"]), (&"merge-failed".into(), &"1 is too few".into()));
        let what = loop {
            let event = soon(events.recv()).await.expect("the host runs");
            if let Event::PluginMisbehaved { plugin: "bad", kind: "merge", what } = event {
                break what;
            }
        };
        assert_eq!(what, "has failed once, at last because 1 is too few");
        handle.stop();
    };
    let (ended, ()) = tokio::join!(host.run(), asks);
    ended.expect("it ends well");
}

#[tokio::test]
async fn a_callback_that_fails_for_long_is_told_and_so_is_its_recovery() {
    let directory = tempfile::tempdir().unwrap();
    let fails = Arc::new(AtomicBool::new(true));
    let endpoint = Endpoint::in_directory(directory.path().join("host"));
    let (to_events, mut events) = tokio::sync::mpsc::channel(1_024);
    let callback = fails.clone();
    let calls_back =
        move |_: &AggregatedResult| assert!(!callback.load(Ordering::Relaxed), "as this test wants it");
    let host = builder_of(&CONFIG.replace("1m", "1ms"), directory.path())
        .on_complete("a", calls_back)
        .on_event(move |event| _ = to_events.try_send(event.clone()));
    let host = host.build().unwrap();
    let handle = host.handle();
    let asks = async {
        soon(events.recv()).await.expect("it listens");
        let (p, _) = Raw::join(&endpoint, hello("p", "t.x")).await;
        p.say(result(1, "1", 5)).await;
        loop {
            match soon(events.recv()).await.expect("the host runs") {
                Event::SinkFailing { sink, why } => {
                    assert_eq!((&*sink, why.as_str()), ("a", "the sink panicked"));
                    fails.store(false, Ordering::Relaxed);
                }
                Event::SinkRecovered { sink } => {
                    assert_eq!((&*sink, fails.load(Ordering::Relaxed)), ("a", false));
                    break;
                }
                _ => {}
            }
        }
        handle.stop();
    };
    let (ended, ()) = tokio::join!(host.run(), asks);
    ended.expect("it ends well");
}

/// An operator reads more than a collector may send in a frame.
#[tokio::test]
async fn a_status_of_very_many_is_given() {
    let directory = tempfile::tempdir().unwrap();
    let many: String =
        (0..4_000).map(|n| format!("[collector.procmond-{n}]\npublish = [\"t.#\"]\n")).collect();
    let config =
        config(&format!("[aggregate.a]\ntopics = [\"t.#\"]\ntimeout = \"1m\"\n{many}"), directory.path());
    let endpoint = Endpoint::in_directory(directory.path().join("host"));
    let host = Host::builder(config).endpoint(endpoint.clone());
    let (handle, listens) = (host.handle(), Arc::new(tokio::sync::Notify::new()));
    let listener = listens.clone();
    let host = host.on_event(move |_| listener.notify_one()).build().unwrap();
    let asks = async move {
        soon(listens.notified()).await;
        let status = Client::connect(&endpoint).await.unwrap().status().await.expect("it is answered");
        let status = serde_json::to_value(status).unwrap();
        assert_eq!(status["collectors"].as_array().map(Vec::len), Some(4_000));
        handle.stop();
    };
    let (ended, ()) = tokio::join!(host.run(), asks);
    ended.expect("it ends well");
}
