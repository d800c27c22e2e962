//! A host inside a program: what its callbacks may do to it.

use std::time::Duration;

use stook::config::{Config, Source};
use stook::{
    BuildContext, Endpoint, Event, Host, HostError, Registry, RestartRefused, Submission, SubmitRefusal,
};
use stook_tests::host::one;
use stook_types::FanOut;

const CONFIG: &str = r#"
aggregate.a = { topics = ["t.#"], timeout = "1m" }
aggregate.keyed = { topics = ["k.#"], timeout = "1m", key = ["pid"] }
collector.p = { publish = ["t.#"] }
"#;

fn builder(directory: &std::path::Path) -> stook::HostBuilder {
    let registry = Registry::builder().build().expect("no plugins, no collision");
    let source = Source::toml("stook.toml", CONFIG).unwrap();
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
    assert_eq!(error.to_string(), "there is no aggregate `b` to call back for; there are a, keyed");
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
async fn a_patience_without_end_is_a_long_one() {
    let directory = tempfile::tempdir().unwrap();
    let builder = builder(directory.path()).grace(Duration::MAX).registration(Duration::MAX);
    let handle = builder.handle();
    let stops = builder.on_event(move |_| handle.stop());
    stops.build().unwrap().run().await.expect("no clock overflows, and nobody is waited for");
}
