//! A host inside a program: what its callbacks may do to it.

use stook::config::{Config, Source};
use stook::{BuildContext, Endpoint, Event, Host, HostError, Registry};

fn builder(directory: &std::path::Path) -> stook::HostBuilder {
    let registry = Registry::builder().build().expect("no plugins, no collision");
    let source =
        Source::toml("stook.toml", "aggregate.a = { topics = [\"t.#\"], timeout = \"1m\" }").unwrap();
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
    assert_eq!(error.to_string(), "there is no aggregate `b` to call back for; there are a");
}
