//! An operator and a host against each other: what is asked arrives as it was meant, whatever breaks a rule has its
//! error, and no cut of the wire loses or makes up anything.

use std::time::Duration;

use bytes::{BufMut, BytesMut};
use proptest::prelude::*;
use stook_proto::host::{Event, HostLimits, ReplyError};
use stook_proto::operator::{Event as Told, RequestError};
use stook_proto::{
    DepthError, FanOut, HostSession, MAX_DEPTH, OperatorSession, RejectReason, Rejection, Request,
    SessionError, Submission, VERSION, encode, payload, wire,
};
use stook_types::{Capability, CollectorId, CorrelationId, MonoTime, Value};

const NOW: MonoTime = MonoTime::ZERO;

fn host() -> HostSession {
    HostSession::new(NOW, HostLimits::default())
}

/// A host whose operator waits for an answer.
fn asked() -> HostSession {
    let mut host = host();
    assert!(matches!(hear(&mut host, &sent(&Request::Status)), Ok(Some(Event::Request(Request::Status)))));
    host
}

fn answered() -> HostSession {
    let mut host = asked();
    host.reply(&Value::Null, true).expect("asked");
    host
}

fn hear(host: &mut HostSession, bytes: &[u8]) -> Result<Option<Event>, SessionError> {
    host.read_buffer().extend_from_slice(bytes);
    host.poll(NOW)
}

/// The bytes of a request.
fn sent(request: &Request) -> BytesMut {
    let mut operator = OperatorSession::new();
    operator.request(request).expect("ready, and not large");
    operator.transmit().split()
}

fn waiting() -> OperatorSession {
    let mut operator = OperatorSession::new();
    operator.request(&Request::Status).expect("ready");
    operator
}

fn frame(frame: impl Into<wire::Frame>) -> BytesMut {
    let mut out = BytesMut::new();
    encode(frame, &mut out);
    out
}

fn submission() -> Submission {
    Submission {
        capabilities: vec![Capability::new("process.list").expect("valid")],
        fan_out: FanOut::Ids(vec![CollectorId::new("procmond-1").expect("valid")]),
        payload: payload(&Value::from([("deep", true)])).expect("flat"),
        priority: -3,
        timeout: Some(Duration::from_millis(1500)),
        into: vec!["machine-scan".into()],
        correlation_id: Some(CorrelationId::new("scan").expect("valid")),
        wait: true,
    }
}

/// As a client of another make might send it.
fn wire_submit() -> wire::Submit {
    let bytes = sent(&Request::Submit(submission()));
    match prost::Message::decode(&bytes[4..]) {
        Ok(wire::Frame { body: Some(wire::frame::Body::Submit(submit)) }) => submit,
        other => panic!("{other:?}"),
    }
}

