use proptest::prelude::*;
use prost::Message;
use stook_types::Value;

use super::*;
use crate::wire;

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_map(Value::Float),
        ".{0,20}".prop_map(Value::String),
        prop::collection::vec(any::<u8>(), 0..200).prop_map(Value::Bytes),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
            prop::collection::btree_map(".{0,8}", inner, 0..8).prop_map(Value::Object),
        ]
    })
}

/// The same value as the generated types say it.
fn generated(value: &Value) -> wire::Value {
    use wire::value::Kind;
    let kind = match value {
        Value::Null => Kind::Null(true),
        Value::Bool(value) => Kind::Bool(*value),
        Value::Int(value) => Kind::Int(*value),
        Value::Float(value) => Kind::Float(*value),
        Value::String(value) => Kind::String(value.clone()),
        Value::Bytes(value) => Kind::Bytes(value.clone().into()),
        Value::Array(elements) => {
            Kind::Array(wire::Array { elements: elements.iter().map(generated).collect() })
        }
        Value::Object(fields) => {
            let field = |(name, value): (&String, _)| wire::Field {
                name: name.clone(),
                value: Some(generated(value)),
            };
            Kind::Object(wire::Object { fields: fields.iter().map(field).collect() })
        }
    };
    wire::Value { kind: Some(kind) }
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(Value::Null, |inner, level| {
        if level % 2 == 0 { Value::from([("a", inner)]) } else { Value::Array(vec![inner]) }
    })
}

proptest! {
    #[test]
    fn round_trip_and_equal_to_prost(value in value()) {
        let payload = payload(&value).expect("not deep");
        prop_assert_eq!(&payload.decode().expect("readable"), &value);
        let theirs = generated(&value).encode_to_vec();
        prop_assert_eq!(&(VALUE.decode)(&theirs).expect("prost's is readable"), &value);
        prop_assert!(wire::Value::decode(payload.bytes().clone()).is_ok());
    }

    #[test]
    fn garbage_is_an_error_or_a_value(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = (VALUE.decode)(&bytes);
    }

    /// What is only looked at is found good where it can be read, and nowhere else.
    #[test]
    fn a_look_sees_what_decoding_sees(
        value in value(),
        spoiled in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        depth in 0..=MAX_DEPTH,
    ) {
        let mut bytes = payload(&value).expect("not deep").bytes().to_vec();
        if let Some((index, byte)) = spoiled {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        prop_assert_eq!(check(&bytes, depth).is_ok(), get_value::<Value>(&bytes, depth).is_ok());
    }

    /// Written piece by piece it is the value that its pieces are.
    #[test]
    fn pieces_are_the_whole(values in prop::collection::vec(value(), 0..8)) {
        let whole = ValueWriter::whole(|place| {
            place.object(|fields| {
                fields.field("all", |place| {
                    place.array(|elements| {
                        values.iter().enumerate().try_for_each(|(i, value)| {
                            elements.element(|place| {
                                // What was written before is forgotten.
                                place.value(&Value::from("x".repeat(i)))?;
                                match i % 2 {
                                    0 => place.value(value),
                                    _ => {
                                        place.payload(&payload(value).expect("flat")).expect("good");
                                        Ok(())
                                    }
                                }
                            })
                        })
                    })
                })
            })
        });
        let whole = (VALUE.decode)(&whole.expect("not deep")).expect("readable");
        prop_assert_eq!(whole, Value::from([("all", Value::Array(values))]));
    }
}

#[test]
fn depth_is_limited_on_both_sides() {
    let deepest = payload(&nested(MAX_DEPTH)).expect("allowed");
    assert!(deepest.decode().is_ok());
    assert!(wire::Value::decode(deepest.bytes().clone()).is_ok(), "an ordinary reader takes it too");
    assert_eq!(payload(&nested(MAX_DEPTH + 1)).unwrap_err(), DepthError);

    let mut hostile = deepest.bytes().to_vec();
    for _ in 0..10_000 {
        let mut outer = Vec::new();
        put_delimited(&mut outer, 1, &hostile);
        hostile = Vec::new();
        put_delimited(&mut hostile, 7, &outer);
    }
    let error = (VALUE.decode)(&hostile).unwrap_err();
    assert!(error.to_string().contains("inside each other"), "{error}");
}

#[test]
fn nothing_is_no_value() {
    assert_eq!(
        (VALUE.decode)(&[]).unwrap_err().to_string(),
        "payload is not valid application/x-stook-value: a value of no known kind"
    );
}
