//! The numbers that add up: received = delivered + duplicate + late + refused + discarded + pending.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use stook_plugin::PluginKind;
use stook_types::{Discard, Refusal};

use crate::guard::told;
use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};
use crate::sync::{Mutex, MutexGuard};

/// A plugin of an aggregate: its kind and its name.
pub(crate) type Plugin = (PluginKind, &'static str);

/// Counts as the engine keeps them.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) received: AtomicU64,
    pub(crate) delivered: AtomicU64,
    pub(crate) duplicate: AtomicU64,
    pub(crate) pending: AtomicU64,
    pub(crate) released: AtomicU64,
    pub(crate) undecided: AtomicU64,
    /// Panics of each plugin of the aggregate.
    misbehaved: BTreeMap<Plugin, AtomicU64>,
    /// Touched where a merge fails, and nowhere else.
    merge_failures: Mutex<BTreeMap<Plugin, MergeFailures>>,
    refused: [AtomicU64; Refusal::ALL.len()],
    discarded: [AtomicU64; Discard::ALL.len()],
}

/// Where every result went, at one moment. Taken while results arrive, it may be off by those in flight.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CounterSnapshot {
    /// Results offered.
    pub received: u64,
    /// In a set that its sinks took.
    pub delivered: u64,
    /// Dropped as retransmit or by `dedup`.
    pub duplicate: u64,
    /// Came after the release of their set and were refused for it.
    pub late: u64,
    /// Refused for another reason, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Dropped without telling anybody, by reason.
    pub discarded: BTreeMap<&'static str, u64>,
    /// In an open set, or in a released one that no sink has taken yet.
    pub pending: u64,
    /// Sets released, corrections included.
    pub released: u64,
    /// Calls of a plugin that panicked.
    pub plugin_panics: u64,
    /// The same by kind and name of the plugin: those that have panicked.
    pub misbehaved: BTreeMap<(PluginKind, &'static str), u64>,
    /// Merges that failed or panicked, by kind and name of the plugin.
    pub merge_failures: BTreeMap<(PluginKind, &'static str), MergeFailures>,
    /// Questions to a completion policy that it could not answer, because of what the results contain.
    pub undecided: u64,
}

/// Merges that gave no value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MergeFailures {
    /// How many.
    pub count: u64,
    /// Why the last one did not.
    pub last: String,
}

pub(crate) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Relaxed);
}

// === impl Counters ===

impl Counters {
    /// Counters of an aggregate with these plugins.
    pub(crate) fn of(plugins: impl IntoIterator<Item = Plugin>) -> Self {
        let misbehaved = plugins.into_iter().map(|plugin| (plugin, AtomicU64::new(0))).collect();
        Self { misbehaved, ..Self::default() }
    }

    pub(crate) fn refuse(&self, reason: Refusal) {
        add(&self.refused[reason as usize], 1);
    }

    pub(crate) fn discard(&self, reason: Discard, count: u64) {
        add(&self.discarded[reason as usize], count);
    }

    /// Calls a plugin. If it panics, that is counted, and there is no answer.
    pub(crate) fn guard<T>(&self, plugin: Plugin, call: impl FnOnce() -> T) -> Option<T> {
        self.told(plugin, call).ok()
    }

    /// The same; if it panics, with what it said.
    pub(crate) fn told<T>(&self, plugin: Plugin, call: impl FnOnce() -> T) -> Result<T, String> {
        told(call).inspect_err(|_| add(&self.misbehaved[&plugin], 1))
    }

    /// A merge gave no value.
    pub(crate) fn merge_failed(&self, plugin: Plugin, why: &str) {
        let mut failures = self.merge_failures();
        let MergeFailures { count, last } = failures.entry(plugin).or_default();
        *count += 1;
        why.clone_into(last);
    }

    fn merge_failures(&self) -> MutexGuard<'_, BTreeMap<Plugin, MergeFailures>> {
        self.merge_failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn settled(&self, count: u64) {
        self.pending.fetch_sub(count, Relaxed);
    }

    pub(crate) fn snapshot(&self) -> CounterSnapshot {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        let refused = |reason: &Refusal| (reason.as_str(), read(&self.refused[*reason as usize]));
        let discarded = |reason: &Discard| (reason.as_str(), read(&self.discarded[*reason as usize]));
        let mut refused: BTreeMap<_, _> = Refusal::ALL.iter().map(refused).filter(|(_, n)| *n > 0).collect();
        let misbehaved = self.misbehaved.iter().map(|(plugin, count)| (*plugin, read(count)));
        let misbehaved: BTreeMap<_, _> = misbehaved.filter(|(_, n)| *n > 0).collect();
        let late = refused.remove(Refusal::Late.as_str()).unwrap_or(0);
        CounterSnapshot {
            received: read(&self.received),
            delivered: read(&self.delivered),
            duplicate: read(&self.duplicate),
            late,
            refused,
            discarded: Discard::ALL.iter().map(discarded).filter(|(_, n)| *n > 0).collect(),
            pending: read(&self.pending),
            released: read(&self.released),
            plugin_panics: misbehaved.values().sum(),
            misbehaved,
            merge_failures: self.merge_failures().clone(),
            undecided: read(&self.undecided),
        }
    }
}

// === impl CounterSnapshot ===

impl CounterSnapshot {
    /// Adds the counts of another aggregate.
    pub(crate) fn add(&mut self, other: &Self) {
        let Self {
            received,
            delivered,
            duplicate,
            late,
            refused,
            discarded,
            pending,
            released,
            plugin_panics,
            misbehaved,
            merge_failures,
            undecided,
        } = other;
        self.received += received;
        self.delivered += delivered;
        self.duplicate += duplicate;
        self.late += late;
        self.pending += pending;
        self.released += released;
        self.plugin_panics += plugin_panics;
        self.undecided += undecided;
        refused.iter().for_each(|(reason, count)| *self.refused.entry(reason).or_default() += count);
        misbehaved.iter().for_each(|(plugin, count)| *self.misbehaved.entry(*plugin).or_default() += count);
        for (plugin, failures) in merge_failures {
            let of_it = self.merge_failures.entry(*plugin).or_default();
            of_it.count += failures.count;
            of_it.last.clone_from(&failures.last);
        }
        discarded.iter().for_each(|(reason, count)| *self.discarded.entry(reason).or_default() += count);
    }

    /// Whether every result is in one counted place.
    pub fn adds_up(&self) -> bool {
        self.accounted() == self.received
    }

    /// Where results went, added up: equal to `received` whenever nothing is in flight.
    pub fn accounted(&self) -> u64 {
        let refused: u64 = self.refused.values().sum();
        let discarded: u64 = self.discarded.values().sum();
        self.delivered + self.duplicate + self.late + refused + discarded + self.pending
    }
}
