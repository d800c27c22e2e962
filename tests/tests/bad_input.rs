//! What a host makes of those who do not speak as they should. In every case: a clear error on both sides, counted,
//! and a collector in session beside them is not disturbed.

use std::time::Duration;

use bytes::BytesMut;
use stook::HostLimits;
use stook_proto::wire;
use stook_proto::wire::reject::Reason;
use stook_tests::raw::{Raw, answer, frame_of, framed, hello, item, result, worker};
use stook_tests::{TestHost, soon};
use stook_types::{Outcome, Value};

const COLLECTOR: &str = env!("CARGO_BIN_EXE_stook-test-collector");

/// A good collector that answers a scan again and again, and room for a bad one.
const CONFIG: &str = r#"
    [aggregate.scan]
    topics = ["good.#"]
    complete = { use = "expected" }
    timeout = "60s"
    [aggregate.raw]
    topics = ["raw.x"]
    complete = { use = "count", count = 1 }
    timeout = "60s"
    [collector.good-1]
    command = ["@collector", "can=list", "topic=good.list"]
    publish = ["good.#"]
    [collector.raw-1]
    publish = ["raw.#"]
    [task.scan]
    every = "20ms"
    capabilities = ["list"]
    into = ["scan"]
"#;

/// A host whose schedule has begun, so that the good collector is at work.
async fn host(limits: HostLimits) -> TestHost {
    let mut host = TestHost::builder(CONFIG, COLLECTOR).limits(limits).start().await;
    // The schedule waits for everybody once.
    let (raw, _) = Raw::join(host.endpoint(), hello("raw-1", "raw.x")).await;
    host.connected("raw-1").await;
    drop(raw);
    lost(&mut host).await;
    well(&mut host).await;
    host
}

/// Waits until the host knows that the raw collector has gone.
async fn lost(host: &mut TestHost) {
    host.event(|event| match event {
        stook::Event::CollectorLost { collector, .. } if collector.as_str() == "raw-1" => Some(()),
        _ => None,
    })
    .await;
}

/// The good collector goes on: a scan that began after now is complete.
async fn well(host: &mut TestHost) {
    let of_scan = |set: &stook_plugin::AggregatedResult| &*set.aggregate == "scan";
    host.results_so_far();
    for _ in 0..2 {
        let set = host.result_where(of_scan).await;
        assert_eq!((set.outcome, set.results), (Outcome::Complete, 1));
    }
}

/// Ends the host; this many connections were refused, and nothing else went wrong.
async fn end(mut host: TestHost, refused: u64) {
    well(&mut host).await;
    let summary = host.stop().await;
    assert_eq!(summary.connections_refused, refused);
}

fn reason(reject: &wire::Reject) -> Reason {
    reject.reason()
}

/// Bytes with a right length before them.
fn frame(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("short");
    [&length.to_le_bytes(), bytes].concat()
}

#[tokio::test]
async fn before_hello() {
    let mut host = host(HostLimits::default()).await;
    let nested = frame(&[0x0b; 200_000]);
    let zeros = framed(result(1, "early", 1));
    let cases: [(&[u8], Reason, &str); 8] = [
        (&[0xff; 64], Reason::Protocol, "a frame of 4294967295 bytes is over the limit of 262144"),
        (
            b"GET / HTTP/1.1\r\n\r\n",
            Reason::Protocol,
            "this does not look like stook: the first bytes are `GET `",
        ),
        (&[0, 0, 0, 0], Reason::Protocol, "of a kind that protocol 1.2 does not know"),
        (&frame(&[0x0a, 0xff]), Reason::Protocol, "a frame is malformed"),
        (&frame(&[0xfa, 0x07, 0x00]), Reason::Protocol, "of a kind that protocol 1.2 does not know"),
        (&nested, Reason::Protocol, "a frame is malformed: "),
        (&zeros, Reason::Protocol, "the peer sent Results before Hello"),
        (
            &framed(wire::Goodbye { reason: String::new() }),
            Reason::Protocol,
            "the peer sent Goodbye before Hello",
        ),
    ];
    let count = cases.len() as u64;
    for (bytes, wanted, text) in cases {
        let raw = Raw::connect(host.endpoint()).await;
        raw.send(bytes).await;
        let reject = raw.rejected().await;
        assert_eq!(reason(&reject), wanted, "{reject:?}");
        assert!(reject.text.contains(text), "{reject:?}");
        let told = host.refused().await;
        assert!(told.contains(text), "{told}");
        if cfg!(target_os = "linux") {
            assert!(told.contains(&format!("(from process {})", std::process::id())), "{told}");
        }
    }
    end(host, count).await;
}

