//! Who can take a task, and who gets it.

mod history;
mod modifiers;
mod pool;
mod seat;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use stook_plugin::{Candidate, Draw, LoadHints, Pool as View, ScoringPolicy, lowest};
use stook_types::{Capability, CollectorId, Incarnation, MonoTime, SessionEpoch};

use crate::guard::guarded;
pub use history::PerformanceHistory;
pub use modifiers::Modifiers;
use pool::Pool;
pub(crate) use seat::{Seat, SeatId, Unfit};

/// Which of the scoring policies decides; the first is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ScoreId(pub usize);

impl ScoreId {
    /// The engine's own rule: the fewest in flight.
    pub const BUILT_IN: Self = Self(usize::MAX);
}

/// A scoring policy with the name that is logged when it misbehaves.
pub struct NamedScore {
    /// The plugin's name.
    pub name: &'static str,
    /// The policy.
    pub policy: Box<dyn ScoringPolicy>,
}

/// Knows every session that runs tasks, by capability, with what it has and how it did; and chooses.
///
/// A decision takes time proportional to the candidates, and allocates nothing.
pub struct LoadBalancer {
    policies: Vec<NamedScore>,
    modifiers: Modifiers,
    draw: Draw,
    seats: BTreeMap<SeatId, Seat>,
    last_seat: u64,
    pools: Vec<Pool>,
    pool_of: HashMap<Capability, PoolId>,
    /// Places in `pools` that are nobody's.
    free: Vec<PoolId>,
    /// How everybody did, also while they are away.
    histories: HashMap<(CollectorId, PoolId), PerformanceHistory>,
    /// When somebody can take more, or again, although nothing else happens.
    wakes: BTreeSet<(MonoTime, SeatId)>,
    /// Who can take tasks again, or more, since somebody last looked.
    freed: BTreeSet<SeatId>,
    given: u64,
    misbehaved: BTreeMap<&'static str, u64>,
}

/// All who have one capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PoolId(pub(crate) usize);

/// How a task in flight ended, for whoever had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It was assigned then, and succeeded.
    Succeeded(MonoTime),
    /// It was assigned then, and finished; results of it were refused.
    Refused(MonoTime),
    Failed,
    /// That says nothing about the collector.
    Withdrawn,
}

impl LoadBalancer {
    /// A balancer that chooses by these policies. Without any, the fewest in flight win. `seed` determines its random
    /// choices.
    pub fn new(policies: Vec<NamedScore>, modifiers: Modifiers, seed: u64) -> Self {
        Self {
            policies,
            modifiers,
            draw: Draw::new(seed),
            seats: BTreeMap::new(),
            last_seat: 0,
            pools: Vec::new(),
            pool_of: HashMap::new(),
            free: Vec::new(),
            histories: HashMap::new(),
            wakes: BTreeSet::new(),
            freed: BTreeSet::new(),
            given: 0,
            misbehaved: BTreeMap::new(),
        }
    }

    /// How a collector did at a capability.
    pub fn history(&self, collector: &CollectorId, capability: &Capability) -> Option<&PerformanceHistory> {
        self.histories.get(&(collector.clone(), *self.pool_of.get(capability)?))
    }

