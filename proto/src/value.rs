//! [`Value`] as protobuf, by hand: no second tree of generated types in between.

mod writer;

pub use writer::{Elements, Fields, ValueWriter};

use prost::encoding::{
    DecodeContext, WireType, check_wire_type, decode_key, decode_varint, encode_key, encode_varint,
    encoded_len_varint, skip_field,
};
use stook_types::{DecodeError, Encoding, Object, Payload, Value};

use crate::error::Malformed;
use crate::results::{delimited, put_delimited, text, un_zigzag, zigzag};

/// `application/x-stook-value`: the protobuf message `stook.v1.Value`.
pub static VALUE: Encoding = Encoding { content_type: "application/x-stook-value", decode };

/// How many arrays and objects may be inside each other. Both sides keep to it, so that no payload can exhaust
/// the stack of whoever looks inside; it stays below the limit at which ordinary protobuf readers give up.
pub const MAX_DEPTH: usize = 32;

/// Why a value cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a value has more than {MAX_DEPTH} arrays and objects inside each other")]
pub struct DepthError;

/// The value as a payload.
///
/// # Errors
/// If it is nested deeper than [`MAX_DEPTH`].
pub fn payload(value: &Value) -> Result<Payload, DepthError> {
    let mut out = Vec::new();
    put_value(value, MAX_DEPTH, &mut out)?;
    Ok(Payload::new(out.into(), &VALUE))
}

fn decode(bytes: &[u8]) -> Result<Value, DecodeError> {
    get_value(bytes, MAX_DEPTH)
        .map_err(|error| DecodeError { content_type: VALUE.content_type, why: error.to_string() })
}

// === writing ===

