//! The results that policies are asked about.

use std::cell::Cell;
use std::sync::Arc;

use bytes::Bytes;
use stook_types::{
    CollectorId, DecodeError, Encoding, Incarnation, Object, Payload, SessionEpoch, Topic, Value,
};
use uuid::Uuid;

use super::one_of;
use crate::{Contribution, Draw, Source};

/// The names of fields that payloads have.
const NAMES: [&str; 3] = ["n", "m", "o"];
pub(super) const COLLECTORS: [&str; 4] = ["p1", "p2", "p3", "p4"];

/// An encoding that can say every value, for payloads and for what was merged of them.
static TAGGED: Encoding = Encoding { content_type: "test/tagged", decode };

/// A payload that says this.
pub(super) fn payload(value: &Value) -> Payload {
    let mut bytes = Vec::new();
    encode(value, &mut bytes);
    Payload::new(bytes.into(), &TAGGED)
}

/// A payload that says the same in other bytes: the outermost fields stand the other way round.
pub(super) fn respelled(value: &Value) -> Payload {
    let mut bytes = Vec::new();
    match value {
        Value::Object(fields) => encode_fields(fields.iter().rev(), fields.len(), &mut bytes),
        other => encode(other, &mut bytes),
    }
    Payload::new(bytes.into(), &TAGGED)
}

/// A payload that nobody can read.
pub(super) fn unreadable() -> Payload {
    Payload::new(Bytes::from_static(&[u8::MAX]), &TAGGED)
}

/// One of a few collectors.
pub(super) fn collector(name: &str) -> CollectorId {
    CollectorId::new(name).expect("an id")
}

/// A result of one of a few collectors.
pub(super) fn result(payload: Payload, arrival: usize, draw: &mut Draw) -> Contribution {
    let source = Source::new(
        collector(one_of(&COLLECTORS, draw)),
        "test",
        Incarnation(Uuid::nil()),
        SessionEpoch(1),
        None,
    );
    let topic = Topic::new("test").expect("a topic");
    let mut result = Contribution::new(Arc::new(source), topic, arrival as u64, payload);
    result.arrival = arrival as u32;
    result
}

/// What most values of a payload are, so that rules for one type find some to take.
#[derive(Clone, Copy)]
pub(super) enum Flavour {
    Anything,
    Bools,
    Ints,
    Numbers,
    Texts,
    Arrays,
    Objects,
}

pub(super) const FLAVOURS: [Flavour; 7] = [
    Flavour::Anything,
    Flavour::Bools,
    Flavour::Ints,
    Flavour::Numbers,
    Flavour::Texts,
    Flavour::Arrays,
    Flavour::Objects,
];

/// An object with some of a few fields.
pub(super) fn object(flavour: Flavour, draw: &mut Draw) -> Value {
    Value::Object(fields(flavour, 2, draw))
}

fn fields(flavour: Flavour, depth: usize, draw: &mut Draw) -> Object {
    let names = NAMES.iter().filter(|_| draw.below(4) > 0).collect::<Vec<_>>();
    names.into_iter().map(|name| ((*name).to_owned(), value(flavour, depth, draw))).collect()
}

/// Any value, of this flavour for the most part.
pub(super) fn value(flavour: Flavour, depth: usize, draw: &mut Draw) -> Value {
    let flavour = if draw.below(8) == 0 { one_of(&FLAVOURS, draw) } else { flavour };
    match flavour {
        Flavour::Anything if draw.below(3) == 0 => Value::Null,
        Flavour::Anything => value(one_of(&FLAVOURS, draw), depth, draw),
        Flavour::Bools => Value::Bool(draw.below(2) == 0),
        Flavour::Ints => Value::Int(one_of(&[0, 1, 1, 2, -1, 7, i64::MAX, i64::MIN], draw)),
        Flavour::Numbers if draw.below(3) == 0 => value(Flavour::Ints, depth, draw),
        Flavour::Numbers => Value::Float(float(draw)),
        Flavour::Texts if draw.below(8) == 0 => Value::Bytes(vec![0, 255]),
        Flavour::Texts => one_of(&["", "a", "b", "1", "n", "a long one"], draw).into(),
        Flavour::Arrays | Flavour::Objects if depth == 0 => Value::Null,
        Flavour::Arrays => (0..draw.below(3)).map(|_| value(Flavour::Anything, depth - 1, draw)).collect(),
        Flavour::Objects => Value::Object(fields(flavour, depth - 1, draw)),
    }
}

