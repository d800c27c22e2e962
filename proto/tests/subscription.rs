//! A consumer and a host against each other: sets come in order, as far as the window goes, and whatever breaks a rule has
//! its error.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use stook_proto::host::{Event, HostLimits, SetError};
use stook_proto::operator::{Event as Told, ReceivedSet, RequestError};
use stook_proto::{
    DEFAULT_WINDOW, HostSession, MAX_WINDOW, OperatorSession, Request, SessionError, Subscription, VERSION,
    encode, payload, wire,
};
use stook_types::{MonoTime, Value};

const NOW: MonoTime = MonoTime::ZERO;

/// Both ends of one connection.
struct Both {
    host: HostSession,
    consumer: OperatorSession,
}

impl Both {
    /// After the request, and before the reply.
    fn asked(to: Subscription) -> Self {
        Self::asked_with(to, HostLimits::default())
    }

    fn asked_with(to: Subscription, limits: HostLimits) -> Self {
        let mut both = Self { host: HostSession::new(NOW, limits), consumer: OperatorSession::new() };
        both.consumer.request(&Request::Subscribe(to.clone())).expect("ready");
        match both.up() {
            Ok(Some(Event::Request(Request::Subscribe(heard)))) => assert_eq!(heard, to),
            other => panic!("{other:?}"),
        }
        both
    }

    fn subscribed(to: Subscription) -> Self {
        let mut both = Self::asked(to);
        both.host.reply(&Value::Null, true).expect("asked");
        assert_eq!(both.down(), [Told::Reply { value: Value::Null, last: true }]);
        both
    }

    /// With a window of two.
    fn narrow() -> Self {
        Self::subscribed(Subscription::Sink { name: "detector".into(), window: 2 })
    }

    fn up(&mut self) -> Result<Option<Event>, SessionError> {
        self.host.read_buffer().extend_from_slice(&self.consumer.transmit().split());
        self.host.poll(NOW)
    }

    fn down(&mut self) -> Vec<Told> {
        self.consumer.read_buffer().extend_from_slice(&self.host.transmit().split());
        std::iter::from_fn(|| self.consumer.poll(NOW).expect("a good host")).collect()
    }

    fn send(&mut self, number: i64) -> Result<(), SetError> {
        self.host.send_set(set(number), "")
    }

    /// What the host makes of a frame that no consumer of this crate would send.
    fn says(&mut self, frame: impl Into<wire::Frame>) -> Result<Option<Event>, SessionError> {
        self.host.read_buffer().extend_from_slice(&framed(frame));
        self.host.poll(NOW)
    }
}

fn looks_on() -> Both {
    Both::subscribed(Subscription::Aggregates(vec!["a".into()]))
}

fn set(number: i64) -> Bytes {
    payload(&Value::Int(number)).expect("flat").bytes().clone()
}

fn received(number: u64) -> Told {
    Told::Set(ReceivedSet { number, set: Value::Int(number as i64), omitted: String::new() })
}

fn framed(frame: impl Into<wire::Frame>) -> BytesMut {
    let mut out = BytesMut::new();
    encode(frame, &mut out);
    out
}

#[test]
fn a_window_is_filled_and_goes_on_with_acknowledgements() {
    let mut both = Both::narrow();
    both.send(1).expect("room");
    both.send(2).expect("room");
    assert_eq!((both.host.takes_set(), both.send(3)), (false, Err(SetError::NotNow)));
    assert_eq!(both.down(), [received(1), received(2)]);
    assert_eq!(both.host.unacknowledged(), 2);

    for number in [0, 3] {
        assert_eq!(both.consumer.acknowledge(number), Err(RequestError::NoSuchSet(number)));
    }
    both.consumer.acknowledge(1).expect("it has come");
    assert!(matches!(both.up(), Ok(Some(Event::Acknowledged(1)))));
    both.send(3).expect("room for one more");
    assert!(!both.host.takes_set());
    assert_eq!(both.down(), [received(3)]);
    // One for all of them; once more it says nothing new.
    both.consumer.acknowledge(3).expect("it has come");
    assert!(matches!(both.up(), Ok(Some(Event::Acknowledged(2)))));
    let again = both.says(wire::AggregateAck { floor: 2 });
    assert!(matches!(again, Ok(Some(Event::Acknowledged(0)))));
    assert_eq!(both.host.unacknowledged(), 0);
}

