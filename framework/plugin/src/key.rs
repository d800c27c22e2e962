//! What makes two results meet in one set.

use std::fmt;
use std::sync::Arc;

use serde::ser::{Serialize, Serializer};
use stook_types::{CorrelationId, Value};

/// The key of a set within its aggregate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
