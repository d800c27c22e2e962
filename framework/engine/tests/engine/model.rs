//! A naive model of one aggregate: scans everything at every step, and is obviously right.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use stook_engine::{LatePolicy, WhenFull};
use stook_plugin::{Keep, Scope, Unexpected};
use stook_types::Missing;

/// Collectors and correlation IDs are small numbers; times are milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) count: Option<usize>,
    pub(crate) door: Door,
    /// Whether the first result of a collector is no answer, but the one that it flags as its last.
    pub(crate) awaits_last: bool,
    /// Complete when the payloads add up to this.
    pub(crate) sum: Option<u64>,
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
    pub(crate) bytes: usize,
    pub(crate) when_full: WhenFull,
}

/// What policies say of results before they enter. Whatever is `None` is not asked about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Door {
    /// This payload is refused.
    pub(crate) refuses: Option<u8>,
    /// This payload starts a set.
    pub(crate) starts: Option<u8>,
    /// No set has more bytes than this, unless one result has.
    pub(crate) before: Option<usize>,
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
    heard: BTreeSet<u8>,
    refused: BTreeSet<u8>,
    seen: Vec<Seen>,
    closed: Option<Closed>,
}

struct Closed {
    at: u64,
    reason: &'static str,
}

/// A payload is a small number; the larger, the longer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Result {
    pub(crate) from: u8,
    pub(crate) sequence: u64,
    pub(crate) json: u8,
    pub(crate) last: bool,
}

/// How many bytes this payload has.
pub(crate) fn size(json: u8) -> usize {
    usize::from(json) + 1
}

/// One identity, in the order in which they were last met.
struct Seen {
    key: (Option<u8>, u8),
    since: u64,
    place: (u64, usize),
}

impl Set {
    fn sum(&self) -> u64 {
        self.results.iter().map(|result| u64::from(result.json)).sum()
    }

    /// Who is no member yet does not become one by a result that is refused.
    fn refuse(&mut self, who: u8) {
        if self.expected.contains(&who) || self.heard.contains(&who) {
            self.refused.insert(who);
        }
    }

    fn bytes(&self) -> usize {
        self.results.iter().map(|result| size(result.json)).sum()
    }
}

impl Door {
    /// Why the set is complete without this result, if it is; or that it is refused.
    fn says(&self, set: &Set, result: Result) -> std::result::Result<Option<&'static str>, &'static str> {
        if self.refuses == Some(result.json) {
            return Err("refused count-mismatch");
        }
        let over = self.before.is_some_and(|most| set.bytes() + size(result.json) > most);
        match (set.results.is_empty(), self.starts == Some(result.json)) {
            (true, _) => Ok(None),
            (false, true) => Ok(Some("starts")),
            (false, false) => Ok(over.then_some("before")),
        }
    }
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
            heard: BTreeSet::new(),
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
        if self.config.sum.is_some_and(|sum| set.sum() >= sum) {
            return Some("reaches");
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
        self.close(id, reason);
        self.emit(id, reason);
        let number = self.sets[&id].number;
        self.tombs.push_back((number, id));
        while self.tombs.len() > self.config.tombstones {
            self.forget();
        }
    }

    /// Releases a set, and puts the next of its key into its place at once. No tombstone, and no more sets than before.
    fn turn_over(&mut self, id: u8, reason: &'static str) {
        self.close(id, reason);
        self.emit(id, reason);
        let expected = self.config.expected.clone();
        self.insert(id, &expected);
    }

    fn close(&mut self, id: u8, reason: &'static str) {
        let closed = Closed { at: self.now, reason };
        self.sets.get_mut(&id).unwrap().closed = Some(closed);
    }

    fn emit(&mut self, id: u8, reason: &'static str) {
        let set = self.sets.get_mut(&id).unwrap();
        set.revision += 1;
        set.emitted = set.results.len();
        let set = &self.sets[&id];
        let complete = matches!(reason, "count" | "reaches" | "expected" | "starts" | "before");
        let outcome = if complete { "complete" } else { "partial" };
        let values: Vec<_> = set.results.iter().map(|result| result.json.to_string()).collect();
        let value = match self.config.sum {
            Some(_) => format!(r#"{{"sum":{}}}"#, set.sum()),
            None => format!("[{}]", values.join(",")),
        };
        let mut line = format!("{id} {outcome} {reason} {value}");
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
            // A correction says who is gone by then.
            Some(Some(why)) if set.revision == 1 => *why,
            _ if set.refused.contains(&who) => Missing::Refused,
            None => Missing::NeverConnected,
            Some(Some(why)) => *why,
            Some(None) if matches!(reason, "timeout" | "idle") => Missing::Timeout,
            Some(None) => Missing::Outstanding,
        }
    }

