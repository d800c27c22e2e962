//! From a set to its sinks and back: who is acknowledged when, what waits for what, and what is never lost.

use stook_proto::wire;
use stook_tests::gate::{Gate, Mode};
use stook_tests::raw::{Raw, answer, hello, item, result, worker};
use stook_tests::{TestHost, until};
use stook_types::Outcome;

/// Two aggregates of sets of one: `safe` acknowledges what its gate took, `fast` what is in its set.
const TWO: &str = r#"
    [aggregate.safe]
    topics = ["safe.#"]
    complete = { use = "count", count = 1 }
    timeout = "60s"
    ack = "delivered"
    deliver = ["gate"]
    [aggregate.fast]
    topics = ["fast.#"]
    complete = { use = "count", count = 1 }
    timeout = "60s"
    [collector.raw-1]
    publish = ["safe.#", "fast.#"]
    [sink.gate]
    use = "tests/gate"
    name = "@gate"
"#;

fn gated(config: &str, name: &str) -> (String, Gate) {
    (config.replace("@gate", name), Gate::named(name))
}

fn both() -> wire::Hello {
    wire::Hello { topics: vec!["safe.x".into(), "fast.x".into()], ..hello("raw-1", "safe.x") }
}

fn on(topic: u32, sequence: u64) -> wire::Results {
    let item = wire::results::Item { topic, ..item(sequence, &format!("set {sequence}"), 1) };
    wire::Results { items: vec![item] }
}

/// Everything that this acknowledgement names.
fn settled(ack: &wire::Ack) -> Vec<u64> {
    let settled = ack.settled.clone().unwrap_or_default();
    let ranges = settled.ranges.iter().flat_map(|range| range.first..=range.last);
    (1..=settled.floor).chain(ranges).collect()
}

#[tokio::test]
async fn accepted_is_at_once_and_delivered_is_when_every_sink_took_it() {
    for shut in [Mode::Fail, Mode::Panic, Mode::Block] {
        let (config, gate) = gated(TWO, &format!("ack-{shut:?}"));
        gate.set(shut);
        let host = TestHost::builder(&config, "").start().await;
        let (mut raw, _) = Raw::join(host.endpoint(), both()).await;
        raw.say(on(0, 1)).await;
        until("the sink is asked", || gate.attempts() > 0).await;
        raw.say(on(1, 2)).await;
        assert_eq!(settled(&raw.ack().await), [2], "{shut:?}: the first waits for its sink");
        gate.set(Mode::Open);
        assert!(settled(&raw.ack().await).contains(&1));
        assert_eq!(gate.taken().len(), 1, "{shut:?}: once, however often it was tried");
        drop(raw);
        host.stop().await;
    }
}

#[tokio::test]
async fn delivered_once_though_its_collector_comes_again() {
    let (config, gate) = gated(TWO, "again");
    gate.set(Mode::Block);
    let mut host = TestHost::builder(&config, "").start().await;
    let hello = both();
    let (raw, first) = Raw::join(host.endpoint(), hello.clone()).await;
    raw.say(on(0, 1)).await;
    until("the sink is asked", || gate.attempts() > 0).await;
    drop(raw);
    host.event(|event| matches!(event, stook::Event::CollectorLost { .. }).then_some(())).await;

    let (mut raw, second) = Raw::join(host.endpoint(), hello).await;
    assert!(second.epoch > first.epoch);
    raw.say(on(0, 1)).await;
    raw.say(on(1, 2)).await;
    assert_eq!(settled(&raw.ack().await), [2], "it is in the hands of its sink still");
    gate.set(Mode::Open);
    assert_eq!(settled(&raw.ack().await), [1, 2]);
    // And once more, when it was taken: acknowledged, and gone.
    raw.say(on(0, 1)).await;
    assert!(settled(&raw.ack().await).contains(&1));
    drop(raw);
    assert_eq!(gate.taken().len(), 1);
    let counters = host.stop().await.counters;
    assert_eq!((counters.received, counters.delivered, counters.duplicate), (4, 2, 2));
}

