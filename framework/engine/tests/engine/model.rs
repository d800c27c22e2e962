//! A naive model of one aggregate: scans everything at every step, and is obviously right.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use stook_engine::{LatePolicy, WhenFull};
use stook_plugin::{Keep, Scope, Unexpected};
use stook_types::Missing;

/// Collectors and correlation IDs are small numbers; times are milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) count: Option<usize>,
    pub(crate) expected: Vec<u8>,
    pub(crate) unexpected: Unexpected,
    pub(crate) timeout: u64,
    pub(crate) idle: Option<u64>,
    pub(crate) late: LatePolicy,
    pub(crate) tombstones: usize,
    pub(crate) remember: u64,
    pub(crate) dedup: Option<Terms>,
    pub(crate) sets: usize,
    pub(crate) results: usize,
    pub(crate) when_full: WhenFull,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) scope: Scope,
    pub(crate) window: u64,
    pub(crate) capacity: usize,
    pub(crate) keep: Keep,
    pub(crate) refresh: bool,
}

pub(crate) struct Model {
    config: Config,
    now: u64,
    sets: BTreeMap<u8, Set>,
    numbers: u64,
    tombs: VecDeque<(u64, u8)>,
    seen: Vec<Seen>,
    sequences: BTreeSet<(u8, u64)>,
    /// Collectors that have connected, and why those that are gone are gone.
    connected: BTreeMap<u8, Option<Missing>>,
    lines: Vec<String>,
}

struct Set {
    number: u64,
    generation: u64,
    revision: u64,
    opened: u64,
    touched: u64,
    results: Vec<Result>,
    emitted: usize,
    duplicates: u64,
    expected: BTreeSet<u8>,
    answered: BTreeSet<u8>,
    refused: BTreeSet<u8>,
    seen: Vec<Seen>,
    closed: Option<Closed>,
}

struct Closed {
    at: u64,
    reason: &'static str,
    /// Who was missing at the release because it was gone.
    gone: BTreeMap<u8, Missing>,
}

#[derive(Clone, Copy)]
struct Result {
    from: u8,
    sequence: u64,
    json: u8,
}

/// One identity, in the order in which they were last met.
struct Seen {
    key: (Option<u8>, u8),
    since: u64,
    place: (u64, usize),
}

