//! A result at its set: whether it may enter, whether it is known, and whether there is room for it.

use std::sync::Arc;

use stook_plugin::{Contribution, Keep, Scope, Unexpected};
use stook_types::{CollectorId, Discard, MonoTime, Refusal};

use super::Aggregate;
use super::admit::Admitted;
use super::dedup::{Checked, count_repeat, passed_on};
use crate::aggregator::Verdict;
use crate::counters::add;
use crate::dispatch::LeaseId;
use crate::memory::{Footprint, Held};
use crate::seen::Met;
use crate::set::OpenSet;

/// A result on its way, with the memory held for it. The result is taken when it enters a set, and its place noted:
/// the set's number, and the result's index.
pub(super) struct Arriving<'a> {
    pub(super) collector: CollectorId,
    pub(super) result: Option<Contribution>,
    /// Under which it was produced.
    pub(super) lease: Option<LeaseId>,
    pub(super) checked: Checked<'a>,
    pub(super) held: &'a mut Held,
    pub(super) placed: Option<(u64, u32)>,
    /// Whether its collector flags it as its last.
    pub(super) last: bool,
    /// Whether the policies admit it to a set without results.
    pub(super) admitted: bool,
    /// There was no set of its key at the last look. It is not looked for again before one is put into the map: that tells
    /// whether somebody else was first.
    pub(super) absent: bool,
    /// Whom a set will wait for that opens for it, or takes the place of another. Known before anything is locked where
    /// the policies cannot be asked later.
    pub(super) expected: Option<Arc<[CollectorId]>>,
}

impl Arriving<'_> {
    /// Its place in its set, if it is in one.
    pub(super) fn arrived(&self) -> Option<u32> {
        self.placed.map(|(_, place)| place)
    }
}

impl Aggregate {
    /// Whether its collector may not answer here, be its result new or known: what becomes of the result then.
    pub(super) fn bars(&self, open: &OpenSet, arriving: &Arriving<'_>) -> Option<Verdict> {
        if open.has_withdrawn(&arriving.collector)
            || arriving.lease.is_some_and(|lease| open.has_fenced(lease))
        {
            return Some(Verdict::Refused(Refusal::StaleEpoch));
        }
        if open.expects_somebody() && !open.expects(&arriving.collector) {
            return self.admit_unexpected().err();
        }
        None
    }

    /// As [`bars`](Self::bars), of the set that would take the place of this one.
    pub(super) fn bars_next(
        &self,
        open: &OpenSet,
        expected: &[CollectorId],
        collector: &CollectorId,
    ) -> Option<Verdict> {
        let mut carried = open.members.iter().filter(|member| member.open_tasks > 0).peekable();
        let expects_somebody = !expected.is_empty() || carried.peek().is_some();
        let expects = expected.contains(collector) || carried.any(|member| member.collector == *collector);
        if expects_somebody && !expects { self.admit_unexpected().err() } else { None }
    }

    /// What can be said of a result without the policies: whether its collector may answer here, and whether the set has
    /// it. `None` if it is new.
    pub(super) fn meet(
        &self,
        now: MonoTime,
        open: &mut OpenSet,
        arriving: &mut Arriving<'_>,
    ) -> Option<Verdict> {
        if let Some(verdict) = self.bars(open, arriving) {
            return Some(verdict);
        }
        let (identity, memory) = of_set(arriving.checked)?;
        let earlier = open.seen(memory.index).meet(now, &memory.terms, &identity)?;
        Some(self.add_duplicate(now, open, arriving, Some(earlier)))
    }

    pub(super) fn admit_to(&self, now: MonoTime, open: &mut OpenSet, arriving: &Arriving<'_>) -> Admitted {
        let Some(result) = &arriving.result else { return Admitted::Here };
        if arriving.admitted && open.results.is_empty() {
            return Admitted::Here;
        }
        let value = self.value(open);
        let mut view = open.view(&self.spec.name, now);
        view.value = value.as_ref();
        self.admit(&view, result)
    }

