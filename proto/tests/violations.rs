//! What a host makes of a peer that breaks the rules: a typed error with a reason to send, and never a panic.

mod common;

use std::time::Duration;

use bytes::{BufMut, BytesMut};
use common::{HEARTBEAT, assignment, declaration, result};
use proptest::prelude::*;
use stook_proto::collector::{Event as Told, ReplayLimits};
use stook_proto::host::{Event, HostLimits};
use stook_proto::wire::{self, results::Item, results::item::Correlation};
use stook_proto::{
    AssignError, CollectorSession, Decoder, HostSession, Lease, RejectReason, Rejection, SessionError,
    Version, encode,
};
use stook_types::{MonoTime, Refusal, SessionEpoch};

const NOW: MonoTime = MonoTime::ZERO;

/// Everything that a good collector says first.
fn hello() -> BytesMut {
    let mut collector = CollectorSession::new(declaration(), ReplayLimits::default());
    collector.connect(NOW);
    collector.transmit().split()
}

fn wire_hello() -> wire::Hello {
    let mut decoder = Decoder::new(u32::MAX);
    decoder.read_buffer().extend_from_slice(&hello());
    let frame = decoder.next_frame().expect("short").expect("whole");
    match prost::Message::decode(frame) {
        Ok(wire::Frame { body: Some(wire::frame::Body::Hello(hello)) }) => hello,
        other => panic!("{other:?}"),
    }
}

fn open() -> HostSession {
    let mut host = HostSession::new(NOW, HostLimits::default());
    host.read_buffer().extend_from_slice(&hello());
    assert!(matches!(host.poll(NOW), Ok(Some(Event::Hello(_)))));
    host.welcome(SessionEpoch(1), HEARTBEAT, Lease(0));
    host
}

fn hear(host: &mut HostSession, bytes: &[u8]) -> Result<Option<Event>, SessionError> {
    host.read_buffer().extend_from_slice(bytes);
    host.poll(NOW)
}

fn frame(frame: impl Into<wire::Frame>) -> BytesMut {
    let mut out = BytesMut::new();
    encode(frame, &mut out);
    out
}

fn raw(bytes: &[u8]) -> BytesMut {
    let mut out = BytesMut::new();
    out.put_u32_le(bytes.len() as u32);
    out.extend_from_slice(bytes);
    out
}

fn item() -> Item {
    Item { correlation: Some(Correlation::Text("scan".into())), sequence: 1, ..Item::default() }
}

fn results(item: Item) -> BytesMut {
    frame(wire::Results { items: vec![item] })
}

/// What an open session says to these bytes.
fn check(bytes: &[u8], reason: RejectReason, text: &str) {
    let mut host = open();
    let error = hear(&mut host, bytes).expect_err(text);
    let rejection = error.rejection();
    assert_eq!((rejection.reason, rejection.text.as_str()), (reason, text));
    assert!(!rejection.remedy.is_empty());
    assert!(matches!(host.poll(NOW), Ok(None)), "nothing follows the end");

    // And the collector learns it.
    host.reject(&rejection);
    let mut collector = CollectorSession::new(declaration(), ReplayLimits::default());
    collector.connect(NOW);
    collector.read_buffer().extend_from_slice(host.transmit());
    assert!(matches!(collector.poll(NOW), Ok(Some(Told::Welcome(_)))));
    let told = std::iter::from_fn(|| collector.poll(NOW).expect("a good host")).last();
    assert!(matches!(told, Some(Told::Rejected(told)) if told == rejection));
}

#[test]
fn each_violation_has_its_error() {
    use RejectReason::Protocol;
    check(&[0xff; 8], Protocol, "a frame of 4294967295 bytes is over the limit of 1048576");
    check(&raw(&[0x0a, 0xff]), Protocol, "a frame is malformed: Frame.body: invalid varint");
    check(&raw(&[]), Protocol, "a frame is of a kind that protocol 1.2 does not know");
    check(&raw(&[0xfa, 0x07, 0x00]), Protocol, "a frame is of a kind that protocol 1.2 does not know");
    check(&hello(), Protocol, "the peer sent Hello twice");
    check(&frame(wire::Drain { grace_ms: 1 }), Protocol, "the peer sent Drain to a host");
    check(
        &results(Item { topic: 1, ..item() }),
        Protocol,
        "the collector sent a result on topic 1, and declared 1",
    );
    check(
        &results(Item { sequence: 8193, ..item() }),
        Protocol,
        "the collector sent sequence 8193; 1 to 8192 may come: 0 are settled without a gap, and 4 times its replay capacity of 2048 may follow",
    );
    check(
        &results(Item { sequence: 0, ..item() }),
        Protocol,
        "the collector sent sequence 0; 1 to 8192 may come: 0 are settled without a gap, and 4 times its replay capacity of 2048 may follow",
    );
    check(
        &results(Item { correlation: None, ..item() }),
        Protocol,
        "a frame is malformed: there is no correlation ID",
    );
    let lease = "the peer sent TaskFinished for lease 9, which is not open";
    check(&frame(wire::TaskFinished { lease: 9, ..Default::default() }), Protocol, lease);
    let status = wire::Status { protocol_major: 1, protocol_minor: 1 };
    check(&frame(status), Protocol, "the peer sent Status in a collector's session");
    // A group inside a group inside a group …
    assert!(matches!(hear(&mut open(), &raw(&[0x7b; 500_000])), Err(SessionError::Malformed(_))));
}

