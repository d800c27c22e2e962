//! The way of a result into its set.

use std::sync::Arc;

use stook_plugin::{Scope, SetKey};
use stook_types::{CollectorId, MonoTime, Refusal};

use super::add::{Arriving, detach, refuse};
use super::admit::Admitted;
use super::open::Opening;
use super::prepare::Prepared;
use super::{Aggregate, Late, expect};
use crate::aggregator::Verdict;
use crate::memory::Held;
use crate::release::Released;
use crate::seen::Met;
use crate::set::{OpenSet, Set, Slot};
use crate::sync::MutexGuard;

/// How an attempt to enter a set ended.
enum Entry {
    Done(Verdict),
    /// Nothing happened: look the set up again.
    Again,
    /// Nothing happened: come again with leave to open a set.
    NeedsOpening,
}

impl Aggregate {
    /// Brings a result into its set, which may release it.
    pub(crate) fn enter(
        &self,
        now: MonoTime,
        prepared: Prepared<'_>,
        mut held: Held,
        out: &mut Vec<Released>,
    ) -> Verdict {
        let Prepared { key, result, lease, checked } = prepared;
        let looks_beyond = checked.is_some_and(|(_, memory)| memory.terms.scope != Scope::Set);
        let mut arriving = Arriving {
            collector: result.source.collector.clone(),
            last: result.last,
            result: Some(result),
            lease,
            checked,
            held: &mut held,
            placed: None,
            admitted: false,
            absent: false,
            expected: (looks_beyond || self.opens_next).then(|| self.expected()),
        };
        loop {
            let verdict = self.enter_known(now, &key, &mut arriving, out);
            // Under no lock any more: policies are asked, and then it comes again.
            if let Some(verdict) = verdict.or_else(|| self.ask_first(&mut arriving).err()) {
                return verdict;
            }
        }
    }

    /// Brings a result into its set, with the memory beyond the set locked where dedup has one. `None` if nothing happened
    /// since the policies are to be asked first.
    fn enter_known(
        &self,
        now: MonoTime,
        key: &SetKey,
        arriving: &mut Arriving<'_>,
        out: &mut Vec<Released>,
    ) -> Option<Verdict> {
        let Some((identity, memory)) = arriving.checked else {
            return self.enter_set(now, key, arriving, out);
        };
        let Some((mut seen, identity)) = memory.beyond(&arriving.collector, identity) else {
            return self.enter_set(now, key, arriving, out);
        };
        if let Some(earlier) = seen.meet(now, &memory.terms, &identity) {
            return Some(self.enter_duplicate(now, key, arriving, earlier, out));
        }
        let verdict = self.enter_set(now, key, arriving, out);
        if let Some(place) = arriving.placed {
            memory.remember(now, &mut seen, identity, place);
        }
        verdict
    }

    /// Asks the policies whether a set may be opened for a result.
    fn ask_first(&self, arriving: &mut Arriving<'_>) -> Result<(), Verdict> {
        let expected = arriving.expected.get_or_insert_with(|| self.expected());
        if !expected.is_empty() && !expected.contains(&arriving.collector) {
            self.admit_unexpected()?;
        }
        if let Some(result) = &arriving.result
            && let Admitted::Refused(reason) = self.admit_first(result)
        {
            return Err(Verdict::Refused(reason));
        }
        arriving.admitted = true;
        Ok(())
    }

    /// The result is known from this set or another: it is dropped, or takes over the place of the earlier one in
    /// this set, and in either case its collector has answered here.
    fn enter_duplicate(
        &self,
        now: MonoTime,
        key: &SetKey,
        arriving: &mut Arriving<'_>,
        earlier: Met<(u64, u32)>,
        out: &mut Vec<Released>,
    ) -> Verdict {
        let here = |open: &OpenSet| {
            let (number, place) = earlier.place;
            (open.number == number).then_some(Met { place, first: earlier.first })
        };
        let mut opening = None;
        loop {
            let Some(set) = self.sets.get(key) else {
                let Opening { room, expected } = match opening.take() {
                    Some(opening) => opening,
                    None => match self.opening_by_duplicate(now, arriving, out) {
                        Ok(opening) => opening,
                        Err(verdict) => return verdict,
                    },
                };
                let held = arriving.held.split(Self::set_cost(key, expected.len()));
                self.insert(now, key, &expected, held, room);
                continue;
            };
            let mut slot = set.lock();
            let open = match &mut *slot {
                Slot::Open(open) => open,
                Slot::Gone => continue,
                Slot::Closed(tomb) => match (self.late(now, tomb), &mut tomb.kept) {
                    (Late::Corrects, Some(kept)) => {
                        let earlier = here(&kept.open);
                        let barred = self.bars(&kept.open, arriving);
                        return barred
                            .unwrap_or_else(|| self.add_duplicate(now, &mut kept.open, arriving, earlier));
                    }
                    (Late::Corrects | Late::Refused, _) => return Verdict::Duplicate,
                    (Late::Opens { generation }, _) => {
                        if let Some(Opening { room, expected }) = opening.take() {
                            let held = arriving.held.split(Self::set_cost(key, expected.len()));
                            let number = self.reopen(now, &mut slot, generation, &expected, held, room);
                            drop(slot);
                            self.opened(&set, number, &expected);
                        } else {
                            drop(slot);
                            match self.opening_by_duplicate(now, arriving, out) {
                                Ok(leave) => opening = Some(leave),
                                Err(verdict) => return verdict,
                            }
                        }
                        continue;
                    }
                },
            };
            if let Some(verdict) = self.bars(open, arriving) {
                return verdict;
            }
            let verdict = self.add_duplicate(now, open, arriving, here(open));
            let decided = self.decide(open, now, arriving.arrived());
            if decided.is_none() || self.corrects() {
                detach(open, arriving.placed);
            }
            let released = decided.map(|cause| self.close(now, &set, &mut slot, cause));
            drop(slot);
            if let Some(released) = released {
                self.emit(now, &set, released, out);
            }
            return verdict;
        }
    }

