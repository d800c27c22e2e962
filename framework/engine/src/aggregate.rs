//! One aggregate: its sets, from the first result to the release and past it.
//!
//! Locks, in the order in which they may be held together: a dedup memory, then the map's shard, then one set's
//! slot. The agenda's lock is held alone or under a dedup memory, and slots are looked into under it: what a set says of its
//! place in the agenda is so. They are, too, when the sets that wait for a collector are swept. Nothing is locked under a slot,
//! but the map's shard under that of a set which nobody else has seen yet.
//! No lock is held while a set is ordered or merged.

mod add;
mod admit;
mod correct;
mod dedup;
mod enter;
mod expect;
mod open;
mod prepare;
mod room;
mod running;

use std::sync::{Arc, PoisonError};

use stook_plugin::{Decision, MissingCollector, Reason, SetKey, Unexpected};
use stook_types::{Missing, MonoTime};

use crate::agenda::Agenda;
use crate::collectors::Collectors;
use crate::counters::{Counters, add};
use crate::memory::Budget;
use crate::release::{Released, Settlement};
use crate::set::{Cause, Kept, OpenSet, Set, Slot, Tombstone};
use crate::sets::Sets;
use crate::spec::{AggregateSpec, LatePolicy, NamedPolicy};
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Mutex, MutexGuard};
use crate::timeline::Entry;

pub(crate) use dedup::{Mark, Marks};
pub use expect::{AnnounceError, Expected};
pub(crate) use prepare::Prepared;
pub(crate) use room::NoRoom;
pub(crate) use running::Running;

pub(crate) struct Aggregate {
    index: usize,
    pub(crate) spec: Arc<AggregateSpec>,
    pub(crate) counters: Arc<Counters>,
    collectors: Arc<Collectors>,
    pub(crate) budget: Arc<Budget>,
    sets: Sets,
    /// Open sets, and room reserved for some that are about to be.
    open: AtomicUsize,
    numbers: AtomicU64,
    /// The most sets that were open or remembered since memory was last given back.
    peak: AtomicUsize,
    agenda: Mutex<Agenda>,
    dedups: Arc<dedup::Dedups>,
    /// What the strictest policy does with a result that its set does not expect.
    unexpected: Unexpected,
    expectations: expect::Cache,
    /// One more than the policies expected at most, or 0 if nobody asked them yet: for what a set may cost: a result pays for that before anybody asks them.
    most_expected: AtomicUsize,
    /// Whether a policy takes only a result that is flagged as the last for an answer.
    awaits_last: bool,
    /// Whether a policy may end a set with a result that opens the next.
    opens_next: bool,
    /// Which fields of the merged value policies read of open sets.
    reads: Vec<Vec<String>>,
}

/// What becomes of a result that comes after the release of its set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Late {
    Refused,
    Corrects,
    Opens { generation: u64 },
}

/// Occupancy of an aggregate, for status and tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Occupancy {
    /// Open sets.
    pub open: usize,
    /// Released sets that are remembered.
    pub tombstones: usize,
    /// What it holds of the memory budget, in bytes: open sets, and released ones that no sink has taken yet.
    pub memory: usize,
    /// When the open set was opened that falls due first: the oldest, unless `idle` ends others before it.
    pub oldest: Option<MonoTime>,
}

