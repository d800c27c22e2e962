//! A second process that consumes: what it gets, what waits for it, and whom it holds up.

use std::future::Future;
use std::time::Duration;

use stook::{Client, ClientError, Consumer, HostError, HostLimits, Seen, Set, Tap};
use stook_proto::wire::{self, frame::Body};
use stook_tests::raw::{Raw, hello, item};
use stook_tests::{TestHost, soon, until};
use stook_types::Value;

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

#[tokio::test]
async fn what_it_acknowledges_is_acknowledged_to_collectors_and_not_before() {
    let (host, mut raw) = two().await;
    let mut consumer = consume(&host).await;
    raw.say(on(SAFE, 1..=3)).await;
    let sets = [next(&mut consumer).await, next(&mut consumer).await, next(&mut consumer).await];
    assert_eq!(sets.each_ref().map(number), [1, 2, 3]);
    assert_eq!((sets[0].aggregate(), sets[0].reason()), ("safe", "count"));
    assert_eq!(sets[0].correlation_id(), &Value::from("set 1"));
    // Those of another aggregate are acknowledged meanwhile, and nothing of these.
    raw.say(on(FAST, 4..=4)).await;
    let settled = raw.ack().await.settled.unwrap_or_default();
    assert_eq!((settled.floor, settled.ranges), (0, vec![wire::Range { first: 4, last: 4 }]));
    soon(consumer.ack(&sets[1])).await.unwrap();
    raw.acknowledged(2).await;
    sink_where(&host, "one is left", |sink| sink["waiting"] == 1 && sink["consumer"]["unacknowledged"] == 1)
        .await;
    soon(consumer.ack(&sets[2])).await.unwrap();
    raw.acknowledged(4).await;
    drop((raw, consumer));
    host.stop().await;
}

#[tokio::test]
async fn what_it_did_not_acknowledge_comes_again_to_the_next_in_order() {
    let (host, mut raw) = two().await;
    // Released before anybody is there.
    raw.say(on(SAFE, 1..=4)).await;
    let sink = sink_where(&host, "all wait", |sink| sink["waiting"] == 4).await;
    assert_eq!(sink["consumer"], serde_json::json!({ "connected": false, "pid": null, "unacknowledged": 0 }));

    let mut first = consume(&host).await;
    let sets = [next(&mut first).await, next(&mut first).await, next(&mut first).await];
    soon(first.ack(&sets[0])).await.unwrap();
    raw.acknowledged(1).await;
    drop(first);
    let mut second = consume(&host).await;
    for again in &sets[1..] {
        let set = next(&mut second).await;
        assert_eq!((number(&set), set.emission_id()), (number(again), again.emission_id()));
        assert_eq!(set.as_value(), again.as_value());
    }
    let last = next(&mut second).await;
    assert_eq!(number(&last), 4);
    soon(second.ack(&last)).await.unwrap();
    raw.acknowledged(4).await;
    drop((raw, second));
    let counters = host.stop().await.counters;
    assert_eq!((counters.received, counters.delivered), (4, 4), "none twice, however often it came");
}

#[tokio::test]
async fn a_second_is_refused_and_one_that_follows_is_not() {
    let (host, raw) = two().await;
    let mut consumer = consume(&host).await;
    let (text, remedy) = refusal(client(&host).await.consume("detector")).await;
    assert_eq!(text, format!("the sink `detector` has a consumer already: process {}", std::process::id()));
    assert_eq!(remedy, "end that one, or give this one a sink of its own");
    // At once after the one before, though the host may not have seen its end.
    for _ in 0..20 {
        drop(consumer);
        consumer = consume(&host).await;
    }
    drop((consumer, raw));
    host.stop().await;
}

#[tokio::test]
async fn who_asks_for_what_is_not_there_is_told_what_is() {
    let (host, raw) = two().await;
    let no_sink = "there is no sink `detektor` that an aggregate delivers to";
    let remedy = "did you mean `detector`? there is detector, file";
    assert_eq!(refusal(client(&host).await.consume("detektor")).await, (no_sink.into(), remedy.into()));
    let another = "the sink `file` is no consumer's: it is of the kind `jsonl`";
    let remedy = "for consumers there is detector";
    assert_eq!(refusal(client(&host).await.consume("file")).await, (another.into(), remedy.into()));
    let (no_aggregate, remedy) = ("no aggregate is named `fsat`", "did you mean `fast`? there is safe, fast");
    let subscription = client(&host).await.tap(["safe", "fsat"]);
    assert_eq!(refusal(subscription).await, (no_aggregate.into(), remedy.into()));
    drop(raw);
    let gone = host.endpoint().clone();
    host.stop().await;
    let error = soon(Client::connect(&gone)).await.err().expect("there is no host any more");
    assert!(error.is_temporary(), "it may be started again: {error}");
}

