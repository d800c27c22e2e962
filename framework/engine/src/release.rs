//! What a released set becomes, outside of every lock: ordered, merged, described.

use std::sync::Arc;
use std::time::Duration;

use stook_plugin::{
    AggregatedResult, Conflict, Conflicts, Contribution, Contributor, MergeError, MergeInput, Merged,
    MissingCollector, PluginKind, Provenance, Reason, Repeat, SetKey, Source,
};
use stook_types::{CollectorId, Discard, EmissionId, Missing, MonoTime, Topic, WallTime};

use crate::agenda::Filed;
use crate::aggregate::Marks;
use crate::counters::{Counters, add};
use crate::few::Few;
use crate::memory::Owed;
use crate::spec::AggregateSpec;

/// A set that was released and is not merged yet. Whoever gets it owns it: [`finish`](Self::finish) it on any
/// thread, under no lock.
#[must_use = "a released set that is dropped was never delivered"]
pub struct Released {
    pub(crate) spec: Arc<AggregateSpec>,
    pub(crate) aggregate: usize,
    pub(crate) key: SetKey,
    pub(crate) generation: u64,
    pub(crate) revision: u64,
    pub(crate) reason: Reason,
    /// The place of the completion policy that is the reason.
    pub(crate) policy: Option<usize>,
    pub(crate) results: Few<Contribution>,
    /// How many of `results`, at the end, have not been in an emission before.
    pub(crate) fresh: usize,
    pub(crate) duplicates: u64,
    /// Who did not answer, and why where that is known already.
    pub(crate) unanswered: Vec<(CollectorId, Option<Missing>)>,
    pub(crate) missing: Vec<MissingCollector>,
    /// The number of the set.
    pub(crate) number: u64,
    pub(crate) filed: Filed,
    pub(crate) opened: MonoTime,
    pub(crate) released: MonoTime,
    pub(crate) settlement: Settlement,
}

/// A finished result on its way to the sinks, with what is owed when they took it.
pub struct Emission {
    /// What the sinks are given.
    pub result: AggregatedResult,
    /// The place of its aggregate among the specs.
    pub aggregate: usize,
    /// Where its results came from, for acknowledgement: source and sequence of each that is in no earlier
    /// emission.
    pub origins: Vec<(Arc<Source>, u64)>,
    /// To be settled exactly once.
    pub settlement: Settlement,
}

/// The counted end of released results. Dropped unsettled, it counts them as discarded (`sink-failed`): a result
/// never ends nowhere.
#[derive(Debug)]
pub struct Settlement {
    pub(crate) counters: Arc<Counters>,
    pub(crate) results: u64,
    /// What is remembered of them as long as they are pending or delivered.
    pub(crate) marks: Option<Marks>,
    /// Memory that comes free at the same time.
    pub(crate) owed: Owed,
}

impl Settlement {
    /// Bytes of the memory budget that come free with it.
    pub fn bytes(&self) -> usize {
        self.owed.bytes()
    }

    /// Every sink took the set.
    pub fn delivered(mut self) {
        let results = std::mem::take(&mut self.results);
        add(&self.counters.delivered, results);
        self.counters.settled(results);
    }

    /// Every sink took these sets. Counted together where they are of one aggregate: results that come in are counted in the
    /// same places, and every write from another thread takes those away from there.
    pub fn all_delivered(settlements: impl IntoIterator<Item = Self>) {
        let mut sum: Option<Self> = None;
        for mut settlement in settlements {
            match &mut sum {
                Some(sum) if Arc::ptr_eq(&sum.counters, &settlement.counters) => {
                    sum.results += std::mem::take(&mut settlement.results);
                    sum.owed.take_from(&mut settlement.owed);
                }
                _ => sum.replace(settlement).into_iter().for_each(Self::delivered),
            }
        }
        sum.into_iter().for_each(Self::delivered);
    }
}

impl Drop for Settlement {
    fn drop(&mut self) {
        if self.results > 0 {
            self.counters.discard(Discard::SinkFailed, self.results);
            self.counters.settled(self.results);
            if let Some(marks) = self.marks.take() {
                marks.undo();
            }
        }
    }
}

/// What a merge made.
struct Made {
    value: Merged,
    /// Who gave what of it.
    provenance: Vec<Provenance>,
    /// What could not be merged faithfully.
    conflicts: Vec<Conflict>,
    /// Why the value is but the list of payloads.
    error: Option<String>,
}

/// How many bytes are kept of what a merge says when it fails.
const ERROR: usize = 1_024;

impl Released {
    /// The place of its aggregate among the specs.
    pub const fn aggregate(&self) -> usize {
        self.aggregate
    }