    // === results ===

    pub(crate) fn offer(&mut self, id: u8, result: Result) -> String {
        let Result { from, sequence, .. } = result;
        if !self.sequences.insert((from, sequence)) {
            let says = self.sets.get(&id).is_some_and(|set| set.closed.is_none() || self.corrects(set));
            if says {
                self.sets.get_mut(&id).unwrap().duplicates += 1;
            }
            return "duplicate".into();
        }
        let verdict = self.offer_new(result, id);
        if verdict == "parked" {
            self.sequences.remove(&(from, sequence));
        }
        // Before it came to its set, too: what was to be in it is not.
        if verdict == "refused too-large"
            && let Some(set) = self.sets.get_mut(&id).filter(|set| set.closed.is_none())
        {
            set.refuse(from);
        }
        verdict
    }

    fn offer_new(&mut self, result: Result, id: u8) -> String {
        if size(result.json) > self.config.bytes {
            return "refused too-large".into();
        }
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
        let opens = |set: &Set| set.closed.is_some() && self.config.late == LatePolicy::Reopen;
        if self.sets.get(&id).is_none_or(opens) {
            if !self.config.expected.contains(&result.from) || !self.answers(result) {
                return "duplicate".into();
            }
            if let Err(verdict) = self.room() {
                return if verdict == "parked" { verdict } else { "duplicate" }.into();
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
        if let Some(verdict) = self.barred(result, id) {
            return verdict;
        }
        let set = &self.sets[&id];
        let place = (open && set.number == place.0).then_some(place.1);
        let verdict = self.duplicate(result, id, place);
        if open {
            self.decide(id);
        }
        verdict
    }

    fn duplicate(&mut self, result: Result, id: u8, place: Option<usize>) -> String {
        self.sets.get_mut(&id).unwrap().duplicates += 1;
        self.heard(result, id);
        let set = self.sets.get_mut(&id).unwrap();
        let last = self.config.dedup.is_some_and(|terms| terms.keep == Keep::Last);
        match place.filter(|place| last && *place >= set.emitted) {
            Some(place) => {
                let earlier = std::mem::replace(&mut set.results[place], result);
                format!("accepted for p{}/{}", earlier.from, earlier.sequence)
            }
            None => "duplicate".into(),
        }
    }

    fn answers(&self, result: Result) -> bool {
        result.last || !self.config.awaits_last
    }

    fn heard(&mut self, result: Result, id: u8) {
        let (now, answers) = (self.now, self.answers(result));
        let set = self.sets.get_mut(&id).unwrap();
        set.touched = now;
        set.heard.insert(result.from);
        if answers {
            set.answered.insert(result.from);
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
                self.sets.get_mut(&id).unwrap().closed.as_mut().unwrap().reason = reason;
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
            if self.config.door.refuses == Some(result.json) {
                return "refused count-mismatch".into();
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

    /// The verdict on a result of somebody who may not answer here.
    fn barred(&self, result: Result, id: u8) -> Option<String> {
        let expected = &self.sets[&id].expected;
        let is_stranger = !expected.is_empty() && !expected.contains(&result.from);
        if is_stranger { self.unexpected() } else { None }
    }

    fn add(&mut self, result: Result, id: u8) -> String {
        let now = self.now;
        let of_set = self.config.dedup.filter(|terms| terms.scope == Scope::Set);
        if let Some(verdict) = self.barred(result, id) {
            return verdict;
        }
        let set = self.sets.get_mut(&id).unwrap();
        if let Some(terms) = of_set
            && let Some((_, place)) = meet(&mut set.seen, terms, now, (None, result.json))
        {
            return self.duplicate(result, id, Some(place));
        }
        match self.config.door.says(set, result) {
            Ok(Some(reason)) if set.closed.is_none() => {
                let expected = &self.config.expected;
                if !expected.is_empty()
                    && !expected.contains(&result.from)
                    && let Some(verdict) = self.unexpected()
                {
                    return verdict;
                }
                self.turn_over(id, reason);
            }
            Ok(_) => {}
            Err(verdict) => {
                set.refuse(result.from);
                return verdict.into();
            }
        }
        let set = self.sets.get_mut(&id).unwrap();
        let is_full = set.results.len() >= self.config.results;
        if is_full || set.bytes() + size(result.json) > self.config.bytes {
            set.refuse(result.from);
            return "refused set-full".into();
        }
        if let Some(terms) = of_set {
            let place = (set.number, set.results.len());
            remember(&mut set.seen, terms, now, (None, result.json), place);
        }
        set.results.push(result);
        self.heard(result, id);
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
