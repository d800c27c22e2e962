//! Limits: room for one more set.

use stook_plugin::{Reason, SetKey};
use stook_types::{MonoTime, Refusal};

use super::Aggregate;
use crate::agenda::Entry;
use crate::memory::Footprint;
use crate::release::Released;
use crate::set::Slot;
use crate::spec::WhenFull;
use crate::sync::atomic::Ordering;

/// Leave to open one more set. Unused, it is given back.
pub(super) struct Room<'a>(Option<&'a Aggregate>);

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// Refuse what wanted it.
    Refuse(Refusal),
    /// There will be some when a set has been released or taken by its sinks: offer it again then.
    Wait,
}

impl Room<'_> {
    pub(super) fn use_up(mut self) {
        self.0 = None;
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        if let Some(aggregate) = self.0 {
            aggregate.open.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Aggregate {
    /// What a set costs in memory beside its results.
    pub(super) fn set_cost(key: &SetKey) -> usize {
        Footprint::SET + Footprint::key(key)
    }

    /// Leave to open one more set, if need be after releasing the longest idle one.
    pub(super) fn make_room(&self, now: MonoTime, out: &mut Vec<Released>) -> Result<Room<'_>, NoRoom> {
        let limit = self.spec.limits.sets;
        loop {
            let one_more = |open: usize| (open < limit).then_some(open + 1);
            if self.open.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_ok() {
                return Ok(Room(Some(self)));
            }
            match self.spec.limits.when_full {
                WhenFull::Refuse => return Err(NoRoom::Refuse(Refusal::SetFull)),
                WhenFull::Backpressure => return Err(NoRoom::Wait),
                WhenFull::EmitOldest if self.evict_one(now, out) => {}
                // Every open set is in other hands right now: they are being released.
                WhenFull::EmitOldest => return Err(NoRoom::Wait),
            }
        }
    }

    /// Releases the longest idle open set. False if there is none.
    pub(crate) fn evict_one(&self, now: MonoTime, out: &mut Vec<Released>) -> bool {
        while let Some(Entry { number, set, .. }) = self.pop_longest_idle() {
            if self.release_if_open(now, &set, number, Reason::Evicted, out) {
                return true;
            }
        }
        false
    }

    /// Since when the longest idle open set has been idle.
    pub(crate) fn idle_since(&self) -> Option<MonoTime> {
        let longest = self.pop_longest_idle()?;
        let since = longest.at;
        self.agenda().put_idle(longest);
        Some(since)
    }

    /// Takes the longest idle open set out of the agenda. Entries are lazy: those that come up before their time
    /// are put back with it, those of closed sets are dropped.
    fn pop_longest_idle(&self) -> Option<Entry> {
        loop {
            let mut entry = self.agenda().pop_idle()?;
            let touched = match &*entry.set.lock() {
                Slot::Open(open) if open.number == entry.number => open.touched,
                _ => continue,
            };
            if touched <= entry.at {
                return Some(entry);
            }
            entry.at = touched;
            self.agenda().put_idle(entry);
        }
    }
}
