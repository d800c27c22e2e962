//! A host in miniature: virtual time, collectors by name, emissions as lines of text; after every step it checks
//! that the numbers add up.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use stook_engine::{
    AggregateSpec, AnnounceError, Emission, Expected, LeaseId, Offered, Released, ResultAggregator, Session,
    Verdict,
};
use stook_plugin::{SetKey, Source};
use stook_types::{
    CollectorId, CorrelationId, DecodeError, Encoding, Incarnation, Missing, MonoTime, Payload, Refusal,
    SessionEpoch, Topic, TopicPattern, WallTime,
};

pub(crate) static JSON: Encoding = Encoding {
    content_type: "application/json",
    decode: |bytes| {
        serde_json::from_slice(bytes)
            .map_err(|error| DecodeError { content_type: "application/json", why: error.to_string() })
    },
};

pub(crate) struct Rig {
    pub(crate) engine: ResultAggregator,
    now: MonoTime,
    sessions: BTreeMap<String, Session>,
    sequences: BTreeMap<String, u64>,
    epoch: u64,
    /// What the sinks do: take a set, or hold it until told otherwise.
    pub(crate) hold: bool,
    held: Vec<Emission>,
    lines: Vec<String>,
    seen: Seen,
}

/// What the rig saw with its own eyes, to hold against the engine's counters.
#[derive(Debug, Default)]
struct Seen {
    received: u64,
    duplicate: u64,
    late: u64,
    refused: BTreeMap<&'static str, u64>,
    discarded: BTreeMap<&'static str, u64>,
    accepted: u64,
    delivered: u64,
    released: u64,
}

/// One result, with everything that has a default.
#[derive(Clone)]
pub(crate) struct Shot {
    pub(crate) from: String,
    pub(crate) topic: String,
    pub(crate) id: String,
    pub(crate) json: String,
    pub(crate) sequence: Option<u64>,
    pub(crate) timestamp: Option<i64>,
    pub(crate) last: bool,
    pub(crate) lease: Option<LeaseId>,
}

pub(crate) fn topic(text: &str) -> Topic {
    Topic::new(text).unwrap()
}

pub(crate) fn pattern(text: &str) -> TopicPattern {
    TopicPattern::new(text).unwrap()
}

pub(crate) fn collector(text: &str) -> CollectorId {
    CollectorId::new(text).unwrap()
}

pub(crate) fn id(text: &str) -> CorrelationId {
    CorrelationId::new(text).unwrap()
}

pub(crate) fn key(text: &str) -> SetKey {
    SetKey::Id(id(text))
}

pub(crate) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// An aggregate `a` of the topics `a.#`, with a timeout of 10 s and every default.
pub(crate) fn spec() -> AggregateSpec {
    AggregateSpec::new("a", vec![pattern("a.#")], Duration::from_secs(10))
}

pub(crate) fn shot(from: &str, id: &str, json: impl ToString) -> Shot {
    Shot {
        from: from.into(),
        topic: "a.x".into(),
        id: id.into(),
        json: json.to_string(),
        sequence: None,
        timestamp: None,
        last: false,
        lease: None,
    }
}

impl Shot {
    pub(crate) fn seq(self, sequence: u64) -> Self {
        Self { sequence: Some(sequence), ..self }
    }

    pub(crate) fn topic(self, topic: &str) -> Self {
        Self { topic: topic.into(), ..self }
    }

    pub(crate) fn at(self, timestamp: i64) -> Self {
        Self { timestamp: Some(timestamp), ..self }
    }

    pub(crate) fn under(self, lease: u64) -> Self {
        Self { lease: Some(LeaseId(lease)), ..self }
    }

    pub(crate) fn last(self) -> Self {
        Self { last: true, ..self }
    }
}

/// One incarnation of a collector, derived from its name and a number.
pub(crate) fn source(name: &str, incarnation: u128, epoch: u64) -> Source {
    let incarnation = Incarnation(uuid::Uuid::from_u128(incarnation));
    Source::new(collector(name), "kind", incarnation, SessionEpoch(epoch), None)
}

impl Rig {
    pub(crate) fn new(spec: AggregateSpec) -> Self {
        Self::with(vec![spec], 1 << 30)
    }

    pub(crate) fn with(specs: Vec<AggregateSpec>, memory: usize) -> Self {
        Self {
            engine: ResultAggregator::new(specs, memory),
            now: MonoTime::ZERO,
            sessions: BTreeMap::new(),
            sequences: BTreeMap::new(),
            epoch: 0,
            hold: false,
            held: Vec::new(),
            lines: Vec::new(),
            seen: Seen::default(),
        }
    }

    // === collectors ===

    pub(crate) fn connect(&mut self, name: &str, incarnation: u128) {
        self.epoch += 1;
        let session = self.engine.connected(source(name, incarnation, self.epoch));
        self.sessions.insert(name.into(), session);
        self.check();
    }

    pub(crate) fn lose(&mut self, name: &str, why: Missing) {
        let source = self.session(name).source().clone();
        self.step(|engine, now, out| engine.collector_lost(now, &source, why, out));
    }