#[tokio::test]
async fn whoever_looks_on_sees_what_is_released_and_is_waited_for_by_nobody() {
    let (host, mut raw) = two().await;
    raw.say(on(FAST, 1..=1)).await;
    raw.acknowledged(1).await;
    let (mut all, mut safe) = (tap(&host, &[]).await, tap(&host, &["safe"]).await);
    raw.say(on(FAST, 2..=2)).await;
    raw.say(on(SAFE, 3..=3)).await;
    for (tap, aggregates) in [(&mut all, &["fast", "safe"][..]), (&mut safe, &["safe"])] {
        for aggregate in aggregates {
            match seen(tap).await {
                Seen::Set(set) => assert_eq!(set.aggregate(), *aggregate),
                other => panic!("{other:?}"),
            }
        }
    }
    sink_where(&host, "it waits for its consumer", |sink| sink["waiting"] == 1).await;
    // What a consumer takes was seen, and is no news.
    let mut consumer = consume(&host).await;
    let set = next(&mut consumer).await;
    soon(consumer.ack(&set)).await.unwrap();
    raw.acknowledged(3).await;
    host.handle().stop();
    assert_eq!(soon(all.next()).await.unwrap(), None, "the host stops");
    assert_eq!(soon(safe.next()).await.unwrap(), None);
    drop((raw, consumer));
    host.stop().await;
}

const MANY: u64 = 20_000;

#[tokio::test]
async fn whoever_is_too_slow_to_look_on_is_told_what_was_skipped_and_slows_nobody() {
    let config = TWO.replace("[sink.detector]", &format!("{}\n[sink.detector]", collector("free", "fast.x")));
    let mut host = TestHost::builder(&config, COLLECTOR).start().await;
    let mut slow = Raw::connect(host.endpoint()).await;
    let version = wire::Subscribe { protocol_major: 1, ..wire::Subscribe::default() };
    slow.say(wire::Subscribe { aggregates: vec!["fast".into()], ..version }).await;
    let mut number = 0;
    while number < MANY {
        number += host.result_where(|set| &*set.aggregate == "fast").await.results;
    }
    let (mut sets, mut skipped, mut gaps) = (0, 0, 0);
    while sets + skipped < MANY {
        let aggregate =
            slow.hear(|body| if let Body::Aggregate(set) = body { Some(set) } else { None }).await;
        if aggregate.skipped > 0 {
            assert_eq!((aggregate.number, aggregate.set.len()), (0, 0), "a gap has no set");
            (skipped, gaps) = (skipped + aggregate.skipped, gaps + 1);
        } else {
            sets += 1;
            assert_eq!(aggregate.number, sets);
        }
    }
    assert_eq!(sets + skipped, MANY);
    assert!(gaps > 0 && sets > 1_024, "{sets} sets came, {skipped} were skipped in {gaps} gaps");
    drop(slow);
    host.stop().await;
}

/// A collector that streams, as config.
fn collector(id: &str, topic: &str) -> String {
    format!(
        "[collector.{id}]\ncommand = [\"@collector\", \"topic={topic}\", \"n={MANY}\"]\npublish = [\"{topic}\"]"
    )
}

#[tokio::test]
async fn a_consumer_that_is_not_there_holds_up_the_producers_of_its_aggregate_only() {
    let config = TWO.replace("\"delivered\"", "\"accepted\"");
    let config = [config, collector("slowed", "safe.x"), collector("free", "fast.x")].join("\n");
    let mut host = TestHost::builder(&config, COLLECTOR).start().await;
    let (mut fast, mut safe) = (0, 0);
    while fast < MANY {
        match &*host.result().await.aggregate {
            "fast" => fast += 1,
            _ => safe += 1,
        }
    }
    assert!(safe < MANY / 2, "{safe} of the others entered: their outbox has a bound");
    let status = host.status().await;
    assert_eq!(status["aggregates"][0]["held_up_by"], serde_json::json!(["sink detector"]), "{status:#}");
    sink_where(&host, "it is full", |sink| sink["full"] == true && sink["consumer"]["connected"] == false)
        .await;

    // It comes, and leaves now and then with many that it has not acknowledged.
    let mut taken = 0;
    while taken < MANY {
        let mut consumer = consume(&host).await;
        let until = (taken + MANY / 3).min(MANY);
        while taken < until {
            let set = next(&mut consumer).await;
            assert_eq!(number(&set), taken, "in order, and no more once it was acknowledged");
            soon(consumer.ack(&set)).await.unwrap();
            taken += 1;
        }
    }
    let counters = host.stop().await.counters;
    assert_eq!((counters.received, counters.delivered), (2 * MANY, 2 * MANY));
}

