//! The aggregator: every aggregate of a host, under one clock and one memory budget.

use std::sync::Arc;

use stook_plugin::{Reason, SetKey, Source};
use stook_types::{CollectorId, CorrelationId, Discard, Missing, MonoTime, Payload, Refusal, Topic};

use crate::aggregate::{Aggregate, AnnounceError, Expected, NoRoom, Occupancy, Prepared};
use crate::collectors::{Collectors, Session};
use crate::counters::{CounterSnapshot, Counters, add};
use crate::dispatch::LeaseId;
use crate::memory::{Budget, Held};
use crate::release::Released;
use crate::routing::{self, Route};
use crate::spec::{AggregateSpec, WhenFull};

/// Groups results into sets and releases each set exactly once.
///
/// A pure state machine that many threads may drive at once: it reads no clock (time is an argument), does no
/// I/O and starts nothing. What it releases is handed to the caller in `out`, to be
/// [finished](Released::finish) under no lock.
///
/// `now` must not go backwards by more than callers race: a decision is made at the time that its caller gave.
///
/// ```
/// use std::time::Duration;
/// use stook_engine::{AggregateSpec, Offered, ResultAggregator, Verdict};
/// use stook_plugin::{Reason, Source};
/// use stook_types::*;
///
/// let spec = AggregateSpec::new("scan", vec![TopicPattern::new("events.#")?], Duration::from_secs(5));
/// let aggregator = ResultAggregator::new(vec![spec], 1 << 20);
/// let source = Source::new(CollectorId::new("p1")?, "p", Incarnation::random(), SessionEpoch(1), None);
/// let session = aggregator.connected(source);
///
/// let topic = Topic::new("events.process")?;
/// let route = aggregator.route(&topic).expect("an aggregate takes it");
/// # static JSON: Encoding = Encoding { content_type: "none", decode: |_| Ok(Value::Null) };
/// # let payload = Payload::new(Default::default(), &JSON);
/// let mut out = Vec::new();
/// let offered = Offered::new(topic, CorrelationId::new("1")?, 1, payload);
/// let verdict = aggregator.offer(MonoTime::ZERO, &session, route, &offered, &mut out);
/// assert!(matches!(verdict, Verdict::Accepted { .. }));
///
/// aggregator.expire(MonoTime::at(Duration::from_secs(5)), &mut out);
/// assert_eq!(out.pop().unwrap().reason(), Reason::Timeout);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ResultAggregator {
    aggregates: Vec<Aggregate>,
    collectors: Arc<Collectors>,
    budget: Arc<Budget>,
    /// Results that never reached an aggregate.
    unrouted: Counters,
}

/// A result as it is offered.
#[derive(Clone, Debug)]
pub struct Offered {
    /// Its topic: the one that the route was made of.
    pub topic: Topic,
    /// What it belongs to.
    pub correlation_id: CorrelationId,
    /// Its number within the incarnation.
    pub sequence: u64,
    /// The collector's own time, in microseconds since 1970-01-01 UTC.
    pub timestamp: Option<i64>,
    /// Whether it is the collector's last of its set.
    pub last: bool,
    /// The lease under which it was produced, if it was for a task.
    pub lease: Option<LeaseId>,
    /// Whether that lease is known to have been given to somebody else since.
    pub fenced: bool,
    /// What it says.
    pub payload: Payload,
}

/// What became of an offered result.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It is in its set.
    Accepted {
        /// An equal, earlier result whose place it took (`keep = "last"`), and which counts as a duplicate now.
        replaced: Option<(Arc<Source>, u64)>,
    },
    /// Dropped: it was seen before.
    Duplicate,
    /// Not taken, and the collector shall know.
    Refused(Refusal),
    /// Dropped as the config says.
    Discarded(Discard),
    /// There is no room at present. Nothing happened and nothing was counted: offer it again when a set has been
    /// released or its sinks have taken it.
    Parked,
}

/// How full things are, for status and tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryUse {
    /// The budget in bytes.
    pub limit: usize,
    /// Bytes of it in use by sets that are open, take corrections or wait for their sinks.
    pub used: usize,
}

