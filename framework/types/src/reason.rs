//! How things ended. Each enum is the closed vocabulary of one JSON field, so none is `#[non_exhaustive]`:
//! a new word is a change of the published format and should break a `match`.

use std::fmt;
use std::str::FromStr;

macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every word, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word as it stands in JSON, config, scenarios and logs.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.pad(self.as_str()) }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(word: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|known| known.as_str() == word).ok_or_else(|| {
                    let words: Vec<_> = Self::ALL.iter().map(|known| known.as_str()).collect();
                    format!("`{word}` is none of {}", words.join(", "))
                })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }
    };
}

vocabulary! {
    /// Why the host did not take a result. The collector is told.
    Refusal {
        /// Its set was released already and `late` does not take it.
        Late = "late",
        /// The set does not expect this collector, and `unexpected = "refuse"`.
        UnexpectedCollector = "unexpected-collector",
        /// The collector's config does not grant it this topic.
        TopicNotAllowed = "topic-not-allowed",
        /// No aggregate takes this topic.
        UnknownTopic = "unknown-topic",
        /// The aggregate's `key` names a path that the payload does not have.
        MissingKey = "missing-key",
        /// One result that is over a limit by itself.
        TooLarge = "too-large",
        /// The set has reached one of its limits.
        SetFull = "set-full",
        /// The host's memory budget is used up and nothing could be released.
        Memory = "memory",
        /// The payload cannot be decoded.
        Decode = "decode",
        /// The lease under which it was produced has been given to somebody else.
        StaleEpoch = "stale-epoch",
        /// It says another number of results than the set was opened with (`count_field`).
        CountMismatch = "count-mismatch",
    }
}

impl Refusal {
    /// Whether its collector's answer is not all there for want of such a result. One that is late, fenced or unwanted was
    /// no part of an answer any more.
    pub const fn leaves_a_gap(self) -> bool {
        !matches!(self, Self::Late | Self::StaleEpoch | Self::UnexpectedCollector)
    }
}

vocabulary! {
    /// Why the host dropped a result without telling anybody but the counters.
    Discard {
        /// The set does not expect this collector, and `unexpected = "discard"`.
        UnexpectedCollector = "unexpected-collector",
        /// The sinks of its set did not take it before the host stopped.
        SinkFailed = "sink-failed",
    }
}

vocabulary! {
    /// Why a collector is missing from a released set.
    Missing {
        /// Its process ended.
        Exited = "exited",
        /// Its session ended while the process may still live.
        Disconnected = "disconnected",
        /// It had not answered when the set's time was up.
        Timeout = "timeout",
        /// What it sent was refused.
        Refused = "refused",
        /// It has not connected since the host started.
        NeverConnected = "never-connected",
        /// Its task failed and is not tried again.
        TaskFailed = "task-failed",
        /// The set was released before it could answer.
        Outstanding = "outstanding",
    }
}

vocabulary! {
    /// Whether a released set is all that was asked for.
    Outcome {
        /// A completion policy said so.
        Complete = "complete",
        /// Something else ended the set first.
        Partial = "partial",
    }
}

vocabulary! {
    /// How a task ended: every task ends in exactly one of these.
    TaskOutcome {
        /// Everybody who was asked has finished it.
        Done = "done",
        /// Some have, and some have not.
        Partial = "partial",
        /// Nobody has.
        Failed = "failed",
        /// It has killed one collector after the other, and is not given to another one.
        Quarantined = "quarantined",
    }
}
