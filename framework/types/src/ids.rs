//! Who and what: identities that are parsed once and cheap to clone.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use uuid::Uuid;

/// A collector's configured name, like `procmond-1`: 1 to 64 of `A-Z a-z 0-9 - _ .`
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CollectorId(Arc<str>);

/// A kind of task that a collector can run, like `process.list`; written like a topic.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Capability(Arc<str>);

/// What ties results of one question together: a UUID, or text of 1 to 64 bytes.
///
/// Text that is written like a hyphenated UUID is that UUID, whichever way it came in.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CorrelationId {
    /// A UUID, 16 bytes on the wire.
    Uuid(Uuid),
    /// Anything else.
    Text(Arc<str>),
}

/// One start of a collector's process: fresh and random each time, so that a restart is never taken for its
/// predecessor, whatever the PID says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Incarnation(pub Uuid);

/// One task, wherever it runs and however often it is tried.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(pub Uuid);

/// One emission of a set, derived from what it is about: a repeat has the same, and a consumer can drop it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EmissionId(Uuid);

/// One connection of a collector: counts up over the host's life, so that a later session orders after an
/// earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionEpoch(pub u64);

/// Why a text is no such name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}: {why}")]
pub struct IdError {
    what: &'static str,
    text: String,
    why: &'static str,
}

const MAX: usize = 64;

impl IdError {
    fn new(what: &'static str, text: &str, why: &'static str) -> Self {
        let mut text = text.to_owned();
        if let Some((cut, _)) = text.char_indices().nth(MAX) {
            text.truncate(cut);
            text.push('…');
        }
        Self { what, text, why }
    }
}

// === impl CollectorId ===

impl CollectorId {
    /// Parses a collector's name.
    ///
    /// # Errors
    /// If it is empty, longer than 64 bytes, or has a character outside `A-Z a-z 0-9 - _ .`
    pub fn new(text: &str) -> Result<Self, IdError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if text.is_empty() || text.len() > MAX || !text.chars().all(allowed) {
            return Err(IdError::new("collector id", text, "write 1 to 64 of A-Z a-z 0-9 - _ ."));
        }
        Ok(Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// === impl Capability ===

impl Capability {
    /// Parses a capability.
    ///
    /// # Errors
    /// If it is not written like a topic: dot-separated levels of `a-z 0-9 - _`, at most 64 bytes.
    pub fn new(text: &str) -> Result<Self, IdError> {
        let level = |level: &str| {
            !level.is_empty() && level.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
        };
        if text.len() > MAX || !text.split('.').all(level) {
            return Err(IdError::new(
                "capability",
                text,
                "write dot-separated levels of a-z 0-9 - _, like `process.list`",
            ));
        }
        Ok(Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// === impl CorrelationId ===

impl CorrelationId {
    /// Parses a correlation ID: a hyphenated UUID, or else text of 1 to 64 bytes.
    ///
    /// # Errors
    /// If it is empty or longer than 64 bytes.
    pub fn new(text: &str) -> Result<Self, IdError> {
        if text.len() == 36
            && let Ok(uuid) = Uuid::try_parse(text)
        {
            return Ok(Self::Uuid(uuid));
        }
        if text.is_empty() || text.len() > MAX {
            return Err(IdError::new("correlation id", text, "write a UUID or 1 to 64 bytes of text"));
        }
        Ok(Self::Text(text.into()))
    }

    /// A fresh random ID.
    pub fn random() -> Self {
        Self::Uuid(Uuid::new_v4())
    }
}

impl fmt::Display for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid(uuid) => uuid.hyphenated().fmt(f),
            Self::Text(text) => f.pad(text),
        }
    }
}

// === impl Incarnation, TaskId ===

impl Incarnation {
    /// A fresh random incarnation.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl TaskId {
    /// A fresh random task id.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

// === impl EmissionId ===

impl EmissionId {
    /// The namespace of the name-based UUIDs below; random, and part of the format.
    const NAMESPACE: Uuid = Uuid::from_u128(0x7c1e_52fd_9b0e_4f55_8a55_1b1f_7a0c_93d1);

    /// A name-based UUID (RFC 9562, version 5) of the aggregate's name, the set's key as text, and its
    /// generation and revision, separated by a byte that no name has.
    pub fn derive(aggregate: &str, key: &str, generation: u64, revision: u64) -> Self {
        let name = [
            aggregate.as_bytes(),
            &[0],
            key.as_bytes(),
            &[0],
            &generation.to_le_bytes(),
            &revision.to_le_bytes(),
        ]
        .concat();
        Self(Uuid::new_v5(&Self::NAMESPACE, &name))
    }
}

impl fmt::Display for SessionEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// === what they share ===

macro_rules! as_text {
    ($($name:ident => |$this:ident| $inner:expr),+ $(,)?) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let $this = self;
                fmt::Display::fmt(&$inner, f)
            }
        }
    )+};
}
as_text!(
    CollectorId => |id| *id.0,
    Capability => |id| *id.0,
    Incarnation => |id| id.0.hyphenated(),
    TaskId => |id| id.0.hyphenated(),
    EmissionId => |id| id.0.hyphenated(),
);

macro_rules! debug_and_serialize_as_text {
    ($($name:ident),+) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }
    )+};
}
debug_and_serialize_as_text!(CollectorId, Capability, CorrelationId, Incarnation, TaskId, EmissionId);

macro_rules! parse_and_deserialize {
    ($($name:ident),+) => {$(
        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    )+};
}
parse_and_deserialize!(CollectorId, Capability, CorrelationId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlation_ids_have_one_form() {
        let uuid = "0f0e0d0c-0b0a-4908-8706-050403020100";
        assert!(matches!(CorrelationId::new(uuid), Ok(CorrelationId::Uuid(_))));
        assert_eq!(CorrelationId::new(uuid).unwrap().to_string(), uuid);
        assert_eq!(CorrelationId::new(&uuid.to_uppercase()), CorrelationId::new(uuid));
        // The other spellings of a UUID are text: they would print differently from what came in.
        assert!(matches!(CorrelationId::new(&uuid.replace('-', "")), Ok(CorrelationId::Text(_))));
        assert!(CorrelationId::new("").is_err());
        assert!(CorrelationId::new(&"x".repeat(64)).is_ok());
        assert!(CorrelationId::new(&"é".repeat(33)).is_err());
    }

    #[test]
    fn an_emission_id_is_stable_and_tells_all_parts_apart() {
        let id = EmissionId::derive("a", "1", 1, 1);
        // Part of the published format: a journal written by one version is read by the next.
        assert_eq!(id.to_string(), "4706625f-f536-507d-bc01-fbeb9254f42e");
        for other in [
            EmissionId::derive("b", "1", 1, 1),
            EmissionId::derive("a", "2", 1, 1),
            EmissionId::derive("a", "1", 2, 1),
            EmissionId::derive("a", "1", 1, 2),
        ] {
            assert_ne!(id, other);
        }
    }

    #[test]
    fn names_are_checked() {
        assert!(CollectorId::new("procmond-1").is_ok());
        for bad in ["", "a b", "a/b", "ä", &"x".repeat(65)] {
            assert!(CollectorId::new(bad).is_err(), "{bad}");
        }
        assert!(Capability::new("process.list").is_ok());
        for bad in ["", "a..b", ".a", "Process", "a b"] {
            assert!(Capability::new(bad).is_err(), "{bad}");
        }
    }
}
