//! What an aggregate shall do: the engine's plain form of an `[aggregate.NAME]` table.

use std::sync::Arc;
use std::time::Duration;

use stook_plugin::{CompletionPolicy, DedupStrategy, MergeStrategy, OrderStrategy, PluginKind};
use stook_types::TopicPattern;

/// One aggregate: which topics meet, and what becomes of their results.
///
/// [`AggregateSpec::new`] gives one that needs no plugin: released by timeout, in order of arrival, merged as a
/// list.
pub struct AggregateSpec {
    /// Its name.
    pub name: Arc<str>,
    /// The topics that meet here.
    pub topics: Vec<TopicPattern>,
    /// What makes two results meet.
    pub key: KeySpec,
    /// Completion policies in the order in which they are asked; the first that says so wins.
    pub completion: Vec<NamedPolicy>,
    /// Released as partial this long after the opening, whatever happened. Greater than zero.
    pub timeout: Duration,
    /// Released as partial when nothing arrived for this long.
    pub idle: Option<Duration>,
    /// The effective order; by arrival if there is none.
    pub order: Option<Box<dyn OrderStrategy>>,
    /// Dedup for topics that no entry of `topic_dedup` matches.
    pub dedup: Option<Box<dyn DedupStrategy>>,
    /// Dedup of single topics; the most specific pattern wins.
    pub topic_dedup: Vec<(TopicPattern, Box<dyn DedupStrategy>)>,
    /// The merge; a list if there is none.
    pub merge: Option<Box<dyn MergeStrategy>>,
    /// What becomes of results that come after the release.
    pub late: LateSpec,
    /// How much may be pending.
    pub limits: Limits,
    /// What its plugins are called.
    pub names: PluginNames,
}

/// The names of the plugins of an aggregate beside its completion policies, to say which of them misbehaved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginNames {
    /// Of the order.
    pub order: &'static str,
    /// Of the dedup.
    pub dedup: &'static str,
    /// Of the dedup of each entry of `topic_dedup`; one without is called like the dedup of the whole.
    pub topic_dedup: Vec<&'static str>,
    /// Of the merge.
    pub merge: &'static str,
}

/// A completion policy with the name that becomes the `reason` of what it completes.
pub struct NamedPolicy {
    /// The plugin's name.
    pub name: &'static str,
    /// The policy.
    pub policy: Box<dyn CompletionPolicy>,
}

/// What makes two results meet in one set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySpec {
    /// Their correlation ID.
    CorrelationId,
    /// The values at these paths of their payloads; a result that lacks one is refused, and so is one of which they take more
    /// than [`Footprint::LARGEST_KEY`](crate::Footprint::LARGEST_KEY).
    Paths(Vec<Vec<String>>),
}

/// What becomes of results that come after their set was released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LateSpec {
    /// What to do with them.
    pub policy: LatePolicy,
    /// How many released sets are remembered. Past it the oldest is forgotten: what comes for it then is of a new set, of
    /// the first generation and revision, as if it had never been.
    pub tombstones: usize,
    /// How long a released set is remembered.
    pub remember: Duration,
}

/// What to do with a late result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LatePolicy {
    /// Refuse it: the collector is told.
    Refuse,
    /// Open the next generation of the set.
    Reopen,
    /// Until this long after the first release, emit the set again with it, as the next revision; then refuse. Its results
    /// count towards the memory budget for as long, and are let go of earlier where memory is short.
    Correct(Duration),
}

/// How much an aggregate may have pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open sets.
    pub sets: usize,
    /// Results in one set.
    pub results_per_set: usize,
    /// Payload bytes in one set.
    pub bytes_per_set: usize,
    /// What happens when a set would be one too many, or the memory budget is used up.
    pub when_full: WhenFull,
}

/// What happens when a result would open one set too many, or the memory budget has no room for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// The longest idle set is released as partial, reason `evicted`: of the aggregate, or of all where memory is short.
    EmitOldest,
    /// The result is refused with `set-full` or `memory`.
    Refuse,
    /// The result is handed back, to be offered again when a set has been released or its sinks have taken it.
    Backpressure,
}

impl AggregateSpec {
    /// An aggregate with every default.
    pub fn new(name: impl Into<Arc<str>>, topics: Vec<TopicPattern>, timeout: Duration) -> Self {
        Self {
            name: name.into(),
            topics,
            key: KeySpec::CorrelationId,
            completion: Vec::new(),
            timeout,
            idle: None,
            order: None,
            dedup: None,
            topic_dedup: Vec::new(),
            merge: None,
            late: LateSpec::default(),
            limits: Limits::default(),
            names: PluginNames::default(),
        }
    }
}

impl PluginNames {
    /// That of the dedup for this entry of `topic_dedup`, or of the whole aggregate.
    pub fn dedup_of(&self, topic: Option<usize>) -> &'static str {
        topic.and_then(|index| self.topic_dedup.get(index)).unwrap_or(&self.dedup)
    }
}

/// What stands in for a plugin that config does not name.
impl Default for PluginNames {
    fn default() -> Self {
        Self { order: "arrival", dedup: "none", topic_dedup: Vec::new(), merge: "list" }
    }
}

impl AggregateSpec {
    /// Kind and name of each of its plugins.
    pub(crate) fn plugins(&self) -> impl Iterator<Item = (PluginKind, &'static str)> {
        let PluginNames { order, dedup, topic_dedup, .. } = &self.names;
        let others = [(PluginKind::Order, *order), (PluginKind::Dedup, *dedup), self.merge_plugin()];
        let completion = self.completion.iter().map(NamedPolicy::plugin);
        others.into_iter().chain(completion).chain(topic_dedup.iter().map(|name| (PluginKind::Dedup, *name)))
    }

    pub(crate) const fn merge_plugin(&self) -> (PluginKind, &'static str) {
        (PluginKind::Merge, self.names.merge)
    }
}

impl NamedPolicy {
    pub(crate) const fn plugin(&self) -> (PluginKind, &'static str) {
        (PluginKind::Completion, self.name)
    }
}

impl Default for LateSpec {
    fn default() -> Self {
        Self { policy: LatePolicy::Refuse, tombstones: 100_000, remember: Duration::from_secs(300) }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sets: 100_000,
            results_per_set: 10_000,
            bytes_per_set: 16 << 20,
            when_full: WhenFull::EmitOldest,
        }
    }
}
