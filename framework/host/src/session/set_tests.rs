use std::sync::Arc;

use stook_plugin::{
    Conflict, ConflictKind, Contributor, MissingCollector, Provenance, Reason, Repeat, Repeats, SetKey,
};
use stook_proto::operator::ReceivedSet;
use stook_proto::{MAX_DEPTH, VALUE, payload};
use stook_types::{
    CollectorId, EmissionId, Incarnation, Missing, MonoTime, Outcome, Payload, Topic, WallTime,
};

use super::*;

fn collector(name: &str) -> CollectorId {
    CollectorId::new(name).unwrap()
}

/// A set with everything that there can be.
fn set(value: Merged) -> AggregatedResult {
    let key = SetKey::Values(Arc::from([Value::from("a"), Value::from(1)]));
    let repeats = Repeats::twice(MonoTime::ZERO, MonoTime::ZERO);
    let wall = |time: MonoTime| WallTime::from_unix_micros(1_767_225_600_000_000) + time.since_origin();
    AggregatedResult {
        aggregate: "a".into(),
        emission_id: EmissionId::derive("a", &key.to_string(), 2, 3),
        correlation_id: key,
        generation: 2,
        revision: 3,
        outcome: Outcome::Partial,
        reason: Reason::MergeFailed,
        error: Some("as it was told".into()),
        value,
        provenance: vec![Provenance::new(vec!["n".into()], vec![collector("p-1")])],
        results: 4,
        duplicates: 5,
        repeats: vec![Repeat::new(collector("p-1"), 7, &repeats, wall)],
        contributors: vec![Contributor {
            collector: collector("p-1"),
            incarnation: Incarnation::random(),
            pid: Some(4711),
            topics: vec![Topic::new("t.x").unwrap()],
            results: 4,
            sequences: vec![(7, 10)],
        }],
        missing: vec![MissingCollector::new(collector("n-1"), Missing::Exited)],
        conflicts: vec![Conflict::new(["n"], ConflictKind::Type, &collector("p-1")).got("string")],
        opened_at: wall(MonoTime::ZERO),
        released_at: wall(MonoTime::ZERO),
        latency_us: 6,
    }
}

/// A merged value of every kind, with a payload of the wire and one that is not.
fn merged_value() -> Merged {
    static TEXT: stook_types::Encoding = stook_types::Encoding {
        content_type: "text/plain",
        decode: |bytes| Ok(String::from_utf8_lossy(bytes).into_owned().into()),
    };
    let encoded = payload(&Value::from([("pid", 4711)])).unwrap();
    let parts = vec![
        Merged::Payload(encoded),
        Merged::Payload(Payload::new("text".into(), &TEXT)),
        Merged::Value(Value::Bytes(vec![1, 2])),
    ];
    Merged::Object([("parts".to_owned(), Merged::Array(parts))].into())
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(Value::Null, |inner, _| Value::Array(vec![inner]))
}

fn decoded(bytes: &[u8]) -> Value {
    (VALUE.decode)(bytes).unwrap()
}

/// What its receiver writes as JSON is what a sink writes.
fn check(sent: &AggregatedResult, says: &AggregatedResult) {
    let set = decoded(&whole(sent).unwrap());
    let received = crate::Set::new(ReceivedSet { number: 1, set, omitted: String::new() }, 1);
    assert_eq!(serde_json::to_string(&received).unwrap(), serde_json::to_string(says).unwrap());
}

#[test]
fn it_says_what_its_json_says() {
    let mut set = set(merged_value());
    check(&set, &set);
    // And leaves out what that leaves out.
    (set.error, set.provenance, set.repeats) = (None, Vec::new(), Vec::new());
    check(&set, &set);
}

#[test]
fn a_payload_that_nobody_can_read_harms_no_reader() {
    let bad = Payload::new(vec![0x42, 0xff].into(), &VALUE);
    let set = set(Merged::Array(vec![Merged::Payload(bad), Merged::Value(1.into())]));
    check(&set, &set.readable());
}

#[test]
fn what_is_too_deep_or_too_large_a_number_is_said_to_be() {
    let deep = |depth| Merged::Payload(payload(&nested(depth)).unwrap());
    // The set is an object itself.
    assert!(whole(&set(deep(MAX_DEPTH - 1))).is_ok());
    let why = whole(&set(deep(MAX_DEPTH))).unwrap_err();
    assert_eq!(why, "a value has more than 32 arrays and objects inside each other");

    let mut large = set(Merged::Value(Value::Null));
    large.contributors[0].sequences = vec![(u64::MAX, u64::MAX)];
    let why = whole(&large).unwrap_err();
    assert_eq!(why, "`contributors` cannot be said: 18446744073709551615 does not fit into 64 signed bits");

    // A key with as much depth as a payload allows it.
    large.correlation_id = SetKey::Values(Arc::from([nested(MAX_DEPTH - 1)]));
    let outline = decoded(&outline(&large));
    assert!(outline.at(&["correlation_id"]).unwrap().as_str().unwrap().starts_with("[[[["));
    assert_eq!(outline.at(&["reason"]), Some(&"merge-failed".into()));
    for list in ["value", "contributors", "missing", "conflicts"] {
        assert_eq!(outline.at(&[list]), None);
    }
}