impl Offered {
    /// A result without timestamp and lease that is neither flagged as last nor fenced.
    pub const fn new(topic: Topic, correlation_id: CorrelationId, sequence: u64, payload: Payload) -> Self {
        Self {
            topic,
            correlation_id,
            sequence,
            timestamp: None,
            last: false,
            lease: None,
            fenced: false,
            payload,
        }
    }
}

impl ResultAggregator {
    /// An aggregator of these aggregates that together may hold `memory` bytes of pending results.
    pub fn new(specs: Vec<AggregateSpec>, memory: usize) -> Self {
        let collectors = Arc::<Collectors>::default();
        let budget = Budget::new(memory);
        let aggregate = |(i, spec)| Aggregate::new(i, spec, collectors.clone(), budget.share());
        let aggregates = specs.into_iter().enumerate().map(aggregate).collect();
        Self { aggregates, collectors, budget, unrouted: Counters::default() }
    }

    /// The aggregates' specs, in the order in which routes and releases number them.
    pub fn specs(&self) -> impl ExactSizeIterator<Item = &AggregateSpec> {
        self.aggregates.iter().map(|aggregate| &*aggregate.spec)
    }

    /// Where results of a topic go. Ask once per topic, not once per result.
    pub fn route(&self, topic: &Topic) -> Option<Route> {
        routing::route(self.specs(), topic)
    }

    /// Enters a collector that config names, so that sets can expect it before it connects.
    pub fn configured(&self, id: CollectorId, kind: impl Into<Arc<str>>) {
        self.collectors.configured(id, kind.into());
    }

    /// Begins a session. It is from now on the collector's only one; with the incarnation of an earlier session it
    /// knows what that one has sent.
    pub fn connected(&self, source: Source) -> Session {
        let id = source.collector.clone();
        let (session, waiting) = self.collectors.connected(Arc::new(source));
        for waiting in waiting {
            self.aggregates[waiting.aggregate].member_back(&waiting, &id);
        }
        session
    }

    /// Ends a session: whoever waits for its collector learns that it is missing, and why. Does nothing if a later
    /// session has begun.
    pub fn collector_lost(&self, now: MonoTime, source: &Source, why: Missing, out: &mut Vec<Released>) {
        for waiting in self.collectors.ended(source, why) {
            self.aggregates[waiting.aggregate].member_lost(now, &waiting, &source.collector, why, out);
        }
    }

    /// Offers one result. `route` is that of its topic.
    pub fn offer(
        &self,
        now: MonoTime,
        session: &Session,
        route: Route,
        offered: &Offered,
        out: &mut Vec<Released>,
    ) -> Verdict {
        let aggregate = &self.aggregates[route.aggregate];
        let counters = &aggregate.counters;
        if !session.first_sight(offered.sequence) {
            aggregate.note_retransmit(offered);
            add(&counters.received, 1);
            add(&counters.duplicate, 1);
            return Verdict::Duplicate;
        }
        let verdict = match offered.fenced {
            true => Verdict::Refused(Refusal::StaleEpoch),
            false => self.offer_new(now, session, route, offered, out),
        };
        match &verdict {
            Verdict::Parked => {
                session.unsee(offered.sequence);
                return verdict;
            }
            Verdict::Accepted { .. } => {}
            Verdict::Duplicate => add(&counters.duplicate, 1),
            Verdict::Refused(reason) => {
                counters.refuse(*reason);
                if reason.leaves_a_gap()
                    && let Ok(key) = aggregate.key(offered)
                {
                    aggregate.note_refused(&key, &session.source.collector);
                }
            }
            Verdict::Discarded(reason) => counters.discard(*reason, 1),
        }
        add(&counters.received, 1);
        verdict
    }