#[tokio::test]
async fn what_was_taken_when_the_host_stops_is_acknowledged_before_it_says_so() {
    let (config, gate) = gated(TWO, "stop");
    gate.set(Mode::Block);
    let host = TestHost::builder(&config, "").start().await;
    let (mut raw, _) = Raw::join(host.endpoint(), both()).await;
    raw.say(on(0, 1)).await;
    until("the sink is asked", || gate.attempts() > 0).await;
    host.handle().stop();
    // Its door is closed when sessions take in nothing more.
    until("nobody is let in", || !host.endpoint().directory().join("socket").exists()).await;
    gate.set(Mode::Open);
    assert_eq!(settled(&raw.ack().await), [1]);
    let reject = raw.rejected().await;
    assert_eq!(reject.reason(), wire::reject::Reason::ShuttingDown);
    host.stop().await;
    assert_eq!(gate.taken().len(), 1);
}

#[tokio::test]
async fn nothing_waits_for_a_result_that_cannot_be_sent() {
    let config = TWO.replace("count = 1", "count = 10");
    let (config, gate) = gated(&config, "replay");
    let mut host = TestHost::builder(&config, "").start().await;
    let (mut raw, _) = Raw::join(host.endpoint(), wire::Hello { replay_capacity: 3, ..both() }).await;
    for sequence in 1..=2 {
        raw.say(on(0, sequence)).await;
    }
    // The first set is touched again: the second is the longest idle.
    raw.say(result(3, "set 1", 2)).await;
    let set = host.result().await;
    assert_eq!((set.outcome, set.reason.as_str()), (Outcome::Partial, "evicted"));
    assert_eq!(set.correlation_id.to_string(), "set 2");
    assert_eq!(settled(&raw.ack().await), [2]);
    assert_eq!(gate.taken().len(), 1);
    drop(raw);
    let counters = host.stop().await.counters;
    assert_eq!((counters.delivered, counters.released), (3, 2));
}

/// Room for one set of two, and a scan.
const NARROW: &str = r#"
    [aggregate.narrow]
    topics = ["narrow.#"]
    complete = { use = "count", count = 2 }
    timeout = "60s"
    limits = { sets = 1, when_full = "backpressure" }
    [aggregate.scan]
    topics = ["scan.#"]
    complete = { use = "expected" }
    timeout = "60s"
    [collector.raw-1]
    publish = ["narrow.#", "scan.#"]
    [collector.raw-2]
    publish = ["narrow.#", "scan.#"]
    [task.scan]
    every = "1h"
    capabilities = ["list"]
    into = ["scan"]
"#;

/// A collector of both, with a task of the scan whose answer is in its set, and a result that has no room.
async fn parked(host: &mut TestHost) -> (Raw, Raw) {
    let topics = vec!["scan.x".into(), "narrow.x".into()];
    let first = wire::Hello { topics, ..worker("raw-1", "scan.x", "list") };
    let (mut first, _) = Raw::join(host.endpoint(), first).await;
    let (second, _) = Raw::join(host.endpoint(), hello("raw-2", "narrow.x")).await;
    let narrow = |sequence, id| wire::results::Item { topic: 1, ..item(sequence, id, 1) };
    let task = first.assignment().await;
    first.say(wire::TaskStarted { lease: task.lease }).await;
    first.say(answer(1, &task, 1)).await;
    first.say(wire::Results { items: vec![narrow(2, "x"), narrow(3, "y")] }).await;
    first.say(wire::TaskFinished { lease: task.lease, ..Default::default() }).await;
    (first, second)
}

#[tokio::test]
async fn backpressure_parks_results_and_what_follows_them() {
    let mut host = TestHost::builder(NARROW, "").start().await;
    let (mut first, mut second) = parked(&mut host).await;
    // What comes behind the one that has no room proceeds.
    first.say(wire::Results { items: vec![item(4, "behind", 1)] }).await;
    let ack = loop {
        let ack = first.ack().await;
        if settled(&ack).contains(&4) {
            break ack;
        }
    };
    assert_eq!(settled(&ack), [1, 2, 4], "there is room for one set: `y` waits");
    // The task's end waits with it. Control has heard everything that came before this.
    let nobody = Raw::connect(host.endpoint()).await;
    nobody.say(hello("nobody", "scan.x")).await;
    nobody.rejected().await;
    assert!(host.results_so_far().is_empty(), "a finished task has its results in their sets");

    second.say(result(1, "x", 2)).await;
    second.acknowledged(1).await;
    let complete = [host.result().await, host.result().await];
    let mut reasons: Vec<_> = complete.iter().map(|set| (&*set.aggregate, set.reason.as_str())).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, [("narrow", "count"), ("scan", "expected")]);
    first.acknowledged(4).await;
    second.say(result(2, "y", 2)).await;
    let y = host.result().await;
    assert_eq!((y.correlation_id.to_string(), y.results), ("y".into(), 2));
    drop((first, second));
    assert_eq!(host.stop().await.counters.accounted(), 6);
}

