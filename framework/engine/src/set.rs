//! One set: open, or closed and remembered.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

use stook_plugin::{Contribution, Identity, Member, Reason, SetKey, SetView};
use stook_types::{CollectorId, Missing, MonoTime};

use crate::agenda::Filed;
use crate::aggregate::{Mark, Running};
use crate::dispatch::LeaseId;
use crate::few::Few;
use crate::memory::{Footprint, Held};
use crate::seen::Seen;
use crate::sync::{Mutex, MutexGuard};

/// The results pending, or the memory of those released, for one key of one aggregate.
pub(crate) struct Set {
    pub(crate) key: SetKey,
    slot: Mutex<Slot>,
}

/// The state of a set. The change from open to closed, under the set's mutex, is the release: whoever makes it
/// emits the set, and nobody else can.
pub(crate) enum Slot {
    Open(Box<OpenSet>),
    Closed(Tombstone),
    /// No longer in the map: whoever still holds the `Arc` must look again.
    Gone,
}

/// A `ResultSet` that takes results.
pub(crate) struct OpenSet {
    /// Counts the sets of the aggregate in order of opening.
    pub(crate) number: u64,
    pub(crate) generation: u64,
    pub(crate) revision: u64,
    pub(crate) opened: MonoTime,
    pub(crate) touched: MonoTime,
    /// Changes under the agenda's lock.
    pub(crate) filed: Filed,
    pub(crate) results: Few<Contribution>,
    /// How many of `results` have been in an emission.
    pub(crate) emitted: usize,
    pub(crate) members: Few<Member>,
    /// Tasks of this set that no collector has.
    pub(crate) unassigned: u32,
    /// How many of them will not get one any more.
    pub(crate) dropped: u32,
    /// What more there is to know of its tasks. Boxed: few sets have tasks that move or wait, and all pay for its size.
    pub(crate) moves: Option<Box<Moves>>,
    pub(crate) bytes: usize,
    pub(crate) duplicates: u64,
    /// Where identities were seen, for dedup within the set, by the number of the strategy.
    seen: Vec<(usize, Seen<Identity, u32>)>,
    /// What is remembered beyond the set of results that no emission has had.
    pub(crate) marked: Vec<Mark>,
    pub(crate) held: Held,
    /// The value so far, if policies read it and there was reason to look.
    pub(crate) running: Option<Box<Running>>,
}

/// What is known of tasks that nobody had at once, or that changed hands.
#[derive(Clone, Default)]
pub(crate) struct Moves {
    /// Who could have had those that found nobody: a list for each capability, shared by all sets.
    pub(crate) able: Vec<Arc<[CollectorId]>>,
    /// Leases that were taken back, the newest last.
    fenced: VecDeque<LeaseId>,
}

/// What is remembered of a released set.
pub(crate) struct Tombstone {
    pub(crate) number: u64,
    pub(crate) generation: u64,
    pub(crate) released: MonoTime,
    /// The set itself while it takes corrections. Boxed: few tombstones have one, and all sets pay for its size.
    pub(crate) kept: Option<Box<Kept>>,
}

/// A released set that takes corrections.
pub(crate) struct Kept {
    pub(crate) open: Box<OpenSet>,
    /// Of the first release, or of the last correction that completed it.
    pub(crate) cause: Cause,
}

/// What ended a set.
#[derive(Clone, Copy)]
pub(crate) struct Cause {
    pub(crate) reason: Reason,
    /// The place of the completion policy that said so: two may have one name.
    pub(crate) policy: Option<usize>,
}

// === impl Set ===

impl Set {
    pub(crate) fn new(key: SetKey, open: OpenSet) -> Arc<Self> {
        Arc::new(Self { key, slot: Mutex::new(Slot::Open(Box::new(open))) })
    }

    /// Plugins that run under this lock have their panics caught, so that a poisoned lock means a bug here; its
    /// state is still the best there is.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the set of this number is still open.
    pub(crate) fn is_open(&self, number: u64) -> bool {
        matches!(&*self.lock(), Slot::Open(open) if open.number == number)
    }

    /// Whether the set of this number was released, and still takes corrections.
    pub(crate) fn is_kept(&self, number: u64) -> bool {
        matches!(&*self.lock(), Slot::Closed(tomb) if tomb.number == number && tomb.kept.is_some())
    }
}

// === impl Cause ===

impl Cause {
    /// The completion policy at this place, of this name, said so.
    pub(crate) const fn completed(policy: usize, name: &'static str) -> Self {
        Self { reason: Reason::Completed(name), policy: Some(policy) }
    }
}

impl From<Reason> for Cause {
    fn from(reason: Reason) -> Self {
        Self { reason, policy: None }
    }
}

// === impl Moves ===

impl Moves {
    /// A lease was taken back. Sessions learn of that, too: only what comes before they have is refused here, so that it
    /// does no harm to forget a lease.
    pub(crate) fn fence(&mut self, lease: LeaseId) {
        const REMEMBERED: usize = 1_024;
        if self.fenced.len() == REMEMBERED {
            self.fenced.pop_front();
        }
        self.fenced.push_back(lease);
    }
}

