//! Who is configured, who is there, and what they last declared.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use stook_plugin::Source;
use stook_proto::CapabilityDeclaration;
use stook_types::{CollectorId, Incarnation, Missing, MonoTime, Refusal, Topic};
use tokio::sync::mpsc;

use crate::config::CollectorConfig;
use crate::session::Command;
use crate::supervise::{LastLines, Supervised};

/// Processes that are remembered, of each collector.
const REMEMBERED: usize = 64;

#[derive(Default)]
pub(super) struct Roster(BTreeMap<CollectorId, Known>);

/// A configured collector.
pub(super) struct Known {
    pub(super) config: CollectorConfig,
    /// What it must show, if the host starts it: of the latest start.
    pub(super) secret: Option<String>,
    /// What it shows if a host that has died has started it.
    pub(super) inherited: Option<String>,
    /// It was taken over from that host, and is nobody's child.
    pub(super) adopted: bool,
    /// Its process, while there is one.
    pub(super) child: Option<Supervised>,
    /// Counts its starts.
    pub(super) starts: u64,
    /// The latest of them that has led to a session.
    pub(super) served: u64,
    /// What the host has done to its process, if it has.
    pub(super) doing: Option<Doing>,
    pub(super) standing: Standing,
    /// Its latest process that was let in, and those before it.
    pub(super) incarnations: VecDeque<Incarnation>,
    /// What it declared last, which holds while it is away.
    pub(super) capabilities: Vec<CapabilityDeclaration>,
    /// The kind that it declared last.
    pub(super) kind: Option<Arc<str>>,
    /// What it declared last, and why results on it are refused, if they are.
    pub(super) topics: Vec<(Topic, Option<Refusal>)>,
    /// How its last session ended, if there is more to say than the reason; and whether it said goodbye.
    pub(super) how: Option<String>,
    pub(super) orderly: bool,
    /// Why it was not let in when it came last, in words, if it was not let in since.
    pub(super) last_rejection: Option<String>,
    /// How its last process ended, in words, and when.
    pub(super) last_exit: Option<(String, MonoTime)>,
    pub(super) last_lines: LastLines,
}

/// Why the host kills a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// Nothing was heard of it.
    Silent,
    /// It did not register in time.
    NotRegistered,
    /// An operator wants it started again.
    Restart,
    /// Somebody wants it dead, as if it had crashed.
    Kill,
}

pub(super) enum Standing {
    /// It has not registered yet, and may.
    Awaited,
    /// It has not registered, and the schedule no longer waits for it.
    NeverCame,
    Connected(Member),
    Lost(Missing),
}

/// A session.
pub(super) struct Member {
    pub(super) source: Arc<Source>,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) heard: Heard,
    /// Which of its starts it is of.
    pub(super) start: u64,
}

/// When something was last heard in a session, and what of it has no room yet: written there, read by whoever judges silence
/// or asks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard(Arc<Signs>);

#[derive(Debug, Default)]
struct Signs {
    last: AtomicU64,
    parked: AtomicUsize,
    /// Since when anything is parked.
    parked_since: AtomicU64,
}

// === impl Heard ===

impl Heard {
    pub(crate) fn now(&self, now: MonoTime) {
        self.0.last.store(nanos(now), Ordering::Relaxed);
    }

    pub(super) fn last(&self) -> MonoTime {
        time(&self.0.last)
    }

    /// So much of what was said has no room.
    pub(crate) fn parked(&self, now: impl FnOnce() -> MonoTime, count: usize) {
        if self.0.parked.swap(count, Ordering::Relaxed) == 0 && count > 0 {
            self.0.parked_since.store(nanos(now()), Ordering::Relaxed);
        }
    }

    /// How much has no room, and since when there is any.
    pub(super) fn waiting(&self) -> Option<(usize, MonoTime)> {
        let count = self.0.parked.load(Ordering::Relaxed);
        (count > 0).then(|| (count, time(&self.0.parked_since)))
    }
}

fn nanos(time: MonoTime) -> u64 {
    u64::try_from(time.since_origin().as_nanos()).unwrap_or(u64::MAX)
}