#[tokio::test]
async fn hello_that_cannot_be_taken() {
    let mut host = host(HostLimits::default()).await;
    let good = || hello("raw-1", "raw.x");
    let cases: [(wire::Hello, Reason, &str, &str); 7] = [
        (
            wire::Hello { protocol_major: 2, ..good() },
            Reason::Version,
            "the peer speaks protocol 2.2, this side 1.2",
            "update the host",
        ),
        (
            wire::Hello { protocol_major: 0, ..good() },
            Reason::Version,
            "the peer speaks protocol 0.2, this side 1.2",
            "rebuild the collector",
        ),
        (
            hello("raw-2", "raw.x"),
            Reason::UnknownCollector,
            "no collector `raw-2` is configured",
            "did you mean `raw-1`?",
        ),
        (
            hello("good-1", "good.list"),
            Reason::Token,
            "`good-1` is started by the host, and this process does not have its token",
            "let the host start it",
        ),
        (
            wire::Hello { token: "0".repeat(64), ..hello("good-1", "good.list") },
            Reason::Token,
            "does not have its token",
            "let the host start it",
        ),
        (
            wire::Hello { replay_capacity: 0, ..good() },
            Reason::Declaration,
            "a replay capacity of 0",
            "correct what the collector declares",
        ),
        (
            wire::Hello { topics: vec!["raw.X".into()], ..good() },
            Reason::Declaration,
            "raw.X",
            "correct what the collector declares",
        ),
    ];
    let count = cases.len() as u64;
    for (hello, wanted, text, remedy) in cases {
        let raw = Raw::connect(host.endpoint()).await;
        raw.say(hello).await;
        let reject = raw.rejected().await;
        assert_eq!(reason(&reject), wanted, "{reject:?}");
        assert!(reject.text.contains(text) && reject.remedy.contains(remedy), "{reject:?}");
        let told = host.refused().await;
        assert!(told.contains(text), "{told}");
    }
    end(host, count).await;
}

#[tokio::test]
async fn an_id_is_not_taken_over_while_its_owner_lives() {
    let mut host = host(HostLimits::default()).await;
    let (mut first, _) = Raw::join(host.endpoint(), hello("raw-1", "raw.x")).await;
    let second = Raw::connect(host.endpoint()).await;
    second.say(hello("raw-1", "raw.x")).await;
    let reject = second.rejected().await;
    assert_eq!(reason(&reject), Reason::Duplicate);
    assert!(reject.text.contains("a collector `raw-1` is connected already"), "{reject:?}");
    assert!(host.refused().await.contains("raw-1"));
    first.say(result(1, "still here", 1)).await;
    first.acknowledged(1).await;
    drop(first);
    lost(&mut host).await;
    let (mut third, _) = Raw::join(host.endpoint(), hello("raw-1", "raw.x")).await;
    third.say(result(1, "a successor", 1)).await;
    third.acknowledged(1).await;
    end(host, 1).await;
}

#[tokio::test]
async fn in_session() {
    let limits =
        HostLimits { credit: stook_proto::Credit { results: 64, bytes: 1 << 20 }, ..HostLimits::default() };
    let mut host = host(limits).await;
    let item_on = |topic| wire::results::Item { topic, ..item(1, "x", 1) };
    let batch = |items| framed(wire::Results { items });
    let cases: [(BytesMut, &str); 8] = [
        (batch(vec![item_on(1)]), "a result on topic 1, and declared 1"),
        (batch(vec![item(0, "x", 1)]), "sequence 0; 1 to 256 may come"),
        (batch(vec![item(257, "x", 1)]), "sequence 257; 1 to 256 may come"),
        (
            batch((1..=65).map(|n| item(n, "x", 1)).collect()),
            "the collector sent 1 results where it had credit for 0",
        ),
        (
            batch(vec![wire::results::Item { correlation: None, ..item(1, "x", 1) }]),
            "there is no correlation ID",
        ),
        (framed(hello("raw-1", "raw.x")), "the peer sent Hello twice"),
        (
            framed(wire::TaskFinished { lease: 9, ..Default::default() }),
            "TaskFinished for lease 9, which is not open",
        ),
        (BytesMut::from(&frame(&[0x0b; 200_000])[..]), "a frame is malformed"),
    ];
    let count = cases.len() as u64;
    for (bytes, text) in cases {
        let (raw, _) = Raw::join(host.endpoint(), hello("raw-1", "raw.x")).await;
        raw.send(&bytes).await;
        let reject = raw.rejected().await;
        assert_eq!(reason(&reject), Reason::Protocol, "{reject:?}");
        assert!(reject.text.contains(text), "{reject:?}");
        let told = host.refused().await;
        assert!(told.contains(text), "{told}");
    }
    end(host, count).await;
}

