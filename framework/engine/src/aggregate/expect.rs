//! Whom a set waits for: announced by a task, or named by the completion policies.

use std::sync::{Arc, PoisonError};

use stook_plugin::{Member, Roster, SetKey};
use stook_types::{CollectorId, Missing, MonoTime};

use super::room::NoRoom;
use super::{Aggregate, Late};
use crate::collectors::Waiting;
use crate::dispatch::LeaseId;
use crate::few::Few;
use crate::release::Released;
use crate::set::{OpenSet, Set, Slot, Tombstone};
use crate::sync::atomic::Ordering;
use crate::sync::{Mutex, MutexGuard};

/// A collector that a set shall wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Expected {
    /// The collector.
    pub collector: CollectorId,
    /// How many tasks of this set it was given; with 0 its first result is its answer.
    pub tasks: u32,
    /// Why it will not answer, if that is known already.
    pub missing: Option<Missing>,
}

/// Why a set could not be announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnnounceError {
    /// A set of this key was released, and the aggregate does not reopen sets.
    Released,
    /// The aggregate's limit of open sets is reached.
    Full,
}

/// What the policies expect of the collectors known at present.
#[derive(Default)]
pub(super) struct Cache(Mutex<Option<(u64, Arc<[CollectorId]>)>>);

impl Cache {
    fn lock(&self) -> MutexGuard<'_, Option<(u64, Arc<[CollectorId]>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Display for AnnounceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Released => "its set was released already",
            Self::Full => "the aggregate has reached its limit of open sets",
        })
    }
}

impl std::error::Error for AnnounceError {}

impl Expected {
    /// Waits for this collector's first result.
    pub const fn first_result(collector: CollectorId) -> Self {
        Self { collector, tasks: 0, missing: None }
    }

    /// Waits until this collector has finished that many tasks.
    pub const fn tasks(collector: CollectorId, tasks: u32) -> Self {
        Self { collector, tasks, missing: None }
    }

    /// Does not wait for this collector, but says that it is missing, and why.
    pub const fn missing(collector: CollectorId, why: Missing) -> Self {
        Self { collector, tasks: 1, missing: Some(why) }
    }
}

/// That a collector is gone is not so for ever: it is back, or may be by the time of a correction. What it is missing
/// for with a task stays.
pub(super) fn forget_loss(member: &mut Member) {
    if member.open_tasks == 0 && member.failed.is_none() {
        member.missing = None;
    }
}

/// The members of a set that nobody announced.
pub(super) fn members(expected: &[CollectorId]) -> Few<Member> {
    expected.iter().map(|collector| Member::new(collector.clone(), true)).collect()
}

impl Aggregate {
    /// Whom the policies expect in a set that nobody announced.
    pub(super) fn expected(&self) -> Arc<[CollectorId]> {
        let version = self.collectors.version();
        if let Some((known, expected)) = &*self.expectations.lock()
            && *known == version
        {
            return expected.clone();
        }
        let roster = self.collectors.roster();
        let roster = Roster::new(&roster);
        let mut expected = Vec::new();
        for named in &self.spec.completion {
            let expects = || named.policy.expects(&roster);
            expected.extend(self.counters.guard(named.plugin(), expects).unwrap_or_default());
        }
        expected.sort();
        expected.dedup();
        let expected: Arc<[CollectorId]> = expected.into();
        self.most_expected.fetch_max(expected.len() + 1, Ordering::Relaxed);
        *self.expectations.lock() = Some((version, expected.clone()));
        expected
    }

    /// How many the policies have expected at most; asks them if nobody has yet.
    pub(super) fn most_expected(&self) -> usize {
        match self.most_expected.load(Ordering::Relaxed) {
            0 => self.expected().len(),
            most => most - 1,
        }
    }