fn arbitrary() -> impl Strategy<Value = Submission> {
    let capabilities = prop::collection::hash_set("[a-z]{1,8}(\\.[a-z]{1,8})?", 1..5);
    let ids = prop::collection::hash_set("[A-Za-z0-9_.-]{1,64}", 1..5);
    let fan_out = prop_oneof![
        Just(FanOut::One),
        Just(FanOut::Each),
        ids.prop_map(|ids| FanOut::Ids(ids.iter().map(|id| CollectorId::new(id).expect("valid")).collect())),
    ];
    let into = prop::collection::hash_set("[a-z-]{1,64}", 0..4);
    let correlation_id = prop::option::of(".{1,16}");
    let numbers = (any::<i32>(), any::<Option<u64>>(), any::<bool>(), any::<i64>());
    (capabilities, fan_out, into, correlation_id, numbers).prop_map(
        |(capabilities, fan_out, into, id, (priority, millis, wait, arguments))| Submission {
            capabilities: capabilities.iter().map(|name| Capability::new(name).expect("valid")).collect(),
            fan_out,
            payload: payload(&Value::Int(arguments)).expect("flat"),
            priority,
            timeout: millis.map(Duration::from_millis),
            into: into.into_iter().collect(),
            correlation_id: id.map(|id| CorrelationId::new(&id).expect("valid")),
            wait,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn what_is_asked_arrives(asked in arbitrary()) {
        match hear(&mut host(), &sent(&Request::Submit(asked.clone()))) {
            Ok(Some(Event::Request(Request::Submit(heard)))) => {
                prop_assert_eq!(heard.payload.decode(), asked.payload.decode());
                prop_assert_eq!(format!("{heard:?}"), format!("{asked:?}"));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), frame_key in 130u8..=155) {
        let mut framed = BytesMut::new();
        // Half of it is a request or a reply with garbage inside.
        let body = [&[frame_key, 1, u8::try_from(bytes.len()).expect("few")], &bytes[..]].concat();
        for body in [&bytes, &body] {
            framed.put_u32_le(u32::try_from(body.len()).expect("few"));
            framed.extend_from_slice(body);
        }
        for mut host in [host(), asked(), answered()] {
            host.read_buffer().extend_from_slice(&framed);
            while let Ok(Some(_)) = host.poll(NOW) {}
        }
        let mut operator = waiting();
        operator.read_buffer().extend_from_slice(&framed);
        while let Ok(Some(_)) = operator.poll(NOW) {}
    }
}

#[test]
fn one_request_after_the_other() {
    let mut operator = waiting();
    assert_eq!(operator.request(&Request::Status), Err(RequestError::NotAnswered));
    let mut host = host();
    let ask = |operator: &mut OperatorSession, host: &mut HostSession| {
        let heard = hear(host, &operator.transmit().split());
        assert!(matches!(heard, Ok(Some(Event::Request(_)))), "{heard:?}");
    };
    let tell = |host: &mut HostSession, operator: &mut OperatorSession| {
        operator.read_buffer().extend_from_slice(&host.transmit().split());
        let told: Vec<_> = std::iter::from_fn(|| operator.poll(NOW).expect("a good host")).collect();
        told
    };

    ask(&mut operator, &mut host);
    host.reply(&Value::Int(1), false).expect("asked");
    let part = Told::Reply { value: Value::Int(1), last: false };
    assert_eq!(tell(&mut host, &mut operator), [part]);
    assert_eq!(operator.request(&Request::Status), Err(RequestError::NotAnswered));
    host.reply(&Value::Int(2), true).expect("asked");
    assert_eq!(tell(&mut host, &mut operator), [Told::Reply { value: Value::Int(2), last: true }]);
    assert_eq!(host.reply(&Value::Int(3), true), Err(ReplyError::NotAsked));
    host.refuse_request("nobody asked", "");
    assert!(!host.wants_transmit());

    let id = CollectorId::new("procmond-1").expect("valid");
    operator.request(&Request::Restart(id.clone())).expect("answered");
    let heard = hear(&mut host, &operator.transmit().split());
    assert!(matches!(heard, Ok(Some(Event::Request(Request::Restart(heard)))) if heard == id));
    host.refuse_request("no collector `procmond-1` is configured", "see `stook status`");
    let text = "no collector `procmond-1` is configured".into();
    assert_eq!(tell(&mut host, &mut operator), [Told::Failed { text, remedy: "see `stook status`".into() }]);

    operator.request(&Request::Submit(submission())).expect("answered");
    ask(&mut operator, &mut host);
    let stops = Rejection::new(RejectReason::ShuttingDown, "the host stops", "start it again");
    host.reject(&stops);
    assert_eq!(tell(&mut host, &mut operator), [Told::Rejected(stops)]);
    assert_eq!(operator.request(&Request::Status), Err(RequestError::Closed));
}

#[test]
fn requests_out_of_order() {
    let check = |mut host: HostSession, bytes: &[u8], text: &str| {
        let error = hear(&mut host, bytes).expect_err(text);
        assert_eq!(error.to_string(), text);
        assert!(matches!(host.poll(NOW), Ok(None)), "nothing follows the end");
        let rejection = error.rejection();
        assert!(!rejection.remedy.is_empty());

        // And the operator learns it.
        host.transmit().clear();
        host.reject(&rejection);
        let mut operator = waiting();
        operator.read_buffer().extend_from_slice(host.transmit());
        assert_eq!(operator.poll(NOW), Ok(Some(Told::Rejected(rejection))));
    };
    let hello = || frame(wire::Hello { protocol_major: VERSION.major, ..wire::Hello::default() });
    let (status, submit) = (sent(&Request::Status), sent(&Request::Submit(submission())));
    check(asked(), &submit, "the peer sent Submit before the last reply to its request");
    check(asked(), &hello(), "the peer sent Hello before the last reply to its request");
    check(answered(), &hello(), "the peer sent Hello after a request");
    check(answered(), &frame(wire::Heartbeat::default()), "the peer sent Heartbeat after a request");
    check(answered(), &frame(wire::Results::default()), "the peer sent Results after a request");
    let reply = frame(wire::Reply::default());
    check(host(), &reply, "the peer sent Reply before Hello");
    check(answered(), &reply, "the peer sent Reply after a request");
    // As a stranger, however large its frames may be later.
    let large = [&(256u32 * 1024 + 1).to_le_bytes()[..], &[0; 9]].concat();
    check(host(), &large, "a frame of 262145 bytes is over the limit of 262144");
    check(answered(), &large, "a frame of 262145 bytes is over the limit of 262144");
    assert!(matches!(hear(&mut answered(), &status), Ok(Some(Event::Request(_)))), "but this is right");
}

#[test]
fn a_host_that_breaks_the_rules() {
    let check = |mut operator: OperatorSession, bytes: &[u8], text: &str| {
        operator.read_buffer().extend_from_slice(bytes);
        assert_eq!(operator.poll(NOW).expect_err(text).to_string(), text);
        assert_eq!(operator.poll(NOW), Ok(None), "nothing follows the end");
        assert_eq!(operator.request(&Request::Status), Err(RequestError::Closed));
    };
    let value = |bytes: &'static [u8]| {
        frame(wire::Reply { outcome: Some(wire::reply::Outcome::Value(bytes.into())), last: true })
    };
    check(OperatorSession::new(), &value(&[0x08, 1]), "the peer sent Reply without a request");
    check(waiting(), &frame(wire::Reply::default()), "a frame is malformed: a reply of no known kind");
    check(
        waiting(),
        &value(b""),
        "a frame is malformed: payload is not valid application/x-stook-value: a value of no known kind",
    );
    check(waiting(), &frame(wire::Drain { grace_ms: 1 }), "the peer sent Drain to an operator");
    check(waiting(), &frame(wire::Results::default()), "the peer sent Results to an operator");
    check(waiting(), &[0xff; 8], "a frame of 4294967295 bytes is over the limit of 67108864");
}

#[test]
fn requests_that_cannot_be() {
    type Spoil = fn(&mut wire::Submit);
    let cases: &[(&str, Spoil)] = &[
        ("it names no capability", |submit| submit.capabilities.clear()),
        (
            "`Process` is no capability: write dot-separated levels of a-z 0-9 - _, like `process.list`",
            |submit| {
                submit.capabilities.push("Process".into());
            },
        ),
        ("capability `process.list` is named twice", |submit| {
            submit.capabilities.push("process.list".into());
        }),
        ("1025 names of a capability; the limit is 1024", |submit| {
            submit.capabilities = vec!["a".into(); 1025];
        }),
        ("it names no fan-out that this host knows", |submit| submit.fan_out = None),
        ("it names no collector", |submit| {
            submit.fan_out = Some(wire::submit::FanOut::Ids(wire::Collectors::default()));
        }),
        ("`a b` is no collector id: write 1 to 64 of A-Z a-z 0-9 - _ .", |submit| {
            submit.fan_out = Some(wire::submit::FanOut::Ids(wire::Collectors { ids: vec!["a b".into()] }));
        }),
        ("`a/b` is no aggregate: write 1 to 64 of A-Z a-z 0-9 - _ .", |submit| {
            submit.into.push("a/b".into());
        }),
        ("there is no correlation ID", |submit| submit.correlation = Some(wire::Correlation::default())),
        (
            "its arguments cannot be read: \
             payload is not valid application/x-stook-value: a value of no known kind",
            |submit| submit.payload.clear(),
        ),
        (
            "its arguments cannot be read: payload is not valid application/octet-stream: \
             its content type is unknown to this version",
            |submit| submit.content_type = 77,
        ),
    ];
    for (text, spoil) in cases {
        let mut submit = wire_submit();
        spoil(&mut submit);
        let error = hear(&mut host(), &frame(submit)).expect_err(text);
        assert_eq!(error.to_string(), format!("the request is invalid: {text}"));
        assert_eq!(error.rejection().reason, RejectReason::Request);
    }
    let restart =
        wire::Restart { collector: String::new(), protocol_major: VERSION.major, protocol_minor: 0 };
    let error = hear(&mut host(), &frame(restart)).expect_err("no name");
    assert!(error.to_string().starts_with("the request is invalid: `` is no collector id"), "{error}");
}

#[test]
fn another_version_is_told_both_and_what_to_do() {
    let requests = |protocol_major, protocol_minor| -> [BytesMut; 3] {
        [
            frame(wire::Submit { protocol_major, protocol_minor, ..wire_submit() }),
            frame(wire::Status { protocol_major, protocol_minor }),
            frame(wire::Restart { protocol_major, protocol_minor, collector: "procmond-1".into() }),
        ]
    };
    let check = |major, minor, text: &str| {
        for request in requests(major, minor) {
            let error = hear(&mut host(), &request).expect_err(text);
            assert_eq!(error.rejection().to_string(), text);
        }
    };
    check(9, 3, "the operator speaks protocol 9.3, this host 1.2 (version); update the host");
    let old = "the operator speaks protocol 0.0, this host 1.2 (version); ask with the `stook` of the host's release";
    check(0, 0, old);
    for request in requests(VERSION.major, 99) {
        assert!(matches!(hear(&mut host(), &request), Ok(Some(Event::Request(_)))), "a minor only adds");
    }
}

#[test]
fn what_does_not_fit() {
    let mut host = HostSession::new(NOW, HostLimits { max_reply_bytes: 2000, ..HostLimits::default() });
    hear(&mut host, &sent(&Request::Status)).expect("good");
    let large = Value::Bytes(vec![7; 2000]);
    assert_eq!(host.reply(&large, true), Err(ReplyError::TooLarge { length: 2012, limit: 2000 }));
    let larger_than_frames =
        HostLimits { max_frame_bytes: 2000, max_result_bytes: 1000, ..HostLimits::default() };
    let mut roomy = HostSession::new(NOW, larger_than_frames);
    hear(&mut roomy, &sent(&Request::Status)).expect("good");
    roomy.reply(&large, true).expect("what is read is limited by itself");
    let deep = (0..=MAX_DEPTH).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
    assert_eq!(host.reply(&deep, true), Err(ReplyError::Depth(DepthError)));
    host.reply(&Value::Null, true).expect("the request still waits");

    let mut operator = OperatorSession::new();
    let large = payload(&Value::Bytes(vec![7; 256 * 1024])).expect("flat");
    let error =
        operator.request(&Request::Submit(Submission { payload: large, ..submission() })).expect_err("large");
    assert_eq!(error.to_string(), "the request takes a frame of 262218 bytes; the limit is 262144");
    operator.request(&Request::Status).expect("nothing was sent");
}

/// An operator that asks and does not read costs no more than is allowed to wait for it.
#[test]
fn who_does_not_read_gets_no_answers() {
    let mut host = HostSession::new(NOW, HostLimits { max_outbound_bytes: 1000, ..HostLimits::default() });
    let status = sent(&Request::Status);
    hear(&mut host, &status).expect("good");
    let full = loop {
        if let Err(error) = host.reply(&Value::Bytes(vec![7; 100]), false) {
            break error;
        }
    };
    assert_eq!(full, ReplyError::Full(host.outbound_bytes()));
    host.refuse_request("too much", "read");
    let error = hear(&mut host, &status).expect_err("it has read nothing");
    assert_eq!(error, SessionError::Unread(host.outbound_bytes()));
}

#[test]
fn a_request_cut_anywhere_waits_for_its_rest() {
    let at = |ms| MonoTime::at(Duration::from_millis(ms));
    let bytes = sent(&Request::Submit(submission()));
    for cut in 0..bytes.len() {
        let mut host = host();
        assert!(matches!(hear(&mut host, &bytes[..cut]), Ok(None)));
        assert_eq!(host.deadline(), Some(at(5_000)), "it is a stranger until then");
        assert!(matches!(hear(&mut host, &bytes[cut..]), Ok(Some(Event::Request(Request::Submit(_))))));
        assert_eq!(host.deadline(), None, "an answer takes as long as it takes");

        // Cut off instead, and framed as if that were all.
        let mut short = BytesMut::new();
        let body = &bytes[4..cut.max(4)];
        short.put_u32_le(u32::try_from(body.len()).expect("short"));
        short.extend_from_slice(body);
        assert!(hear(&mut self::host(), &short).is_err(), "{cut}");
    }
}

#[test]
fn a_reply_cut_anywhere_waits_for_its_rest() {
    let at = |ms| MonoTime::at(Duration::from_millis(ms));
    let mut host = asked();
    let value = Value::from([("collectors", Value::Array(vec![Value::Int(1), Value::Null]))]);
    host.reply(&value, true).expect("asked");
    let bytes = host.transmit().split();
    for cut in 1..bytes.len() {
        let mut operator = waiting();
        operator.read_buffer().extend_from_slice(&bytes[..cut]);
        assert_eq!(operator.poll(at(1)), Ok(None));
        assert_eq!(operator.deadline(), Some(at(10_001)));
        operator.read_buffer().extend_from_slice(&bytes[cut..]);
        assert_eq!(operator.poll(at(2)), Ok(Some(Told::Reply { value: value.clone(), last: true })));
        assert_eq!(operator.deadline(), None);

        operator.read_buffer().extend_from_slice(&bytes[..cut]);
        assert_eq!(operator.poll(at(10)), Ok(None));
        let late = SessionError::FrameTimeout(Duration::from_secs(10));
        assert_eq!(operator.poll(at(10_010)), Err(late));
    }
}