#[test]
fn a_hello_that_cannot_be() {
    use RejectReason::Declaration;
    type Spoil = fn(&mut wire::Hello);
    let cases: &[(RejectReason, &str, Spoil)] = &[
        (RejectReason::Version, "the peer speaks protocol 9.3, this side 1.2", |hello| {
            (hello.protocol_major, hello.protocol_minor) = (9, 3);
        }),
        (Declaration, "an incarnation has 3 bytes, not 16", |hello| hello.incarnation = "abc".into()),
        (Declaration, "`a b` is no collector id: write 1 to 64 of A-Z a-z 0-9 - _ .", |hello| {
            hello.id = "a b".into();
        }),
        (Declaration, "topic `a.b` is declared twice", |hello| hello.topics = vec!["a.b".into(); 2]),
        (Declaration, "1025 topics; the limit is 1024", |hello| hello.topics = vec!["a".into(); 1025]),
        (Declaration, "a replay capacity of 0; this host takes 1 to 16384", |hello| {
            hello.replay_capacity = 0
        }),
        (Declaration, "`process.list` answers on topic 7; 1 are declared", |hello| {
            hello.capabilities[0].topics = vec![7];
        }),
        (Declaration, "`process.list` has a concurrency of 0; it must be 1 to 1000000", |hello| {
            hello.capabilities[0].concurrency = 0;
        }),
        (Declaration, "the kind has 65 bytes; the limit is 64", |hello| hello.kind = "x".repeat(65)),
        (Declaration, "sequences that nobody can have reached", |hello| {
            hello.settled = Some(wire::Sequences { floor: u64::MAX, ranges: vec![] });
        }),
    ];
    for (reason, text, spoil) in cases {
        let mut hello = wire_hello();
        spoil(&mut hello);
        let mut host = HostSession::new(NOW, HostLimits::default());
        let error = hear(&mut host, &frame(hello)).expect_err(text);
        let rejection = error.rejection();
        assert_eq!(rejection.reason, *reason, "{text}");
        assert_eq!(rejection.text.trim_start_matches("the collector's declaration is invalid: "), *text);
    }
}

#[test]
fn who_speaks_something_else_is_told_so() {
    let mut host = HostSession::new(NOW, HostLimits::default());
    let error = hear(&mut host, b"GET / HTTP/1.1\r\n").expect_err("no stook");
    assert_eq!(error.to_string(), "this does not look like stook: the first bytes are `GET `");
    let mut host = HostSession::new(NOW, HostLimits::default());
    let error = hear(&mut host, &[0xff; 8]).expect_err("no text");
    assert_eq!(error.to_string(), "a frame of 4294967295 bytes is over the limit of 262144");
}

#[test]
fn what_is_sent_twice_is_kept_once() {
    let mut host = open();
    for _ in 0..2 {
        assert!(hear(&mut host, &results(item())).is_ok());
        assert_eq!(host.unsettled(), 1, "the collector keeps one");
    }
    host.ack(1);
    assert_eq!(host.unsettled(), 0);
    assert!(hear(&mut host, &results(item())).is_ok());
    assert_eq!(host.unsettled(), 0, "it is settled");
}

#[test]
fn nothing_before_welcome() {
    let mut host = HostSession::new(NOW, HostLimits::default());
    let error = hear(&mut host, &results(item())).expect_err("no hello yet");
    assert_eq!(error.to_string(), "the peer sent Results before Hello");
    let mut host = HostSession::new(NOW, HostLimits::default());
    hear(&mut host, &hello()).expect("good");
    let error = hear(&mut host, &frame(wire::Heartbeat::default())).expect_err("undecided");
    assert_eq!(error.to_string(), "the peer sent Heartbeat before Welcome");
}

