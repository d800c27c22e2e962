//! What a host is asked to send of what it releases.

use crate::request::{aggregate, names, sink};
use crate::{VERSION, wire};

/// Whose sets somebody wants, and in what way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subscription {
    /// Looks on: at the sets of these aggregates, or of all if none is named. What it does not keep up with is skipped.
    Aggregates(Vec<String>),
    /// Consumes what a sink is there to take, and acknowledges it.
    Sink {
        /// The sink's name.
        name: String,
        /// How many sets may be sent and not be acknowledged, at least 1.
        window: u32,
    },
}

/// The window of whoever does not say one.
pub const DEFAULT_WINDOW: u32 = 64;
/// The largest window: a larger one counts as this.
pub const MAX_WINDOW: u32 = 1024;

impl Subscription {
    /// To the sets that this sink is there to take.
    pub fn sink(name: impl Into<String>) -> Self {
        Self::Sink { name: name.into(), window: DEFAULT_WINDOW }
    }

    pub(crate) fn to_wire(&self) -> wire::Subscribe {
        let mut subscribe = wire::Subscribe {
            protocol_minor: VERSION.minor,
            protocol_major: VERSION.major,
            ..wire::Subscribe::default()
        };
        match self {
            Self::Aggregates(names) => subscribe.aggregates.clone_from(names),
            Self::Sink { name, window } => {
                subscribe.sink.clone_from(name);
                subscribe.window = *window;
            }
        }
        subscribe
    }

    pub(crate) fn from_wire(subscribe: &wire::Subscribe) -> Result<Self, String> {
        if subscribe.sink.is_empty() {
            return names("aggregate", &subscribe.aggregates, aggregate).map(Self::Aggregates);
        }
        if !subscribe.aggregates.is_empty() {
            return Err("it names a sink and aggregates: whose sets a sink takes, the config says".into());
        }
        let window = if subscribe.window == 0 { DEFAULT_WINDOW } else { subscribe.window.min(MAX_WINDOW) };
        Ok(Self::Sink { name: sink(&subscribe.sink)?, window })
    }
}
