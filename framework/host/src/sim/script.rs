//! What a task makes its collector do, said in its arguments.

use std::time::Duration;

use stook_types::{Payload, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Script {
    pub(super) what: What,
    /// After this time.
    pub(super) after: Duration,
    /// How many results come before the end.
    pub(super) results: i64,
    /// How many collectors it is to kill, one after the other, before it does what it says.
    pub(super) kills: i64,
    pub(super) death: Death,
    /// Bytes of each result.
    pub(super) bytes: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Finish,
    Fail,
    /// Go on for ever.
    Stick,
}

/// How far a collector comes before it dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Death {
    /// Nothing is said.
    Silent,
    /// The results are sent, and half of the last frame.
    HalfFrame,
    /// The results are sent, and no acknowledgement is waited for.
    BeforeAck,
}

impl Script {
    pub(super) const FINISH: Self = Self {
        what: What::Finish,
        after: Duration::from_millis(100),
        results: 1,
        kills: 0,
        death: Death::Silent,
        bytes: 8,
    };

    pub(super) fn value(&self) -> Value {
        Value::from([
            ("what", self.what as i64),
            ("after", i64::try_from(self.after.as_millis()).expect("short")),
            ("results", self.results),
            ("kills", self.kills),
            ("death", self.death as i64),
            ("bytes", self.bytes),
        ])
    }

    pub(super) fn payload(&self) -> Payload {
        stook_proto::payload(&self.value()).expect("flat")
    }

    /// What the arguments of a task say; those that say nothing make it a usual one.
    pub(super) fn of(payload: &Payload) -> Self {
        let value = payload.decode().unwrap_or_default();
        let int = |name: &str| value.at(&[name]).and_then(Value::as_int);
        let after = int("after").and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis);
        Self {
            what: match int("what") {
                Some(1) => What::Fail,
                Some(2) => What::Stick,
                _ => What::Finish,
            },
            after: after.unwrap_or(Self::FINISH.after),
            results: int("results").unwrap_or(1),
            kills: int("kills").unwrap_or(0),
            death: match int("death") {
                Some(1) => Death::HalfFrame,
                Some(2) => Death::BeforeAck,
                _ => Death::Silent,
            },
            bytes: int("bytes").unwrap_or(8),
        }
    }
}
