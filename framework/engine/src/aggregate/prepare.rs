//! What can be said of a result before its set is entered.

use std::sync::Arc;

use stook_plugin::{Contribution, SetKey};
use stook_types::{MonoTime, Refusal, Value};

use super::dedup::Checked;
use super::{Aggregate, Late};
use crate::aggregator::Offered;
use crate::collectors::Session;
use crate::dispatch::LeaseId;
use crate::memory::Footprint;
use crate::set::{Slot, Tombstone};
use crate::spec::KeySpec;

/// A result that is neither refused nor a retransmit so far.
pub(crate) struct Prepared<'a> {
    pub(super) key: SetKey,
    pub(super) result: Contribution,
    pub(super) lease: Option<LeaseId>,
    pub(super) checked: Checked<'a>,
}

impl Aggregate {
    /// What a result costs in memory, the set that it may open included.
    pub(crate) fn cost(&self, prepared: &Prepared<'_>) -> usize {
        let payload = prepared.result.payload.len();
        let identity = if prepared.checked.is_some() { Footprint::SEEN + Footprint::IDENTITY } else { 0 };
        let of_result = payload + Footprint::RESULT + Footprint::MEMBER + identity;
        of_result + Self::set_cost(&prepared.key, self.most_expected()) + self.cost_of_value(payload)
    }

    /// Everything that can be said of a result without its set.
    pub(crate) fn prepare(
        &self,
        session: &Session,
        topic_dedup: Option<usize>,
        offered: &Offered,
    ) -> Result<Prepared<'_>, Refusal> {
        if offered.payload.len() > self.spec.limits.bytes_per_set {
            return Err(Refusal::TooLarge);
        }
        let key = self.key(offered)?;
        let mut result = Contribution::new(
            session.source.clone(),
            offered.topic.clone(),
            offered.sequence,
            offered.payload.clone(),
        );
        (result.timestamp, result.last) = (offered.timestamp, offered.last);
        let checked = self.identify(topic_dedup, &result)?;
        Ok(Prepared { key, result, lease: offered.lease, checked })
    }

    /// Memory is short. A result that is late needs none; one whose set is open makes that set the last to be evicted
    /// for it.
    pub(crate) fn before_eviction(&self, now: MonoTime, prepared: &Prepared<'_>) -> Result<(), Refusal> {
        let Some(set) = self.sets.get(&prepared.key) else { return Ok(()) };
        match &mut *set.lock() {
            Slot::Open(open) => open.touched = now,
            Slot::Closed(tomb) if self.late(now, tomb) == Late::Refused => return Err(Refusal::Late),
            Slot::Closed(_) | Slot::Gone => {}
        }
        Ok(())
    }

    /// A result was found late when there was no memory to look closer. One that is known beyond its set is a duplicate
    /// all the same.
    pub(crate) fn is_known(&self, now: MonoTime, Prepared { result, checked, .. }: &Prepared<'_>) -> bool {
        let beyond = checked.and_then(|(identity, memory)| {
            Some((memory, memory.beyond(&result.source.collector, identity)?))
        });
        beyond.is_some_and(|(memory, (mut seen, key))| seen.meet(now, &memory.terms, &key).is_some())
    }

    /// A retransmit was dropped: its set shall say so, if it can still say anything.
    pub(crate) fn note_retransmit(&self, offered: &Offered) {
        let Ok(key) = self.key(offered) else { return };
        let Some(set) = self.sets.get(&key) else { return };
        match &mut *set.lock() {
            Slot::Open(open) => open.duplicates += 1,
            Slot::Closed(Tombstone { kept: Some(kept), .. }) => kept.open.duplicates += 1,
            Slot::Closed(_) | Slot::Gone => {}
        }
    }

    pub(crate) fn key(&self, offered: &Offered) -> Result<SetKey, Refusal> {
        let KeySpec::Paths(paths) = &self.spec.key else { return Ok(offered.correlation_id.clone().into()) };
        let payload = offered.payload.decode().map_err(|_| Refusal::Decode)?;
        let value = |path: &Vec<String>| payload.at(path).cloned().ok_or(Refusal::MissingKey);
        let key = SetKey::Values(paths.iter().map(value).collect::<Result<Arc<[Value]>, _>>()?);
        (Footprint::key(&key) <= Footprint::LARGEST_KEY).then_some(key).ok_or(Refusal::TooLarge)
    }
}
