//! What became of each collector's results, over all its sessions.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use stook_engine::Verdict;
use stook_types::{CollectorId, Discard, Refusal};

/// The counts of every collector that config names: nobody else is let in. A session adds to them once per batch.
#[derive(Debug, Default)]
pub(crate) struct Tallies(BTreeMap<CollectorId, Mutex<Tally>>);

/// What was said of results when they came.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    accepted: u64,
    duplicate: u64,
    refused: [u64; Refusal::ALL.len()],
    discarded: [u64; Discard::ALL.len()],
    /// Accepted ones that have become duplicates since. Apart, for a result may be replaced by another session's before its
    /// own has added its batch.
    replaced: u64,
}

/// Where the results of a collector are. Its fields are a published format, part of what `stook status` prints:
/// received = accepted + duplicate + late + refused + discarded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Tallied {
    received: u64,
    accepted: u64,
    duplicate: u64,
    late: u64,
    refused: BTreeMap<&'static str, u64>,
    discarded: BTreeMap<&'static str, u64>,
}

// === impl Tallies ===

impl Tallies {
    pub(crate) fn of<'a>(collectors: impl IntoIterator<Item = &'a CollectorId>) -> Self {
        Self(collectors.into_iter().map(|id| (id.clone(), Mutex::default())).collect())
    }

    pub(crate) fn add(&self, collector: &CollectorId, batch: &Tally) {
        if let Some(mut tally) = self.tally(collector) {
            tally.add(batch);
        }
    }

    /// A result that was accepted counts as a duplicate now. Nothing if it was the host's own.
    pub(crate) fn replaced(&self, collector: &CollectorId) {
        if let Some(mut tally) = self.tally(collector) {
            tally.replaced += 1;
        }
    }

    pub(crate) fn look(&self, collector: &CollectorId) -> Tallied {
        self.tally(collector).map(|tally| *tally).unwrap_or_default().look()
    }

    fn tally(&self, collector: &CollectorId) -> Option<MutexGuard<'_, Tally>> {
        Some(self.0.get(collector)?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

// === impl Tally ===

impl Tally {
    /// Counts a result that was offered; one that has no room yet is counted when it has.
    pub(crate) fn count(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Accepted { .. } => self.accepted += 1,
            Verdict::Duplicate => self.duplicate += 1,
            Verdict::Refused(reason) => self.refuse(*reason),
            Verdict::Discarded(reason) => self.discarded[*reason as usize] += 1,
            Verdict::Parked => {}
        }
    }

    pub(crate) fn refuse(&mut self, reason: Refusal) {
        self.refused[reason as usize] += 1;
    }

    fn add(&mut self, batch: &Self) {
        let Self { accepted, duplicate, refused, discarded, replaced } = batch;
        self.accepted += accepted;
        self.duplicate += duplicate;
        self.replaced += replaced;
        self.refused.iter_mut().zip(refused).for_each(|(sum, count)| *sum += count);
        self.discarded.iter_mut().zip(discarded).for_each(|(sum, count)| *sum += count);
    }

    fn look(&self) -> Tallied {
        let refused = |reason: &Refusal| (reason.as_str(), self.refused[*reason as usize]);
        let discarded = |reason: &Discard| (reason.as_str(), self.discarded[*reason as usize]);
        let mut refused: BTreeMap<_, _> = Refusal::ALL.iter().map(refused).filter(|(_, n)| *n > 0).collect();
        let discarded: BTreeMap<_, _> = Discard::ALL.iter().map(discarded).filter(|(_, n)| *n > 0).collect();
        let counts = self.refused.iter().chain(&self.discarded);
        let replaced = self.replaced.min(self.accepted);
        Tallied {
            received: self.accepted + self.duplicate + counts.sum::<u64>(),
            accepted: self.accepted - replaced,
            duplicate: self.duplicate + replaced,
            late: refused.remove(Refusal::Late.as_str()).unwrap_or(0),
            refused,
            discarded,
        }
    }
}

#[cfg(test)]
impl Tallies {
    /// That all of them together are what the host has counted, of whom nobody else has sent anything.
    #[track_caller]
    pub(crate) fn check(&self, counters: &stook_engine::CounterSnapshot) {
        let all: Vec<_> = self.0.keys().map(|id| self.look(id)).collect();
        let sum = |count: fn(&Tallied) -> u64| all.iter().map(count).sum::<u64>();
        let by_reason = |counts: fn(&Tallied) -> &BTreeMap<&'static str, u64>| {
            let mut sum = BTreeMap::new();
            all.iter().flat_map(counts).for_each(|(reason, count)| *sum.entry(*reason).or_default() += count);
            sum
        };
        assert_eq!(sum(|of| of.received), counters.received, "{all:?}\n{counters:?}");
        assert_eq!(sum(|of| of.duplicate), counters.duplicate, "{all:?}\n{counters:?}");
        assert_eq!(sum(|of| of.late), counters.late, "{all:?}\n{counters:?}");
        assert_eq!(by_reason(|of| &of.refused), counters.refused);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_result_is_in_one_place_also_one_that_is_replaced_before_its_batch_is_counted() {
        let id = CollectorId::new("p-1").unwrap();
        let tallies = Tallies::of([&id]);
        let mut batch = Tally::default();
        let accepted = || Verdict::Accepted { replaced: None };
        for verdict in
            [accepted(), accepted(), Verdict::Duplicate, Verdict::Refused(Refusal::Late), Verdict::Parked]
        {
            batch.count(&verdict);
        }
        batch.refuse(Refusal::TopicNotAllowed);
        batch.count(&Verdict::Discarded(Discard::UnexpectedCollector));
        tallies.replaced(&id);
        assert_eq!(tallies.look(&id), Tally::default().look(), "it is not there yet");
        tallies.add(&id, &batch);
        let told = Tallied {
            received: 6,
            accepted: 1,
            duplicate: 2,
            late: 1,
            refused: BTreeMap::from([("topic-not-allowed", 1)]),
            discarded: BTreeMap::from([("unexpected-collector", 1)]),
        };
        assert_eq!(tallies.look(&id), told);
    }

    #[test]
    fn who_is_not_in_the_config_has_no_place() {
        let (tallies, host) = (Tallies::default(), CollectorId::new("host").unwrap());
        tallies.replaced(&host);
        tallies.add(&host, &Tally { accepted: 1, ..Tally::default() });
        assert_eq!(tallies.look(&host), Tally::default().look());
    }
}
