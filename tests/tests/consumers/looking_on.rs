//! Whoever looks on, what is said to those who ask for what is not there, and to those who break a rule.

use stook::{Client, Seen};
use stook_proto::wire::{self, frame::Body};
use stook_tests::raw::item;
use stook_tests::{Raw, TestHost, soon};
use stook_types::Value;

use super::{
    COLLECTOR, FAST, MANY, SAFE, TWO, client, collector, consume, next, on, refusal, seen, sink_where, start,
    tap, two,
};

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

#[tokio::test]
async fn those_who_look_on_or_ask_keep_no_consumer_out_and_not_each_other() {
    let (host, raw) = two().await;
    let mut taps = Vec::new();
    for _ in 0..64 {
        taps.push(tap(&host, &[]).await);
    }
    let (text, remedy) = refusal(client(&host).await.tap([""; 0])).await;
    assert_eq!(text, "64 connections look on already");
    assert_eq!(remedy, "end one of them, or give this one a sink of its own");
    let mut asking = Vec::new();
    for _ in 64..256 {
        let mut client = client(&host).await;
        soon(client.status()).await.expect("there is room");
        asking.push(client);
    }
    let busy = soon(client(&host).await.status()).await.expect_err("all places are taken");
    assert!(busy.is_temporary() && busy.to_string().contains("too many operators"), "{busy}");

    let consumer = consume(&host).await;
    // Without a place it is told why not, as ever.
    let (text, _) = refusal(client(&host).await.consume("detector")).await;
    assert!(text.starts_with("the sink `detector` has a consumer already"), "{text}");
    drop((taps, asking, consumer, raw));
    host.stop().await;
}

#[tokio::test]
async fn what_is_kept_for_those_who_look_on_is_bounded_for_all_of_them_together() {
    const TAPS: u64 = 512 << 10;
    let (host, mut raw) =
        start(TestHost::builder(&format!("[host]\nmemory = \"4MiB\"\n{TWO}"), "").start().await).await;
    let mut deaf = Vec::new();
    for _ in 0..4 {
        let mut tap = Raw::connect(host.endpoint()).await;
        tap.say(wire::Subscribe { protocol_major: 1, ..wire::Subscribe::default() }).await;
        tap.hear(|body| matches!(body, Body::Reply(_)).then_some(())).await;
        deaf.push(tap);
    }
    let large = |n: u64, bytes: usize| {
        let value = Value::Bytes(vec![7; bytes]);
        wire::Results { items: vec![wire::results::Item { topic: FAST, ..item(n, &n.to_string(), value) }] }
    };
    for n in 1..=100 {
        raw.say(large(n, 50_000)).await;
        raw.acknowledged(n).await;
    }
    let kept = |status: &serde_json::Value| status["memory"]["taps"].as_u64().expect("a number");
    let status = host.status().await;
    assert!((TAPS / 2..=TAPS).contains(&kept(&status)), "{status:#}");

    // Who comes later, and reads, finds something left; what is larger than all of it is skipped.
    let mut reads = tap(&host, &[]).await;
    for n in 101..=110 {
        raw.say(large(n, 50_000)).await;
        assert!(
            matches!(seen(&mut reads).await, Seen::Set(set) if set.correlation_id() == &n.to_string().into())
        );
    }
    drop(deaf);
    host.status_where("what was kept is free", |status| kept(status) < 100_000).await;
    raw.say(large(111, 600_000)).await;
    assert!(matches!(seen(&mut reads).await, Seen::Skipped(1)));
    raw.say(large(112, 400_000)).await;
    assert!(matches!(seen(&mut reads).await, Seen::Set(_)));
    drop((raw, reads));
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
