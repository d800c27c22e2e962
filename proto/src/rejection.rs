//! How a host says no.

use std::fmt;

use crate::{VERSION, Version, wire};

/// Why the host ends a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The kind of reason, for programs.
    pub reason: RejectReason,
    /// The reason in words.
    pub text: String,
    /// What to do about it.
    pub remedy: String,
    /// The version that the host speaks.
    pub host: Version,
}

/// The kind of reason for which a host ends a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RejectReason {
    /// The protocol's major versions differ.
    Version,
    /// The host's config has no such collector.
    UnknownCollector,
    /// A live collector has this id.
    Duplicate,
    /// The token is not the one given at spawn.
    Token,
    /// A declared topic is not granted. Reserved: hosts take the collector, and refuse the results on that topic.
    TopicNotAllowed,
    /// `Hello` contradicts itself or exceeds a limit.
    Declaration,
    /// A successor was started; this process is to exit.
    Superseded,
    /// The host stops.
    ShuttingDown,
    /// A frame broke the rules.
    Protocol,
    /// A frame did not come in time.
    Timeout,
    /// Too many connections.
    Busy,
    /// A request contradicts itself or exceeds a limit.
    Request,
    /// A reason that a newer host has.
    Other,
}

// === impl Rejection ===

impl Rejection {
    /// A rejection by this host.
    pub fn new(reason: RejectReason, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { reason, text: text.into(), remedy: remedy.into(), host: VERSION }
    }

    pub(crate) fn to_wire(&self) -> wire::Reject {
        wire::Reject {
            reason: self.reason.to_wire().into(),
            text: self.text.clone(),
            remedy: self.remedy.clone(),
            protocol_major: self.host.major,
            protocol_minor: self.host.minor,
        }
    }

    pub(crate) fn from_wire(reject: wire::Reject) -> Self {
        Self {
            reason: RejectReason::from_wire(reject.reason()),
            host: Version { major: reject.protocol_major, minor: reject.protocol_minor },
            text: reject.text,
            remedy: reject.remedy,
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, self.reason)?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, "; {}", self.remedy) }
    }
}

// === impl RejectReason ===

macro_rules! words {
    ($($variant:ident = $word:literal),+ $(,)?) => {
        impl RejectReason {
            /// The word as it stands in logs and counters.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other => "other",
                }
            }

            const fn to_wire(self) -> wire::reject::Reason {
                match self {
                    $(Self::$variant => wire::reject::Reason::$variant,)+
                    Self::Other => wire::reject::Reason::Unspecified,
                }
            }

            const fn from_wire(reason: wire::reject::Reason) -> Self {
                match reason {
                    $(wire::reject::Reason::$variant => Self::$variant,)+
                    wire::reject::Reason::Unspecified => Self::Other,
                }
            }
        }
    };
}
words!(
    Version = "version",
    UnknownCollector = "unknown-collector",
    Duplicate = "duplicate",
    Token = "token",
    TopicNotAllowed = "topic-not-allowed",
    Declaration = "declaration",
    Superseded = "superseded",
    ShuttingDown = "shutting-down",
    Protocol = "protocol",
    Timeout = "timeout",
    Busy = "busy",
    Request = "request",
);

impl RejectReason {
    /// Whether another attempt of the same process can succeed without anybody changing anything.
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::Duplicate | Self::ShuttingDown | Self::Timeout | Self::Busy | Self::Other)
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
