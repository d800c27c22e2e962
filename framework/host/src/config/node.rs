//! Config as a tree, before anybody knows what it means: values that remember where they were written.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::write::key;

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) place: Place,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key of a table with its value. The entries of a table are in the order in which they were written.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) place: Place,
    pub(super) node: Node,
}

/// Where something stands in its source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere in particular.
    #[default]
    Nowhere,
    /// At these bytes of the text.
    Text(Range<usize>),
    /// At this path, for sources that have no text.
    Path(Arc<str>),
}

// === impl Node ===

impl Node {
    /// The entries, if this is a table.
    pub(super) fn entries(&self) -> Option<&[Entry]> {
        match &self.kind {
            Kind::Table(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value under a key, if this is a table that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        Some(&self.entries()?.iter().find(|entry| entry.key == key)?.node)
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Where some bytes of this text stand in that of the config. Unknown if it is written with escapes: then they are
    /// elsewhere.
    pub(super) fn place_in(&self, config: Option<&str>, bytes: &Range<usize>) -> Option<Place> {
        let Place::Text(written) = &self.place else { return None };
        let start = written.start + config?.get(written.clone())?.find(self.as_text()?)?;
        Some(Place::Text(start + bytes.start..start + bytes.end))
    }

    /// Where this text stands in the tree, if it does.
    pub(super) fn find(&self, text: &str) -> Option<&Place> {
        match &self.kind {
            Kind::Text(found) => (found == text).then_some(&self.place),
            Kind::List(nodes) => nodes.iter().find_map(|node| node.find(text)),
            Kind::Table(entries) => entries.iter().find_map(|entry| entry.node.find(text)),
            _ => None,
        }
    }

    /// The key under which something stands in this table, with the keys of the tables between.
    pub(super) fn key_at(&self, place: &Place) -> Option<String> {
        self.entries()?.iter().find_map(|entry| {
            let key = key(&entry.key);
            let is_here = entry.place == *place || entry.node.has(place);
            let inside = entry.node.key_at(place).map(|inside| format!("{key}.{inside}"));
            inside.or(is_here.then_some(key))
        })
    }

    /// Whether this or an element of it stands there.
    fn has(&self, place: &Place) -> bool {
        let element = match &self.kind {
            Kind::List(nodes) => nodes.iter().any(|node| node.has(place)),
            Kind::Table(entries) => {
                entries.iter().any(|entry| entry.place == *place || entry.node.has(place))
            }
            _ => false,
        };
        element || self.place == *place
    }

    /// Whether another one means the same, wherever it was written.
    pub(super) fn says_what(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (Kind::Null, Kind::Null) => true,
            (Kind::Bool(a), Kind::Bool(b)) => a == b,
            (Kind::Int(a), Kind::Int(b)) => a == b,
            (Kind::Float(a), Kind::Float(b)) => a == b,
            (Kind::Text(a), Kind::Text(b)) => a == b,
            (Kind::List(a), Kind::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.says_what(b))
            }
            (Kind::Table(a), Kind::Table(b)) => {
                let has =
                    |entry: &Entry| b.iter().any(|b| b.key == entry.key && entry.node.says_what(&b.node));
                a.len() == b.len() && a.iter().all(has)
            }
            _ => false,
        }
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.kind, Kind::List(_))
    }

    /// Gives every node under `path` its path as place.
    pub(super) fn place_by_path(&mut self, path: &str) {
        self.place = if path.is_empty() { Place::Nowhere } else { Place::Path(path.into()) };
        match &mut self.kind {
            Kind::List(nodes) => {
                for (index, node) in nodes.iter_mut().enumerate() {
                    node.place_by_path(&format!("{path}[{index}]"));
                }
            }
            Kind::Table(entries) => {
                for entry in entries {
                    let dot = if path.is_empty() { "" } else { "." };
                    entry.node.place_by_path(&format!("{path}{dot}{}", entry.key));
                    entry.place = entry.node.place.clone();
                }
            }
            _ => {}
        }
    }
}

impl Kind {
    /// The value as serde's errors describe it.
    pub(super) fn unexpected(&self) -> de::Unexpected<'_> {
        match self {
            Self::Null => de::Unexpected::Unit,
            Self::Bool(value) => de::Unexpected::Bool(*value),
            Self::Int(value) => de::Unexpected::Signed(*value),
            Self::Float(value) => de::Unexpected::Float(*value),
            Self::Text(value) => de::Unexpected::Str(value),
            Self::List(_) => de::Unexpected::Seq,
            Self::Table(_) => de::Unexpected::Map,
        }
    }
}

// === from any serde format ===

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let kind = from.deserialize_any(KindVisitor)?;
        Ok(Self { kind, place: Place::Nowhere })
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bool, a number, text, a list or a table")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Kind, D::Error> {
        from.deserialize_any(self)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Kind, E> {
        Ok(Kind::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Kind, E> {
        Ok(Kind::Int(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Kind, E> {
        i64::try_from(value).map(Kind::Int).map_err(|_| E::custom(format!("{value} is too large")))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Kind, E> {
        Ok(Kind::Float(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Kind, E> {
        Ok(Kind::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Kind, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = elements.next_element()? {
            nodes.push(node);
        }
        Ok(Kind::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Kind, A::Error> {
        let mut entries: Vec<Entry> = Vec::new();
        while let Some((key, node)) = fields.next_entry::<String, Node>()? {
            if entries.iter().any(|entry| entry.key == key) {
                return Err(de::Error::custom(format!("`{key}` is given twice")));
            }
            // What a format writes as null is left out, not given.
            if !matches!(node.kind, Kind::Null) {
                entries.push(Entry { key, place: Place::Nowhere, node });
            }
        }
        Ok(Kind::Table(entries))
    }
}
