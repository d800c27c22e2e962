//! What makes two results meet in one set.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::ser::{Serialize, Serializer};
use stook_types::{CorrelationId, Value};

/// The key of a set within its aggregate. Deliberately not `#[non_exhaustive]`: its two forms are those of `key` in
/// config and of `correlation_id` in JSON, and a third would be a change of both formats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetKey {
    /// The correlation ID of the results (`key = "correlation-id"`).
    Id(CorrelationId),
    /// The values found at the aggregate's key paths. Typed: `"1"` is not `1`.
    Values(Arc<[Value]>),
}

impl From<CorrelationId> for SetKey {
    fn from(id: CorrelationId) -> Self {
        Self::Id(id)
    }
}

/// Nothing but the content: the keys of an aggregate are of one kind, and each result is looked up by its key.
impl Hash for SetKey {
    fn hash<H: Hasher>(&self, to: &mut H) {
        match self {
            Self::Id(CorrelationId::Uuid(uuid)) => to.write_u128(uuid.as_u128()),
            Self::Id(CorrelationId::Text(text)) => text.hash(to),
            Self::Values(values) => values.hash(to),
        }
    }
}

impl fmt::Display for SetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Values(values) => write!(f, "{values:?}"),
        }
    }
}

/// The ID as text, or the array of key values.
impl Serialize for SetKey {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Id(id) => id.serialize(to),
            Self::Values(values) => values.serialize(to),
        }
    }
}
