//! Reading typed values out of a [`Node`], and plugin options among them: a serde deserializer that remembers
//! where it failed.
//!
//! Serde's errors have no place, and plugins read their options through `erased_serde`, which could not hand one
//! on. So the place is kept beside the error: whoever reads an element or a field notes
//! its place when that fails and nothing inside it did so before.

use std::cell::RefCell;
use std::fmt;

use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, Visitor};

use super::node::{Entry, Kind, Node, Place};

/// Why a node is not of the type that was wanted, in words.
#[derive(Debug)]
pub(super) struct ReadError(String);

/// Reads one node.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    node: &'a Node,
    failed_at: &'a FailedAt,
}

/// The innermost place at which reading failed.
#[derive(Debug, Default)]
pub(super) struct FailedAt(RefCell<Option<Place>>);

impl Node {
    /// The node as a `T`.
    ///
    /// # Errors
    /// What is wrong, and the innermost place where it is.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, (Place, String)> {
        let failed_at = FailedAt::default();
        T::deserialize(Reader::new(self, &failed_at))
            .map_err(|error| (failed_at.take().unwrap_or_else(|| self.place.clone()), error.0))
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(node: &'a Node, failed_at: &'a FailedAt) -> Self {
        Self { node, failed_at }
    }
}

impl FailedAt {
    /// The place, if anything failed.
    pub(super) fn take(&self) -> Option<Place> {
        self.0.take()
    }

    fn read<'de, S: de::DeserializeSeed<'de>>(&self, node: &Node, seed: S) -> Result<S::Value, ReadError> {
        self.note(&node.place, seed.deserialize(Reader::new(node, self)))
    }

    /// Passes a result on, and notes `place` unless something inside failed first. A success forgets what failed
    /// inside: somebody recovered from it.
    fn note<T>(&self, place: &Place, result: Result<T, ReadError>) -> Result<T, ReadError> {
        match result {
            Ok(_) => self.0.replace(None),
            Err(_) => self.0.replace(self.take().or_else(|| Some(place.clone()))),
        };
        result
    }
}

// === impl ReadError ===

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ReadError {}

impl de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self(wanted(expected, found))
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self(wanted(expected, found))
    }
}

/// `expected a duration, found integer 30`.
pub(super) fn wanted(expected: impl fmt::Display, found: de::Unexpected<'_>) -> String {
    let found = match found {
        de::Unexpected::Bool(value) => format!("`{value}`"),
        de::Unexpected::Signed(value) => format!("the number {value}"),
        de::Unexpected::Unsigned(value) => format!("the number {value}"),
        de::Unexpected::Float(value) => format!("the number {value:?}"),
        de::Unexpected::Str(text) => format!("the text {text:?}"),
        de::Unexpected::Seq => "a list".to_owned(),
        de::Unexpected::Map => "a table".to_owned(),
        de::Unexpected::Unit => "nothing".to_owned(),
        other => other.to_string(),
    };
    format!("expected {}, found {found}", plain(expected.to_string()))
}

/// Whole numbers are called by their types where serde reads them.
fn plain(expected: String) -> String {
    match expected.as_str() {
        "i64" => "a whole number".to_owned(),
        "u64" | "usize" => "a whole number, at least 0".to_owned(),
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "i32" => format!("a whole number from {} to {}", i32::MIN, i32::MAX),
        _ => expected,
    }
}

// === impl Reader ===

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.node.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool(value) => visitor.visit_bool(*value),
            Kind::Int(value) => visitor.visit_i64(*value),
            Kind::Float(value) => visitor.visit_f64(*value),
            Kind::Text(value) => visitor.visit_str(value),
            Kind::List(nodes) => {
                visitor.visit_seq(Elements { nodes: nodes.iter(), failed_at: self.failed_at })
            }
            Kind::Table(entries) => {
                visitor.visit_map(Fields { entries: entries.iter(), value: None, failed_at: self.failed_at })
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.node.kind {
            Kind::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match &self.node.kind {
            Kind::Text(variant) => visitor.visit_enum(variant.as_str().into_deserializer()),
            Kind::Table(entries) if entries.len() == 1 => {
                visitor.visit_enum(de::value::MapAccessDeserializer::new(Fields {
                    entries: entries.iter(),
                    value: None,
                    failed_at: self.failed_at,
                }))
            }
            other => Err(de::Error::invalid_type(other.unexpected(), &"a word or a table with one key")),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map struct identifier ignored_any
    }
}

struct Elements<'a> {
    nodes: std::slice::Iter<'a, Node>,
    failed_at: &'a FailedAt,
}

impl<'de> de::SeqAccess<'de> for Elements<'_> {
    type Error = ReadError;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ReadError> {
        self.nodes.next().map(|node| self.failed_at.read(node, seed)).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.nodes.len())
    }
}

struct Fields<'a> {
    entries: std::slice::Iter<'a, Entry>,
    value: Option<&'a Node>,
    failed_at: &'a FailedAt,
}

impl<'de> de::MapAccess<'de> for Fields<'_> {
    type Error = ReadError;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ReadError> {
        let Some(entry) = self.entries.next() else { return Ok(None) };
        self.value = Some(&entry.node);
        let key = seed.deserialize(entry.key.as_str().into_deserializer());
        self.failed_at.note(&entry.place, key).map(Some)
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        let node =
            self.value.take().ok_or_else(|| ReadError("a value was read before its key".to_owned()))?;
        self.failed_at.read(node, seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}
