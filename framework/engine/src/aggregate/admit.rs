//! What the completion policies say of a result before it enters: it does, it opens the next set, or it is refused.

use std::sync::Arc;
use std::time::Duration;

use stook_plugin::{Admission, Contribution, SetView};
use stook_types::{CollectorId, MonoTime, Refusal};

use super::{Aggregate, expect};
use crate::counters::add;
use crate::release::Released;
use crate::set::{Cause, OpenSet, Set};

/// What becomes of a result that is no duplicate.
pub(super) enum Admitted {
    /// It enters the set.
    Here,
    /// The set is released for this cause, and it enters the next.
    Next(Cause),
    /// It is refused.
    Refused(Refusal),
}

/// A set that took the place of another in one step, and what is to be done for both once their slot is unlocked.
pub(super) struct Turned {
    pub(super) before: Released,
    pub(super) number: u64,
    /// Whom the next set waits for.
    pub(super) awaited: Vec<CollectorId>,
}

impl Aggregate {
    /// Asks whether a result may enter a set that is not open yet. Under no lock.
    pub(super) fn admit_first(&self, next: &Contribution) -> Admitted {
        let value = self.first_value();
        let mut view = SetView::new(&self.spec.name, &[], &[], 0, Duration::ZERO);
        view.value = value.as_ref();
        self.admit(&view, next)
    }

    /// Asks whether a result may enter a set as it stands.
    pub(super) fn admit(&self, view: &SetView<'_>, next: &Contribution) -> Admitted {
        for (index, named) in self.spec.completion.iter().enumerate() {
            match self.counters.guard(named.plugin(), || named.policy.admit(view, next)) {
                // Who is alone in a set opens nothing.
                Some(Admission::OpensNext) if self.opens_next && !view.results.is_empty() => {
                    return Admitted::Next(Cause::completed(index, named.name));
                }
                Some(Admission::Refused(reason)) => return Admitted::Refused(reason),
                Some(Admission::Undecided) => add(&self.counters.undecided, 1),
                // A panic, too, leaves the result to the others.
                _ => {}
            }
        }
        Admitted::Here
    }

    /// Releases a set and puts the next into its place: one goes, one comes, and no tombstone is between them. Under the
    /// slot's lock, so nothing but moves.
    ///
    /// Tasks that are not over go on, and are answered in the next set, with what fences those they were taken from.
    /// What has ended, failed or been dropped is told in the first. There, too, is missing (as `outstanding`) who has
    /// a task that goes on: it was released before they could answer, and nobody knows what they had still to say.
    ///
    /// The released set takes no corrections: what is late for it belongs to the next.
    pub(super) fn turn_over(
        &self,
        now: MonoTime,
        set: &Arc<Set>,
        open: &mut OpenSet,
        expected: &[CollectorId],
        cause: Cause,
    ) -> Turned {
        let number = self.next_number();
        let cost = open.held.split(Self::set_cost(&set.key, expected.len()));
        let mut next = OpenSet::new(number, open.generation + 1, now, expect::members(expected), cost);
        expect::carry_over(open, &mut next);
        let awaited = next.members.iter().filter(|member| member.is_awaited());
        let awaited = awaited.map(|member| member.collector.clone()).collect();
        let mut before = std::mem::replace(open, next);
        let before = self.snapshot(now, set, &mut before, cause, false);
        Turned { before, number, awaited }
    }

    /// What follows once the slot of both sets is unlocked. True if the next set waits for somebody who is dead.
    pub(super) fn turned_over(&self, set: &Arc<Set>, turned: Turned, out: &mut Vec<Released>) -> bool {
        let Released { number, filed, .. } = turned.before;
        self.agenda().closed(number, filed);
        self.hand_on(turned.before, out);
        self.opened(set, turned.number, &turned.awaited)
    }
}