impl Model {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config,
            now: 0,
            sets: BTreeMap::new(),
            numbers: 0,
            tombs: VecDeque::new(),
            seen: Vec::new(),
            sequences: BTreeSet::new(),
            connected: BTreeMap::new(),
            lines: Vec::new(),
        }
    }

    pub(crate) fn emitted(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    pub(crate) fn open(&self) -> usize {
        self.sets.values().filter(|set| set.closed.is_none()).count()
    }

    pub(crate) fn until(&mut self, end: u64) {
        while self.now < end {
            self.now += 1;
            for (_, id) in self.sorted(|set| set.number) {
                let set = &self.sets[&id];
                let total = self.now - set.opened >= self.config.timeout;
                let idle = self.config.idle.is_some_and(|idle| self.now - set.touched >= idle);
                if total || idle {
                    self.release(id, if total { "timeout" } else { "idle" });
                }
            }
            while self.tombs.front().is_some_and(|(number, _)| self.aged(*number)) {
                self.forget();
            }
        }
    }

    /// Whether the set of this number was released so long ago that it is forgotten; also if it is gone already.
    fn aged(&self, number: u64) -> bool {
        let set = self.sets.values().find(|set| set.number == number);
        set.and_then(|set| set.closed.as_ref())
            .is_none_or(|closed| self.now - closed.at >= self.config.remember)
    }

    fn forget(&mut self) {
        let Some((number, id)) = self.tombs.pop_front() else { return };
        if self.sets.get(&id).is_some_and(|set| set.number == number) {
            self.sets.remove(&id);
        }
    }

    /// Open sets by this, and by number.
    fn sorted(&self, by: impl Fn(&Set) -> u64) -> Vec<(u64, u8)> {
        let open = self.sets.iter().filter(|(_, set)| set.closed.is_none());
        let mut open: Vec<_> = open.map(|(id, set)| (by(set), set.number, *id)).collect();
        open.sort_unstable();
        open.into_iter().map(|(by, _, id)| (by, id)).collect()
    }

    // === collectors ===

    pub(crate) fn connect(&mut self, who: u8) {
        self.connected.insert(who, None);
    }

    pub(crate) fn is_connected(&self, who: u8) -> bool {
        self.connected.get(&who) == Some(&None)
    }

    pub(crate) fn lose(&mut self, who: u8, why: Missing) {
        self.connected.insert(who, Some(why));
        for (_, id) in self.sorted(|set| set.number) {
            let set = &self.sets[&id];
            if set.expected.contains(&who) && !set.answered.contains(&who) {
                self.decide(id);
            }
        }
    }

    // === sets ===

    /// Room for one more set; or the verdict.
    fn room(&mut self) -> std::result::Result<(), &'static str> {
        if self.open() < self.config.sets {
            return Ok(());
        }
        match self.config.when_full {
            WhenFull::Refuse => Err("refused set-full"),
            WhenFull::Backpressure => Err("parked"),
            WhenFull::EmitOldest => {
                let (_, oldest) = self.sorted(|set| set.touched)[0];
                self.release(oldest, "evicted");
                Ok(())
            }
        }
    }

    fn insert(&mut self, id: u8, expected: &[u8]) {
        let generation = self.sets.get(&id).map_or(1, |set| set.generation + 1);
        let set = Set {
            number: self.numbers,
            generation,
            revision: 0,
            opened: self.now,
            touched: self.now,
            results: Vec::new(),
            emitted: 0,
            duplicates: 0,
            expected: expected.iter().copied().collect(),
            answered: BTreeSet::new(),
            refused: BTreeSet::new(),
            seen: Vec::new(),
            closed: None,
        };
        self.numbers += 1;
        self.sets.insert(id, set);
    }

    /// `Ok` if announced.
    pub(crate) fn announce(&mut self, id: u8, expected: &[u8]) -> bool {
        let closed = self.sets.get(&id).map(|set| set.closed.is_some());
        if closed == Some(true) && self.config.late != LatePolicy::Reopen {
            return false;
        }
        if closed != Some(false) {
            if self.room().is_err() {
                return false;
            }
            self.insert(id, &[]);
        }
        self.sets.get_mut(&id).unwrap().expected.extend(expected);
        self.decide(id);
        true
    }

    pub(crate) fn force(&mut self, id: Option<u8>) -> usize {
        let open = self.sorted(|set| set.number);
        let ids: Vec<_> =
            open.into_iter().map(|(_, open)| open).filter(|open| id.is_none_or(|id| id == *open)).collect();
        ids.iter().for_each(|id| self.release(*id, "forced"));
        ids.len()
    }

    fn completed(&self, set: &Set) -> Option<&'static str> {
        if self.config.count.is_some_and(|count| set.results.len() >= count) {
            return Some("count");
        }
        let all = !set.expected.is_empty() && set.expected.is_subset(&set.answered);
        all.then_some("expected")
    }

    fn decide(&mut self, id: u8) {
        let set = &self.sets[&id];
        let mut awaited = set.expected.difference(&set.answered).peekable();
        let lost = awaited.peek().is_some() && awaited.all(|who| self.gone(*who).is_some());
        if let Some(reason) = self.completed(set).or(lost.then_some("collectors-lost")) {
            self.release(id, reason);
        }
    }

    fn gone(&self, who: u8) -> Option<Missing> {
        self.connected.get(&who).copied().flatten()
    }

    fn release(&mut self, id: u8, reason: &'static str) {
        let set = &self.sets[&id];
        let gone = set.expected.difference(&set.answered).filter_map(|who| Some((*who, self.gone(*who)?)));
        let closed = Closed { at: self.now, reason, gone: gone.collect() };
        let number = set.number;
        self.sets.get_mut(&id).unwrap().closed = Some(closed);
        self.emit(id, reason);
        self.tombs.push_back((number, id));
        while self.tombs.len() > self.config.tombstones {
            self.forget();
        }
    }

    fn emit(&mut self, id: u8, reason: &'static str) {
        let set = self.sets.get_mut(&id).unwrap();
        set.revision += 1;
        set.emitted = set.results.len();
        let set = &self.sets[&id];
        let outcome = if matches!(reason, "count" | "expected") { "complete" } else { "partial" };
        let values: Vec<_> = set.results.iter().map(|result| result.json.to_string()).collect();
        let mut line = format!("{id} {outcome} {reason} [{}]", values.join(","));
        if set.generation > 1 {
            line += &format!(" g{}", set.generation);
        }
        if set.revision > 1 {
            line += &format!(" r{}", set.revision);
        }
        if set.duplicates > 0 {
            line += &format!(" duplicates {}", set.duplicates);
        }
        let missing: Vec<_> = set
            .expected
            .difference(&set.answered)
            .map(|who| format!("p{who}={}", self.why(set, *who, reason)))
            .collect();
        if !missing.is_empty() {
            line += &format!(" missing {}", missing.join(" "));
        }
        self.lines.push(line);
    }

    fn why(&self, set: &Set, who: u8, reason: &str) -> Missing {
        match self.connected.get(&who) {
            _ if set.closed.as_ref().unwrap().gone.contains_key(&who) => {
                set.closed.as_ref().unwrap().gone[&who]
            }
            _ if set.refused.contains(&who) => Missing::Refused,
            None => Missing::NeverConnected,
            Some(Some(why)) => *why,
            Some(None) if matches!(reason, "timeout" | "idle") => Missing::Timeout,
            Some(None) => Missing::Outstanding,
        }
    }

    // === results ===

    pub(crate) fn offer(&mut self, from: u8, id: u8, json: u8, sequence: u64) -> String {
        if !self.sequences.insert((from, sequence)) {
            let says = self.sets.get(&id).is_some_and(|set| set.closed.is_none() || self.corrects(set));
            if says {
                self.sets.get_mut(&id).unwrap().duplicates += 1;
            }
            return "duplicate".into();
        }
        let verdict = self.offer_new(Result { from, sequence, json }, id);
        if verdict == "parked" {
            self.sequences.remove(&(from, sequence));
        }
        verdict
    }

    fn offer_new(&mut self, result: Result, id: u8) -> String {
        let beyond = self.config.dedup.filter(|terms| terms.scope != Scope::Set);
        let key =
            (beyond.is_some_and(|terms| terms.scope == Scope::Collector).then_some(result.from), result.json);
        if let Some(terms) = beyond
            && let Some(place) = meet(&mut self.seen, terms, self.now, key)
        {
            return self.offer_duplicate(result, id, place);
        }
        let verdict = self.enter(result, id);
        if let Some(terms) = beyond
            && verdict == "accepted"
        {
            let place = self.placed(result);
            remember(&mut self.seen, terms, self.now, key, place);
        }
        verdict
    }

    /// Where a result is, or was: the last place that was filled.
    fn placed(&self, result: Result) -> (u64, usize) {
        let is = |other: &Result| other.from == result.from && other.sequence == result.sequence;
        let at = self.sets.values().find_map(|set| Some((set.number, set.results.iter().position(is)?)));
        at.unwrap_or((u64::MAX, 0))
    }

    /// Equal to an earlier result, in this set or another.
    fn offer_duplicate(&mut self, result: Result, id: u8, place: (u64, usize)) -> String {
        if !self.sets.contains_key(&id) {
            if !self.config.expected.contains(&result.from) || self.room().is_err() {
                return "duplicate".into();
            }
            let expected = self.config.expected.clone();
            self.insert(id, &expected);
        }
        let set = &self.sets[&id];
        let takes = set.closed.is_none() || self.corrects(set);
        if !takes {
            return "duplicate".into();
        }
        let open = set.closed.is_none();
        let place = (open && set.number == place.0).then_some(place.1);
        let verdict = self.duplicate(result, id, place);
        if open {
            self.decide(id);
        }
        verdict
    }

    fn duplicate(&mut self, result: Result, id: u8, place: Option<usize>) -> String {
        let now = self.now;
        let set = self.sets.get_mut(&id).unwrap();
        set.duplicates += 1;
        set.touched = now;
        set.answered.insert(result.from);
        let last = self.config.dedup.is_some_and(|terms| terms.keep == Keep::Last);
        match place.filter(|place| last && *place >= set.emitted) {
            Some(place) => {
                let earlier = std::mem::replace(&mut set.results[place], result);
                format!("accepted for p{}/{}", earlier.from, earlier.sequence)
            }
            None => "duplicate".into(),
        }
    }

    fn corrects(&self, set: &Set) -> bool {
        let LatePolicy::Correct(grace) = self.config.late else { return false };
        set.closed.as_ref().is_some_and(|closed| u128::from(self.now - closed.at) < grace.as_millis())
    }

    fn enter(&mut self, result: Result, id: u8) -> String {
        let closed = self.sets.get(&id).map(|set| set.closed.is_some());
        if closed == Some(true) && self.config.late != LatePolicy::Reopen {
            if !self.corrects(&self.sets[&id]) {
                return "late".into();
            }
            let verdict = self.add(result, id);
            if verdict.starts_with("accepted") {
                let set = &self.sets[&id];
                let reason = self.completed(set).unwrap_or(set.closed.as_ref().unwrap().reason);
                self.emit(id, reason);
            }
            return verdict;
        }
        if closed != Some(false) {
            let expected = self.config.expected.clone();
            if !expected.is_empty()
                && !expected.contains(&result.from)
                && let Some(verdict) = self.unexpected()
            {
                return verdict;
            }
            if let Err(verdict) = self.room() {
                return verdict.into();
            }
            self.insert(id, &expected);
        }
        let verdict = self.add(result, id);
        if verdict.starts_with("accepted") || verdict == "duplicate" {
            self.decide(id);
        }
        verdict
    }

    fn unexpected(&self) -> Option<String> {
        match self.config.unexpected {
            Unexpected::Include => None,
            Unexpected::Discard => Some("discarded unexpected-collector".into()),
            Unexpected::Refuse => Some("refused unexpected-collector".into()),
        }
    }

    fn add(&mut self, result: Result, id: u8) -> String {
        let (now, limit) = (self.now, self.config.results);
        let of_set = self.config.dedup.filter(|terms| terms.scope == Scope::Set);
        let unexpected = self.unexpected();
        let set = self.sets.get_mut(&id).unwrap();
        if !set.expected.is_empty()
            && !set.expected.contains(&result.from)
            && let Some(verdict) = unexpected
        {
            return verdict;
        }
        if let Some(terms) = of_set
            && let Some((_, place)) = meet(&mut set.seen, terms, now, (None, result.json))
        {
            return self.duplicate(result, id, Some(place));
        }
        if set.results.len() >= limit {
            set.refused.insert(result.from);
            return "refused set-full".into();
        }
        if let Some(terms) = of_set {
            let place = (set.number, set.results.len());
            remember(&mut set.seen, terms, now, (None, result.json), place);
        }
        set.results.push(result);
        set.touched = now;
        set.answered.insert(result.from);
        "accepted".into()
    }
}

fn meet(seen: &mut Vec<Seen>, terms: Terms, now: u64, key: (Option<u8>, u8)) -> Option<(u64, usize)> {
    seen.retain(|seen| now - seen.since < terms.window);
    let index = seen.iter().position(|seen| seen.key == key)?;
    let mut met = seen.remove(index);
    if terms.refresh {
        met.since = now;
    }
    let place = met.place;
    seen.push(met);
    Some(place)
}

fn remember(seen: &mut Vec<Seen>, terms: Terms, now: u64, key: (Option<u8>, u8), place: (u64, usize)) {
    seen.push(Seen { key, since: now, place });
    if seen.len() > terms.capacity {
        seen.remove(0);
    }
}