#[tokio::test]
async fn a_host_that_stops_waits_for_its_consumer_and_then_says_so() {
    let (host, mut raw) = two().await;
    let mut consumer = consume(&host).await;
    raw.say(on(SAFE, 1..=3)).await;
    let first = next(&mut consumer).await;
    host.handle().stop();
    // Its door is closed when sessions take in nothing more.
    until("nobody is let in", || !host.endpoint().directory().join("socket").exists()).await;
    soon(consumer.ack(&first)).await.unwrap();
    for n in 2..=3 {
        let set = next(&mut consumer).await;
        assert_eq!(number(&set), n);
        soon(consumer.ack(&set)).await.unwrap();
    }
    assert_eq!(soon(consumer.next()).await.unwrap(), None);
    raw.acknowledged(3).await;
    assert_eq!(raw.rejected().await.reason(), wire::reject::Reason::ShuttingDown);
    let counters = host.stop().await.counters;
    assert_eq!(counters.delivered, 3);
}

#[tokio::test]
async fn what_nobody_has_taken_when_the_host_ends_is_said_to_be_undelivered() {
    for connected in [false, true] {
        let host = TestHost::builder(TWO, "").grace(Duration::from_millis(200)).start().await;
        let (host, raw) = start(host).await;
        raw.say(on(SAFE, 1..=3)).await;
        sink_where(&host, "all wait", |sink| sink["waiting"] == 3).await;
        let mut consumer = None;
        if connected {
            next(consumer.insert(consume(&host).await)).await;
        }
        let ended = host.end().await.0;
        assert!(matches!(ended, Err(HostError::Undelivered(3))), "{ended:?}");
    }
}

#[tokio::test]
async fn a_set_that_is_too_large_is_sent_without_its_value_and_says_so() {
    let limits = HostLimits { max_reply_bytes: 2_048, ..HostLimits::default() };
    let (host, mut raw) = start(TestHost::builder(TWO, "").limits(limits).start().await).await;
    let mut consumer = consume(&host).await;
    raw.say(wire::Results {
        items: vec![item(1, "large", Value::Bytes(vec![7; 4_096])), item(2, "small", 2)],
    })
    .await;
    let large = next(&mut consumer).await;
    let why = large.omitted().expect("it is not whole").to_owned();
    assert!(
        why.starts_with("the set takes a frame of ") && why.ends_with(" bytes; the limit is 2048"),
        "{why}"
    );
    assert_eq!((large.value(), large.correlation_id()), (&Value::Null, &"large".into()));
    let small = next(&mut consumer).await;
    assert_eq!((small.omitted(), number(&small)), (None, 2));
    soon(consumer.ack(&small)).await.unwrap();
    raw.acknowledged(2).await;
    drop((raw, consumer));
    host.stop().await;
}

#[tokio::test]
async fn who_breaks_a_rule_is_told_which() {
    let (mut host, raw) = two().await;
    let version = wire::Subscribe { protocol_major: 1, ..wire::Subscribe::default() };
    let to_sink = wire::Subscribe { sink: "detector".into(), ..version.clone() };
    let ack = |floor| wire::Frame::from(wire::AggregateAck { floor });
    let status = wire::Frame::from(wire::Status { protocol_major: 1, protocol_minor: 0 });
    for (subscribe, then, says) in [
        (to_sink.clone(), ack(1), "the consumer acknowledged set 1; the last that was sent is 0"),
        (
            version,
            ack(0),
            "the peer sent AggregateAck after a subscription without a sink: nobody waits for it",
        ),
        (to_sink, status, "the peer sent Status after a subscription"),
    ] {
        let mut wrong = Raw::connect(host.endpoint()).await;
        wrong.say(subscribe).await;
        wrong.hear(|body| matches!(body, Body::Reply(_)).then_some(())).await;
        wrong.say(then).await;
        assert_eq!(wrong.rejected().await.text, says);
        assert_eq!(host.refused().await, format!("{says} (from a consumer)"));
    }
    drop(raw);
    host.stop().await;
}

#[tokio::test]
async fn what_is_cancelled_is_not_lost() {
    let (host, raw) = two().await;
    let mut consumer = consume(&host).await;
    for chunk in 0..10 {
        raw.say(on(SAFE, chunk * 100 + 1..=chunk * 100 + 100)).await;
    }
    let mut taken = 0;
    while taken < 1_000 {
        // Given up each time that it is not ready at once, in the middle of a frame as well.
        let set = tokio::select! {
            biased;
            set = consumer.next() => set.unwrap().expect("the host runs"),
            () = tokio::task::yield_now() => continue,
        };
        taken += 1;
        assert_eq!(number(&set), taken);
        tokio::select! {
            biased;
            () = std::future::ready(()), if taken % 2 == 0 => {}
            acknowledged = consumer.ack(&set) => acknowledged.unwrap(),
        }
    }
    sink_where(&host, "all but the last are acknowledged", |sink| sink["waiting"] == 1).await;
    drop((raw, consumer));
    let _ = host.end().await;
}
