//! Whom a set waits for: announced by a task, or named by the completion policies.

use std::sync::{Arc, Mutex, PoisonError};

use stook_plugin::{Member, Roster, SetKey};
use stook_types::{CollectorId, Missing, MonoTime};

use super::Aggregate;
use super::room::NoRoom;
use crate::collectors::Waiting;
use crate::release::Released;
use crate::set::{OpenSet, Set, Slot};
use crate::spec::LatePolicy;

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

/// The members of a set that nobody announced.
pub(super) fn members(expected: &[CollectorId]) -> Vec<Member> {
    expected.iter().map(|collector| Member::new(collector.clone(), true)).collect()
}

impl Aggregate {
    /// Whom the policies expect in a set that nobody announced.
    pub(super) fn expected(&self) -> Arc<[CollectorId]> {
        let version = self.collectors.version();
        let mut cache = self.expectations.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, expected)) = &*cache
            && *known == version
        {
            return expected.clone();
        }
        let roster = self.collectors.roster();
        let roster = Roster::new(&roster);
        let mut expected = Vec::new();
        for named in &self.spec.completion {
            expected.extend(self.counters.guard(|| named.policy.expects(&roster)).unwrap_or_default());
        }
        expected.sort();
        expected.dedup();
        let expected: Arc<[CollectorId]> = expected.into();
        *cache = Some((version, expected.clone()));
        expected
    }

    /// Opens a set that waits for these collectors, or makes the open one wait for them too.
    pub(crate) fn announce(
        &self,
        now: MonoTime,
        key: &SetKey,
        expected: &[Expected],
        out: &mut Vec<Released>,
    ) -> Result<(), AnnounceError> {
        let mut room = None;
        let (set, number) = loop {
            let found = self.sets.get(key).map(|set| set.clone());
            let Some(set) = found else {
                match room.take() {
                    Some(room) => {
                        self.insert(now, key, Vec::new(), self.budget.hold_anyway(Self::SET_COST), room);
                    }
                    None => room = Some(self.make_room(now, out).map_err(|_: NoRoom| AnnounceError::Full)?),
                }
                continue;
            };
            let mut slot = set.lock();
            let generation = match &mut *slot {
                Slot::Gone => continue,
                Slot::Open(open) => {
                    expect_also(open, expected);
                    break (set.clone(), open.number);
                }
                Slot::Closed(tomb) if tomb.forget <= now => 1,
                Slot::Closed(tomb) if self.spec.late.policy == LatePolicy::Reopen => tomb.generation + 1,
                Slot::Closed(_) => return Err(AnnounceError::Released),
            };
            match room.take() {
                Some(room) => {
                    let number = self.next_number();
                    let held = self.budget.hold_anyway(Self::SET_COST);
                    *slot = Slot::Open(Box::new(OpenSet::new(number, generation, now, Vec::new(), held)));
                    drop(slot);
                    room.use_up();
                    self.opened(now, &set, number);
                }
                None => {
                    drop(slot);
                    room = Some(self.make_room(now, out).map_err(|_: NoRoom| AnnounceError::Full)?);
                }
            }
        };
        self.await_members(&set, number);
        self.reconsider(now, &set, number, out, |_| {});
        Ok(())
    }

    /// Lets every collector that the set waits for know of it, so that its loss is noticed. One that was lost a
    /// moment before that is noticed here.
    pub(super) fn await_members(&self, set: &Arc<Set>, number: u64) {
        let awaited: Vec<CollectorId> = match &*set.lock() {
            Slot::Open(open) if open.number == number => open
                .members
                .iter()
                .filter(|member| member.is_awaited())
                .map(|member| member.collector.clone())
                .collect(),
            _ => return,
        };
        for id in awaited {
            self.collectors.wait(&id, Waiting { aggregate: self.index, number, set: set.clone() });
            if let Some(why) = self.collectors.lost_why(&id)
                && let Slot::Open(open) = &mut *set.lock()
                && let Some(member) = open.member(&id).filter(|member| member.is_awaited())
            {
                member.missing = Some(why);
            }
        }
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
            && member.open_tasks == 0
            && member.missing != Some(Missing::TaskFailed)
        {
            member.missing = None;
        }
    }

    /// A task of this set ended: with the last of its tasks a collector has answered, with a failed one it is
    /// missing.
    pub(crate) fn task_ended(
        &self,
        now: MonoTime,
        key: &SetKey,
        id: &CollectorId,
        failed: bool,
        out: &mut Vec<Released>,
    ) {
        let Some(set) = self.sets.get(key).map(|set| set.clone()) else { return };
        let number = match &*set.lock() {
            Slot::Open(open) => open.number,
            _ => return,
        };
        self.reconsider(now, &set, number, out, |open| {
            let Some(member) = open.member(id).filter(|member| member.open_tasks > 0) else { return };
            member.open_tasks -= 1;
            if failed {
                member.missing = Some(Missing::TaskFailed);
            }
            member.answered = member.open_tasks == 0 && member.missing.is_none();
        });
    }

    /// Changes an open set and asks whether that completes it.
    fn reconsider(
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
        let Some(reason) = self.decide(open, now) else { return };
        let released = self.close(now, set, &mut slot, reason);
        drop(slot);
        self.emit(now, set, released, out);
    }
}

fn expect_also(open: &mut OpenSet, expected: &[Expected]) {
    for Expected { collector, tasks, missing } in expected {
        let member = open.member_or_insert(collector);
        member.expected = true;
        if *tasks > 0 {
            member.open_tasks += tasks;
            member.answered = false;
        }
        if member.missing.is_none() {
            member.missing = *missing;
        }
    }
}