#[test]
fn whoever_looks_on_has_no_window_and_is_told_of_gaps() {
    let mut both = looks_on();
    for number in 1..=100 {
        both.send(number).expect("nothing is waited for");
    }
    both.host.send_gap(7);
    both.send(101).expect("and it goes on");
    let told = both.down();
    assert_eq!((told.len(), &told[99..]), (102, &[received(100), Told::Skipped(7), received(101)][..]));
    assert_eq!(both.consumer.acknowledge(1), Err(RequestError::NoSuchSet(1)), "nobody waits for it");

    let mut consumes = Both::narrow();
    consumes.host.send_gap(7);
    assert!(!consumes.host.wants_transmit(), "to a consumer nothing is missing");
}

#[test]
fn who_does_not_read_costs_no_more_than_may_wait() {
    let limits = HostLimits { max_outbound_bytes: 1_000, ..HostLimits::default() };
    let mut both = Both::asked_with(Subscription::Aggregates(Vec::new()), limits);
    both.host.reply(&Value::Null, true).expect("asked");
    while both.host.takes_set() {
        both.host
            .send_set(payload(&Value::Bytes(vec![7; 100])).expect("flat").bytes().clone(), "")
            .expect("room");
    }
    assert!(both.host.outbound_bytes() < 1_200);
    assert_eq!(both.send(1), Err(SetError::NotNow));
}

#[test]
fn what_is_too_large_is_not_sent_and_has_no_number() {
    let limits = HostLimits { max_reply_bytes: 200, ..HostLimits::default() };
    let mut both = Both::asked_with(Subscription::sink("detector"), limits);
    both.host.reply(&Value::Null, true).expect("asked");
    let large = payload(&Value::Bytes(vec![7; 200])).expect("flat").bytes().clone();
    let error = both.host.send_set(large, "").expect_err("it is large");
    assert_eq!(error.to_string(), "the set takes a frame of 212 bytes; the limit is 200");
    both.host.send_set(set(1), &error.to_string()).expect("less of it fits");
    let told = both.down();
    let [_, Told::Set(ReceivedSet { number: 1, omitted, .. })] = &told[..] else { panic!("{told:?}") };
    assert_eq!(*omitted, error.to_string());
}

#[test]
fn a_subscription_that_is_refused_leaves_the_connection_for_another_request() {
    let mut both = Both::asked(Subscription::sink("detektor"));
    both.host.refuse_request("there is no such sink", "write another");
    let failed = Told::Failed { text: "there is no such sink".into(), remedy: "write another".into() };
    assert_eq!(both.down(), [failed]);
    assert_eq!(both.send(1), Err(SetError::NotNow));
    both.consumer.request(&Request::Status).expect("answered");
    assert!(matches!(both.up(), Ok(Some(Event::Request(Request::Status)))));
    both.host.reply(&Value::Null, true).expect("asked");
    assert!(!both.host.takes_set(), "that was no subscription");
}

#[test]
fn what_breaks_a_rule_has_its_error() {
    let check = |mut both: Both, frame: wire::Frame, text: &str| {
        let error = both.says(frame).expect_err(text);
        assert_eq!(error.to_string(), text);
        assert!(!error.rejection().remedy.is_empty());
    };
    let ack = |floor| wire::Frame::from(wire::AggregateAck { floor });
    let status = || wire::Frame::from(wire::Status { protocol_major: VERSION.major, protocol_minor: 0 });
    check(Both::narrow(), ack(1), "the consumer acknowledged set 1; the last that was sent is 0");
    let nobody = "the peer sent AggregateAck after a subscription without a sink: nobody waits for it";
    check(looks_on(), ack(0), nobody);
    check(Both::narrow(), status(), "the peer sent Status after a subscription");
    let early = "the peer sent AggregateAck before the last reply to its request";
    check(Both::asked(Subscription::sink("detector")), ack(0), early);
    check(looks_on(), wire::Aggregate::default().into(), "the peer sent Aggregate after a subscription");
    assert_eq!(Both::narrow().consumer.request(&Request::Status), Err(RequestError::Subscribed));

    let mut flood = Both::narrow();
    let floods = (0..10_000).find_map(|_| flood.says(ack(0)).err()).expect("they say nothing new");
    assert_eq!(floods, SessionError::Flood);
}