// === impl OpenSet ===

impl OpenSet {
    pub(crate) fn new(number: u64, generation: u64, now: MonoTime, members: Few<Member>, held: Held) -> Self {
        Self {
            number,
            generation,
            revision: 0,
            opened: now,
            touched: now,
            filed: Filed { due: now, idle: now },
            results: Few::default(),
            emitted: 0,
            members,
            unassigned: 0,
            dropped: 0,
            moves: None,
            bytes: 0,
            duplicates: 0,
            seen: Vec::new(),
            marked: Vec::new(),
            held,
            running: None,
        }
    }

    pub(crate) fn view<'a>(&'a self, aggregate: &'a str, now: MonoTime) -> SetView<'a> {
        let age = now.since(self.opened);
        let mut view = SetView::new(aggregate, &self.results, &self.members, self.bytes, age);
        view.unassigned = self.unassigned;
        view
    }

    pub(crate) fn member(&mut self, collector: &CollectorId) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.collector == *collector)
    }

    /// The member, entered as unexpected if it is not one yet.
    pub(crate) fn member_or_insert(&mut self, collector: &CollectorId) -> &mut Member {
        let known = self.members.iter().position(|member| member.collector == *collector);
        let index = known.unwrap_or_else(|| {
            self.members.push(Member::new(collector.clone(), false));
            self.held.grow(Footprint::MEMBER);
            self.members.len() - 1
        });
        &mut self.members[index]
    }

    pub(crate) fn expects_somebody(&self) -> bool {
        self.members.iter().any(|member| member.expected)
    }

    pub(crate) fn expects(&self, collector: &CollectorId) -> bool {
        self.members.iter().any(|member| member.expected && member.collector == *collector)
    }

    /// What a dedup strategy has seen in this set.
    pub(crate) fn seen(&mut self, strategy: usize) -> &mut Seen<Identity, u32> {
        let known = self.seen.iter().position(|(index, _)| *index == strategy);
        let place = known.unwrap_or_else(|| {
            self.seen.reserve_exact(1);
            self.seen.push((strategy, Seen::default()));
            self.held.grow(Footprint::SEEN);
            self.seen.len() - 1
        });
        &mut self.seen[place].1
    }

    /// A result or duplicate of this collector arrived: its answer, unless a task says when it has answered, or its last
    /// result does.
    pub(crate) fn heard(&mut self, now: MonoTime, collector: &CollectorId, last: bool, awaits_last: bool) {
        self.touched = now;
        let member = self.member_or_insert(collector);
        member.last |= last;
        let answers = if awaits_last { last } else { member.open_tasks == 0 };
        if answers && member.failed.is_none() {
            member.answered = true;
            member.missing = None;
        }
    }

    /// Whether a task of this set was taken from this collector, and it has none left here.
    pub(crate) fn has_withdrawn(&self, collector: &CollectorId) -> bool {
        self.members.iter().any(|member| member.withdrawn && member.collector == *collector)
    }

    /// Whether a task of this set was taken from whoever answers under this lease.
    pub(crate) fn has_fenced(&self, lease: LeaseId) -> bool {
        self.moves.as_ref().is_some_and(|moves| moves.fenced.contains(&lease))
    }

    /// Who is missing if the set is released now, and why as far as the set knows.
    pub(crate) fn unanswered(&self) -> Vec<(CollectorId, Option<Missing>)> {
        let waits = self.unassigned > self.dropped;
        let missing = |member: &Member| {
            let why = member.missing.or(member.failed).or_else(|| member.refused.then_some(Missing::Refused));
            // Of a task that still waits for somebody, whoever had it before.
            let is_missing = (member.expected || (waits && member.withdrawn)) && !member.answered;
            is_missing.then(|| (member.collector.clone(), why))
        };
        let mut missing: Vec<_> = self.members.iter().filter_map(missing).collect();
        if waits {
            self.add_able(&mut missing);
        }
        missing
    }

    /// Of a task that nobody has had yet, those who could have it and do nothing else here; if there is none, and nobody
    /// else is missing, all: somebody is.
    fn add_able(&self, missing: &mut Vec<(CollectorId, Option<Missing>)>) {
        let is_idle = |id: &CollectorId| {
            let member = self.members.iter().find(|member| member.collector == *id);
            member.is_none_or(|member| !member.answered && member.open_tasks == 0)
        };
        for only_idle in [true, false] {
            for id in self.moves.iter().flat_map(|moves| &moves.able).flat_map(|able| able.iter()) {
                let is_new = !missing.iter().any(|(known, _)| known == id);
                if is_new && (!only_idle || is_idle(id)) {
                    missing.push((id.clone(), None));
                }
            }
            if !missing.is_empty() {
                return;
            }
        }
    }

    /// Whether everybody who could still answer is known to be dead, and no task can still find somebody.
    pub(crate) fn is_lost(&self) -> bool {
        let mut missing = self.members.iter().filter(|member| member.expected && !member.answered).peekable();
        self.unassigned == self.dropped
            && (self.dropped > 0 || missing.peek().is_some())
            && missing.all(|member| member.missing.is_some())
    }
}