#[tokio::test]
async fn a_task_that_ended_behind_a_parked_result_has_not_ended_when_the_connection_breaks() {
    let mut host = TestHost::builder(NARROW, "").start().await;
    let (mut first, second) = parked(&mut host).await;
    while settled(&first.ack().await) != [1, 2] {}
    drop(first);
    let set = host.result().await;
    assert_eq!((&*set.aggregate, set.outcome, set.results), ("scan", Outcome::Partial, 1));
    assert_eq!(set.missing[0].reason.as_str(), "disconnected", "what it said last is in no set");
    drop(second);
    assert_eq!(host.stop().await.counters.refused["set-full"], 1);
}

#[tokio::test]
async fn who_leaves_with_parked_results_leaves_when_they_have_their_place() {
    let config = r#"
        [aggregate.narrow]
        topics = ["narrow.#"]
        complete = { use = "count", count = 2 }
        timeout = "60s"
        limits = { sets = 1, when_full = "backpressure" }
        [collector.raw-1]
        publish = ["narrow.#"]
        [collector.raw-2]
        publish = ["narrow.#"]
    "#;
    let mut host = TestHost::builder(config, "").start().await;
    let (mut leaving, _) = Raw::join(host.endpoint(), hello("raw-1", "narrow.x")).await;
    let (mut staying, _) = Raw::join(host.endpoint(), hello("raw-2", "narrow.x")).await;
    staying.say(result(1, "x", 1)).await;
    staying.acknowledged(1).await;
    leaving.say(result(1, "y", 1)).await;
    leaving.say(wire::Goodbye { reason: "done".into() }).await;
    leaving.say(wire::Heartbeat::default()).await;
    staying.say(result(2, "x", 2)).await;
    leaving.acknowledged(1).await;
    while let Some(body) = leaving.next().await {
        assert_eq!(body.name(), "Credit", "and then it closes: that it has read everything");
    }
    staying.say(result(3, "y", 2)).await;
    staying.acknowledged(3).await;
    for id in ["x", "y"] {
        let set = host.result().await;
        assert_eq!((set.correlation_id.to_string(), set.outcome), (id.to_owned(), Outcome::Complete));
    }
    drop(staying);
    host.stop().await;
}

const COLLECTOR: &str = env!("CARGO_BIN_EXE_stook-test-collector");

#[tokio::test]
async fn a_slow_sink_slows_its_own_producers_only() {
    const MANY: u64 = 20_000;
    let config = TWO.replace("\"delivered\"", "\"accepted\"")
        + &format!(
            r#"
        [collector.slowed]
        command = ["@collector", "topic=safe.x", "n={MANY}"]
        publish = ["safe.x"]
        [collector.free]
        command = ["@collector", "topic=fast.x", "n={MANY}"]
        publish = ["fast.x"]
    "#
        );
    let (config, gate) = gated(&config, "slow");
    gate.set(Mode::Block);
    let mut host = TestHost::builder(&config, COLLECTOR).start().await;
    let (mut fast, mut safe) = (0, 0);
    while fast < MANY {
        match &*host.result().await.aggregate {
            "fast" => fast += 1,
            _ => safe += 1,
        }
    }
    assert!(safe < MANY / 2, "{safe} of the others entered: their sink has a bounded outbox");
    assert_eq!(gate.taken().len(), 0);
    gate.set(Mode::Open);
    while safe < MANY {
        host.result().await;
        safe += 1;
    }
    until("the sink has everything", || gate.taken().len() as u64 == MANY).await;
    let counters = host.stop().await.counters;
    assert_eq!(
        (counters.received, counters.delivered),
        (2 * MANY, 2 * MANY),
        "and nothing was lost or doubled"
    );
}