    fn offer_new(
        &self,
        now: MonoTime,
        session: &Session,
        route: Route,
        offered: &Offered,
        out: &mut Vec<Released>,
    ) -> Verdict {
        let aggregate = &self.aggregates[route.aggregate];
        let prepared = match aggregate.prepare(session, route.topic_dedup, offered) {
            Ok(prepared) => prepared,
            Err(reason) => return Verdict::Refused(reason),
        };
        match self.memory_for(now, aggregate, &prepared, aggregate.cost(&prepared), out) {
            Ok(held) => aggregate.enter(now, prepared, held, out),
            Err(NoRoom::Refuse(Refusal::Late)) if aggregate.is_known(now, &prepared) => Verdict::Duplicate,
            Err(NoRoom::Refuse(reason)) => Verdict::Refused(reason),
            Err(NoRoom::Wait) => Verdict::Parked,
        }
    }

    /// Memory for `bytes`. What is only kept for corrections gives way to every result; after that the longest idle sets
    /// of all aggregates are released, if the result's own aggregate says so. What has been released comes free only
    /// when its sinks took it: no more is released than the result needs.
    fn memory_for(
        &self,
        now: MonoTime,
        aggregate: &Aggregate,
        prepared: &Prepared<'_>,
        bytes: usize,
        out: &mut Vec<Released>,
    ) -> Result<Held, NoRoom> {
        if let Some(held) = aggregate.budget.hold(bytes) {
            return Ok(held);
        }
        if bytes > self.budget.limit() {
            return Err(NoRoom::Refuse(Refusal::TooLarge));
        }
        aggregate.before_eviction(now, prepared).map_err(NoRoom::Refuse)?;
        loop {
            if let Some(held) = aggregate.budget.hold(bytes) {
                return Ok(held);
            }
            let comes_free = self.budget.released() >= bytes;
            match aggregate.spec.limits.when_full {
                WhenFull::EmitOldest | WhenFull::Backpressure if comes_free => return Err(NoRoom::Wait),
                _ if self.stop_correcting_one() => {}
                WhenFull::Refuse => return Err(NoRoom::Refuse(Refusal::Memory)),
                WhenFull::Backpressure => return Err(NoRoom::Wait),
                WhenFull::EmitOldest if self.evict_one(now, out) => {}
                WhenFull::EmitOldest => return Err(NoRoom::Wait),
            }
        }
    }

    /// Lets the results go of the released set whose time for corrections is over first. False if there is none.
    fn stop_correcting_one(&self) -> bool {
        let until = |aggregate| Some((Aggregate::kept_until(aggregate)?, aggregate));
        let first = self.aggregates.iter().filter_map(until).min_by_key(|(until, _)| *until);
        first.is_some_and(|(until, aggregate)| aggregate.stop_correcting_one(until))
    }

    /// Releases the longest idle open set of all aggregates. False if there is none.
    fn evict_one(&self, now: MonoTime, out: &mut Vec<Released>) -> bool {
        let idle = |aggregate| Some((Aggregate::idle_since(aggregate)?, aggregate));
        let longest = self.aggregates.iter().filter_map(idle).min_by_key(|(since, _)| *since);
        longest.is_some_and(|(_, aggregate)| aggregate.evict_one(now, out))
    }

    /// Counts a result that was refused before it reached an aggregate.
    pub fn refused(&self, reason: Refusal) {
        add(&self.unrouted.received, 1);
        self.unrouted.refuse(reason);
    }

    /// Counts a result that was refused before it was offered, where the route of its topic is known: the open set of its
    /// correlation ID lacks it. Where there is none nobody knows where it belonged, and each such set that knows its
    /// collector may.
    pub fn refused_of(
        &self,
        route: Option<Route>,
        collector: &CollectorId,
        id: &CorrelationId,
        reason: Refusal,
    ) {
        let aggregates = match route {
            Some(route) => {
                let aggregate = &self.aggregates[route.aggregate];
                add(&aggregate.counters.received, 1);
                aggregate.counters.refuse(reason);
                std::slice::from_ref(aggregate)
            }
            None => {
                self.refused(reason);
                &self.aggregates
            }
        };
        if reason.leaves_a_gap() {
            let key = SetKey::Id(id.clone());
            aggregates.iter().for_each(|aggregate| aggregate.note_refused(&key, collector));
        }
    }