fn put_value(value: &Value, depth: usize, out: &mut Vec<u8>) -> Result<(), DepthError> {
    let number = |tag, value, out: &mut Vec<u8>| {
        encode_key(tag, WireType::Varint, out);
        encode_varint(value, out);
    };
    match value {
        Value::Null => number(1, 1, out),
        Value::Bool(value) => number(2, u64::from(*value), out),
        Value::Int(value) => number(3, zigzag(*value), out),
        Value::Float(value) => {
            encode_key(4, WireType::SixtyFourBit, out);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Value::String(value) => put_delimited(out, 5, value.as_bytes()),
        Value::Bytes(value) => put_delimited(out, 6, value),
        Value::Array(elements) => {
            let depth = depth.checked_sub(1).ok_or(DepthError)?;
            put_message(7, out, |out| {
                elements
                    .iter()
                    .try_for_each(|element| put_message(1, out, |out| put_value(element, depth, out)))
            })?;
        }
        Value::Object(fields) => {
            let depth = depth.checked_sub(1).ok_or(DepthError)?;
            put_message(8, out, |out| {
                fields.iter().try_for_each(|(name, value)| {
                    put_message(1, out, |out| {
                        put_delimited(out, 1, name.as_bytes());
                        put_message(2, out, |out| put_value(value, depth, out))
                    })
                })
            })?;
        }
    }
    Ok(())
}

/// Writes a message first and its length after that, in front: cheaper than to measure each level before.
fn put_message(
    tag: u32,
    out: &mut Vec<u8>,
    content: impl FnOnce(&mut Vec<u8>) -> Result<(), DepthError>,
) -> Result<(), DepthError> {
    encode_key(tag, WireType::LengthDelimited, out);
    let start = out.len();
    out.push(0);
    content(out)?;
    let length = (out.len() - start - 1) as u64;
    if length < 0x80 {
        // The usual case: its place is there.
        out[start] = length as u8;
        return Ok(());
    }
    let mut prefix = [0; 10];
    encode_varint(length, &mut &mut prefix[..]);
    out.splice(start..=start, prefix[..encoded_len_varint(length)].iter().copied());
    Ok(())
}

// === reading ===

/// What comes of reading: a [`Value`], or nothing but the knowledge that it is one.
trait Read: Sized {
    type Fields: Default;

    fn leaf(leaf: Leaf<'_>) -> Self;
    fn array(elements: Vec<Self>) -> Self;
    fn field(fields: &mut Self::Fields, name: &str, value: Self);
    fn object(fields: Self::Fields) -> Self;
}

enum Leaf<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(&'a str),
    Bytes(&'a [u8]),
}

impl Read for Value {
    type Fields = Object;

    fn leaf(leaf: Leaf<'_>) -> Self {
        match leaf {
            Leaf::Null => Self::Null,
            Leaf::Bool(value) => Self::Bool(value),
            Leaf::Int(value) => Self::Int(value),
            Leaf::Float(value) => Self::Float(value),
            Leaf::String(value) => Self::String(value.to_owned()),
            Leaf::Bytes(value) => Self::Bytes(value.to_vec()),
        }
    }

    fn array(elements: Vec<Self>) -> Self {
        Self::Array(elements)
    }

    fn field(fields: &mut Object, name: &str, value: Self) {
        fields.insert(name.to_owned(), value);
    }

    fn object(fields: Object) -> Self {
        Self::Object(fields)
    }
}

/// Allocates nothing.
impl Read for () {
    type Fields = ();

    fn leaf(_: Leaf<'_>) {}
    fn array(_: Vec<Self>) {}
    fn field((): &mut (), _: &str, (): ()) {}
    fn object((): ()) {}
}

/// Whether this is a value that others can read, at a place where so many arrays and objects may be inside each other.
fn check(bytes: &[u8], depth: usize) -> Result<(), Malformed> {
    get_value(bytes, depth)
}

fn get_value<V: Read>(mut bytes: &[u8], depth: usize) -> Result<V, Malformed> {
    let mut value = None;
    while !bytes.is_empty() {
        let (tag, wire_type) = decode_key(&mut bytes)?;
        let expected = match tag {
            1..=3 => WireType::Varint,
            4 => WireType::SixtyFourBit,
            5..=8 => WireType::LengthDelimited,
            _ => {
                skip_field(wire_type, tag, &mut bytes, DecodeContext::default())?;
                continue;
            }
        };
        check_wire_type(expected, wire_type)?;
        value = Some(match tag {
            1 => {
                decode_varint(&mut bytes)?;
                V::leaf(Leaf::Null)
            }
            2 => V::leaf(Leaf::Bool(decode_varint(&mut bytes)? != 0)),
            3 => V::leaf(Leaf::Int(un_zigzag(decode_varint(&mut bytes)?))),
            4 => {
                let (float, rest) =
                    bytes.split_first_chunk().ok_or_else(|| Malformed::new("buffer underflow"))?;
                bytes = rest;
                V::leaf(Leaf::Float(f64::from_le_bytes(*float)))
            }
            5 => V::leaf(Leaf::String(text(delimited(&mut bytes)?)?)),
            6 => V::leaf(Leaf::Bytes(delimited(&mut bytes)?)),
            7 => V::array(get_array(delimited(&mut bytes)?, deeper(depth)?)?),
            _ => V::object(get_object::<V>(delimited(&mut bytes)?, deeper(depth)?)?),
        });
    }
    value.ok_or_else(|| Malformed::new("a value of no known kind"))
}

fn deeper(depth: usize) -> Result<usize, Malformed> {
    depth.checked_sub(1).ok_or_else(|| Malformed::new("too many arrays and objects inside each other"))
}

fn get_array<V: Read>(mut bytes: &[u8], depth: usize) -> Result<Vec<V>, Malformed> {
    let mut elements = Vec::new();
    each_message(&mut bytes, |element| {
        elements.push(get_value(element, depth)?);
        Ok(())
    })?;
    Ok(elements)
}

fn get_object<V: Read>(mut bytes: &[u8], depth: usize) -> Result<V::Fields, Malformed> {
    let mut fields = V::Fields::default();
    each_message(&mut bytes, |mut field| {
        let (mut name, mut value) = (None, None);
        while !field.is_empty() {
            let (tag, wire_type) = decode_key(&mut field)?;
            if tag > 2 {
                skip_field(wire_type, tag, &mut field, DecodeContext::default())?;
                continue;
            }
            check_wire_type(WireType::LengthDelimited, wire_type)?;
            let content = delimited(&mut field)?;
            if tag == 1 {
                name = Some(text(content)?);
            } else {
                value = Some(get_value(content, depth)?);
            }
        }
        let value = value.ok_or_else(|| Malformed::new("a field without a value"))?;
        V::field(&mut fields, name.unwrap_or_default(), value);
        Ok(())
    })?;
    Ok(fields)
}

/// Hands on each message in field 1, and skips the rest.
fn each_message<'a>(
    bytes: &mut &'a [u8],
    mut with: impl FnMut(&'a [u8]) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    while !bytes.is_empty() {
        let (tag, wire_type) = decode_key(bytes)?;
        if tag == 1 {
            check_wire_type(WireType::LengthDelimited, wire_type)?;
            with(delimited(bytes)?)?;
        } else {
            skip_field(wire_type, tag, bytes, DecodeContext::default())?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "value_tests.rs"]
mod tests;