    /// How often each policy panicked or chose nobody.
    pub fn misbehaved(&self) -> &BTreeMap<&'static str, u64> {
        &self.misbehaved
    }

    /// Chooses among everybody who can take a task of this capability now, as for a task that goes out: for
    /// benchmarks. `None` if nobody can.
    pub fn decide(&mut self, now: MonoTime, capability: &Capability, by: ScoreId) -> Option<&CollectorId> {
        let pool = *self.pool_of.get(capability)?;
        let seat = self.choose(now, pool, by, Unfit { failed: &[], alone: false })?;
        self.seats.get(&seat).map(|seat| &seat.collector)
    }

    /// The pool of a capability, which is kept until it is [let go of](Self::let_go) as often as it was asked for.
    pub(crate) fn hold(&mut self, capability: &Capability) -> PoolId {
        let pool = self.pool_of.get(capability).copied().unwrap_or_else(|| self.open(capability));
        self.pools[pool.0].uses += 1;
        pool
    }

    fn open(&mut self, capability: &Capability) -> PoolId {
        let pool = self.free.pop().unwrap_or(PoolId(self.pools.len()));
        if pool.0 == self.pools.len() {
            self.pools.push(Pool::new(capability.clone()));
        } else {
            self.pools[pool.0] = Pool::new(capability.clone());
        }
        self.pool_of.insert(capability.clone(), pool);
        pool
    }

    /// Somebody needs a pool no more. One that nobody needs is forgotten, with what was known of it: names come from
    /// outside, and there is no end to them. True if that is so.
    pub(crate) fn let_go(&mut self, pool: PoolId) -> bool {
        let place = &mut self.pools[pool.0];
        place.uses -= 1;
        if place.uses == 0 {
            self.pool_of.remove(&place.capability);
            self.histories.retain(|(_, of), _| *of != pool);
            self.free.push(pool);
        }
        self.pools[pool.0].uses == 0
    }

    /// A collector declares this no more: how it did at it is forgotten.
    pub(crate) fn forget(&mut self, collector: &CollectorId, pool: PoolId) -> bool {
        self.histories.remove(&(collector.clone(), pool));
        self.let_go(pool)
    }

    pub(crate) fn known_pool(&self, capability: &Capability) -> Option<PoolId> {
        self.pool_of.get(capability).copied()
    }

    pub(crate) fn capability(&self, pool: PoolId) -> &Capability {
        &self.pools[pool.0].capability
    }

    pub(crate) fn seat(&self, seat: SeatId) -> Option<&Seat> {
        self.seats.get(&seat)
    }

    pub(crate) fn candidate(&self, seat: SeatId, pool: PoolId) -> Option<&Candidate> {
        self.pools.get(pool.0)?.get(seat)
    }

    pub(crate) fn pools_of(&self, seat: SeatId) -> &[PoolId] {
        self.seats.get(&seat).map_or(&[], |seat| &seat.pools)
    }

    pub(crate) fn has_members(&self, pool: PoolId) -> bool {
        self.pools[pool.0].len() > 0
    }

    /// Whether this session can take a task now.
    pub(crate) fn can_take(&self, seat: SeatId, pool: PoolId) -> bool {
        self.pools[pool.0].is_available(seat)
    }

    /// Whether somebody can take a task now.
    pub(crate) fn is_available(&self, pool: PoolId) -> bool {
        !self.pools[pool.0].seats().is_empty()
    }

    /// Seats a session. `back`: its collector was here before, and is brought in slowly.
    pub(crate) fn add(
        &mut self,
        now: MonoTime,
        collector: CollectorId,
        incarnation: Incarnation,
        epoch: SessionEpoch,
        capabilities: &[(Capability, u32)],
        back: bool,
    ) -> SeatId {
        self.last_seat += 1;
        let id = SeatId(self.last_seat);
        let mut pools = Vec::with_capacity(capabilities.len());
        for (capability, concurrency) in capabilities {
            // Whoever seats it holds the pools.
            let Some(pool) = self.known_pool(capability).filter(|pool| !pools.contains(pool)) else {
                continue;
            };
            let mut candidate = Candidate::new(*concurrency);
            let history = self.histories.entry((collector.clone(), pool)).or_default();
            history.begins();
            remember(&mut candidate, history);
            self.pools[pool.0].add(id, candidate);
            pools.push(pool);
        }
        let seat = Seat {
            collector,
            incarnation,
            epoch,
            back_since: back.then_some(now),
            pools: pools.clone(),
            draining: false,
            overdue: BTreeMap::new(),
            suspects: 0,
            ejected_until: None,
            ejections: 0,
        };
        self.seats.insert(id, seat);
        self.refresh(now, id);
        self.refresh_ejected(now, &pools);
        id
    }

    pub(crate) fn remove(&mut self, now: MonoTime, id: SeatId) -> Option<Seat> {
        let seat = self.seats.remove(&id)?;
        for pool in &seat.pools {
            self.pools[pool.0].remove(id);
        }
        self.wakes.retain(|(_, of)| *of != id);
        self.freed.remove(&id);
        self.refresh_ejected(now, &seat.pools);
        Some(seat)
    }

    /// Somebody who can take tasks that could not when somebody last looked.
    pub(crate) fn next_freed(&mut self) -> Option<SeatId> {
        self.freed.pop_first()
    }

    /// Changes what holds for all of a session's capabilities.
    pub(crate) fn change(&mut self, now: MonoTime, id: SeatId, change: impl FnOnce(&mut Seat)) {
        if let Some(seat) = self.seats.get_mut(&id) {
            change(seat);
            self.refresh(now, id);
        }
    }

    /// A task was taken from a session that goes on.
    pub(crate) fn sits_on(&mut self, now: MonoTime, id: SeatId, pool: PoolId) {
        if let Some(seat) = self.seats.get_mut(&id) {
            *seat.overdue.entry(pool).or_default() += 1;
            self.refresh_one(now, id, pool);
        }
    }

    /// It is no longer in flight there either.
    pub(crate) fn sits_no_more(&mut self, now: MonoTime, id: SeatId, pool: PoolId) {
        if let Some(seat) = self.seats.get_mut(&id)
            && let Some(count) = seat.overdue.get_mut(&pool)
        {
            *count -= 1;
            if *count == 0 {
                seat.overdue.remove(&pool);
            }
            self.refresh_one(now, id, pool);
        }
    }

    /// What a collector said of itself.
    pub(crate) fn hint(&mut self, id: SeatId, hints: LoadHints) {
        let Some(seat) = self.seats.get(&id) else { return };
        for pool in &seat.pools {
            if let Some(candidate) = self.pools[pool.0].get_mut(id) {
                candidate.hints = hints;
            }
        }
    }

    /// A session was given a task.
    pub(crate) fn take(&mut self, now: MonoTime, id: SeatId, pool: PoolId) {
        self.given += 1;
        let given = self.given;
        self.for_candidates(id, |of, candidate| {
            candidate.busy = candidate.busy.saturating_add(1);
            if of == pool {
                candidate.in_flight = candidate.in_flight.saturating_add(1);
                candidate.last_given = given;
            }
        });
        self.refresh_one(now, id, pool);
    }

    /// A task is no longer in flight at this session.
    pub(crate) fn give_back(&mut self, now: MonoTime, id: SeatId, pool: PoolId, ended: Ended) {
        self.for_candidates(id, |of, candidate| {
            candidate.busy = candidate.busy.saturating_sub(1);
            if of == pool {
                candidate.in_flight = candidate.in_flight.saturating_sub(1);
            }
        });
        self.note(now, id, pool, ended);
        self.refresh_one(now, id, pool);
    }

    /// Enters an outcome into the collector's history.
    pub(crate) fn note(&mut self, now: MonoTime, id: SeatId, pool: PoolId, ended: Ended) {
        let Some(seat) = self.seats.get_mut(&id) else { return };
        let history = self.histories.entry((seat.collector.clone(), pool)).or_default();
        match ended {
            Ended::Succeeded(assigned) => {
                history.succeeded(assigned, now);
                seat.ejections = 0;
            }
            Ended::Refused(assigned) => {
                history.refused(assigned, now);
                seat.ejections = 0;
            }
            Ended::Failed => history.failed(),
            Ended::Withdrawn => return,
        }
        if seat.is_ejected(now) {
            // What it had when it was ejected fails after that: it begins anew when it is back.
            history.failures_in_a_row = 0;
        }
        let fails = self.modifiers.failures > 0 && history.failures_in_a_row >= self.modifiers.failures;
        if let Some(candidate) = self.pools[pool.0].get_mut(id) {
            remember(candidate, history);
        }
        if ended != Ended::Failed {
            self.pools[pool.0].latency_changed();
        } else if fails {
            history.failures_in_a_row = 0;
            self.eject(now, id, pool);
        }
    }

    /// A session was lost with so many tasks of a capability in flight. Nothing follows for it: it is gone.
    pub(crate) fn note_lost(&mut self, collector: &CollectorId, pool: PoolId, tasks: u64) {
        self.histories.entry((collector.clone(), pool)).or_default().lost(tasks);
    }

    /// Chooses who gets the next task.
    pub(crate) fn choose(
        &mut self,
        now: MonoTime,
        pool: PoolId,
        by: ScoreId,
        unfit: Unfit<'_>,
    ) -> Option<SeatId> {
        let pool = &self.pools[pool.0];
        let seats = &self.seats;
        let fits = |id: &SeatId| seats.get(id).is_some_and(|seat| !seat.is_unfit(unfit));
        let (view, draw) = (pool.view(now), &mut self.draw);
        let mut ask = |view: &View<'_>| choose(&mut self.policies, &mut self.misbehaved, by, view, draw);
        if (unfit.failed.is_empty() && !unfit.alone) || pool.seats().iter().all(fits) {
            return ask(&view).map(|place| pool.seats()[place]);
        }
        // Seldom: a task that has failed somewhere. Only here are candidates copied.
        let fit: Vec<usize> = (0..pool.seats().len()).filter(|place| fits(&pool.seats()[*place])).collect();
        let candidates: Vec<_> = fit.iter().map(|place| view.candidates[*place].clone()).collect();
        ask(&View::new(&candidates, now, view.median_latency)).map(|place| pool.seats()[fit[place]])
    }

    pub(crate) fn modifiers(&self) -> &Modifiers {
        &self.modifiers
    }

    pub(crate) fn next_wake(&self) -> Option<MonoTime> {
        self.wakes.first().map(|(at, _)| *at)
    }

    /// Does what is due.
    pub(crate) fn wake(&mut self, now: MonoTime) {
        while let Some((_, id)) = self.wakes.first().copied().filter(|(at, _)| *at <= now) {
            self.wakes.pop_first();
            self.refresh(now, id);
            let pools = self.pools_of(id).to_vec();
            self.refresh_ejected(now, &pools);
        }
    }

    /// Takes somebody out of service for a while, unless too many are out already.
    fn eject(&mut self, now: MonoTime, id: SeatId, pool: PoolId) {
        let out = self.ejected(now, pool);
        if out >= self.modifiers.cap(self.pools[pool.0].len()) {
            return;
        }
        let Some(seat) = self.seats.get_mut(&id) else { return };
        seat.ejected_until = Some(now + self.modifiers.ejection(seat.ejections));
        seat.ejections = seat.ejections.saturating_add(1);
        self.refresh(now, id);
        let pools = self.pools_of(id).to_vec();
        self.refresh_ejected(now, &pools);
    }

    /// Those who are ejected may have to be heeded, or not any more: there are more or fewer of them, or of all.
    fn refresh_ejected(&mut self, now: MonoTime, pools: &[PoolId]) {
        for pool in pools {
            for id in self.pools[pool.0].all_seats().to_vec() {
                if self.seats.get(&id).is_some_and(|seat| seat.is_ejected(now)) {
                    self.refresh_one(now, id, *pool);
                }
            }
        }
    }

    fn ejected(&self, now: MonoTime, pool: PoolId) -> usize {
        let is_out = |id: &&SeatId| self.seats.get(id).is_some_and(|seat| seat.is_ejected(now));
        self.pools[pool.0].all_seats().iter().filter(is_out).count()
    }

    /// Computes anew whether a session can take tasks of each of its capabilities, and when that changes by itself.
    fn refresh(&mut self, now: MonoTime, id: SeatId) {
        let Some(seat) = self.seats.get(&id) else { return };
        let step = seat.back_since.and_then(|since| self.modifiers.next_step(since, now));
        let back = seat.ejected_until.filter(|until| *until > now);
        self.wakes.extend([step, back].into_iter().flatten().min().map(|at| (at, id)));
        for pool in seat.pools.clone() {
            self.refresh_one(now, id, pool);
        }
    }

    fn refresh_one(&mut self, now: MonoTime, id: SeatId, pool: PoolId) {
        let Some(seat) = self.seats.get(&id) else { return };
        let Some(candidate) = self.pools[pool.0].get(id) else { return };
        let slots = self.modifiers.slots(seat.back_since, now, candidate.concurrency);
        let out =
            seat.is_ejected(now) && !self.modifiers.panics(self.pools[pool.0].len(), self.ejected(now, pool));
        let can = candidate.in_flight < slots && !seat.draining && !seat.overdue.contains_key(&pool) && !out;
        if self.pools[pool.0].set_available(id, can) {
            self.freed.insert(id);
        }
    }

    /// Changes what is known of a session at each of its capabilities: a few, and however many it declares, no more than
    /// the host lets in with a session.
    fn for_candidates(&mut self, id: SeatId, mut change: impl FnMut(PoolId, &mut Candidate)) {
        let Some(seat) = self.seats.get(&id) else { return };
        for pool in &seat.pools {
            if let Some(candidate) = self.pools[pool.0].get_mut(id) {
                change(*pool, candidate);
            }
        }
    }
}

