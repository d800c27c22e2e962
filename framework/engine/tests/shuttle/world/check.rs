//! What must hold when all is over: no result lost or doubled, and nothing left.

use std::collections::BTreeMap;

use stook_engine::Verdict;
use stook_plugin::Reason;
use stook_types::Refusal;

use super::{End, World, at, lock};

impl World {
    /// As [`check`](Self::check), for sets that nobody corrects: why each was released and with what, by its name.
    pub(crate) fn check_sets(&self, sets: usize) -> BTreeMap<String, (Reason, Vec<u64>)> {
        let ends = self.check();
        assert_eq!(ends.len(), sets, "{ends:?}");
        assert!(ends.iter().all(|end| end.revision == 1), "{ends:?}");
        ends.into_iter().map(|end| (end.name(), (end.reason, end.has))).collect()
    }

    /// All is over: the sinks take what there is, and everything is forgotten. No set may be open. Gives what came out, by
    /// set and revision.
    pub(crate) fn check(&self) -> Vec<End> {
        self.settle();
        let mut ends = std::mem::take(&mut *lock(&self.ends));
        ends.sort_by(|a, b| (&a.id, a.generation, a.revision).cmp(&(&b.id, b.generation, b.revision)));
        if !self.forgets {
            check_revisions(&ends);
        }
        self.check_places(&ends);
        self.check_counters(&ends);
        self.check_that_all_is_forgotten();
        ends
    }

    /// Each result that was accepted is in one emission, and no other is in any.
    fn check_places(&self, ends: &[End]) {
        assert!(lock(&self.parked).is_empty(), "somebody still waits for room");
        let verdicts = lock(&self.verdicts);
        let accepted = verdicts.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Accepted { .. }));
        let mut accepted: Vec<_> = accepted.map(|(message, _)| message.sequence).collect();
        let mut has: Vec<_> = ends.iter().flat_map(|end| end.has.iter().copied()).collect();
        has.extend(verdicts.iter().filter_map(|(_, verdict)| replaced(verdict)));
        accepted.sort_unstable();
        has.sort_unstable();
        assert_eq!(accepted, has, "{verdicts:?} {ends:?}");
    }

    fn check_counters(&self, ends: &[End]) {
        let counters = self.sets.counters();
        let verdicts = lock(&self.verdicts);
        let count = |is: fn(&Verdict) -> bool| verdicts.iter().filter(|(_, v)| is(v)).count() as u64;
        let results = |taken: bool| -> u64 {
            ends.iter().filter(|end| end.was_taken == taken).map(|end| end.has.len() as u64).sum()
        };
        let duplicates = count(|v| matches!(v, Verdict::Duplicate) || replaced(v).is_some());
        assert_eq!(counters.received, verdicts.len() as u64, "{counters:?}");
        assert_eq!(counters.received, counters.accounted(), "{counters:?}");
        assert_eq!((counters.pending, counters.plugin_panics), (0, 0), "{counters:?}");
        assert_eq!(counters.released, ends.len() as u64, "{counters:?}");
        assert_eq!(counters.duplicate, duplicates, "{counters:?} {verdicts:?}");
        assert_eq!(counters.late, count(|v| matches!(v, Verdict::Refused(Refusal::Late))), "{counters:?}");
        assert_eq!(counters.delivered, results(true), "{counters:?}");
        assert_eq!(counters.discarded.values().sum::<u64>(), results(false), "{counters:?}");
    }

    fn check_that_all_is_forgotten(&self) {
        let (_, occupancy) = self.sets.status()[0];
        assert_eq!(occupancy.open, 0, "a set is still open, or its place was not given back");
        let mut released = Vec::new();
        self.sets.expire(at(1_000_000_000), &mut released);
        assert!(released.is_empty(), "a set was open that is not counted as such");
        let (_, occupancy) = self.sets.status()[0];
        assert_eq!((occupancy.open, occupancy.tombstones), (0, 0));
        assert_eq!((self.sets.memory().used, self.sets.next_deadline()), (0, None));
    }
}

/// No set comes out twice, and each correction has one more than what it corrects.
fn check_revisions(ends: &[End]) {
    let mut before: Option<&End> = None;
    for end in ends {
        let of_same = before.filter(|b| (&b.id, b.generation) == (&end.id, end.generation));
        let (revision, results) = of_same.map_or((0, 0), |before| (before.revision, before.results));
        assert_eq!(end.revision, revision + 1, "released twice, or a revision is missing: {ends:?}");
        assert_eq!(end.results, results + end.has.len() as u64, "{ends:?}");
        before = Some(end);
    }
}

fn replaced(verdict: &Verdict) -> Option<u64> {
    match verdict {
        Verdict::Accepted { replaced } => replaced.as_ref().map(|(_, sequence)| *sequence),
        _ => None,
    }
}
