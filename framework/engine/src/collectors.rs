//! The collectors that the engine knows, and which sets wait for them.

use std::sync::{Arc, PoisonError};

use stook_plugin::{RosterEntry, Source};
use stook_types::{CollectorId, Incarnation, Missing};

use crate::set::Set;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{DashMap, Mutex};
use crate::window::Window;

/// One connection of a collector: what results are offered under.
pub struct Session {
    pub(crate) source: Arc<Source>,
    window: Arc<Mutex<Window>>,
}

/// Every collector that was configured or has connected.
#[derive(Default)]
pub(crate) struct Collectors {
    known: DashMap<CollectorId, Known>,
    /// Counts changes of who is known and of which kind.
    version: AtomicU64,
}

struct Known {
    kind: Arc<str>,
    state: State,
    /// Of the latest incarnation: a session that reconnects finds what its predecessor has seen.
    window: Option<(Incarnation, Arc<Mutex<Window>>)>,
    waiting: Vec<Waiting>,
    /// Sweep `waiting` when it has grown to this.
    sweep_at: usize,
}

enum State {
    NeverConnected,
    Connected(Arc<Source>),
    Lost(Missing),
}

/// A set that expects an answer of the collector.
#[derive(Clone)]
pub(crate) struct Waiting {
    pub(crate) aggregate: usize,
    pub(crate) number: u64,
    pub(crate) set: Arc<Set>,
}

// === impl Session ===

impl Session {
    /// Who it is.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    pub(crate) fn first_sight(&self, sequence: u64) -> bool {
        self.window.lock().unwrap_or_else(PoisonError::into_inner).insert(sequence)
    }

    pub(crate) fn unsee(&self, sequence: u64) {
        self.window.lock().unwrap_or_else(PoisonError::into_inner).remove(sequence);
    }
}

// === impl Collectors ===

impl Collectors {
    /// Enters a collector that config names.
    pub(crate) fn configured(&self, id: CollectorId, kind: Arc<str>) {
        self.known.entry(id).or_insert_with(|| Known::new(kind));
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Changes whenever [`roster`](Self::roster) may have.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Enters a session, which is from now on the collector's only one. Gives the sets that wait for it.
    pub(crate) fn connected(&self, source: Arc<Source>) -> (Session, Vec<Waiting>) {
        let mut known =
            self.known.entry(source.collector.clone()).or_insert_with(|| Known::new(source.kind.clone()));
        known.kind = source.kind.clone();
        known.state = State::Connected(source.clone());
        let window = match &known.window {
            Some((incarnation, window)) if *incarnation == source.incarnation => window.clone(),
            _ => Arc::default(),
        };
        known.window = Some((source.incarnation, window.clone()));
        self.version.fetch_add(1, Ordering::Release);
        known.sweep();
        (Session { source, window }, known.waiting.clone())
    }

    /// Notes that the session of this source ended. Gives the sets that wait for its collector, in order of their opening;
    /// nothing if a later session has taken over.
    pub(crate) fn ended(&self, source: &Source, why: Missing) -> Vec<Waiting> {
        let Some(mut known) = self.known.get_mut(&source.collector) else { return Vec::new() };
        match &known.state {
            State::Connected(current) if current.epoch == source.epoch => {
                known.state = State::Lost(why);
                known.sweep();
                // A set that was opened first may have begun to wait for this one last.
                known.waiting.sort_by_key(|waiting| (waiting.aggregate, waiting.number));
                known.waiting.clone()
            }
            _ => Vec::new(),
        }
    }

    /// Why the collector cannot answer at present, if it is not connected.
    pub(crate) fn absent(&self, id: &CollectorId) -> Option<Missing> {
        match self.known.get(id).as_deref() {
            Some(Known { state: State::Connected(_), .. }) => None,
            Some(Known { state: State::Lost(why), .. }) => Some(*why),
            Some(Known { state: State::NeverConnected, .. }) | None => Some(Missing::NeverConnected),
        }
    }

    /// Why the collector cannot answer, if its last session ended. One that has never connected may still come.
    pub(crate) fn lost(&self, id: &CollectorId) -> Option<Missing> {
        self.absent(id).filter(|why| *why != Missing::NeverConnected)
    }

    /// Notes that a set waits for a collector.
    pub(crate) fn wait(&self, id: &CollectorId, waiting: Waiting) {
        let mut known = self.known.entry(id.clone()).or_insert_with(|| Known::new("".into()));
        if known.waiting.len() >= known.sweep_at {
            known.sweep();
        }
        known.waiting.push(waiting);
    }

    /// Lets go of sets that have been released: after a burst nobody else would.
    pub(crate) fn sweep(&self) {
        self.known.iter_mut().for_each(|mut known| known.sweep());
    }

    /// Everybody, sorted by id.
    pub(crate) fn roster(&self) -> Vec<RosterEntry> {
        let known = self.known.iter();
        let mut roster: Vec<_> =
            known.map(|known| RosterEntry::new(known.key().clone(), known.kind.clone())).collect();
        roster.sort_by(|a, b| a.id.cmp(&b.id));
        roster
    }
}

impl Known {
    const SLACK: usize = 64;

    fn new(kind: Arc<str>) -> Self {
        Self { kind, state: State::NeverConnected, window: None, waiting: Vec::new(), sweep_at: Self::SLACK }
    }

    fn sweep(&mut self) {
        self.waiting.retain(|waiting| waiting.set.is_open(waiting.number));
        self.sweep_at = (2 * self.waiting.len()).max(Self::SLACK);
        self.waiting.shrink_to(self.sweep_at);
    }
}