    /// The session of this collector; one that nobody connected yet connects.
    pub(crate) fn session(&mut self, name: &str) -> &Session {
        if !self.sessions.contains_key(name) {
            self.connect(name, 1);
        }
        &self.sessions[name]
    }

    // === results ===

    /// Offers a result of this collector and gives the verdict as text.
    pub(crate) fn offer(&mut self, from: &str, id: &str, json: impl ToString) -> String {
        self.shoot(&shot(from, id, json))
    }

    pub(crate) fn shoot(&mut self, shot: &Shot) -> String {
        self.session(&shot.from);
        let next = self.sequences.entry(shot.from.clone()).or_insert(1_000);
        let sequence = shot.sequence.unwrap_or_else(|| {
            *next += 1;
            *next
        });
        let payload = Payload::new(shot.json.clone().into_bytes().into(), &JSON);
        let mut offered = Offered::new(topic(&shot.topic), id(&shot.id), sequence, payload);
        (offered.timestamp, offered.last, offered.lease) = (shot.timestamp, shot.last, shot.lease);
        let route = self.engine.route(&offered.topic).expect("an aggregate takes the topic");
        let session = self.sessions.remove(&shot.from).unwrap();
        let verdict = self.step(|engine, now, out| engine.offer(now, &session, route, &offered, out));
        self.sessions.insert(shot.from.clone(), session);
        let text = self.saw(&verdict);
        self.check();
        text
    }

    fn saw(&mut self, verdict: &Verdict) -> String {
        let seen = &mut self.seen;
        seen.received += u64::from(!matches!(verdict, Verdict::Parked));
        match verdict {
            Verdict::Accepted { replaced } => {
                seen.accepted += 1;
                let Some((source, sequence)) = replaced else { return "accepted".into() };
                seen.accepted -= 1;
                seen.duplicate += 1;
                format!("accepted for {}/{sequence}", source.collector)
            }
            Verdict::Duplicate => {
                seen.duplicate += 1;
                "duplicate".into()
            }
            Verdict::Refused(Refusal::Late) => {
                seen.late += 1;
                "late".into()
            }
            Verdict::Refused(reason) => {
                *seen.refused.entry(reason.as_str()).or_default() += 1;
                format!("refused {reason}")
            }
            Verdict::Discarded(reason) => {
                *seen.discarded.entry(reason.as_str()).or_default() += 1;
                format!("discarded {reason}")
            }
            Verdict::Parked => "parked".into(),
        }
    }

    // === everything else that can happen ===

    pub(crate) fn announce(&mut self, id: &str, expected: &[Expected]) -> Result<(), AnnounceError> {
        self.step(|engine, now, out| engine.announce(now, 0, &key(id), expected, out))
    }

    /// Announces collectors of which the first result is the answer.
    pub(crate) fn open(&mut self, id: &str, collectors: &[&str]) {
        let expected: Vec<_> =
            collectors.iter().map(|name| Expected::first_result(collector(name))).collect();
        self.announce(id, &expected).unwrap();
    }

    pub(crate) fn finished(&mut self, id: &str, by: &str) {
        self.step(|engine, now, out| engine.task_finished(now, 0, &key(id), &collector(by), out));
    }

    pub(crate) fn failed(&mut self, id: &str, by: &str) {
        self.step(|engine, now, out| {
            engine.task_failed(now, 0, &key(id), &collector(by), Missing::TaskFailed, out)
        });
    }

    pub(crate) fn force(&mut self, id: Option<&str>) -> usize {
        self.step(|engine, now, out| engine.force(now, 0, id.map(key).as_ref(), out))
    }

    pub(crate) fn evict(&mut self, id: &str) -> bool {
        self.evict_longest_idle(&[id])
    }

    pub(crate) fn evict_longest_idle(&mut self, ids: &[&str]) -> bool {
        let keys: Vec<_> = ids.iter().map(|id| key(id)).collect();
        self.step(|engine, now, out| engine.evict_longest_idle(now, keys.iter().map(|key| (0, key)), out))
    }

    /// Does whatever the rig has no word for.
    pub(crate) fn act<T>(
        &mut self,
        act: impl FnOnce(&ResultAggregator, MonoTime, &mut Vec<Released>) -> T,
    ) -> T {
        self.step(act)
    }

    pub(crate) fn shutdown(&mut self) {
        self.step(ResultAggregator::shutdown);
    }