impl Aggregate {
    pub(crate) fn new(
        index: usize,
        spec: AggregateSpec,
        collectors: Arc<Collectors>,
        budget: Arc<Budget>,
    ) -> Self {
        let counters = Arc::new(Counters::of(spec.plugins()));
        let unexpected = |named: &NamedPolicy| counters.guard(named.plugin(), || named.policy.unexpected());
        let awaits_last =
            |named: &NamedPolicy| counters.guard(named.plugin(), || named.policy.awaits_last()) == Some(true);
        let opens_next =
            |named: &NamedPolicy| counters.guard(named.plugin(), || named.policy.opens_next()) == Some(true);
        Self {
            index,
            dedups: Arc::new(dedup::Dedups::new(&spec)),
            unexpected: spec.completion.iter().filter_map(unexpected).max().unwrap_or(Unexpected::Include),
            awaits_last: spec.completion.iter().any(awaits_last),
            opens_next: spec.completion.iter().any(opens_next),
            reads: running::reads(&spec, &counters),
            spec: Arc::new(spec),
            counters,
            collectors,
            budget,
            sets: Sets::default(),
            open: AtomicUsize::new(0),
            numbers: AtomicU64::new(0),
            peak: AtomicUsize::new(0),
            agenda: Mutex::default(),
            expectations: expect::Cache::default(),
            most_expected: AtomicUsize::new(0),
        }
    }

