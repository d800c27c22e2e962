//! When a result is the same as another, and who remembers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use stook_plugin::{Contribution, DedupMemory, DedupStrategy, Identity, Scope};
use stook_types::Refusal;

use super::Aggregate;
use crate::seen::{Seen, SeenKey};
use crate::spec::AggregateSpec;

/// What the engine keeps for each dedup of an aggregate: its own, and those of single topics.
pub(super) struct Dedups {
    whole: Option<Memory>,
    topics: Vec<Memory>,
}

pub(super) struct Memory {
    pub(super) terms: DedupMemory,
    /// Absent where nothing is remembered beyond a set.
    seen: Option<Mutex<Seen>>,
}

/// What dedup found out about a result that is on its way into a set.
pub(super) struct Checked<'a> {
    pub(super) identity: Option<Identity>,
    pub(super) memory: Option<&'a Memory>,
}

impl Dedups {
    pub(super) fn new(spec: &AggregateSpec) -> Self {
        let memory = |strategy: &dyn DedupStrategy| {
            let terms = strategy.memory();
            Memory { terms, seen: (terms.scope != Scope::Set).then(|| Mutex::new(Seen::new(terms))) }
        };
        Self {
            whole: spec.dedup.as_deref().map(memory),
            topics: spec.topic_dedup.iter().map(|(_, strategy)| memory(&**strategy)).collect(),
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
        let Some(strategy) = strategy else { return Ok(Checked { identity: None, memory: None }) };
        let identity = catch_unwind(AssertUnwindSafe(|| strategy.identity(result))).unwrap_or_else(|_| {
            self.counters.panicked();
            Err(stook_types::DecodeError { content_type: "dedup", why: "the dedup strategy panicked".into() })
        });
        Ok(Checked { identity: identity.map_err(|_| Refusal::Decode)?, memory })
    }
}

impl Checked<'_> {
    /// The memory beyond the set, locked until the result is in its set or refused: between the look and the
    /// note nobody else can bring the same identity.
    pub(super) fn beyond(&self, result: &Contribution) -> Option<(MutexGuard<'_, Seen>, SeenKey)> {
        let memory = self.memory?;
        let key = Seen::key(&memory.terms, &result.source.collector, self.identity?)?;
        let seen = memory.seen.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        Some((seen, key))
    }
}