    /// Opens a set that waits for these collectors, or makes the open one wait for them too. Released at once
    /// (`collectors-lost`) if none of them can answer.
    ///
    /// # Errors
    /// If the set was released already, or there is no room for one more.
    ///
    /// # Panics
    /// If there is no aggregate of this number.
    pub fn announce(
        &self,
        now: MonoTime,
        aggregate: usize,
        key: &SetKey,
        expected: &[Expected],
        out: &mut Vec<Released>,
    ) -> Result<(), AnnounceError> {
        self.aggregates[aggregate].announce(now, key, expected, 0, out)
    }

    /// As [`announce`](Self::announce), for a set that also has tasks which no collector has yet: it waits for
    /// whoever will have them ([`reassign`](Self::reassign)).
    ///
    /// # Errors
    /// If the set was released already, or there is no room for one more.
    ///
    /// # Panics
    /// If there is no aggregate of this number.
    pub fn announce_tasks(
        &self,
        now: MonoTime,
        aggregate: usize,
        key: &SetKey,
        expected: &[Expected],
        unassigned: u32,
        out: &mut Vec<Released>,
    ) -> Result<(), AnnounceError> {
        self.aggregates[aggregate].announce(now, key, expected, unassigned, out)
    }

    /// A task of this set changes hands, in one step: from the collector that had it, under this lease (`None`: the
    /// queue), to the one that has it now. What the former still sends for this set is refused (`stale-epoch`) if it says
    /// that lease, or has no other tasks here. Does nothing if the set is not open.
    ///
    /// # Panics
    /// If there is no aggregate of this number.
    pub fn reassign(
        &self,
        now: MonoTime,
        aggregate: usize,
        key: &SetKey,
        from: Option<(&CollectorId, LeaseId)>,
        to: Option<&CollectorId>,
        out: &mut Vec<Released>,
    ) {
        self.aggregates[aggregate].reassign(now, key, from, to, out);
    }

    /// A task of this set found nobody at once. If the set is released before somebody has it, those of `able` are missing
    /// who do nothing else here. Does nothing if the set is not open.
    ///
    /// # Panics
    /// If there is no aggregate of this number.
    pub fn waits_for(&self, aggregate: usize, key: &SetKey, able: &Arc<[CollectorId]>) {
        self.aggregates[aggregate].waits_for(key, able);
    }

    /// A task of this set that no collector has will not get one any more. `could` are those who might have run it,
    /// and why they did not: those of them who did nothing else here are missing, or all if there is none. Does nothing
    /// if the set is not open.
    ///
    /// # Panics
    /// If there is no aggregate of this number.
    pub fn drop_task(
        &self,
        now: MonoTime,
        aggregate: usize,
        key: &SetKey,
        could: &[(CollectorId, Missing)],
        out: &mut Vec<Released>,
    ) {
        self.aggregates[aggregate].drop_task(now, key, could, out);
    }

    /// A collector finished a task of this set. Does nothing if the set is not open.
    ///
    /// # Panics
    /// If there is no aggregate of this number.
    pub fn task_finished(
        &self,
        now: MonoTime,
        aggregate: usize,
        key: &SetKey,
        collector: &CollectorId,
        out: &mut Vec<Released>,
    ) {
        self.aggregates[aggregate].task_ended(now, key, collector, None, out);
    }

    /// A collector failed at a task of this set, and it is not tried again: it is missing for that, with this
    /// reason. What it sent stays.
    ///
    /// # Panics
    /// If there is no aggregate of this number.
    pub fn task_failed(
        &self,
        now: MonoTime,
        aggregate: usize,
        key: &SetKey,
        collector: &CollectorId,
        why: Missing,
        out: &mut Vec<Released>,
    ) {
        self.aggregates[aggregate].task_ended(now, key, collector, Some(why), out);
    }

    /// When [`expire`](Self::expire) has something to do next; possibly nothing after all.
    pub fn next_deadline(&self) -> Option<MonoTime> {
        self.aggregates.iter().filter_map(Aggregate::next_deadline).min()
    }

