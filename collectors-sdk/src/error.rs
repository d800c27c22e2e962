//! What can go wrong, and the exit codes that say so.

use std::time::Duration;

use stook_proto::transport::{ENDPOINT_VARIABLE, EndpointError};
use stook_proto::{DepthError, RejectReason, Rejection};
use stook_types::{Capability, IdError, Topic, TopicError};

use crate::{Encoded, SerializeError, notices};

/// Exit codes of a collector; the same as those of `stook`.
pub mod exit {
    /// All is well.
    pub const OK: u8 = 0;
    /// A failure while running.
    pub const FAILURE: u8 = 1;
    /// No host can be reached.
    pub const UNAVAILABLE: u8 = 69;
    /// Host and collector do not understand each other.
    pub const PROTOCOL: u8 = 76;
    /// The environment, the collector's description or the host's config does not allow it.
    pub const CONFIG: u8 = 78;
}

/// Why a collector stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// It was started by hand, and no host is there.
    #[error(
        "`{kind}` is a stook collector: it works for a host, and {source}{}.\n\
         Start a host:      stook run stook.toml\n\
         Or name another:   STOOK_HOST=NAME, its `name` in [host], or {ENDPOINT_VARIABLE}=DIRECTORY{}",
        origin(), others(.source)
    )]
    NoHost {
        /// The collector's kind.
        kind: String,
        /// Where it looked.
        source: EndpointError,
    },
    /// Its host is gone, and with it the reason to live.
    #[error("the host has been gone for {0:?}, and a collector that a host has started does not outlive it")]
    Orphaned(Duration),
    /// The place where a host would be is not what it should be.
    #[error("failed to find the host: {0}")]
    Endpoint(#[from] EndpointError),
    /// The host does not want it.
    #[error("the host does not take this collector: {0}")]
    Rejected(Rejection),
    /// Its description has a mistake.
    #[error("the collector describes itself wrongly: {0}")]
    Description(#[from] DescriptionError),
    /// Its id in the environment or made of its kind is none.
    #[error("failed to name the collector: {0}")]
    Id(#[from] IdError),
    /// What it streams has ended with an error.
    #[error("failed to stream: {0}")]
    Stream(String),
    /// It has said all it had to say, and the host has taken nothing of it.
    #[error("the host refused {}{}: {reason}{}", all(*.count), on(.topic.as_deref()), remedy_of(.reason))]
    AllRefused {
        /// How many results.
        count: u64,
        /// The topic of most of them.
        topic: Option<String>,
        /// The reason of most of them, in a word.
        reason: String,
    },
    /// No runtime.
    #[error("failed to start a runtime: {0}")]
    Runtime(std::io::Error),
}

/// A mistake in a [`Description`](crate::Description).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptionError {
    /// A topic that is none.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// A capability that is none.
    #[error(transparent)]
    Capability(#[from] IdError),
    /// Two declarations of one capability.
    #[error("capability `{0}` is declared twice")]
    Twice(Capability),
    /// A capability of which no task can run.
    #[error("capability `{0}` has a concurrency of 0; it must be at least 1")]
    NoConcurrency(Capability),
    /// A collector that blocks more threads than there can be.
    #[error("its tasks at once need {needed} threads, and the limit is {limit}; declare less concurrency")]
    Threads {
        /// The concurrencies of its capabilities together.
        needed: u32,
        /// How many there can be.
        limit: u32,
    },
}

/// Why a result cannot be recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// A topic that the description does not have.
    #[error("topic `{topic}` is not in the collector's description{}", did_you_mean(.near.as_ref()))]
    Topic {
        /// The topic.
        topic: String,
        /// One that was probably meant.
        near: Option<Topic>,
    },
    /// Outside of a task a result needs a correlation ID of its own.
    #[error("a result outside of a task needs a correlation ID")]
    NoCorrelationId,
    /// It has no value that a payload can say.
    #[error("failed to encode a result: {0}")]
    Serialize(#[from] SerializeError),
    /// It is nested too deep.
    #[error("failed to encode a result: {0}")]
    Depth(#[from] DepthError),
    /// The task has ended, or the host wants no more of it; or the collector leaves.
    #[error("nobody wants more results: the task is over, or the collector leaves")]
    Over,
    /// It is larger than the host takes, or than the replay buffer.
    #[error("a result of {length} bytes is over the limit of {limit} bytes")]
    TooLarge {
        /// Its bytes.
        length: usize,
        /// How many the host takes in one result, or the buffer in all.
        limit: usize,
    },
}

/// Why a result cannot be recorded without waiting.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TryRecordError {
    /// The host has not acknowledged enough of the results before. Here is the result, to be tried again, waited with
    /// ([`Recorder::record_encoded`](crate::Recorder::record_encoded)) or let go.
    #[error("the replay buffer is full until the host acknowledges results")]
    Full(Box<Encoded>),
    /// It cannot be recorded at all.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// That not everything was acknowledged in time. Nothing is lost: it is still kept.
#[derive(Debug, thiserror::Error)]
#[error("{unacknowledged} results were not acknowledged within {within:?}")]
#[non_exhaustive]
pub struct FlushError {
    /// How many of those that were waited for.
    pub unacknowledged: usize,
    /// How long was waited.
    pub within: Duration,
}

/// Why the host was looked for where it is not.
fn origin() -> String {
    let set = |variable: &str| std::env::var(variable).is_ok_and(|value| !value.is_empty());
    let named = [ENDPOINT_VARIABLE, "STOOK_HOST"].into_iter().find(|variable| set(variable));
    named.map_or_else(String::new, |variable| format!(", as {variable} says"))
}

fn others(error: &EndpointError) -> String {
    let there = error.neighbours();
    if there.is_empty() { String::new() } else { format!("\nThere is:          {}", there.join(", ")) }
}

fn all(count: u64) -> String {
    if count == 1 { "the only result".to_owned() } else { format!("all {count} results") }
}

fn on(topic: Option<&str>) -> String {
    topic.map_or_else(String::new, |topic| format!(" on `{topic}`"))
}

fn remedy_of(reason: &str) -> String {
    notices::remedy(reason).map_or_else(String::new, |remedy| format!("; {remedy}"))
}

fn did_you_mean(near: Option<&Topic>) -> String {
    match near {
        Some(near) => format!("; did you mean `{near}`?"),
        None => {
            ": declare it in `describe`, with `Description::topic` or as an answer of a capability".to_owned()
        }
    }
}

/// Whether nothing on this topic is ever taken as the host's config is.
fn is_of_the_config(reason: &str) -> bool {
    matches!(reason, "topic-not-allowed" | "unknown-topic")
}

// === impl RunError ===

impl RunError {
    /// The exit code that says it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoHost { .. } | Self::Orphaned(_) => exit::UNAVAILABLE,
            Self::Endpoint(_) | Self::Description(_) | Self::Id(_) => exit::CONFIG,
            Self::Rejected(rejection) => match rejection.reason {
                RejectReason::UnknownCollector | RejectReason::Token | RejectReason::TopicNotAllowed => {
                    exit::CONFIG
                }
                _ => exit::PROTOCOL,
            },
            Self::AllRefused { reason, .. } if is_of_the_config(reason) => exit::CONFIG,
            _ => exit::FAILURE,
        }
    }
}