    /// `None` if a set is to be opened for the result, and the policies were not asked yet.
    fn enter_set(
        &self,
        now: MonoTime,
        key: &SetKey,
        arriving: &mut Arriving<'_>,
        out: &mut Vec<Released>,
    ) -> Option<Verdict> {
        let mut opening = None;
        loop {
            let found = if arriving.absent { None } else { self.sets.get(key) };
            arriving.absent = found.is_none();
            let entry = match (found, opening.take()) {
                (Some(set), leave) => self.enter_found(now, &set, arriving, leave, out),
                (None, Some(leave)) => self.enter_new(now, key, arriving, leave, out),
                (None, None) => Entry::NeedsOpening,
            };
            match entry {
                Entry::Done(verdict) => return Some(verdict),
                Entry::Again => {}
                Entry::NeedsOpening if !arriving.admitted => return None,
                Entry::NeedsOpening => match self.opening(now, arriving, out) {
                    Ok(leave) => opening = Some(leave),
                    Err(verdict) => return Some(verdict),
                },
            }
        }
    }

    /// A set that opens for a result, which is in it before anybody else sees it: none is released without what opened it.
    fn enter_new(
        &self,
        now: MonoTime,
        key: &SetKey,
        arriving: &mut Arriving<'_>,
        Opening { room, expected }: Opening<'_>,
        out: &mut Vec<Released>,
    ) -> Entry {
        let number = self.next_number();
        let cost = arriving.held.split(Self::set_cost(key, expected.len()));
        let members = expect::members(&expected);
        let set = Set::new(key.clone(), OpenSet::new(number, 1, now, members, cost));
        // Before the map's shard, unlike all others: nobody can wait for it yet.
        let mut slot = set.lock();
        if !self.sets.insert(&set) {
            // Somebody else was first: what was for this set is for the result again.
            arriving.absent = false;
            if let Slot::Open(open) = &mut *slot {
                arriving.held.take_from(&mut open.held, usize::MAX);
            }
            return Entry::Again;
        }
        room.use_up();
        self.enter_slot(now, &set, slot, arriving, Some((number, expected)), out)
    }

    fn enter_found(
        &self,
        now: MonoTime,
        set: &Arc<Set>,
        arriving: &mut Arriving<'_>,
        opening: Option<Opening<'_>>,
        out: &mut Vec<Released>,
    ) -> Entry {
        let mut slot = set.lock();
        let mut opened = None;
        if let Slot::Closed(tomb) = &*slot {
            let generation = match self.late(now, tomb) {
                Late::Refused => return Entry::Done(Verdict::Refused(Refusal::Late)),
                Late::Corrects => {
                    let corrected = self.correct(now, set, &mut slot, arriving);
                    drop(slot);
                    return self.finish_entry(now, set, corrected, out);
                }
                Late::Opens { generation } => generation,
            };
            let Some(Opening { room, expected }) = opening else { return Entry::NeedsOpening };
            let held = arriving.held.split(Self::set_cost(&set.key, expected.len()));
            let number = self.reopen(now, &mut slot, generation, &expected, held, room);
            opened = Some((number, expected));
        }
        self.enter_slot(now, set, slot, arriving, opened, out)
    }

    /// What happens to a result at a set that is open, or has just been opened for it, under this number.
    fn enter_slot(
        &self,
        now: MonoTime,
        set: &Arc<Set>,
        mut slot: MutexGuard<'_, Slot>,
        arriving: &mut Arriving<'_>,
        fresh: Option<(u64, Arc<[CollectorId]>)>,
        out: &mut Vec<Released>,
    ) -> Entry {
        let Slot::Open(open) = &mut *slot else { return Entry::Again };
        let mut turned = None;
        let verdict = match self.meet(now, open, arriving) {
            Some(verdict) => verdict,
            None => match self.admit_to(now, open, arriving) {
                Admitted::Here => self.add(now, open, arriving),
                Admitted::Next(cause) => {
                    let expected = arriving.expected.get_or_insert_with(|| self.expected()).clone();
                    match self.bars_next(open, &expected, &arriving.collector) {
                        // What is not taken ends nothing.
                        Some(verdict) => verdict,
                        None => {
                            turned = Some(self.turn_over(now, set, open, &expected, cause));
                            self.add(now, open, arriving)
                        }
                    }
                }
                Admitted::Refused(reason) => refuse(open, &arriving.collector, reason),
            },
        };
        let decided = match verdict {
            Verdict::Accepted { .. } | Verdict::Duplicate => self.decide(open, now, arriving.arrived()),
            _ => None,
        };
        if decided.is_none() || self.corrects() {
            detach(open, arriving.placed);
        }
        let released = decided.map(|cause| self.close(now, set, &mut slot, cause));
        drop(slot);
        let opened = match (turned, fresh) {
            (Some(turned), _) => Some((turned.number, self.turned_over(set, turned, out))),
            (None, Some((number, expected))) => Some((number, self.opened(set, number, &expected))),
            (None, None) => None,
        };
        if let Some((number, true)) = opened {
            self.reconsider(now, set, number, out, |_| {});
        }
        self.finish_entry(now, set, (verdict, released), out)
    }

    fn finish_entry(
        &self,
        now: MonoTime,
        set: &Arc<Set>,
        (verdict, released): (Verdict, Option<Released>),
        out: &mut Vec<Released>,
    ) -> Entry {
        if let Some(released) = released {
            self.emit(now, set, released, out);
        }
        Entry::Done(verdict)
    }
}