fn float(draw: &mut Draw) -> f64 {
    let extremes = [0.0, -0.0, 5e-324, f64::MAX, f64::MIN, f64::INFINITY, f64::NAN, 1e16];
    match draw.below(4) {
        0 => one_of(&extremes, draw),
        1 => one_of(&[0.5, 1.0, 2.0, -1.0], draw),
        // Sums of these depend on the order in which they are rounded.
        _ => (draw.unit() - 0.5) * 10_f64.powi(draw.below(40) as i32 - 20),
    }
}

/// What no merge should choke on.
pub(super) fn hostile(draw: &mut Draw) -> Payload {
    let wrapped = |inside, draw: &mut Draw| match draw.below(2) {
        0 => Value::Array(vec![inside]),
        _ => Value::from([(one_of(&NAMES, draw), inside)]),
    };
    match draw.below(5) {
        0 => unreadable(),
        1 => payload(&(0..60).fold(Value::Null, |inside, _| wrapped(inside, draw))),
        2 => payload(&Value::from([("n", "x".repeat(10_000))])),
        _ => payload(&value(Flavour::Anything, 4, draw)),
    }
}

/// How many values there are, inside of one another.
pub(super) fn count(value: &Value) -> usize {
    let inside = match value {
        Value::Array(elements) => elements.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    };
    1 + inside
}

fn encode(value: &Value, to: &mut Vec<u8>) {
    match value {
        Value::Null => to.push(0),
        Value::Bool(value) => to.extend([1, u8::from(*value)]),
        Value::Int(value) => {
            to.push(2);
            to.extend(value.to_le_bytes());
        }
        Value::Float(value) => {
            to.push(3);
            to.extend(value.to_le_bytes());
        }
        Value::String(value) => {
            to.push(4);
            encode_bytes(value.as_bytes(), to);
        }
        Value::Bytes(value) => {
            to.push(5);
            encode_bytes(value, to);
        }
        Value::Array(elements) => {
            to.push(6);
            to.extend((elements.len() as u64).to_le_bytes());
            elements.iter().for_each(|element| encode(element, to));
        }
        Value::Object(fields) => encode_fields(fields.iter(), fields.len(), to),
    }
}

fn encode_fields<'a>(fields: impl Iterator<Item = (&'a String, &'a Value)>, many: usize, to: &mut Vec<u8>) {
    to.push(7);
    to.extend((many as u64).to_le_bytes());
    for (name, value) in fields {
        encode_bytes(name.as_bytes(), to);
        encode(value, to);
    }
}

fn encode_bytes(bytes: &[u8], to: &mut Vec<u8>) {
    to.extend((bytes.len() as u64).to_le_bytes());
    to.extend(bytes);
}

thread_local! {
    /// Whether a payload was looked into that cannot be decoded.
    static FAILED: Cell<bool> = const { Cell::new(false) };
}

/// From now on.
pub(super) fn forget_failures() {
    FAILED.set(false);
}

/// Whether somebody has found a payload, in this thread, that cannot be decoded.
pub(super) fn has_failed() -> bool {
    FAILED.get()
}

fn decode(mut bytes: &[u8]) -> Result<Value, DecodeError> {
    let value = read(&mut bytes).filter(|_| bytes.is_empty());
    FAILED.set(FAILED.get() || value.is_none());
    value.ok_or_else(|| DecodeError { content_type: TAGGED.content_type, why: "no tagged value".into() })
}

fn read(from: &mut &[u8]) -> Option<Value> {
    Some(match from.split_off_first()? {
        0 => Value::Null,
        1 => Value::Bool(*from.split_off_first()? == 1),
        2 => Value::Int(i64::from_le_bytes(word(from)?)),
        3 => Value::Float(f64::from_le_bytes(word(from)?)),
        4 => Value::String(text(from)?),
        5 => Value::Bytes(long(from)?.to_vec()),
        6 => (0..u64::from_le_bytes(word(from)?)).map(|_| read(from)).collect::<Option<_>>()?,
        7 => {
            let fields = (0..u64::from_le_bytes(word(from)?)).map(|_| Some((text(from)?, read(from)?)));
            Value::Object(fields.collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

fn word(from: &mut &[u8]) -> Option<[u8; 8]> {
    from.split_off(..8)?.try_into().ok()
}

fn long<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(u64::from_le_bytes(word(from)?)).ok()?;
    from.split_off(..length)
}

fn text(from: &mut &[u8]) -> Option<String> {
    String::from_utf8(long(from)?.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_says_what_it_was_made_of() {
        let mut draw = Draw::new(1);
        for _ in 0..500 {
            let value = value(Flavour::Anything, 4, &mut draw);
            assert_eq!(payload(&value).decode().unwrap(), value);
            assert_eq!(respelled(&value).decode().unwrap(), value);
        }
        assert!(unreadable().decode().is_err());
    }
}
