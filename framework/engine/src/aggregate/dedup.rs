//! When a result is the same as another, and who remembers.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use stook_plugin::{Contribution, DedupMemory, DedupStrategy, Identity, PluginKind, Repeats, Scope};
use stook_types::{CollectorId, MonoTime, Refusal};

use super::Aggregate;
use crate::seen::{Seen, SeenKey};
use crate::set::{OpenSet, Set};
use crate::spec::{AggregateSpec, LatePolicy};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard};

/// What the engine keeps for each dedup of an aggregate: its own first, if it has one, then those of single topics.
#[derive(Debug)]
pub(crate) struct Dedups {
    memories: Vec<Memory>,
    has_whole: bool,
}

#[derive(Debug)]
pub(super) struct Memory {
    /// Tells the strategies of an aggregate apart: their identities are not comparable.
    pub(super) index: usize,
    pub(super) terms: DedupMemory,
    /// Beyond a set: each identity with the number of the set that has it, and its place there.
    seen: Mutex<Beyond>,
    /// When there is something old in it, in nanoseconds since the origin, or `NEVER`; written under its lock.
    due: AtomicU64,
}

/// What a released set marked as seen beyond itself. That counts only if its results come to be delivered.
pub(crate) struct Marks {
    dedups: Arc<Dedups>,
    set: Arc<Set>,
    /// The number of the set.
    number: u64,
    marked: Vec<Mark>,
}

/// An identity by its memory, and the place of its result in the set.
#[derive(Debug)]
pub(crate) struct Mark {
    memory: usize,
    key: SeenKey,
    place: u32,
}

const NEVER: u64 = u64::MAX;

pub(super) type Beyond = Seen<SeenKey, (u64, u32)>;

/// What dedup says of a result that is on its way into a set, with the memory to look it up in.
pub(super) type Checked<'a> = Option<(Identity, &'a Memory)>;

impl Dedups {
    pub(super) fn new(spec: &AggregateSpec) -> Self {
        let of_topics = spec.topic_dedup.iter().map(|(_, strategy)| &**strategy);
        let strategies = spec.dedup.as_deref().into_iter().chain(of_topics);
        let memory = |(index, strategy): (usize, &dyn DedupStrategy)| Memory {
            index,
            terms: useful(strategy.memory(), spec),
            seen: Mutex::default(),
            due: AtomicU64::new(NEVER),
        };
        Self { memories: strategies.enumerate().map(memory).collect(), has_whole: spec.dedup.is_some() }
    }

    /// When a memory has something to forget, whether or not anything comes.
    pub(super) fn next_deadline(&self) -> Option<MonoTime> {
        let due = self.memories.iter().map(|memory| memory.due.load(Ordering::Relaxed)).min()?;
        (due != NEVER).then(|| MonoTime::at(Duration::from_nanos(due)))
    }

    /// Forgets some of what is too old in one memory. False if nothing was due.
    pub(super) fn forget_some(&self, now: MonoTime) -> bool {
        let due = |memory: &&Memory| memory.due.load(Ordering::Relaxed) <= nanos(now);
        self.memories.iter().find(due).inspect(|memory| memory.forget_some(now)).is_some()
    }
}

/// The terms, without the bounds that a memory within one set cannot reach: there they would only take room.
fn useful(mut terms: DedupMemory, spec: &AggregateSpec) -> DedupMemory {
    if terms.scope == Scope::Set {
        let life = match spec.late.policy {
            LatePolicy::Correct(grace) => spec.timeout.saturating_add(grace),
            LatePolicy::Refuse | LatePolicy::Reopen => spec.timeout,
        };
        if terms.capacity >= spec.limits.results_per_set {
            terms.capacity = usize::MAX;
        }
        if terms.window > life {
            terms.window = Duration::MAX;
        }
    }
    terms
}

fn nanos(time: MonoTime) -> u64 {
    u64::try_from(time.since_origin().as_nanos()).unwrap_or(NEVER)
}