#[test]
fn requests_that_cannot_be() {
    let wire = |sink: &str, aggregates: &[&str], window| wire::Subscribe {
        sink: sink.into(),
        aggregates: aggregates.iter().map(|name| (*name).to_owned()).collect(),
        window,
        protocol_major: VERSION.major,
        protocol_minor: 99,
    };
    let hear = |subscribe: wire::Subscribe| {
        let mut host = HostSession::new(NOW, HostLimits::default());
        host.read_buffer().extend_from_slice(&framed(subscribe));
        host.poll(NOW)
    };
    for (subscribe, text) in [
        (wire("d", &["a"], 0), "it names a sink and aggregates: whose sets a sink takes, the config says"),
        (wire("a b", &[], 0), "`a b` is no sink: write 1 to 64 of A-Z a-z 0-9 - _ ."),
        (wire("", &["a b"], 0), "`a b` is no aggregate: write 1 to 64 of A-Z a-z 0-9 - _ ."),
        (wire("", &["a", "a"], 0), "aggregate `a` is named twice"),
    ] {
        let error = hear(subscribe).expect_err(text);
        assert_eq!(error.to_string(), format!("the request is invalid: {text}"));
    }
    for (said, holds) in [(0, DEFAULT_WINDOW), (7, 7), (u32::MAX, MAX_WINDOW)] {
        match hear(wire("d", &[], said)) {
            Ok(Some(Event::Request(Request::Subscribe(Subscription::Sink { window, .. })))) => {
                assert_eq!(window, holds);
            }
            other => panic!("{other:?}"),
        }
    }
    let error = hear(wire::Subscribe { protocol_major: 9, ..wire("d", &[], 0) }).expect_err("another major");
    assert!(error.to_string().starts_with("the operator speaks protocol 9.99, this host "), "{error}");
}

#[test]
fn a_host_that_breaks_the_rules() {
    let check = |mut both: Both, frame: wire::Aggregate, text: &str| {
        both.consumer.read_buffer().extend_from_slice(&framed(frame));
        assert_eq!(both.consumer.poll(NOW).expect_err(text).to_string(), text);
    };
    let aggregate = |number| wire::Aggregate { number, set: set(1), ..wire::Aggregate::default() };
    check(Both::narrow(), aggregate(2), "a frame is malformed: set 2 follows set 0");
    check(Both::narrow(), aggregate(0), "a frame is malformed: set 0 follows set 0");
    let nothing = wire::Aggregate { set: Bytes::new(), ..aggregate(1) };
    let no_value =
        "a frame is malformed: payload is not valid application/x-stook-value: a value of no known kind";
    check(Both::narrow(), nothing, no_value);
    let asked = Both::asked(Subscription::sink("detector"));
    check(asked, aggregate(1), "the peer sent Aggregate without a subscription");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    /// Cut anywhere, as often as may be, nothing is lost or made up.
    #[test]
    fn cut_anywhere(cuts in prop::collection::vec(1usize..40, 1..60)) {
        let mut both = looks_on();
        for number in 1..=10 {
            both.send(number).expect("room");
            both.host.send_gap(1);
        }
        let mut bytes = both.host.transmit().split();
        let mut told = Vec::new();
        for cut in cuts.iter().cycle() {
            let piece = bytes.split_to((*cut).min(bytes.len()));
            both.consumer.read_buffer().extend_from_slice(&piece);
            let at = MonoTime::at(Duration::from_millis(told.len() as u64));
            told.extend(std::iter::from_fn(|| both.consumer.poll(at).expect("a good host")));
            if bytes.is_empty() {
                break;
            }
        }
        let whole: Vec<_> = (1..=10).flat_map(|number| [received(number), Told::Skipped(1)]).collect();
        prop_assert_eq!(told, whole);
    }
}

#[test]
fn what_is_acknowledged_already_is_not_said_again() {
    let mut both = Both::subscribed(Subscription::sink("detector"));
    for number in 1..=3 {
        both.send(number).expect("the window is open");
    }
    assert_eq!(both.down().len(), 3);
    for number in [3, 1, 2, 3] {
        both.consumer.acknowledge(number).expect("it has come");
        if number == 3 && both.consumer.wants_transmit() {
            assert!(matches!(both.up(), Ok(Some(Event::Acknowledged(3)))));
        }
        assert!(!both.consumer.wants_transmit(), "nothing is said of {number}");
    }
}

#[test]
fn whoever_gets_sets_may_pause_in_the_middle_of_one() {
    let mut both = Both::narrow();
    both.send(1).expect("the window is open");
    let sent = both.host.transmit().split();
    let (begin, rest) = sent.split_at(sent.len() / 2);
    both.consumer.read_buffer().extend_from_slice(begin);
    for hours in 0..3 {
        let now = MonoTime::at(Duration::from_secs(hours * 3600));
        assert_eq!(both.consumer.poll(now), Ok(None));
        assert_eq!(both.consumer.deadline(), None);
    }
    both.consumer.read_buffer().extend_from_slice(rest);
    assert!(matches!(both.consumer.poll(NOW), Ok(Some(Told::Set(ReceivedSet { number: 1, .. })))));
}
