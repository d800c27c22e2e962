//! A second process that consumes: what it gets, what waits for it, and whom it holds up.

mod consuming;
#[cfg(unix)]
mod crash;
mod looking_on;

use std::future::Future;

use stook::{Client, ClientError, Consumer, Seen, Set, Tap};
use stook_proto::wire;
use stook_tests::raw::{Raw, hello, item};
use stook_tests::{TestHost, soon};

const COLLECTOR: &str = env!("CARGO_BIN_EXE_stook-test-collector");

/// Two aggregates of sets of one: what `safe` releases is consumed, and acknowledged to its collectors after that.
const TWO: &str = r#"
    [aggregate.safe]
    topics = ["safe.#"]
    complete = { use = "count", count = 1 }
    timeout = "60s"
    ack = "delivered"
    deliver = ["detector"]
    [aggregate.fast]
    topics = ["fast.#"]
    complete = { use = "count", count = 1 }
    timeout = "60s"
    deliver = ["file"]
    [collector.raw-1]
    publish = ["safe.#", "fast.#"]
    [sink.detector]
    use = "consumer"
    [sink.file]
    use = "jsonl"
    path = '@here/fast.jsonl'
"#;

const SAFE: u32 = 0;
const FAST: u32 = 1;

async fn two() -> (TestHost, Raw) {
    start(TestHost::builder(TWO, COLLECTOR).start().await).await
}

async fn start(host: TestHost) -> (TestHost, Raw) {
    let topics = vec!["safe.x".into(), "fast.x".into()];
    let hello = wire::Hello { topics, replay_capacity: 16_384, ..hello("raw-1", "safe.x") };
    let (raw, _) = Raw::join(host.endpoint(), hello).await;
    (host, raw)
}

/// A set of one for each of these numbers, which are its value too.
fn on(topic: u32, sequences: std::ops::RangeInclusive<u64>) -> wire::Results {
    let item = |n| wire::results::Item { topic, ..item(n, &format!("set {n}"), n as i64) };
    wire::Results { items: sequences.map(item).collect() }
}

async fn client(host: &TestHost) -> Client {
    soon(Client::connect(host.endpoint())).await.expect("a host listens")
}

async fn consume(host: &TestHost) -> Consumer {
    soon(client(host).await.consume("detector")).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn tap(host: &TestHost, aggregates: &[&str]) -> Tap {
    soon(client(host).await.tap(aggregates.iter().copied())).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn next(consumer: &mut Consumer) -> Set {
    soon(consumer.next()).await.expect("the connection holds").expect("the host runs")
}

async fn seen(tap: &mut Tap) -> Seen {
    soon(tap.next()).await.expect("the connection holds").expect("the host runs")
}

/// The number in a set of one.
fn number(set: &Set) -> u64 {
    set.value().as_array().expect("a list")[0].as_int().expect("a number") as u64
}

async fn refusal(subscription: impl Future<Output = Result<impl Sized, ClientError>>) -> (String, String) {
    let Err(error) = soon(subscription).await else { panic!("it is taken") };
    assert!(!error.is_temporary(), "somebody has to change something: {error}");
    match error {
        ClientError::Refused { text, remedy } => (text, remedy),
        error => panic!("{error}"),
    }
}

/// What the status says of the consumer's sink, when this holds of it.
async fn sink_where(
    host: &TestHost,
    what: &str,
    wanted: impl Fn(&serde_json::Value) -> bool,
) -> serde_json::Value {
    let detector = |status: &serde_json::Value| {
        let mut sinks = status["sinks"].as_array().expect("a list").iter();
        sinks.find(|sink| sink["name"] == "detector").expect("it is there").clone()
    };
    detector(&host.status_where(what, |status| wanted(&detector(status))).await)
}

const MANY: u64 = 20_000;

/// A collector that streams, as config.
fn collector(id: &str, topic: &str) -> String {
    format!(
        "[collector.{id}]\ncommand = [\"@collector\", \"topic={topic}\", \"n={MANY}\"]\npublish = [\"{topic}\"]"
    )
}