#[tokio::test]
async fn heartbeats_without_end() {
    let mut host = host(HostLimits::default()).await;
    let (raw, _) = Raw::join(host.endpoint(), hello("raw-1", "raw.x")).await;
    let beat = framed(wire::Heartbeat::default());
    raw.send(&beat.repeat(5_000)).await;
    assert!(raw.rejected().await.text.contains("floods the host"));
    assert!(host.refused().await.contains("floods the host"));
    end(host, 1).await;
}

#[tokio::test]
async fn topics_that_are_not_granted_or_that_nobody_takes() {
    let host = host(HostLimits::default()).await;
    let topics = vec!["raw.x".into(), "good.list".into(), "raw.nobody".into()];
    let (mut raw, _) = Raw::join(host.endpoint(), wire::Hello { topics, ..hello("raw-1", "raw.x") }).await;
    let item_on = |topic, sequence| wire::results::Item { topic, ..item(sequence, "mixed", 1) };
    raw.say(wire::Results { items: vec![item_on(1, 1), item_on(0, 2), item_on(2, 3)] }).await;
    let ack = raw.ack().await;
    let refused: Vec<_> = ack.refused.iter().map(|refused| (refused.sequence, &*refused.reason)).collect();
    assert_eq!(refused, [(1, "topic-not-allowed"), (3, "unknown-topic")]);
    assert_eq!(ack.settled.map(|settled| settled.floor), Some(3), "and the one between was taken");
    // The session goes on: its other topics are not to blame.
    raw.say(result(4, "after", 1)).await;
    raw.acknowledged(4).await;
    drop(raw);
    let summary = host.stop().await;
    assert_eq!(summary.connections_refused, 0);
    assert_eq!(summary.counters.refused["topic-not-allowed"], 1);
    assert_eq!(summary.counters.refused["unknown-topic"], 1);
}

#[tokio::test]
async fn frames_of_every_size_in_every_rhythm() {
    let limits = HostLimits::default();
    let mut host = host(limits).await;
    let (mut raw, welcome) = Raw::join(host.endpoint(), hello("raw-1", "raw.x")).await;
    assert_eq!(welcome.max_frame_bytes, limits.max_frame_bytes);
    let limit = limits.max_frame_bytes as usize;
    // A frame of one byte is no frame; the smallest result is.
    let mut sequence = 0;
    for size in [100, 64 << 10, 256 << 10, limit - 1, limit] {
        raw.send(&frame_of(size, sequence + 1, &format!("of {size}"))).await;
        sequence += 2;
        raw.acknowledged(sequence).await;
    }
    // A byte at a time, and a pause inside of a frame.
    sequence += 1;
    for byte in framed(result(sequence, "slow", 1)) {
        raw.send(&[byte]).await;
        tokio::task::yield_now().await;
    }
    raw.acknowledged(sequence).await;
    sequence += 1;
    let whole = framed(result(sequence, "with a pause", 1));
    let (first, second) = whole.split_at(whole.len() / 2);
    raw.send(first).await;
    tokio::time::sleep(Duration::from_millis(250)).await;
    raw.send(second).await;
    raw.acknowledged(sequence).await;

    let over = frame_of(limit + 1, sequence + 1, "over");
    raw.send(&over).await;
    let text = format!("a frame of {} bytes is over the limit of {limit}", limit + 1);
    assert_eq!(raw.rejected().await.text, text);
    assert!(host.refused().await.contains(&text));
    end(host, 1).await;

    // Cut anywhere, nothing is taken, and nothing is broken.
    let mut host = self::host(limits).await;
    let whole = framed(hello("raw-1", "raw.x"));
    for cut in 0..whole.len() {
        let raw = Raw::connect(host.endpoint()).await;
        raw.send(&whole[..cut]).await;
    }
    well(&mut host).await;
    host.stop().await;
}

#[tokio::test]
async fn half_a_frame_and_then_silence() {
    let limits = HostLimits {
        handshake_timeout: Duration::from_secs(1),
        frame_timeout: Duration::from_secs(1),
        ..HostLimits::default()
    };
    let mut host = host(limits).await;
    let (silent, mut half) = (Raw::connect(host.endpoint()).await, Raw::connect(host.endpoint()).await);
    half.send(&framed(hello("raw-1", "raw.x"))[..7]).await;
    for raw in [silent, half] {
        let reject = raw.rejected().await;
        assert_eq!(
            (reason(&reject), &*reject.text),
            (Reason::Timeout, "the peer did not finish the handshake within 1s")
        );
        assert!(host.refused().await.contains("did not finish the handshake"));
    }
    // In a session silence is no crime, half a frame is.
    (half, _) = Raw::join(host.endpoint(), hello("raw-1", "raw.x")).await;
    half.send(&framed(result(1, "x", 1))[..7]).await;
    let reject = half.rejected().await;
    assert_eq!(
        (reason(&reject), &*reject.text),
        (Reason::Timeout, "the peer did not finish a frame within 1s")
    );
    end(host, 3).await;
}

