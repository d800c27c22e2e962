//! Late results of a set that takes corrections.

use std::sync::Arc;

use stook_types::{MonoTime, Refusal};

use super::Aggregate;
use super::add::{Arriving, detach, refuse};
use super::admit::Admitted;
use crate::aggregator::Verdict;
use crate::release::Released;
use crate::set::{Kept, Set, Slot, Tombstone};

impl Aggregate {
    /// A late result of a set that takes corrections: the next revision, with reason and missing computed again.
    pub(super) fn correct(
        &self,
        now: MonoTime,
        set: &Arc<Set>,
        slot: &mut Slot,
        arriving: &mut Arriving<'_>,
    ) -> (Verdict, Option<Released>) {
        let Slot::Closed(Tombstone { kept: Some(kept), .. }) = slot else {
            return (Verdict::Refused(Refusal::Late), None);
        };
        let Kept { open, cause } = &mut **kept;
        let verdict = match self.meet(now, open, arriving) {
            Some(verdict) => verdict,
            None => match self.admit_to(now, open, arriving) {
                // The set is released: no result can open the next one in its place any more.
                Admitted::Here | Admitted::Next(_) => self.add(now, open, arriving),
                Admitted::Refused(reason) => refuse(open, &arriving.collector, reason),
            },
        };
        if !matches!(verdict, Verdict::Accepted { .. }) {
            return (verdict, None);
        }
        detach(open, arriving.placed);
        let decided = self.decide(open, now, arriving.arrived());
        // What completed it once has: later results do not take that back.
        if let Some(completed) = decided.filter(|decided| decided.policy.is_some()) {
            *cause = completed;
        }
        (verdict, Some(self.snapshot(now, set, open, *cause, true)))
    }
}
