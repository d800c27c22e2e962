//! When a result is the same as another, and who remembers.

use std::sync::PoisonError;

use stook_plugin::{Contribution, DedupMemory, DedupStrategy, Identity, PluginKind, Scope};
use stook_types::Refusal;

use super::Aggregate;
use crate::seen::{Seen, SeenKey};
use crate::spec::AggregateSpec;
use crate::sync::{Mutex, MutexGuard};

/// What the engine keeps for each dedup of an aggregate: its own, and those of single topics.
pub(super) struct Dedups {
    whole: Option<Memory>,
    topics: Vec<Memory>,
}

pub(super) struct Memory {
    /// Tells the strategies of an aggregate apart: their identities are not comparable.
    pub(super) index: usize,
    pub(super) terms: DedupMemory,
    /// Beyond a set: each identity with the number of the set that has it, and its place there.
    seen: Mutex<Beyond>,
}

pub(super) type Beyond = Seen<SeenKey, (u64, u32)>;

/// What dedup says of a result that is on its way into a set, with the memory to look it up in.
pub(super) type Checked<'a> = Option<(Identity, &'a Memory)>;

impl Dedups {
    pub(super) fn new(spec: &AggregateSpec) -> Self {
        let memory = |index, strategy: &dyn DedupStrategy| Memory {
            index,
            terms: strategy.memory(),
            seen: Mutex::default(),
        };
        let topics = spec.topic_dedup.iter().zip(1..);
        Self {
            whole: spec.dedup.as_deref().map(|strategy| memory(0, strategy)),
            topics: topics.map(|((_, strategy), index)| memory(index, &**strategy)).collect(),
        }
    }
}

impl Aggregate {
    /// Asks the dedup that applies for the identity of a result.
    pub(super) fn identify(
        &self,
        topic: Option<usize>,
        result: &Contribution,
    ) -> Result<Checked<'_>, Refusal> {
        let (strategy, memory) = match topic {
            Some(i) => (Some(&*self.spec.topic_dedup[i].1), Some(&self.dedups.topics[i])),
            None => (self.spec.dedup.as_deref(), self.dedups.whole.as_ref()),
        };
        let (Some(strategy), Some(memory)) = (strategy, memory) else { return Ok(None) };
        let plugin = (PluginKind::Dedup, self.spec.names.dedup_of(topic));
        match self.counters.guard(plugin, || strategy.identity(result)) {
            Some(Ok(identity)) => Ok(identity.map(|identity| (identity, memory))),
            Some(Err(_)) | None => Err(Refusal::Decode),
        }
    }
}

impl Memory {
    /// The memory beyond a set, locked until the result is in its set or refused: between the look and the note
    /// nobody else can bring the same identity. Nothing where dedup looks at single sets only.
    pub(super) fn beyond(
        &self,
        result: &Contribution,
        identity: Identity,
    ) -> Option<(MutexGuard<'_, Beyond>, SeenKey)> {
        let collector = match self.terms.scope {
            Scope::Set => return None,
            Scope::Aggregate => None,
            Scope::Collector => Some(result.source.collector.clone()),
        };
        Some((self.seen.lock().unwrap_or_else(PoisonError::into_inner), (collector, identity)))
    }
}