#[test]
fn unknown_fields_are_ignored() {
    let mut bytes = prost::Message::encode_to_vec(&wire::Frame::from(wire_hello()));
    bytes.extend([0xfa, 0x7f, 0x01, 0x78]);
    let mut host = HostSession::new(NOW, HostLimits::default());
    assert!(matches!(hear(&mut host, &raw(&bytes)), Ok(Some(Event::Hello(_)))));
}

#[test]
fn a_task_starts_and_ends_once() {
    let mut host = open();
    host.assign(&assignment(Lease(1))).expect("open");
    assert_eq!(host.assign(&assignment(Lease(1))), Err(AssignError::Lease(Lease(1))));
    let started = frame(wire::TaskStarted { lease: 1 });
    assert!(matches!(hear(&mut host, &started), Ok(Some(Event::TaskStarted(Lease(1))))));
    let error = hear(&mut host, &started).expect_err("twice");
    assert_eq!(error.to_string(), "the peer sent TaskStarted for lease 1 twice");
}

#[test]
fn a_large_result_is_no_crime() {
    let mut host = open();
    let Ok(Some(Event::Results(batch))) =
        hear(&mut host, &results(Item { omitted_bytes: 1 << 40, ..item() }))
    else {
        panic!("it is reported")
    };
    assert_eq!(batch[0].refuse, Some(Refusal::TooLarge));
}

#[test]
fn credit_is_not_overdrawn() {
    let mut host = open();
    let overdraft = (1..=HostLimits::default().credit.results + 1)
        .map(|sequence| Item { sequence, ..item() })
        .collect::<Vec<_>>();
    let error = hear(&mut host, &frame(wire::Results { items: overdraft })).expect_err("one too many");
    assert_eq!(error.to_string(), "the collector sent 1 results where it had credit for 0");
    let large = |sequence| Item { sequence, payload: vec![0; 1_000_000].into(), ..item() };
    let error = hear(&mut open(), &frame(wire::Results { items: vec![] })).map(|_| ()).err();
    assert_eq!(error, None, "nothing takes no credit");
    let mut host = open();
    (1..=4).for_each(|sequence| assert!(hear(&mut host, &results(large(sequence))).is_ok()));
    let error = hear(&mut host, &results(large(5))).expect_err("too many bytes");
    let said = "the collector sent 1000000 bytes of payload where it had credit for 194304";
    assert_eq!(error.to_string(), said);
}

#[test]
fn who_does_not_read_gets_no_credit() {
    let mut host = open();
    let mut send = |sequence| {
        let taken = hear(&mut host, &results(Item { sequence, ..item() }));
        host.refuse(sequence, Refusal::Late);
        host.return_credit(1, 0);
        taken
    };
    // All of it comes back, and yet there is an end to it, for what it was told waits in the host's memory.
    let credit = HostLimits::default().credit.results;
    (1..=credit).for_each(|sequence| assert!(send(sequence).is_ok()));
    assert!(matches!(send(credit + 1), Err(SessionError::CreditOverrun { of: "results", sent: 1, left: 0 })));
}

#[test]
fn heartbeats_may_be_many_but_not_a_flood() {
    let mut host = open();
    let beat = frame(wire::Heartbeat::default());
    let beats = (0..).take_while(|_| hear(&mut host, &beat).is_ok()).count();
    assert_eq!(beats, 2000);
    let mut host = open();
    for tick in 0..100_000 {
        host.read_buffer().extend_from_slice(&beat);
        host.poll(MonoTime::at(Duration::from_millis(10 * tick))).expect("a hundred a second are fine");
    }
}

#[test]
fn a_heartbeat_may_cross_the_goodbye_and_nothing_else() {
    let mut host = open();
    let goodbye = wire::Goodbye { reason: "done".into() };
    assert!(matches!(hear(&mut host, &frame(goodbye)), Ok(Some(Event::Goodbye(_)))));
    assert!(matches!(hear(&mut host, &frame(wire::Heartbeat::default())), Ok(Some(Event::Heartbeat(_)))));
    let error = hear(&mut host, &results(item())).expect_err("it has said that it is done");
    assert_eq!(error.to_string(), "the peer sent Results after Goodbye");
}