/// What a candidate shows of its history.
fn remember(candidate: &mut Candidate, history: &PerformanceHistory) {
    candidate.latency = history.latency;
    (candidate.peak, candidate.peak_at) = (history.peak, history.peak_at);
    candidate.success_rate = history.success_rate;
}

/// Asks a policy. One that panics or chooses nobody is replaced by the fewest in flight, and counted.
fn choose(
    policies: &mut [NamedScore],
    misbehaved: &mut BTreeMap<&'static str, u64>,
    ScoreId(by): ScoreId,
    view: &View<'_>,
    draw: &mut Draw,
) -> Option<usize> {
    match view.candidates {
        [] => return None,
        // Nothing to choose.
        [_] => return Some(0),
        _ => {}
    }
    if let Some(NamedScore { name, policy }) = policies.get_mut(by) {
        match guarded(|| policy.choose(view, draw)) {
            Some(place) if place < view.candidates.len() => return Some(place),
            _ => *misbehaved.entry(name).or_default() += 1,
        }
    }
    Some(lowest(view, draw, |candidate| candidate.in_flight.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_that_nobody_needs_are_forgotten_with_what_was_known_of_them() {
        let mut balancer = LoadBalancer::new(Vec::new(), Modifiers::default(), 1);
        let id = CollectorId::new("p").unwrap();
        let [scan, other] = ["scan", "other"].map(|name| Capability::new(name).unwrap());
        let pool = balancer.hold(&scan);
        assert_eq!(balancer.hold(&scan), pool);
        balancer.note_lost(&id, pool, 3);
        assert!(!balancer.let_go(pool));
        assert!(balancer.history(&id, &scan).is_some());
        assert!(balancer.let_go(pool));
        assert_eq!((balancer.known_pool(&scan), balancer.histories.len()), (None, 0));
        for n in 0..1_000 {
            let pool = balancer.hold(&Capability::new(&format!("c{n}")).unwrap());
            assert!(balancer.let_go(pool));
        }
        let pool = balancer.hold(&other);
        assert_eq!(
            (balancer.capability(pool), balancer.pools.len()),
            (&other, 1),
            "its place is taken again"
        );
    }
}