#[tokio::test]
async fn a_handshake_that_goes_on_and_on() {
    let limits = HostLimits { handshake_timeout: Duration::from_secs(1), ..HostLimits::default() };
    let mut host = host(limits).await;
    let mut raw = Raw::connect(host.endpoint()).await;
    // A byte now and then keeps nobody from the one deadline that there is.
    let mut chat = frame(&[0x0a; 100_000]).into_iter();
    let talk = async {
        loop {
            raw.send(&[chat.next().expect("more than enough")]).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let told = tokio::select! {
        told = host.refused() => told,
        () = talk => unreachable!(),
    };
    assert!(told.contains("did not finish the handshake within 1s"), "{told}");
    while raw.next().await.is_some() {}
    end(host, 1).await;
}

#[tokio::test]
async fn a_thousand_silent_connections() {
    let limits = HostLimits { handshake_timeout: Duration::from_secs(60), ..HostLimits::default() };
    let mut host = TestHost::builder(CONFIG, COLLECTOR).limits(limits).start().await;
    let mut silent = Vec::new();
    let mut turned_away = 0;
    while silent.len() + turned_away < 1_000 {
        let mut raw = Raw::connect(host.endpoint()).await;
        // Those who have a place hear nothing; the others are told at once.
        if silent.len() < 16 {
            silent.push(raw);
            continue;
        }
        let Some(wire::frame::Body::Reject(reject)) = raw.next().await else { panic!("there is no place") };
        assert_eq!(reason(&reject), Reason::Busy);
        assert!(reject.text.contains("have not introduced themselves yet"), "{reject:?}");
        turned_away += 1;
    }
    // Another process gets in all the same: the good collector came meanwhile or comes now. So does this one when
    // it makes room.
    host.connected("good-1").await;
    silent.clear();
    let raw = soon(async {
        loop {
            let mut raw = Raw::connect(host.endpoint()).await;
            raw.say(hello("raw-1", "raw.x")).await;
            if let Some(wire::frame::Body::Welcome(_)) = raw.next().await {
                return raw;
            }
        }
    })
    .await;
    well(&mut host).await;
    drop(raw);
    assert!(host.stop().await.connections_refused >= 984);
}

#[tokio::test]
async fn who_does_not_read_is_not_waited_for_and_cannot_make_the_host_hold_more() {
    let mut host = host(HostLimits::default()).await;
    let topics = vec!["good.list".into()];
    let (raw, _) = Raw::join(host.endpoint(), wire::Hello { topics, ..hello("raw-1", "raw.x") }).await;
    // Each is refused, with a word that waits to be read; the credit that comes back waits behind it.
    let flood = async {
        for batch in 0..5_000 {
            let items = (1..=64).map(|n| item(batch * 64 + n, "refused", 1)).collect();
            raw.say(wire::Results { items }).await;
        }
    };
    let (told, ()) = tokio::join!(host.refused(), flood);
    assert!(told.contains("the collector sent 1 results where it had credit for 0"), "{told}");
    end(host, 1).await;
}

#[tokio::test]
async fn what_is_too_large_for_one_aggregate_is_no_shortfall_of_another() {
    let config = r#"
        [aggregate.a]
        topics = ["t.#"]
        complete = { use = "expected" }
        timeout = "20s"
        [aggregate.b]
        topics = ["u.#"]
        complete = { use = "expected" }
        timeout = "20s"
        [collector.raw-1]
        publish = ["t.#", "u.#"]
        [task.scan]
        every = "1h"
        capabilities = ["scan"]
        fan_out = "each"
        into = ["a", "b"]
    "#;
    let limits = HostLimits { max_result_bytes: 2_000, ..HostLimits::default() };
    let mut host = TestHost::builder(config, COLLECTOR).limits(limits).start().await;
    let hello = wire::Hello { topics: vec!["t.x".into(), "u.x".into()], ..worker("raw-1", "t.x", "scan") };
    let (mut raw, _) = Raw::join(host.endpoint(), hello).await;
    let assign = raw.assignment().await;
    raw.say(wire::TaskStarted { lease: assign.lease }).await;
    raw.say(answer(1, &assign, Value::Bytes(vec![7; 3_000]))).await; // of a
    let mut small = answer(2, &assign, 1);
    small.items[0].topic = 1; // of b
    raw.say(small).await;
    raw.say(wire::TaskFinished { lease: assign.lease, ..Default::default() }).await;
    for _ in 0..2 {
        let set = host.result().await;
        assert!(&*set.aggregate == "a" || set.reason.to_string() == "expected", "{set:?}");
    }
}