fn time(nanos: &AtomicU64) -> MonoTime {
    MonoTime::at(std::time::Duration::from_nanos(nanos.load(Ordering::Relaxed)))
}

// === impl Roster ===

impl Roster {
    /// Those that config names; `inherited` are the secrets of those that an earlier host has started.
    pub(super) fn new(
        collectors: Vec<CollectorConfig>,
        inherited: &mut BTreeMap<CollectorId, String>,
    ) -> Self {
        let mut known = |config: CollectorConfig| {
            let known = Known {
                secret: None,
                inherited: inherited.remove(&config.id).filter(|_| config.command.is_some()),
                adopted: false,
                child: None,
                starts: 0,
                served: 0,
                doing: None,
                standing: Standing::Awaited,
                incarnations: VecDeque::new(),
                capabilities: Vec::new(),
                kind: None,
                topics: Vec::new(),
                how: None,
                orderly: false,
                last_rejection: None,
                last_exit: None,
                last_lines: LastLines::default(),
                config,
            };
            (known.config.id.clone(), known)
        };
        Self(collectors.into_iter().map(&mut known).collect())
    }

    pub(super) fn get(&self, id: &CollectorId) -> Option<&Known> {
        self.0.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &CollectorId) -> Option<&mut Known> {
        self.0.get_mut(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&CollectorId, &Known)> {
        self.0.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Known> {
        self.0.values_mut()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(CollectorId::as_str)
    }

    /// Notes how a session comes to its end, if it is the collector's current one.
    pub(super) fn ends(&mut self, source: &Source, how: Option<String>, orderly: bool) {
        if let Some(known) = self.0.get_mut(&source.collector).filter(|known| known.has_session(source)) {
            (known.how, known.orderly) = (how, orderly);
        }
    }

    /// Notes the end of a session. False if it was not the collector's current one.
    pub(super) fn lost(&mut self, source: &Source, why: Missing) -> bool {
        let Some(known) = self.0.get_mut(&source.collector) else { return false };
        let current = known.has_session(source);
        if current {
            known.standing = Standing::Lost(why);
        }
        current
    }

    pub(super) fn give_up_waiting(&mut self) {
        for known in self.0.values_mut().filter(|known| matches!(known.standing, Standing::Awaited)) {
            // Of a child it is told when it is killed for it.
            if known.config.command.is_none() {
                tracing::warn!(collector = %known.config.id, "collector has not registered in time; what is scheduled begins without it");
            }
            known.standing = Standing::NeverCame;
        }
    }

    pub(super) fn all_settled(&self) -> bool {
        !self.0.values().any(|known| matches!(known.standing, Standing::Awaited))
    }

    pub(super) fn any_adopted(&self) -> bool {
        self.0.values().any(Known::is_adopted)
    }

    pub(super) fn all_children_gone(&self) -> bool {
        self.0.values().all(|known| known.child.is_none())
    }
}

impl Known {
    /// Notes which process has the name now. Whoever had it before has lost it.
    pub(super) fn named(&mut self, incarnation: Incarnation) {
        if self.incarnations.front() != Some(&incarnation) {
            self.incarnations.push_front(incarnation);
            self.incarnations.truncate(REMEMBERED);
        }
    }

    /// Whether another process has been let in under the name since this one was.
    pub(super) fn is_superseded(&self, incarnation: Incarnation) -> bool {
        self.incarnations.iter().skip(1).any(|before| *before == incarnation)
    }

    /// Why there is no process of it, if its restart policy wants none.
    pub(super) fn why_left(&self) -> String {
        const LEFT: &str = "its restart policy leaves it";
        self.last_exit.as_ref().map_or_else(|| LEFT.to_owned(), |(how, _)| format!("{how}; {LEFT}"))
    }

    fn has_session(&self, source: &Source) -> bool {
        self.member().is_some_and(|member| member.source.epoch == source.epoch)
    }

    pub(super) fn member(&self) -> Option<&Member> {
        match &self.standing {
            Standing::Connected(member) => Some(member),
            _ => None,
        }
    }
}
