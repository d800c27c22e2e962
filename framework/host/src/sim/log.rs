//! What happened, written down by whoever took part in it.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stook_plugin::{AggregatedResult, SetKey};
use stook_types::{CollectorId, CorrelationId, Incarnation, TaskId};
use tokio::time::{Duration, Instant};

use crate::delivery::Watch;
use crate::event::Event;
use crate::hub::Hub;

#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Book>>);

#[derive(Default)]
pub(super) struct Book {
    /// What the host said.
    pub(super) events: Vec<(Instant, Event)>,
    /// Streams that their collectors have closed without a word.
    pub(super) eofs: Vec<(Instant, CollectorId, Incarnation)>,
    /// When a collector said nothing, not even that it lives.
    pub(super) quiet: Vec<Quiet>,
    /// When the host stood still for a while.
    pub(super) jumps: Vec<Instant>,
    /// Results that were recorded after their collector knew that the task is not its own any more.
    pub(super) stale: HashSet<i64>,
    /// Why results were refused.
    pub(super) refused: BTreeMap<String, u64>,
    /// Why collectors were not let in, or put out.
    pub(super) rejected: Vec<(CollectorId, String)>,
    /// Tasks that were taken.
    pub(super) submitted: Vec<(TaskId, CorrelationId)>,
    /// How many a task has killed.
    pub(super) kills: BTreeMap<String, i64>,
    /// The sets of each correlation ID.
    watches: BTreeMap<String, Watch>,
    released: BTreeMap<String, Vec<AggregatedResult>>,
    number: i64,
}

pub(super) struct Quiet {
    pub(super) from: Instant,
    pub(super) to: Instant,
    pub(super) id: CollectorId,
    pub(super) incarnation: Incarnation,
    /// Its process stands still.
    pub(super) hangs: bool,
}

impl Book {
    /// The sets that were released so far, by correlation ID.
    pub(super) fn released(&mut self) -> &BTreeMap<String, Vec<AggregatedResult>> {
        for (id, watch) in &mut self.watches {
            while let Ok(set) = watch.sets.try_recv() {
                self.released.entry(id.clone()).or_default().push(set);
            }
        }
        &self.released
    }
}

impl Log {
    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the sets that are released for this.
    pub(super) fn watch(&self, hub: &Hub, id: &CorrelationId) {
        let watch = || hub.delivery.watchers().watch(SetKey::Id(id.clone()));
        self.book().watches.entry(id.to_string()).or_insert_with(watch);
    }

    /// A collector closes its stream now, without a word.
    pub(super) fn eof(&self, id: &CollectorId, incarnation: Incarnation) {
        self.book().eofs.push((Instant::now(), id.clone(), incarnation));
    }

    /// A collector says nothing for so long. `hangs`: it does nothing else either.
    pub(super) fn quiet(&self, id: &CollectorId, incarnation: Incarnation, time: Duration, hangs: bool) {
        let from = Instant::now();
        self.book().quiet.push(Quiet { from, to: from + time, id: id.clone(), incarnation, hangs });
    }

    /// A number for a result that no other one has.
    pub(super) fn number(&self) -> i64 {
        let mut book = self.book();
        book.number += 1;
        book.number
    }

    /// Whether a task that is to kill so many kills one more now.
    pub(super) fn kills(&self, id: &CorrelationId, most: i64) -> bool {
        let mut book = self.book();
        let kills = book.kills.entry(id.to_string()).or_default();
        let more = *kills < most;
        *kills += i64::from(more);
        more
    }
}