impl Aggregate {
    /// Asks the dedup that applies for the identity of a result.
    pub(super) fn identify(
        &self,
        topic: Option<usize>,
        result: &Contribution,
    ) -> Result<Checked<'_>, Refusal> {
        let strategy = match topic {
            Some(i) => Some(&*self.spec.topic_dedup[i].1),
            None => self.spec.dedup.as_deref(),
        };
        let Some(strategy) = strategy else { return Ok(None) };
        let memory = &self.dedups.memories[topic.map_or(0, |i| i + usize::from(self.dedups.has_whole))];
        let plugin = (PluginKind::Dedup, self.spec.names.dedup_of(topic));
        match self.counters.guard(plugin, || strategy.identity(result)) {
            Some(Ok(identity)) => Ok(identity.map(|identity| (identity, memory))),
            Some(Err(_)) | None => Err(Refusal::Decode),
        }
    }

    /// What a set marked as seen since its last release.
    pub(super) fn marks(&self, set: &Arc<Set>, open: &mut OpenSet) -> Option<Marks> {
        let marked = std::mem::take(&mut open.marked);
        let (dedups, set, number) = (&self.dedups, set, open.number);
        (!marked.is_empty()).then(|| Marks { dedups: dedups.clone(), set: set.clone(), number, marked })
    }
}

impl Memory {
    /// The memory beyond a set, locked until the result is in its set or refused: between the look and the note
    /// nobody else can bring the same identity. Nothing where dedup looks at single sets only.
    pub(super) fn beyond(
        &self,
        collector: &CollectorId,
        identity: Identity,
    ) -> Option<(MutexGuard<'_, Beyond>, SeenKey)> {
        let key = self.key(collector, identity)?;
        Some((self.lock(), key))
    }

    fn key(&self, collector: &CollectorId, identity: Identity) -> Option<SeenKey> {
        match self.terms.scope {
            Scope::Set => None,
            Scope::Aggregate => Some((None, identity)),
            Scope::Collector => Some((Some(collector.clone()), identity)),
        }
    }

    /// What a set has to know of a result whose identity is remembered beyond it.
    pub(super) fn mark(&self, collector: &CollectorId, identity: Identity, place: u32) -> Option<Mark> {
        Some(Mark { memory: self.index, key: self.key(collector, identity)?, place })
    }

    /// Remembers an identity, in its locked memory.
    pub(super) fn remember(&self, now: MonoTime, seen: &mut Beyond, key: SeenKey, place: (u64, u32)) {
        seen.insert(now, &self.terms, key, place);
        // Whatever is older than this one is forgotten with it.
        if self.due.load(Ordering::Relaxed) == NEVER {
            self.due.store(nanos(now + self.terms.window), Ordering::Relaxed);
        }
    }

    /// Not each identity at its own time: a memory is looked through once in a while, and by those who bring results.
    fn forget_some(&self, now: MonoTime) {
        const SOME: usize = 1_000;
        const WHILE: Duration = Duration::from_secs(1);
        let mut seen = self.lock();
        let due = match seen.forget_old(now, &self.terms, SOME) {
            None => NEVER,
            Some(next) if next <= now => nanos(now),
            Some(next) => nanos(next.max(now + WHILE)),
        };
        self.due.store(due, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Beyond> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Marks {
    /// The results were not delivered: an equal one that comes later is no duplicate, unless the set has them still, and
    /// with them the next revision.
    pub(crate) fn undo(self) {
        if self.set.is_kept(self.number) {
            return;
        }
        for Mark { memory, key, place } in self.marked {
            self.dedups.memories[memory].lock().remove(&key, (self.number, place));
        }
    }
}

impl std::fmt::Debug for Marks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Marks")
            .field("number", &self.number)
            .field("marked", &self.marked)
            .finish_non_exhaustive()
    }
}

/// An equal of a result came. Gives what the count takes in memory that it did not take before.
pub(super) fn count_repeat(
    result: &mut Contribution,
    first: MonoTime,
    now: MonoTime,
    from: &CollectorId,
) -> usize {
    let (repeats, mut taken) = match &mut result.repeats {
        Some(repeats) => {
            (repeats.count, repeats.last) = (repeats.count + 1, now);
            (repeats, 0)
        }
        none => (none.insert(Box::new(Repeats::twice(first, now))), size_of::<Repeats>()),
    };
    if *from != result.source.collector
        && let Err(place) = repeats.also_from.binary_search(from)
    {
        repeats.also_from.insert(place, from.clone());
        taken += size_of::<CollectorId>();
    }
    taken
}

/// The count of a result whose place one of another collector takes, or of the same.
pub(super) fn passed_on(mut repeats: Box<Repeats>, (from, to): (&CollectorId, &CollectorId)) -> Box<Repeats> {
    if from != to {
        repeats.also_from.retain(|other| other != to);
        if let Err(place) = repeats.also_from.binary_search(from) {
            repeats.also_from.insert(place, from.clone());
        }
    }
    repeats
}
