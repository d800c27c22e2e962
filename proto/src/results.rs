//! A batch of results, read and written by hand.
//!
//! The bulk of all traffic: the walk slices payloads out of the read buffer and allocates nothing, which costs
//! a third of what prost does. A property test holds it equal to prost.

use bytes::BufMut;

use prost::encoding::{
    DecodeContext, WireType, check_wire_type, decode_key, decode_varint, encode_key, encode_varint,
    encoded_len_varint, skip_field,
};
use stook_types::CorrelationId;

use crate::collector::NewResult;
use crate::error::Malformed;

/// The key byte of field `results` in a frame.
pub(crate) const FRAME_KEY: u8 = key(3, WireType::LengthDelimited);

/// The key byte of field `items` in a batch.
const ITEM_KEY: u8 = key(1, WireType::LengthDelimited);

/// A result on the wire, borrowed from the frame.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Item<'a> {
    pub(crate) topic: u32,
    pub(crate) correlation: Option<Correlation<'a>>,
    pub(crate) sequence: u64,
    pub(crate) timestamp: Option<i64>,
    pub(crate) last: bool,
    pub(crate) content_type: i32,
    pub(crate) payload: &'a [u8],
    pub(crate) omitted_bytes: u64,
    pub(crate) lease: u64,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Correlation<'a> {
    Uuid(&'a [u8]),
    Text(&'a str),
}

/// A result ready to be sent, as often as it takes.
#[derive(Debug)]
pub(crate) struct Encoded {
    /// The message; its payload is the last field.
    bytes: Box<[u8]>,
    /// Where the payload's field begins.
    head: usize,
    /// Bytes of payload alone.
    payload: usize,
}

const fn key(tag: u8, wire_type: WireType) -> u8 {
    tag << 3 | wire_type as u8
}

// === reading ===

/// The results of a batch, one by one.
pub(crate) fn walk(mut batch: &[u8]) -> impl Iterator<Item = Result<Item<'_>, Malformed>> {
    std::iter::from_fn(move || {
        while !batch.is_empty() {
            match next_item(&mut batch) {
                Ok(None) => {}
                Ok(Some(item)) => return Some(Ok(item)),
                Err(error) => {
                    batch = &[];
                    return Some(Err(error));
                }
            }
        }
        None
    })
}

/// Reads one field of the batch: an item, or one that is unknown and skipped.
fn next_item<'a>(batch: &mut &'a [u8]) -> Result<Option<Item<'a>>, Malformed> {
    let (tag, wire_type) = decode_key(batch)?;
    if tag != 1 {
        skip_field(wire_type, tag, batch, DecodeContext::default())?;
        return Ok(None);
    }
    check_wire_type(WireType::LengthDelimited, wire_type)?;
    item(delimited(batch)?).map(Some)
}

fn item(mut bytes: &[u8]) -> Result<Item<'_>, Malformed> {
    let mut item = Item::default();
    while !bytes.is_empty() {
        let (tag, wire_type) = decode_key(&mut bytes)?;
        let expected = match tag {
            1 | 4 | 5 | 6 | 7 | 9 | 10 => WireType::Varint,
            2 | 3 | 8 => WireType::LengthDelimited,
            _ => {
                skip_field(wire_type, tag, &mut bytes, DecodeContext::default())?;
                continue;
            }
        };
        check_wire_type(expected, wire_type)?;
        match tag {
            1 => item.topic = low(decode_varint(&mut bytes)?),
            2 => item.correlation = Some(Correlation::Uuid(delimited(&mut bytes)?)),
            3 => item.correlation = Some(Correlation::Text(text(delimited(&mut bytes)?)?)),
            4 => item.sequence = decode_varint(&mut bytes)?,
            5 => item.timestamp = Some(un_zigzag(decode_varint(&mut bytes)?)),
            6 => item.last = decode_varint(&mut bytes)? != 0,
            7 => item.content_type = low(decode_varint(&mut bytes)?).cast_signed(),
            8 => item.payload = delimited(&mut bytes)?,
            9 => item.omitted_bytes = decode_varint(&mut bytes)?,
            _ => item.lease = decode_varint(&mut bytes)?,
        }
    }
    Ok(item)
}

/// As protobuf reads 32-bit fields: the low half counts.
#[expect(clippy::cast_possible_truncation, reason = "protobuf truncates")]
const fn low(value: u64) -> u32 {
    value as u32
}

pub(crate) const fn un_zigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

pub(crate) const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// A length and as many bytes.
pub(crate) fn delimited<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], Malformed> {
    let length = usize::try_from(decode_varint(bytes)?).unwrap_or(usize::MAX);
    let (head, tail) = bytes.split_at_checked(length).ok_or_else(|| Malformed::new("buffer underflow"))?;
    *bytes = tail;
    Ok(head)
}

pub(crate) fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed::new("a string is not UTF-8"))
}

// === writing ===

/// Encodes a result; `content_type` is 0 for the only one there is.
pub(crate) fn encode_item(topic: u32, sequence: u64, result: &NewResult) -> Encoded {
    let payload = result.payload.bytes();
    let mut out = Vec::with_capacity(96 + payload.len());
    let number = |out: &mut Vec<u8>, tag, value| {
        encode_key(tag, WireType::Varint, out);
        encode_varint(value, out);
    };
    if topic != 0 {
        number(&mut out, 1, topic.into());
    }
    match &result.correlation_id {
        CorrelationId::Uuid(uuid) => put_delimited(&mut out, 2, uuid.as_bytes()),
        CorrelationId::Text(text) => put_delimited(&mut out, 3, text.as_bytes()),
    }
    number(&mut out, 4, sequence);
    if let Some(timestamp) = result.timestamp {
        number(&mut out, 5, zigzag(timestamp));
    }
    if result.last {
        number(&mut out, 6, 1);
    }
    if let Some(lease) = result.lease {
        number(&mut out, 10, lease.0);
    }
    let head = out.len();
    put_delimited(&mut out, 8, payload);
    Encoded { bytes: out.into(), head, payload: payload.len() }
}

impl Encoded {
    /// Bytes of memory that it takes.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The id of its topic. Looked for where it is needed, which is seldom.
    pub(crate) fn topic(&self) -> u32 {
        item(&self.bytes).map_or(0, |item| item.topic)
    }

    /// Bytes of payload.
    pub(crate) fn payload(&self) -> usize {
        self.payload
    }

    /// Bytes that [`put`](Self::put) will append.
    pub(crate) fn wire_len(&self, omit: bool) -> usize {
        let message = self.message_len(omit);
        1 + encoded_len_varint(message as u64) + message
    }

    /// Appends it as a field of a batch; with `omit` it says how large the payload is instead of what it is.
    pub(crate) fn put(&self, omit: bool, out: &mut impl BufMut) {
        out.put_u8(ITEM_KEY);
        encode_varint(self.message_len(omit) as u64, out);
        if omit {
            out.put_slice(&self.bytes[..self.head]);
            encode_key(9, WireType::Varint, out);
            encode_varint(self.payload as u64, out);
        } else {
            out.put_slice(&self.bytes);
        }
    }

    fn message_len(&self, omit: bool) -> usize {
        if omit { self.head + 1 + encoded_len_varint(self.payload as u64) } else { self.bytes.len() }
    }
}

pub(crate) fn put_delimited(out: &mut Vec<u8>, tag: u32, bytes: &[u8]) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
#[path = "results_tests.rs"]
mod tests;