    /// How many sets are open, those that are about to be included.
    pub(crate) fn open_sets(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    pub(crate) fn occupancy(&self) -> Occupancy {
        let agenda = self.agenda();
        let (tombstones, first) = (agenda.tombs(), agenda.first_due());
        drop(agenda);
        let opened = |set: Arc<Set>| match &*set.lock() {
            Slot::Open(open) => Some(open.opened),
            _ => None,
        };
        Occupancy {
            open: self.open_sets(),
            tombstones,
            memory: self.budget.own(),
            oldest: first.and_then(opened),
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<MonoTime> {
        self.agenda().next().into_iter().chain(self.dedups.next_deadline()).min()
    }

    /// Does the most urgent thing that is due at `now`. False if nothing was.
    pub(crate) fn expire_one(&self, now: MonoTime, out: &mut Vec<Released>) -> bool {
        let due = self.agenda().pop_due(now);
        if let Some(entry) = due {
            self.expire(now, entry, out);
            return true;
        }
        self.forget_one(now) || self.stop_correcting_one(now) || self.dedups.forget_some(now)
    }

    fn expire(&self, now: MonoTime, entry: Entry, out: &mut Vec<Released>) {
        let set = entry.set.clone();
        let mut agenda = self.agenda();
        let mut slot = set.lock();
        let Slot::Open(open) = &mut *slot else { return };
        if open.number != entry.number {
            return;
        }
        let due = self.deadline(open);
        if due > now {
            open.filed.due = due;
            agenda.postpone(Entry { at: due, ..entry });
            return;
        }
        drop(agenda);
        let timed_out = now.since(open.opened) >= self.spec.timeout;
        let reason = if timed_out { Reason::Timeout } else { Reason::Idle };
        let released = self.close(now, &set, &mut slot, reason);
        drop(slot);
        self.emit(now, &set, released, out);
    }

    /// Forgets the oldest released set, if it is old enough or there are too many. False if it is not.
    fn forget_one(&self, now: MonoTime) -> bool {
        let (tomb, remembered) = {
            let mut agenda = self.agenda();
            (agenda.pop_tomb(now, self.spec.late.tombstones), agenda.tombs())
        };
        let Some(Entry { number, set, .. }) = tomb else { return false };
        self.sets.remove_if(&set.key, |current| {
            let mut slot = current.lock();
            let dead = matches!(&*slot, Slot::Closed(tomb) if tomb.number == number);
            if dead {
                *slot = Slot::Gone;
            }
            dead
        });
        self.shrink_after_burst(remembered);
        true
    }

    /// Gives memory back once what is open or remembered is a fraction of what it was; seldom, since that takes every
    /// shard's lock.
    fn shrink_after_burst(&self, remembered: usize) {
        const BURST: usize = 1_024;
        let sets = self.open.load(Ordering::Relaxed) + remembered;
        let peak = self.peak.fetch_max(sets, Ordering::Relaxed);
        if peak >= BURST && sets <= peak / 4 {
            self.peak.store(sets, Ordering::Relaxed);
            self.agenda().shrink();
            self.sets.shrink_to_fit();
            self.collectors.sweep();
        }
    }

    /// Until when the set takes corrections that was released first of those that do.
    pub(crate) fn kept_until(&self) -> Option<MonoTime> {
        self.agenda().kept_until()
    }

    /// Lets the results go of the set that was released first of those that take corrections, if its time for them is
    /// over at `now`. False if it is not.
    pub(crate) fn stop_correcting_one(&self, now: MonoTime) -> bool {
        let over = self.agenda().pop_kept(now);
        let Some(Entry { number, set, .. }) = over else { return false };
        if let Slot::Closed(tomb) = &mut *set.lock()
            && tomb.number == number
        {
            tomb.kept = None;
        }
        true
    }

    /// Releases the set of this key, or all sets in order of their opening. Gives how many.
    pub(crate) fn force(
        &self,
        now: MonoTime,
        key: Option<&SetKey>,
        reason: Reason,
        out: &mut Vec<Released>,
    ) -> usize {
        let sets: Vec<Arc<Set>> = match key {
            Some(key) => self.sets.get(key).into_iter().collect(),
            None => self.sets.all(),
        };
        let number = |set: Arc<Set>| match &*set.lock() {
            Slot::Open(open) => Some((open.number, set.clone())),
            _ => None,
        };
        let mut open: Vec<_> = sets.into_iter().filter_map(number).collect();
        open.sort_by_key(|(number, _)| *number);
        open.into_iter().filter(|(number, set)| self.release_if_open(now, set, *number, reason, out)).count()
    }

    /// When something last happened to the set of this key, if it is open.
    pub(crate) fn touched(&self, key: &SetKey) -> Option<MonoTime> {
        let set = self.sets.get(key)?;
        match &*set.lock() {
            Slot::Open(open) => Some(open.touched),
            _ => None,
        }
    }

    /// Releases a set, if it is still the open one of this number.
    fn release_if_open(
        &self,
        now: MonoTime,
        set: &Arc<Set>,
        number: u64,
        reason: Reason,
        out: &mut Vec<Released>,
    ) -> bool {
        let mut slot = set.lock();
        if !matches!(&*slot, Slot::Open(open) if open.number == number) {
            return false;
        }
        let released = self.close(now, set, &mut slot, reason);
        drop(slot);
        self.emit(now, set, released, out);
        true
    }

    /// What the policies say of an open set, and whether everybody it waits for is dead.
    /// `arrived` is the place of the result that has just entered, if that is what happened.
    fn decide(&self, open: &mut OpenSet, now: MonoTime, arrived: Option<u32>) -> Option<Cause> {
        let value = self.value(open);
        let mut view = open.view(&self.spec.name, now);
        view.value = value.as_ref();
        view.arrived = arrived.and_then(|place| open.results.get(place as usize));
        for (index, named) in self.spec.completion.iter().enumerate() {
            match self.counters.guard(named.plugin(), || named.policy.decide(&view)) {
                Some(Decision::Complete) => return Some(Cause::completed(index, named.name)),
                Some(Decision::Undecided) => add(&self.counters.undecided, 1),
                _ => {}
            }
        }
        open.is_lost().then_some(Reason::CollectorsLost.into())
    }

    /// The release itself: the slot changes from open to closed. Under the slot's lock, so nothing but moves.
    fn close(&self, now: MonoTime, set: &Arc<Set>, slot: &mut Slot, cause: impl Into<Cause>) -> Released {
        let Slot::Open(mut open) = std::mem::replace(slot, Slot::Gone) else {
            unreachable!("only open sets are released");
        };
        let (cause, keep) = (cause.into(), self.corrects());
        let emission = self.snapshot(now, set, &mut open, cause, keep);
        let (number, generation) = (open.number, open.generation);
        if keep {
            open.members.iter_mut().for_each(expect::forget_loss);
        }
        let kept = keep.then(|| Box::new(Kept { open, cause }));
        *slot = Slot::Closed(Tombstone { number, generation, released: now, kept });
        emission
    }

    /// The next emission of a set. Moves the results out, unless corrections will need them again.
    fn snapshot(
        &self,
        now: MonoTime,
        set: &Arc<Set>,
        open: &mut OpenSet,
        cause: Cause,
        keep: bool,
    ) -> Released {
        open.revision += 1;
        let fresh = open.results.len() - open.emitted;
        open.emitted = open.results.len();
        // Charged twice while the sinks have what is kept, though payloads are shared: rather too much than too little.
        let held = if keep { self.budget.hold_anyway(open.held.bytes()) } else { open.held.take() };
        Released {
            spec: self.spec.clone(),
            aggregate: self.index,
            key: set.key.clone(),
            generation: open.generation,
            revision: open.revision,
            reason: cause.reason,
            policy: cause.policy,
            results: if keep { open.results.clone() } else { std::mem::take(&mut open.results) },
            fresh,
            duplicates: open.duplicates,
            unanswered: open.unanswered(),
            missing: Vec::new(),
            opened: open.opened,
            released: now,
            number: open.number,
            filed: open.filed,
            settlement: Settlement {
                counters: self.counters.clone(),
                marks: self.marks(set, open),
                results: fresh as u64,
                owed: held.release(),
            },
        }
    }

    /// Hands a released set on, after the slot's lock is gone, and enters its tombstone.
    fn emit(&self, now: MonoTime, set: &Arc<Set>, released: Released, out: &mut Vec<Released>) {
        let Released { number, filed, revision, .. } = released;
        self.hand_on(released, out);
        if revision > 1 {
            return;
        }
        self.open.fetch_sub(1, Ordering::AcqRel);
        let until = match self.spec.late.policy {
            LatePolicy::Correct(grace) => Some(now + grace),
            LatePolicy::Refuse | LatePolicy::Reopen => None,
        };
        let mut agenda = self.agenda();
        agenda.closed(number, filed);
        agenda.released(set, number, now + self.spec.late.remember, until);
        let remembered = agenda.tombs();
        drop(agenda);
        // Keep the number of tombstones at its bound, one for one.
        for _ in self.spec.late.tombstones..remembered {
            self.forget_one(now);
        }
    }

    /// Says why who is missing from a released set, and counts it.
    fn hand_on(&self, mut released: Released, out: &mut Vec<Released>) {
        released.missing = std::mem::take(&mut released.unanswered)
            .into_iter()
            .map(|(id, why)| {
                let why = why.or_else(|| self.collectors.absent(&id)).unwrap_or(match released.reason {
                    Reason::Timeout | Reason::Idle => Missing::Timeout,
                    _ => Missing::Outstanding,
                });
                MissingCollector::new(id, why)
            })
            .collect();
        released.missing.sort_by(|a, b| a.collector.cmp(&b.collector));
        add(&self.counters.released, 1);
        out.push(released);
    }

    /// What becomes of a result that comes after the release.
    fn late(&self, now: MonoTime, tomb: &Tombstone) -> Late {
        let age = now.since(tomb.released);
        match self.spec.late.policy {
            // A set that was forgotten starts over, whether or not its tombstone has been swept yet.
            _ if age >= self.spec.late.remember => Late::Opens { generation: 1 },
            LatePolicy::Reopen => Late::Opens { generation: tomb.generation + 1 },
            LatePolicy::Correct(grace) if age < grace && tomb.kept.is_some() => Late::Corrects,
            LatePolicy::Correct(_) | LatePolicy::Refuse => Late::Refused,
        }
    }

    fn corrects(&self) -> bool {
        matches!(self.spec.late.policy, LatePolicy::Correct(_))
    }

    /// When an open set is due: at its timeout, or after its idle time if that is sooner.
    fn deadline(&self, open: &OpenSet) -> MonoTime {
        let total = open.opened + self.spec.timeout;
        self.spec.idle.map_or(total, |idle| total.min(open.touched + idle))
    }

    fn agenda(&self) -> MutexGuard<'_, Agenda> {
        self.agenda.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