    /// Adds a new result to a set, if the limits allow it.
    pub(super) fn add(&self, now: MonoTime, open: &mut OpenSet, arriving: &mut Arriving<'_>) -> Verdict {
        let of_set = of_set(arriving.checked);
        let Arriving { collector, last, result, checked, held, placed, .. } = arriving;
        let size = result.as_ref().expect("entered once").payload.len();
        let limits = &self.spec.limits;
        if open.results.len() >= limits.results_per_set || open.bytes + size > limits.bytes_per_set {
            return refuse(open, collector, Refusal::SetFull);
        }
        let mut result = result.take().expect("entered once");
        let place = u32::try_from(open.results.len()).unwrap_or(u32::MAX);
        result.arrival = place;
        if let Some((identity, memory)) = of_set {
            open.seen(memory.index).insert(now, &memory.terms, identity, place);
        }
        if let Some((identity, memory)) = checked {
            open.marked.extend(memory.mark(collector, *identity, place));
        }
        *placed = Some((open.number, place));
        open.bytes += size;
        let identity = match (of_set, checked) {
            (Some(_), _) => Footprint::IDENTITY,
            (None, Some(_)) => Footprint::MARK,
            (None, None) => 0,
        };
        open.held.take_from(held, size + Footprint::RESULT + identity);
        open.results.push(result);
        self.follow(open, place, held);
        open.heard(now, collector, *last, self.awaits_last);
        add(&self.counters.pending, 1);
        Verdict::Accepted { replaced: None }
    }

    /// A duplicate of that earlier result of this set, or of one that is not in it. The later of the two stays if dedup
    /// says so and the earlier is still pending here.
    pub(super) fn add_duplicate(
        &self,
        now: MonoTime,
        open: &mut OpenSet,
        arriving: &mut Arriving<'_>,
        earlier: Option<Met<u32>>,
    ) -> Verdict {
        open.duplicates += 1;
        open.heard(now, &arriving.collector, arriving.last, self.awaits_last);
        let (Some(Met { place, first }), Some((_, memory))) = (earlier, arriving.checked) else {
            return Verdict::Duplicate;
        };
        if memory.terms.counting {
            let taken = count_repeat(&mut open.results[place as usize], first, now, &arriving.collector);
            open.held.take_from(arriving.held, taken);
        }
        match memory.terms.keep {
            Keep::Last if place as usize >= open.emitted && self.may_replace(now, open, arriving) => {
                self.replace(open, place, arriving)
            }
            Keep::First | Keep::Last => Verdict::Duplicate,
        }
    }

    /// Whether the policies let it in where an earlier one goes. One that would open the next set stays: it is in this one.
    fn may_replace(&self, now: MonoTime, open: &mut OpenSet, arriving: &Arriving<'_>) -> bool {
        !matches!(self.admit_to(now, open, arriving), Admitted::Refused(_))
    }

    /// The later of two equal results takes over the place of the earlier, unless it is larger and does not fit.
    fn replace(&self, open: &mut OpenSet, place: u32, arriving: &mut Arriving<'_>) -> Verdict {
        let Some(mut result) = arriving.result.take() else { return Verdict::Duplicate };
        let earlier = &mut open.results[place as usize];
        let bytes = open.bytes - earlier.payload.len() + result.payload.len();
        if bytes > self.spec.limits.bytes_per_set {
            return Verdict::Duplicate;
        }
        (open.bytes, result.arrival) = (bytes, place);
        arriving.placed = Some((open.number, place));
        open.held.take_from(arriving.held, result.payload.len());
        open.held.give_back(earlier.payload.len());
        if let Some(repeats) = earlier.repeats.take() {
            let collectors = (&earlier.source.collector, &result.source.collector);
            result.repeats = Some(passed_on(repeats, collectors));
        }
        let earlier = std::mem::replace(earlier, result);
        self.follow_again(open);
        add(&self.counters.duplicate, 1);
        Verdict::Accepted { replaced: Some((earlier.source, earlier.sequence)) }
    }

    /// What the strictest policy says of a result that its set does not expect.
    pub(super) fn admit_unexpected(&self) -> Result<(), Verdict> {
        match self.unexpected {
            Unexpected::Include => Ok(()),
            Unexpected::Discard => Err(Verdict::Discarded(Discard::UnexpectedCollector)),
            Unexpected::Refuse => Err(Verdict::Refused(Refusal::UnexpectedCollector)),
        }
    }
}

/// A result is refused: its collector is missing for that, if the set knows it by then. It is not heard by what was not
/// taken.
pub(super) fn refuse(open: &mut OpenSet, collector: &CollectorId, reason: Refusal) -> Verdict {
    if let Some(member) = open.member(collector) {
        member.refused = true;
    }
    Verdict::Refused(reason)
}

/// What dedup says within one set.
fn of_set(checked: Checked<'_>) -> Checked<'_> {
    checked.filter(|(_, memory)| memory.terms.scope == Scope::Set)
}

/// A small payload that stays is copied out of the read buffer that it is a slice of: it would pin all of it.
pub(super) fn detach(open: &mut OpenSet, placed: Option<(u64, u32)>) {
    const SMALL: usize = 16 << 10;
    if let Some((_, place)) = placed
        && let Some(result) = open.results.get_mut(place as usize)
        && result.payload.len() <= SMALL
    {
        result.payload.detach();
    }
}