    /// Opens a set that waits for these collectors, and for whoever will have the unassigned tasks, or makes the open
    /// one wait for them too.
    pub(crate) fn announce(
        &self,
        now: MonoTime,
        key: &SetKey,
        expected: &[Expected],
        unassigned: u32,
        out: &mut Vec<Released>,
    ) -> Result<(), AnnounceError> {
        let mut room = None;
        let (set, number, awaited) = loop {
            let Some(set) = self.sets.get(key) else {
                match room.take() {
                    Some(room) => {
                        self.insert(now, key, &[], self.budget.hold_anyway(Self::set_cost(key, 0)), room);
                    }
                    None => room = Some(self.make_room(now, out).map_err(|_: NoRoom| AnnounceError::Full)?),
                }
                continue;
            };
            let mut slot = set.lock();
            let generation = match &mut *slot {
                Slot::Gone => continue,
                Slot::Open(open) => {
                    let awaited = expect_also(open, expected);
                    open.unassigned = open.unassigned.saturating_add(unassigned);
                    break (set.clone(), open.number, awaited);
                }
                Slot::Closed(tomb) => match self.late(now, tomb) {
                    Late::Opens { generation } => generation,
                    Late::Refused | Late::Corrects => return Err(AnnounceError::Released),
                },
            };
            match room.take() {
                Some(room) => {
                    let held = self.budget.hold_anyway(Self::set_cost(key, 0));
                    let number = self.reopen(now, &mut slot, generation, &[], held, room);
                    drop(slot);
                    self.opened(&set, number, &[]);
                }
                None => {
                    drop(slot);
                    room = Some(self.make_room(now, out).map_err(|_: NoRoom| AnnounceError::Full)?);
                }
            }
        };
        self.await_members(&set, number, &awaited);
        self.reconsider(now, &set, number, out, |_| {});
        Ok(())
    }

    /// Lets collectors that a set waits for from now on know of it, so that their loss is noticed. That of one that
    /// was lost before is noticed here; true if there is one.
    pub(super) fn await_members(&self, set: &Arc<Set>, number: u64, awaited: &[CollectorId]) -> bool {
        let mut lost = false;
        for id in awaited {
            let waiting = Waiting { aggregate: self.index, number, set: set.clone() };
            self.collectors.wait(id, waiting.clone());
            let Some(why) = self.collectors.lost(id) else { continue };
            if let Slot::Open(open) = &mut *set.lock()
                && open.number == number
                && let Some(member) = open.member(id).filter(|member| member.is_awaited())
            {
                member.missing = Some(why);
                lost = true;
            }
            // It may have come back since, and have found nothing to correct then.
            if self.collectors.lost(id).is_none() {
                self.member_back(&waiting, id);
            }
        }
        lost
    }

    /// A collector that a set waits for has gone.
    pub(crate) fn member_lost(
        &self,
        now: MonoTime,
        waiting: &Waiting,
        id: &CollectorId,
        why: Missing,
        out: &mut Vec<Released>,
    ) {
        self.reconsider(now, &waiting.set, waiting.number, out, |open| {
            if let Some(member) = open.member(id).filter(|member| member.is_awaited()) {
                member.missing = Some(why);
            }
        });
    }

    /// A collector is back: where no task of it was lost, it may still answer.
    pub(crate) fn member_back(&self, waiting: &Waiting, id: &CollectorId) {
        if let Slot::Open(open) = &mut *waiting.set.lock()
            && open.number == waiting.number
            && let Some(member) = open.member(id)
        {
            forget_loss(member);
        }
    }

    /// Something that a collector said for the set of this key was refused before it came to it: the collector is missing
    /// for that. Nothing if the set is not open, or does not know the collector.
    pub(crate) fn note_refused(&self, key: &SetKey, id: &CollectorId) {
        if let Some(set) = self.sets.get(key)
            && let Slot::Open(open) = &mut *set.lock()
            && let Some(member) = open.member(id)
        {
            member.refused = true;
        }
    }