    /// Lets time run until `ms`, waking up at each deadline as a host does.
    pub(crate) fn until(&mut self, ms: u64) {
        let end = MonoTime::at(Duration::from_millis(ms));
        let mut woken = 0;
        while let Some(next) = self.engine.next_deadline().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.step(ResultAggregator::expire);
            woken += 1;
            assert!(woken < 1_000_000, "a deadline that comes back for ever");
        }
        self.now = end;
        self.step(ResultAggregator::expire);
    }

    /// Lets it be `ms`, with nothing done yet of what falls due by then.
    pub(crate) fn early_at(&mut self, ms: u64) {
        self.now = MonoTime::at(Duration::from_millis(ms));
    }

    /// The sinks take what they were holding, or lose it.
    pub(crate) fn settle(&mut self, deliver: bool) {
        for emission in std::mem::take(&mut self.held) {
            self.settle_one(emission, deliver);
        }
        self.check();
    }

    /// As [`settle`](Self::settle), the first of them only.
    pub(crate) fn settle_first(&mut self, deliver: bool) {
        let first = self.held.remove(0);
        self.settle_one(first, deliver);
        self.check();
    }

    fn settle_one(&mut self, emission: Emission, deliver: bool) {
        let results = emission.origins.len() as u64;
        if deliver {
            self.seen.delivered += results;
            emission.settlement.delivered();
        } else if results > 0 {
            *self.seen.discarded.entry("sink-failed").or_default() += results;
        }
    }

    fn step<T>(&mut self, act: impl FnOnce(&ResultAggregator, MonoTime, &mut Vec<Released>) -> T) -> T {
        let mut out = Vec::new();
        let done = act(&self.engine, self.now, &mut out);
        for released in out {
            let emission = released.finish(WallTime::from_unix_micros(0));
            self.seen.released += 1;
            self.lines.push(line(&emission));
            if self.hold {
                self.held.push(emission);
            } else {
                self.settle_one(emission, true);
            }
        }
        done
    }

    // === looking ===

    /// What was emitted since the last look.
    pub(crate) fn emitted(&mut self) -> Vec<String> {
        self.check();
        std::mem::take(&mut self.lines)
    }

    /// What the sinks hold.
    pub(crate) fn held(&self) -> &[Emission] {
        &self.held
    }

    pub(crate) fn open_sets(&self) -> usize {
        self.engine.status()[0].1.open
    }

    pub(crate) fn tombstones(&self) -> usize {
        self.engine.status()[0].1.tombstones
    }

    pub(crate) fn panics(&self) -> u64 {
        self.engine.counters().plugin_panics
    }

    /// Everything offered is where the rig saw it go, and the engine counted it there once.
    #[track_caller]
    pub(crate) fn check(&self) {
        let counters = self.engine.counters();
        let seen = &self.seen;
        assert_eq!(counters.received, counters.accounted(), "{counters:?}");
        assert_eq!(counters.received, seen.received, "{counters:?} {seen:?}");
        assert_eq!(counters.duplicate, seen.duplicate, "{counters:?} {seen:?}");
        assert_eq!(counters.late, seen.late, "{counters:?} {seen:?}");
        assert_eq!(counters.released, seen.released, "{counters:?} {seen:?}");
        assert_eq!(counters.delivered, seen.delivered, "{counters:?} {seen:?}");
        assert_eq!(nonzero(&counters.refused), seen.refused);
        assert_eq!(nonzero(&counters.discarded), seen.discarded);
        let lost = seen.discarded.get("sink-failed").copied().unwrap_or(0);
        assert_eq!(counters.pending, seen.accepted - seen.delivered - lost, "{counters:?} {seen:?}");
        let memory = self.engine.memory();
        assert!(memory.used <= memory.limit, "{memory:?}");
        for ((_, occupancy), spec) in self.engine.status().iter().zip(self.engine.specs()) {
            assert!(occupancy.open <= spec.limits.sets, "{occupancy:?}");
            assert!(occupancy.tombstones <= spec.late.tombstones, "{occupancy:?}");
        }
    }
}

fn nonzero(counts: &BTreeMap<&'static str, u64>) -> BTreeMap<&'static str, u64> {
    counts.iter().filter(|(_, count)| **count > 0).map(|(name, count)| (*name, *count)).collect()
}

/// An emission as a line: `1 complete count [1,2] missing p2=timeout`, with `gN rN` where it is not the first,
/// the number of duplicates where there are any, and the aggregate where it is not `a`.
pub(crate) fn line(emission: &Emission) -> String {
    let result = &emission.result;
    let mut line = String::new();
    if &*result.aggregate != "a" {
        write!(line, "{}: ", result.aggregate).unwrap();
    }
    let value = serde_json::to_string(&result.value).unwrap();
    write!(line, "{} {} {} {value}", result.correlation_id, result.outcome, result.reason).unwrap();
    if result.generation > 1 {
        write!(line, " g{}", result.generation).unwrap();
    }
    if result.revision > 1 {
        write!(line, " r{}", result.revision).unwrap();
    }
    if result.duplicates > 0 {
        write!(line, " duplicates {}", result.duplicates).unwrap();
    }
    if !result.missing.is_empty() {
        let missing = result.missing.iter().map(|m| format!("{}={}", m.collector, m.reason));
        write!(line, " missing {}", missing.collect::<Vec<_>>().join(" ")).unwrap();
    }
    assert_eq!(result.outcome, result.reason.outcome());
    let counted: u64 = result.contributors.iter().map(|contributor| contributor.results).sum();
    assert_eq!(result.results, counted, "{line}: contributors do not add up");
    line
}