    /// What ended the set.
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// Orders and merges the results. `origin` is the wall-clock time of [`MonoTime::ZERO`], for print.
    ///
    /// A plugin that panics harms this set only: its results are then in order of arrival, its value is their list.
    pub fn finish(mut self, origin: WallTime) -> Emission {
        let fresh = self.results.len() - self.fresh;
        let origins =
            self.results[fresh..].iter().map(|result| (result.source.clone(), result.sequence)).collect();
        let dissent = self.dissent();
        self.sort();
        let Made { value, provenance, conflicts, error } = self.merge(dissent);
        let wall = |time: MonoTime| origin + time.since_origin();
        let repeats = self.results.iter().filter_map(|result| repeat(result, wall)).collect();
        let result = AggregatedResult {
            emission_id: EmissionId::derive(
                &self.spec.name,
                &self.key.to_string(),
                self.generation,
                self.revision,
            ),
            aggregate: self.spec.name.clone(),
            correlation_id: self.key,
            generation: self.generation,
            revision: self.revision,
            outcome: self.reason.outcome(),
            reason: self.reason,
            error,
            value,
            provenance,
            results: self.results.len() as u64,
            duplicates: self.duplicates,
            repeats,
            contributors: contributors(&self.results),
            missing: self.missing,
            conflicts,
            opened_at: wall(self.opened),
            released_at: wall(self.released),
            latency_us: micros(self.released.since(self.opened)),
        };
        Emission { result, aggregate: self.aggregate, origins, settlement: self.settlement }
    }

    /// What the policy that completed the set says against the others. Before the results are sorted.
    fn dissent(&self) -> Vec<Conflict> {
        let Some(index) = self.policy else { return Vec::new() };
        let named = &self.spec.completion[index];
        let dissent = || named.policy.dissent(&self.results, &self.missing);
        self.settlement.counters.guard(named.plugin(), dissent).unwrap_or_default()
    }

    fn sort(&mut self) {
        let Some(order) = &self.spec.order else { return };
        let results = &mut self.results;
        let sort = || results.sort_by(|a, b| order.compare(a, b));
        if self.settlement.counters.guard((PluginKind::Order, self.spec.names.order), sort).is_none() {
            // A sort that panics leaves all elements in place, in some order.
            self.results.sort_by_key(|result| result.arrival);
        }
    }

    /// Merges, with the dissent of the completion policy among the conflicts.
    fn merge(&mut self, dissent: Vec<Conflict>) -> Made {
        let input = MergeInput::new(&self.spec.name, &self.results);
        let counters = &self.settlement.counters;
        let mut conflicts = Conflicts::default();
        let merged = match &self.spec.merge {
            None => Ok((input.list(), Vec::new())),
            Some(strategy) => {
                let plugin = self.spec.merge_plugin();
                let merged = counters.told(plugin, || strategy.merge(&input, &mut conflicts));
                let merged = merged.and_then(|merged| merged.map_err(|MergeError { 0: why, .. }| why));
                let provenance =
                    || counters.guard(plugin, || strategy.provenance(&input)).unwrap_or_default();
                merged.map(|value| (value, provenance()))
            }
        };
        match merged {
            Ok((value, provenance)) => {
                dissent.into_iter().for_each(|conflict| conflicts.push(conflict));
                Made { value, provenance, conflicts: conflicts.into_list(), error: None }
            }
            Err(mut why) => {
                why.truncate(why.floor_char_boundary(ERROR));
                why.shrink_to_fit();
                counters.merge_failed(self.spec.merge_plugin(), &why);
                // Whoever said that it was complete is not the reason any more.
                self.reason = Reason::MergeFailed;
                let (value, conflicts) = (input.list(), conflicts.into_list());
                Made { value, provenance: Vec::new(), conflicts, error: Some(why) }
            }
        }
    }
}

/// How often a result came, if it was more than once and dedup counts that.
fn repeat(result: &Contribution, wall: impl Fn(MonoTime) -> WallTime) -> Option<Repeat> {
    let repeats = result.repeats.as_deref()?;
    Some(Repeat::new(result.source.collector.clone(), result.sequence, repeats, wall))
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// One entry per incarnation, sorted by collector, with its sequences as ranges.
fn contributors(results: &[Contribution]) -> Vec<Contributor> {
    let mut sorted: Vec<&Contribution> = results.iter().collect();
    sorted.sort_by(|a, b| {
        let key = |r: &Contribution| (r.source.incarnation, r.sequence);
        a.source.collector.cmp(&b.source.collector).then_with(|| key(a).cmp(&key(b)))
    });
    let same = |a: &&Contribution, b: &&Contribution| {
        Arc::ptr_eq(&a.source, &b.source)
            || (&a.source.collector, a.source.incarnation) == (&b.source.collector, b.source.incarnation)
    };
    let contributor = |results: &[&Contribution]| {
        let source = &results[0].source;
        Contributor {
            collector: source.collector.clone(),
            incarnation: source.incarnation,
            pid: source.pid,
            topics: topics(results),
            results: results.len() as u64,
            sequences: ranges(results.iter().map(|result| result.sequence)),
        }
    };
    sorted.chunk_by(same).map(contributor).collect()
}

/// Each topic once, sorted.
fn topics(results: &[&Contribution]) -> Vec<Topic> {
    // Most contribute one result, or several on one topic.
    let mut topics: Vec<Topic> = Vec::with_capacity(1);
    for result in results {
        if topics.last() != Some(&result.topic) {
            topics.push(result.topic.clone());
        }
    }
    topics.sort_unstable();
    topics.dedup();
    topics
}

/// Ascending numbers as inclusive ranges.
fn ranges(numbers: impl Iterator<Item = u64>) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::with_capacity(1);
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn neighbours_join() {
        assert_eq!(ranges([1, 2, 3, 7, 9, 10].into_iter()), [(1, 3), (7, 7), (9, 10)]);
        assert_eq!(ranges([u64::MAX - 1, u64::MAX].into_iter()), [(u64::MAX - 1, u64::MAX)]);
        assert_eq!(ranges([].into_iter()), []);
    }
}