    /// Does everything that is due at `now`, in the order in which it fell due: releases what timed out, forgets
    /// what was released long ago.
    pub fn expire(&self, now: MonoTime, out: &mut Vec<Released>) {
        while self.expire_some(now, usize::MAX, out) {}
    }

    /// As [`expire`](Self::expire), but no more than so many steps of it, each of which releases or forgets about one set:
    /// a million that are due take a second. False if nothing is due any more.
    pub fn expire_some(&self, now: MonoTime, steps: usize, out: &mut Vec<Released>) -> bool {
        (0..steps).all(|_| self.expire_one(now, out))
    }

    /// Does the most urgent thing that is due at `now`. False if nothing is.
    fn expire_one(&self, now: MonoTime, out: &mut Vec<Released>) -> bool {
        let due = |aggregate| Some((Aggregate::next_deadline(aggregate)?, aggregate));
        let first = self.aggregates.iter().filter_map(due).min_by_key(|(due, _)| *due);
        first.is_some_and(|(due, aggregate)| due <= now && aggregate.expire_one(now, out))
    }

    /// Releases the set of this key, or all sets of the aggregate in order of their opening. Gives how many.
    ///
    /// # Panics
    /// If there is no aggregate of this number.
    pub fn force(
        &self,
        now: MonoTime,
        aggregate: usize,
        key: Option<&SetKey>,
        out: &mut Vec<Released>,
    ) -> usize {
        self.aggregates[aggregate].force(now, key, Reason::Forced, out)
    }

    /// The key under which a result would meet others, if it has one.
    pub fn key(&self, route: Route, offered: &Offered) -> Option<SetKey> {
        self.aggregates[route.aggregate].key(offered).ok()
    }

    /// Releases, as evicted, the longest idle of these sets: what a session asks for whose replay buffer is full of
    /// results in them, so that nothing waits for a result that cannot be sent. Does nothing, and says so, if one of
    /// them is not open: then it is on its way to the sinks, and will make room.
    ///
    /// # Panics
    /// If there is no aggregate of one of these numbers.
    pub fn evict_longest_idle<'a>(
        &self,
        now: MonoTime,
        sets: impl IntoIterator<Item = (usize, &'a SetKey)>,
        out: &mut Vec<Released>,
    ) -> bool {
        let touched = |(i, key): (usize, &'a SetKey)| Some((self.aggregates[i].touched(key)?, i, key));
        let Some(open) = sets.into_iter().map(touched).collect::<Option<Vec<_>>>() else { return false };
        let Some((_, i, key)) = open.into_iter().min_by_key(|(touched, ..)| *touched) else { return false };
        self.aggregates[i].force(now, Some(key), Reason::Evicted, out) > 0
    }

    /// Releases every open set, in order of opening within its aggregate.
    pub fn shutdown(&self, now: MonoTime, out: &mut Vec<Released>) {
        for aggregate in &self.aggregates {
            aggregate.force(now, None, Reason::Shutdown, out);
        }
    }

    /// Where every result went, all aggregates together.
    pub fn counters(&self) -> CounterSnapshot {
        let mut sum = self.unrouted.snapshot();
        self.aggregates.iter().for_each(|aggregate| sum.add(&aggregate.counters.snapshot()));
        sum
    }

    /// How many sets are open, all aggregates together.
    pub fn open_sets(&self) -> usize {
        self.aggregates.iter().map(Aggregate::open_sets).sum()
    }

    /// Counters and occupancy of each aggregate, in the order of the specs.
    pub fn status(&self) -> Vec<(CounterSnapshot, Occupancy)> {
        self.aggregates
            .iter()
            .map(|aggregate| (aggregate.counters.snapshot(), aggregate.occupancy()))
            .collect()
    }

    /// The memory budget and what is used of it.
    pub fn memory(&self) -> MemoryUse {
        MemoryUse { limit: self.budget.limit(), used: self.budget.used() }
    }
}