    /// A task of this set ended: with the last of its tasks a collector has answered, with a failed one it is
    /// missing. So it is if something that it said was refused: its answer is not all here.
    pub(crate) fn task_ended(
        &self,
        now: MonoTime,
        key: &SetKey,
        id: &CollectorId,
        failed: Option<Missing>,
        out: &mut Vec<Released>,
    ) {
        let Some(set) = self.sets.get(key) else { return };
        let end = |open: &mut OpenSet| {
            let Some(member) = open.member(id).filter(|member| member.open_tasks > 0) else { return };
            member.open_tasks -= 1;
            member.ended_tasks = member.ended_tasks.saturating_add(1);
            let refused = member.refused.then_some(Missing::Refused);
            member.failed = member.failed.or(failed).or(refused);
            if member.open_tasks == 0 {
                member.missing = member.missing.or(member.failed);
            }
            let is_over = member.open_tasks == 0 || (self.awaits_last && member.last);
            member.answered = is_over && member.missing.is_none() && member.failed.is_none();
        };
        if let Some(number) = change_tasks(&set, end) {
            self.reconsider(now, &set, number, out, |_| {});
        }
    }

    /// A task of this set changes hands: from the collector that had it to the one that has it now, in one step.
    /// `None` is the queue.
    pub(crate) fn reassign(
        &self,
        now: MonoTime,
        key: &SetKey,
        from: Option<(&CollectorId, LeaseId)>,
        to: Option<&CollectorId>,
        out: &mut Vec<Released>,
    ) {
        let Some(set) = self.sets.get(key) else { return };
        let change_hands = |open: &mut OpenSet| {
            match from {
                Some((from, lease)) => {
                    open.moves.get_or_insert_default().fence(lease);
                    withdraw(open, from, self.awaits_last);
                }
                None => open.unassigned = open.unassigned.saturating_sub(1),
            }
            match to {
                Some(to) => entrust(open, to),
                None => open.unassigned = open.unassigned.saturating_add(1),
            }
        };
        let Some(number) = change_tasks(&set, change_hands) else { return };
        // Only with the slot unlocked; who is lost already is noticed here, and its session's end moves the task on.
        if let Some(to) = to {
            self.await_members(&set, number, std::slice::from_ref(to));
        }
        self.reconsider(now, &set, number, out, |_| {});
    }

    /// A task of this set that no collector has will not get one any more. `could` are those who might have run it,
    /// and why they did not.
    pub(crate) fn drop_task(
        &self,
        now: MonoTime,
        key: &SetKey,
        could: &[(CollectorId, Missing)],
        out: &mut Vec<Released>,
    ) {
        let Some(set) = self.sets.get(key) else { return };
        if let Some(number) = change_tasks(&set, |open| give_up(open, could)) {
            self.reconsider(now, &set, number, out, |_| {});
        }
    }

    /// A task of this set found nobody at once, and waits for one of these.
    pub(crate) fn waits_for(&self, key: &SetKey, able: &Arc<[CollectorId]>) {
        let Some(set) = self.sets.get(key) else { return };
        change_tasks(&set, |open| {
            let known = &mut open.moves.get_or_insert_default().able;
            if !known.iter().any(|known| Arc::ptr_eq(known, able)) {
                known.push(able.clone());
            }
        });
    }

    /// Changes an open set and asks whether that completes it.
    pub(super) fn reconsider(
        &self,
        now: MonoTime,
        set: &Arc<Set>,
        number: u64,
        out: &mut Vec<Released>,
        change: impl FnOnce(&mut OpenSet),
    ) {
        let mut slot = set.lock();
        let Slot::Open(open) = &mut *slot else { return };
        if open.number != number {
            return;
        }
        change(open);
        let Some(cause) = self.decide(open, now, None) else { return };
        let released = self.close(now, set, &mut slot, cause);
        drop(slot);
        self.emit(now, set, released, out);
    }
}

/// Changes what a set knows of its tasks, whichever set of its key has them now. Gives its number if it is open, and may
/// be complete by that. In one step: were the number looked up first, the set could turn over before the change.
fn change_tasks(set: &Set, change: impl FnOnce(&mut OpenSet)) -> Option<u64> {
    match &mut *set.lock() {
        Slot::Open(open) => {
            change(open);
            Some(open.number)
        }
        // The next correction shall know of it.
        Slot::Closed(Tombstone { kept: Some(kept), .. }) => {
            change(&mut kept.open);
            None
        }
        Slot::Closed(_) | Slot::Gone => None,
    }
}

