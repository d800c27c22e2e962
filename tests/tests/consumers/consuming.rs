//! Consumers of a sink: nothing is lost, whoever they are and however long they take.

use std::time::Duration;

use stook::{ClientError, HostError, HostLimits};
use stook_proto::operator::RequestError;
use stook_proto::wire;
use stook_tests::raw::{Raw, hello, item};
use stook_tests::{TestHost, soon, until};
use stook_types::Value;

use super::{
    COLLECTOR, FAST, MANY, SAFE, TWO, client, collector, consume, next, number, on, refusal, sink_where,
    start, two,
};

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
async fn large_sets_that_wait_for_a_consumer_leave_memory_to_other_aggregates() {
    let limits = "timeout = \"60s\"\nlimits = { bytes_per_set = \"64KiB\", sets = 8 }";
    let config = [
        "[host]\nmemory = \"2MiB\"".to_owned(),
        TWO.replace("timeout = \"60s\"", limits),
        "[collector.raw-2]\npublish = [\"fast.#\"]".to_owned(),
    ]
    .join("\n");
    let (host, raw) = start(TestHost::builder(&config, COLLECTOR).start().await).await;
    let large =
        |n: u64| wire::Results { items: vec![item(n, &format!("{n}"), Value::Bytes(vec![7; 50_000]))] };
    for n in 1..=60 {
        raw.say(large(n)).await;
    }
    // Long before there are 1,024 of them.
    let sink = sink_where(&host, "it is full", |sink| sink["full"] == true).await;
    assert!(sink["waiting"].as_u64() < Some(20), "{sink}");
    let (mut other, _) = Raw::join(host.endpoint(), hello("raw-2", "fast.x")).await;
    other.say(large(1)).await;
    other.acknowledged(1).await;
    let status = host.status().await;
    let held_up = ["safe", "fast"].map(|name| {
        let aggregates = status["aggregates"].as_array().expect("a list");
        aggregates.iter().find(|aggregate| aggregate["name"] == name).expect("it is there")["held_up_by"]
            .clone()
    });
    assert_eq!(held_up, [serde_json::json!(["sink detector"]), serde_json::json!([])], "{status:#}");

    let mut consumer = consume(&host).await;
    for n in 1..=60i64 {
        let set = next(&mut consumer).await;
        assert_eq!(set.correlation_id(), &Value::from(n.to_string()));
        soon(consumer.ack(&set)).await.unwrap();
    }
    drop((raw, other, consumer));
    host.stop().await;
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

#[tokio::test]
async fn a_set_of_an_earlier_connection_acknowledges_nothing_of_this_one() {
    let (host, mut raw) = two().await;
    raw.say(on(SAFE, 1..=4)).await;
    let mut first = consume(&host).await;
    let (_, old) = (next(&mut first).await, next(&mut first).await);
    soon(first.ack(&old)).await.unwrap();
    raw.acknowledged(2).await;
    drop(first);
    let mut second = consume(&host).await;
    // They are the first and the second of this connection.
    assert_eq!((number(&next(&mut second).await), number(&next(&mut second).await)), (3, 4));
    let refused = soon(second.ack(&old)).await;
    assert!(matches!(refused, Err(ClientError::Request(RequestError::NoSuchSet(2)))), "{refused:?}");
    let sink = sink_where(&host, "it is there", |_| true).await;
    assert_eq!(sink["waiting"], 2);
    drop((raw, second));
    let _ = host.end().await;
}

#[tokio::test]
async fn sets_that_are_done_with_in_any_order_are_acknowledged_in_any() {
    let (host, raw) = two().await;
    let mut consumer = consume(&host).await;
    for chunk in 0..100 {
        raw.say(on(SAFE, chunk * 60 + 1..=chunk * 60 + 60)).await;
        let mut sets = Vec::new();
        for _ in 0..60 {
            sets.push(next(&mut consumer).await);
        }
        for set in sets.iter().rev() {
            soon(consumer.ack(set)).await.unwrap();
        }
    }
    sink_where(&host, "all are acknowledged", |sink| sink["waiting"] == 0).await;
    drop((raw, consumer));
    let _ = host.end().await;
}
