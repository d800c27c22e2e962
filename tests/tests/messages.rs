//! What a collector is told that is not let in, or has broken a rule: see `messages/rejections.txt`.

#![cfg(unix)]

use std::collections::BTreeSet;

use bytes::Bytes;
use stook::{Event, RejectReason};
use stook_messages::expect_file;
use stook_proto::wire::frame::Body;
use stook_proto::{VERSION, wire};
use stook_tests::TestHost;
use stook_tests::raw::{Raw, hello, item, result};

const CONFIG: &str = r#"
    [aggregate.raw]
    topics = ["raw.x"]
    timeout = "60s"
    [collector.raw-1]
    kind = "raw"
    publish = ["raw.#"]
    [collector.raw-2]
    publish = ["raw.#"]
    [collector.child-1]
    command = ["cat"]
    restart = { use = "never" }
"#;

struct Page {
    text: String,
    reasons: BTreeSet<String>,
}

impl Page {
    /// What the host says next to whoever has done this.
    async fn told(&mut self, what: &str, mut raw: Raw) {
        let reject = raw.hear(|body| if let Body::Reject(reject) = body { Some(reject) } else { None }).await;
        let reason =
            reject.reason().as_str_name().trim_start_matches("REASON_").to_lowercase().replace('_', "-");
        let me = std::process::id().to_string();
        let text = format!("# {what}\n{reason}: {}\n  {}\n\n", reject.text, reject.remedy);
        self.text += &text.replace(&me, "PID");
        self.reasons.insert(reason);
    }
}

async fn saying(host: &TestHost, frame: impl Into<wire::Frame>) -> Raw {
    let raw = Raw::connect(host.endpoint()).await;
    raw.say(frame).await;
    raw
}

/// Waits until the host knows that this process of a collector has left.
async fn gone(host: &mut TestHost, incarnation: &[u8]) {
    let is_it = |event: &Event| match event {
        Event::CollectorConnected { incarnation: it, .. } if it.0.as_bytes() == incarnation => Some(()),
        _ => None,
    };
    host.event(is_it).await;
    host.event(|event| matches!(event, Event::CollectorLost { .. }).then_some(())).await;
}

#[tokio::test]
async fn rejections() {
    let mut host = TestHost::builder(CONFIG, "").start().await;
    let mut page = Page { text: String::new(), reasons: BTreeSet::new() };
    let raw = || hello("raw-1", "raw.x");
    let capability =
        |name: &str, concurrency, topics| wire::Capability { name: name.into(), concurrency, topics };

    let version = |protocol_major| wire::Hello { protocol_major, ..raw() };
    let run = |capability| wire::Hello { capabilities: vec![capability], ..raw() };
    for (what, hello) in [
        ("an older protocol", version(0)),
        ("a newer protocol", version(99)),
        ("an id that is not configured", hello("raw-3", "raw.x")),
        ("an id that is none", hello("no id", "raw.x")),
        ("another kind than config says", wire::Hello { kind: "other".into(), ..raw() }),
        ("a kind that is too long", wire::Hello { kind: "x".repeat(65), ..raw() }),
        ("a child's id without its token", hello("child-1", "raw.x")),
        ("a topic that is none", hello("raw-1", "Raw.X")),
        ("a topic of the host", hello("raw-1", "stook.events")),
        ("a topic twice", wire::Hello { topics: vec!["raw.x".into(), "raw.x".into()], ..raw() }),
        (
            "too many topics",
            wire::Hello { topics: (0..1_025).map(|n| format!("raw.{n}")).collect(), ..raw() },
        ),
        ("no replay capacity", wire::Hello { replay_capacity: 0, ..raw() }),
        ("no incarnation", wire::Hello { incarnation: Bytes::new(), ..raw() }),
        ("a capability that is none", run(capability("No Such", 1, vec![0]))),
        ("a capability that runs nothing", run(capability("raw.work", 0, vec![0]))),
        ("a capability that answers elsewhere", run(capability("raw.work", 1, vec![7]))),
    ] {
        page.told(what, saying(&host, hello).await).await;
    }

    let before = [wire::Frame::from(result(1, "1", 1)), wire::Frame::from(wire::Heartbeat::default())];
    for frame in before {
        page.told("something before Hello", saying(&host, frame).await).await;
    }
    let stranger = Raw::connect(host.endpoint()).await;
    stranger.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    page.told("another protocol", stranger).await;
    page.told("a frame that is of no kind", saying(&host, wire::Frame { body: None }).await).await;
    let large = Raw::connect(host.endpoint()).await;
    large.send(&u32::MAX.to_le_bytes()).await;
    page.told("a frame that is too large", large).await;
    let nothing = wire::Submit {
        protocol_major: VERSION.major,
        protocol_minor: VERSION.minor,
        ..wire::Submit::default()
    };
    page.told("a task for nobody", saying(&host, nothing).await).await;

    let (first, _) = Raw::join(host.endpoint(), hello("raw-2", "raw.x")).await;
    page.told("a second of the same id", saying(&host, hello("raw-2", "raw.x")).await).await;
    drop(first);
    let undeclared = wire::results::Item { topic: 7, ..item(1, "1", 1) };
    for (what, frame) in [
        ("a topic that was not declared", wire::Frame::from(wire::Results { items: vec![undeclared] })),
        ("a sequence that cannot be", result(1_000_000, "1", 1).into()),
        ("the end of no task", wire::TaskFinished { lease: 9, ..wire::TaskFinished::default() }.into()),
        ("Hello again", raw().into()),
    ] {
        let (joined, _) = Raw::join(host.endpoint(), raw()).await;
        joined.say(frame).await;
        page.told(what, joined).await;
    }
    // Whoever was it before.
    let mine = raw();
    for hello in [mine.clone(), raw()] {
        let incarnation = hello.incarnation.clone();
        drop(Raw::join(host.endpoint(), hello).await);
        gone(&mut host, &incarnation).await;
    }
    page.told("an incarnation that had a successor", saying(&host, mine).await).await;

    // While there is a place for it.
    let (staying, _) = Raw::join(host.endpoint(), raw()).await;
    let mut many = Vec::new();
    for _ in 0..16 {
        many.push(Raw::connect(host.endpoint()).await);
    }
    page.told("one stranger too many", Raw::connect(host.endpoint()).await).await;
    drop(many);

    let (_, ()) = tokio::join!(host.stop(), page.told("the host stops", staying));

    expect_file!["messages/rejections.txt"].assert_eq(&page.text);
    // What takes longer than a test may wait is with the sessions' own messages; the rest is never said by a host.
    let silent =
        [RejectReason::Timeout, RejectReason::TopicNotAllowed, RejectReason::Other].map(RejectReason::as_str);
    for reason in [
        RejectReason::Version,
        RejectReason::UnknownCollector,
        RejectReason::Duplicate,
        RejectReason::Token,
        RejectReason::Declaration,
        RejectReason::Superseded,
        RejectReason::ShuttingDown,
        RejectReason::Protocol,
        RejectReason::Busy,
        RejectReason::Request,
    ] {
        assert!(page.reasons.contains(reason.as_str()), "{reason} is never said");
    }
    assert!(silent.iter().all(|reason| !page.reasons.contains(*reason)), "{:?}", page.reasons);
}