/// Takes one task from a collector. One that has none left and did nothing else here is no longer waited for; one that is
/// missing for another stays so.
fn withdraw(open: &mut OpenSet, from: &CollectorId, awaits_last: bool) {
    let Some(member) = open.member(from).filter(|member| member.open_tasks > 0) else { return };
    member.open_tasks -= 1;
    if member.open_tasks > 0 {
        return;
    }
    member.withdrawn = true;
    if member.ended_tasks == 0 {
        // Whoever has the task now says all of it anew.
        member.refused = false;
    }
    if member.announced || member.ended_tasks > 0 || member.failed.is_some() {
        let has_answered = member.ended_tasks > 0 || (awaits_last && member.last);
        member.answered = has_answered && member.failed.is_none();
        member.missing = member.missing.or(member.failed);
    } else {
        member.expected = false;
    }
}

/// Gives one task to a collector, which is waited for from now on.
fn entrust(open: &mut OpenSet, to: &CollectorId) {
    let member = open.member_or_insert(to);
    (member.expected, member.answered, member.last, member.withdrawn) = (true, false, false, false);
    member.missing = None;
    member.open_tasks = member.open_tasks.saturating_add(1);
}

/// One of the tasks that nobody has is not waited for any more. Of those who could have run it, those who did nothing
/// else here are missing for it; if there is none, all are: somebody is.
fn give_up(open: &mut OpenSet, could: &[(CollectorId, Missing)]) {
    open.dropped = (open.dropped + 1).min(open.unassigned);
    let is_idle = |member: &Member| !member.answered && member.open_tasks == 0;
    let mut idle = could.iter().map(|(collector, _)| open.member(collector).is_none_or(|m| is_idle(m)));
    let some_idle = idle.any(|idle| idle);
    for (collector, why) in could {
        let member = open.member_or_insert(collector);
        if is_idle(member) || !some_idle {
            (member.expected, member.answered) = (true, false);
            // That it comes back does not change it.
            let why = *member.failed.get_or_insert(*why);
            if member.open_tasks == 0 {
                member.missing.get_or_insert(why);
            }
        }
    }
}

/// Gives the next set what goes on in the one before it: tasks, with who has them or may, and whom they were taken from.
/// Where all tasks are over nothing does, and who lost one is as welcome as anybody.
pub(super) fn carry_over(before: &OpenSet, next: &mut OpenSet) {
    if before.unassigned <= before.dropped && before.members.iter().all(|member| member.open_tasks == 0) {
        return;
    }
    for old in before.members.iter().filter(|member| member.open_tasks > 0 || member.withdrawn) {
        let member = next.member_or_insert(&old.collector);
        member.withdrawn = old.withdrawn;
        if old.open_tasks > 0 {
            (member.expected, member.announced) = (true, member.announced || old.announced);
            (member.open_tasks, member.missing) = (old.open_tasks, old.missing);
        }
    }
    next.unassigned = before.unassigned.saturating_sub(before.dropped);
    next.moves.clone_from(&before.moves);
}

/// Makes an open set wait for these collectors too. Gives those that it did not wait for before.
fn expect_also(open: &mut OpenSet, expected: &[Expected]) -> Vec<CollectorId> {
    let mut awaited = Vec::new();
    for Expected { collector, tasks, missing } in expected {
        let member = open.member_or_insert(collector);
        let before = member.is_awaited();
        (member.expected, member.announced, member.withdrawn) = (true, true, false);
        if let Some(why) = missing {
            // That it comes back does not change it.
            let why = *member.failed.get_or_insert(*why);
            if member.open_tasks == 0 {
                member.answered = false;
                member.missing.get_or_insert(why);
            }
        } else if *tasks > 0 {
            if member.open_tasks == 0 {
                // What it is missing for was another task: this one may still be answered.
                member.missing = None;
            }
            member.open_tasks = member.open_tasks.saturating_add(*tasks);
            // What it flagged as its last was so without this task.
            (member.answered, member.last) = (false, false);
        }
        if member.is_awaited() && !before {
            awaited.push(collector.clone());
        }
    }
    awaited
}