#[test]
fn half_a_frame_and_then_silence() {
    let at = |ms| MonoTime::at(Duration::from_millis(ms));
    let mut host = HostSession::new(NOW, HostLimits::default());
    host.read_buffer().extend_from_slice(&hello()[..9]);
    assert!(matches!(host.poll(at(4_999)), Ok(None)));
    assert_eq!(host.deadline(), Some(at(5_000)), "one deadline for the whole handshake");
    assert_eq!(host.poll(at(5_000)).unwrap_err().rejection().reason, RejectReason::Timeout);

    let mut host = open();
    assert_eq!(host.deadline(), None);
    let beat = frame(wire::Heartbeat { progress: 1, ..wire::Heartbeat::default() });
    host.read_buffer().extend_from_slice(&beat[..5]);
    assert!(matches!(host.poll(at(10_000)), Ok(None)));
    assert!(matches!(host.poll(at(10_250)), Ok(None)), "a pause is no crime");
    assert_eq!(host.deadline(), Some(at(15_000)));
    host.read_buffer().extend_from_slice(&beat[5..]);
    assert!(matches!(host.poll(at(14_999)), Ok(Some(Event::Heartbeat(_)))), "and loses nothing");
    host.read_buffer().extend_from_slice(&beat[..5]);
    host.poll(at(20_000)).expect("just begun");
    assert_eq!(host.poll(at(25_000)).unwrap_err(), SessionError::FrameTimeout(Duration::from_secs(5)));
}

#[test]
fn frames_of_every_size_up_to_the_limit() {
    let limit = 2 * 1024 * 1024;
    let mut decoder = Decoder::new(limit);
    for size in [0, 1, 65_535, 65_536, 262_144, 1_048_576, limit as usize] {
        for chunk in [1500, 65_536, usize::MAX] {
            let frame = raw(&vec![7; size]);
            for bytes in frame.chunks(chunk.min(frame.len())) {
                assert!(decoder.next_frame().expect("in the limit").is_none());
                decoder.read_buffer().extend_from_slice(bytes);
            }
            assert_eq!(decoder.next_frame().expect("in the limit").map(|frame| frame.len()), Some(size));
            assert!(!decoder.is_partial());
        }
    }
    decoder.read_buffer().put_u32_le(limit + 1);
    assert!(decoder.next_frame().is_err());
}

/// A promise of a large frame costs nothing until it is kept.
#[test]
fn nothing_is_allocated_for_a_length() {
    let mut decoder = Decoder::new(u32::MAX);
    decoder.read_buffer().put_u32_le(u32::MAX);
    assert!(matches!(decoder.next_frame(), Ok(None)));
    assert!(decoder.read_buffer().capacity() <= 128 * 1024);
}

#[test]
fn the_host_is_checked_too() {
    let mut collector = CollectorSession::new(declaration(), ReplayLimits::default());
    collector.connect(NOW);
    collector.read_buffer().extend_from_slice(open().transmit());
    assert!(matches!(collector.poll(NOW), Ok(Some(Told::Welcome(_)))));
    collector.record(&result(1)).expect("room");
    let ack = wire::Ack { settled: Some(wire::Sequences { floor: 2, ranges: vec![] }), refused: vec![] };
    collector.read_buffer().extend_from_slice(&frame(ack));
    assert_eq!(
        collector.poll(NOW).unwrap_err().to_string(),
        "the host acknowledged sequence 2, and the last that was recorded is 1"
    );
}

#[test]
fn tokens_are_not_printed() {
    let hello = wire_hello();
    assert!(!format!("{hello:?}").contains("secret"));
    let mut host = HostSession::new(NOW, HostLimits::default());
    let Ok(Some(Event::Hello(hello))) = hear(&mut host, &frame(hello)) else { panic!("good") };
    assert!(!format!("{hello:?}").contains("secret"));
    assert!(hello.token.matches(&stook_proto::Token::new("secret")));
    assert!(!hello.token.matches(&stook_proto::Token::new("secreT")));
    assert!(!hello.token.matches(&stook_proto::Token::default()));
}

#[test]
fn rejections_read_well() {
    let rejection = Rejection::new(RejectReason::Version, "protocol 2.0 is not 1.2", "update the host");
    assert_eq!(rejection.to_string(), "protocol 2.0 is not 1.2 (version); update the host");
    assert_eq!(rejection.host, Version { major: 1, minor: 2 });
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for mut host in [open(), HostSession::new(NOW, HostLimits::default())] {
            let _ = hear(&mut host, &raw(&bytes));
            let _ = hear(&mut host, &bytes);
        }
        let mut collector = CollectorSession::new(declaration(), ReplayLimits::default());
        collector.connect(NOW);
        collector.read_buffer().extend_from_slice(open().transmit());
        collector.read_buffer().extend_from_slice(&raw(&bytes));
        while let Ok(Some(_)) = collector.poll(NOW) {}
    }
}
