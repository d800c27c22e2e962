//! Why something is not done that somebody asks for: a kind for programs, words and a remedy for people.

use stook_engine::SubmitError;
use stook_types::CollectorId;

/// Why a task was not taken. Nothing has happened then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
#[non_exhaustive]
pub struct SubmitRefused {
    /// In what way.
    pub kind: SubmitRefusal,
    /// Why, in words.
    pub text: String,
    /// What would be right.
    pub remedy: String,
}

/// In what way a task was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubmitRefusal {
    /// The host stops, or has ended. It may run again.
    Stopping,
    /// Too many tasks wait or are in flight. There may be room later.
    Full,
    /// No collector that it may go to has any of its capabilities. One may come that has.
    Unable,
    /// It names a collector that is not configured.
    UnknownCollector(CollectorId),
    /// It names an aggregate that is not configured.
    UnknownAggregate(String),
    /// It names an aggregate whose sets have no correlation ID: none can expect its answers.
    KeyedAggregate(String),
    /// Its aggregates have no room for a set under its correlation ID, or have released one already.
    NotAnnounced,
}

/// Why a collector is not started again. Nothing has happened then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestartRefused {
    /// It is not configured.
    #[error("no collector `{collector}` is configured{}", did_you_mean(.near.as_deref()))]
    Unknown {
        /// Who was asked for.
        collector: CollectorId,
        /// A configured one with nearly that name.
        near: Option<String>,
    },
    /// It has no `command`.
    #[error("`{0}` has no `command`: somebody else has started it")]
    NotOurs(CollectorId),
    /// The host stops, or has ended.
    #[error("the host stops")]
    Stopping,
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

// === impl SubmitRefused ===

impl SubmitRefused {
    /// The host has ended, or ends.
    pub(crate) fn gone() -> Self {
        Self {
            kind: SubmitRefusal::Stopping,
            text: "the host stops".into(),
            remedy: "submit it again when it has been started again".into(),
        }
    }
}

// === impl SubmitRefusal ===

impl From<&SubmitError> for SubmitRefusal {
    fn from(error: &SubmitError) -> Self {
        match error {
            SubmitError::Closed => Self::Stopping,
            SubmitError::Full { .. } => Self::Full,
            SubmitError::Nobody | SubmitError::Unable(_) => Self::Unable,
            SubmitError::UnknownCollector(id) => Self::UnknownCollector(id.clone()),
            _ => Self::NotAnnounced,
        }
    }
}

// === impl RestartRefused ===

impl RestartRefused {
    /// What would be right.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "`stook status` shows who is there",
            Self::NotOurs(_) => {
                "restart it where it was started, or let the host do it: give it a `command` in the host's config"
            }
            Self::Stopping => "ask again when it has been started again",
        }
    }
}
