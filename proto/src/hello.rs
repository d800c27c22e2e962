//! Who connects, and what it can do.

use std::collections::HashSet;
use std::fmt;

use stook_types::{Capability, CollectorId, Incarnation, Topic};

use crate::correlation::uuid;
use crate::{Sequences, SessionError, VERSION, Version, wire};

/// A collector's introduction.
#[derive(Clone, Debug)]
pub struct Hello {
    /// The version that it speaks; its major is ours.
    pub version: Version,
    /// Names of optional behaviour that it understands.
    pub features: Vec<String>,
    /// Its id.
    pub id: CollectorId,
    /// Its kind, like `procmond`.
    pub kind: String,
    /// Fresh per process start.
    pub incarnation: Incarnation,
    /// Its process id as it says itself, for people.
    pub pid: u32,
    /// The secret that it was given at spawn; empty if it was given none.
    pub token: Token,
    /// How many unacknowledged results it keeps for another connection.
    pub replay_capacity: u32,
    /// What is settled in its eyes; everything else that it has recorded is sent again.
    pub settled: Sequences,
    /// Every topic that it publishes. A result names one by its position.
    pub topics: Vec<Topic>,
    /// The kinds of task that it runs.
    pub capabilities: Vec<CapabilityDeclaration>,
}

/// A kind of task that a collector runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapabilityDeclaration {
    /// Its name.
    pub name: Capability,
    /// How many of it the collector runs at once, at least 1.
    pub concurrency: u32,
    /// The topics on which it answers.
    pub topics: Vec<Topic>,
}

/// A secret. Compared in constant time, never printed.
#[derive(Clone, Default)]
pub struct Token(String);

/// Names of one kind in one frame.
pub(crate) const MAX_NAMES: usize = 1024;
const MAX_NAME: usize = 64;
const MAX_TOKEN: usize = 256;
const MAX_CONCURRENCY: u32 = 1_000_000;

// === impl Hello ===

impl Hello {
    pub(crate) fn to_wire(&self) -> wire::Hello {
        let position = |topic: &Topic| {
            let position = self.topics.iter().position(|declared| declared == topic);
            u32::try_from(position.expect("a capability's topics are declared")).expect("topics are few")
        };
        let capability = |capability: &CapabilityDeclaration| wire::Capability {
            name: capability.name.to_string(),
            concurrency: capability.concurrency,
            topics: capability.topics.iter().map(position).collect(),
        };
        wire::Hello {
            protocol_major: self.version.major,
            protocol_minor: self.version.minor,
            features: self.features.clone(),
            id: self.id.to_string(),
            kind: self.kind.clone(),
            incarnation: bytes::Bytes::copy_from_slice(self.incarnation.0.as_bytes()),
            pid: self.pid,
            token: self.token.0.clone(),
            replay_capacity: self.replay_capacity,
            settled: Some(self.settled.to_wire()),
            topics: self.topics.iter().map(ToString::to_string).collect(),
            capabilities: self.capabilities.iter().map(capability).collect(),
        }
    }

    /// Parses and checks an introduction.
    pub(crate) fn from_wire(hello: wire::Hello, max_replay: u32) -> Result<Self, SessionError> {
        let version = Version { major: hello.protocol_major, minor: hello.protocol_minor };
        if version.major != VERSION.major {
            return Err(SessionError::Version { theirs: version });
        }
        Self::declaration(hello, version, max_replay).map_err(SessionError::Declaration)
    }

    fn declaration(hello: wire::Hello, version: Version, max_replay: u32) -> Result<Self, String> {
        let text = |error: &dyn fmt::Display| error.to_string();
        let few = |what, count: usize| {
            if count > MAX_NAMES { Err(format!("{count} {what}; the limit is {MAX_NAMES}")) } else { Ok(()) }
        };
        few("topics", hello.topics.len())?;
        few("capabilities", hello.capabilities.len())?;
        few("features", hello.features.len())?;
        for (what, name, max) in [("kind", &hello.kind, MAX_NAME), ("token", &hello.token, MAX_TOKEN)] {
            if name.len() > max {
                return Err(format!("the {what} has {} bytes; the limit is {max}", name.len()));
            }
        }
        if hello.replay_capacity == 0 || hello.replay_capacity > max_replay {
            let wanted = hello.replay_capacity;
            return Err(format!("a replay capacity of {wanted}; this host takes 1 to {max_replay}"));
        }

        let topics: Vec<_> = hello
            .topics
            .iter()
            .map(|topic| Topic::new(topic))
            .collect::<Result<_, _>>()
            .map_err(|error| text(&error))?;
        unique("topic", &topics)?;
        let capabilities: Vec<_> = hello
            .capabilities
            .into_iter()
            .map(|capability| CapabilityDeclaration::from_wire(capability, &topics))
            .collect::<Result<_, _>>()?;
        unique("capability", capabilities.iter().map(|capability| &capability.name))?;

        let settled = hello.settled.as_ref().map(Sequences::from_wire).unwrap_or_default();
        if settled.highest() > u64::MAX / 2 {
            return Err("sequences that nobody can have reached".into());
        }
        if settled.highest() - settled.floor() > crate::SPAN * u64::from(hello.replay_capacity) {
            return Err("sequences that are settled are further apart than its replay capacity".into());
        }
        Ok(Self {
            version,
            features: hello.features,
            id: CollectorId::new(&hello.id).map_err(|error| text(&error))?,
            kind: hello.kind,
            incarnation: Incarnation(
                uuid(&hello.incarnation, "an incarnation").map_err(|error| text(&error))?,
            ),
            pid: hello.pid,
            token: Token(hello.token),
            replay_capacity: hello.replay_capacity,
            settled,
            topics,
            capabilities,
        })
    }
}

fn unique<'a, T: fmt::Display + Eq + std::hash::Hash + 'a>(
    what: &str,
    names: impl IntoIterator<Item = &'a T>,
) -> Result<(), String> {
    match twice(names) {
        Some(twice) => Err(format!("{what} `{twice}` is declared twice")),
        None => Ok(()),
    }
}

/// The first that has been there before.
pub(crate) fn twice<'a, T: Eq + std::hash::Hash + 'a>(
    names: impl IntoIterator<Item = &'a T>,
) -> Option<&'a T> {
    let mut seen = HashSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}

// === impl CapabilityDeclaration ===

impl CapabilityDeclaration {
    fn from_wire(capability: wire::Capability, declared: &[Topic]) -> Result<Self, String> {
        let name = Capability::new(&capability.name).map_err(|error| error.to_string())?;
        if !(1..=MAX_CONCURRENCY).contains(&capability.concurrency) {
            return Err(format!(
                "`{name}` has a concurrency of {}; it must be 1 to {MAX_CONCURRENCY}",
                capability.concurrency
            ));
        }
        if capability.topics.len() > declared.len() {
            return Err(format!("`{name}` names a topic twice"));
        }
        let topic = |id: u32| {
            let known = declared.get(id as usize).cloned();
            known.ok_or_else(|| format!("`{name}` answers on topic {id}; {} are declared", declared.len()))
        };
        let topics = capability.topics.into_iter().map(topic).collect::<Result<_, _>>()?;
        Ok(Self { name, concurrency: capability.concurrency, topics })
    }
}

// === impl Token ===

impl Token {
    /// The secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// Whether nobody gave one.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether both are the same, in a time that tells only their lengths.
    pub fn matches(&self, other: &Self) -> bool {
        let differences = self.0.bytes().zip(other.0.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
        self.0.len() == other.0.len() && std::hint::black_box(differences) == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "Token(none)" } else { "Token(…)" })
    }
}
