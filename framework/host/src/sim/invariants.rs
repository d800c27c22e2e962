//! What must hold after every fault, whatever happened: I1 to I8 of the fault list, as far as one process can see them.
//! (I4 is about processes, I7 about real time.)

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Once};
use std::time::Duration;

use stook_plugin::Merged;
use stook_types::{Incarnation, TaskId, Value};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::log::{Book, Log, Quiet};
use crate::HostError;
use crate::event::Event;
use crate::host::Summary;
use crate::hub::Hub;

/// A stream's end is acted on within this time.
const AFTER_EOF: Duration = Duration::from_millis(50);
/// A hang within three intervals of two seconds.
pub(super) const HANG: Duration = Duration::from_secs(6);
const SECOND: Duration = Duration::from_secs(1);
/// The host's grace. (Its collectors here are not its children.)
const STOP: Duration = Duration::from_secs(5);

thread_local! {
    static PANICS: Cell<usize> = const { Cell::new(0) };
}

/// Counts panics of this thread from now on, caught or not.
pub(super) fn count_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICS.with(|panics| panics.set(panics.get() + 1));
            before(info);
        }));
    });
    PANICS.with(|panics| panics.set(0));
}

pub(super) fn check(log: Log, hub: &Arc<Hub>, ended: Result<Summary, HostError>, took: Duration) {
    let summary = ended.expect("everything is delivered");
    assert_eq!(PANICS.with(Cell::get), 0, "I6: something panicked");
    assert!(took <= STOP, "the host took {took:?} to stop");
    let counters = &summary.counters;
    assert_eq!((counters.accounted(), counters.pending), (counters.received, 0), "I8: {counters:?}");
    hub.tallies.check(counters);
    assert_eq!(counters.plugin_panics, 0, "{counters:?}");
    assert_eq!(Arc::strong_count(hub), 1, "I3: somebody still has the host");
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0, "I3: a task is left");
    let book = &mut *log.book();
    tasks(book);
    sets(book);
    sessions(book);
}

/// I1: every task ends exactly once, and nothing is given to anybody after that.
fn tasks(book: &Book) {
    let (mut ended, mut given) = (BTreeMap::<TaskId, usize>::new(), BTreeSet::new());
    for (_, event) in &book.events {
        match event {
            Event::TaskEnded { task_id, .. } => *ended.entry(*task_id).or_default() += 1,
            Event::TaskAssigned { task_id, .. } => {
                assert!(!ended.contains_key(task_id), "I1: {task_id} was assigned after its end");
                given.insert(*task_id);
            }
            _ => {}
        }
    }
    assert!(ended.values().all(|ends| *ends == 1), "I1: a task has ended twice");
    given.extend(book.submitted.iter().map(|(id, _)| *id));
    assert_eq!(given.difference(&ended.into_keys().collect()).next(), None, "I1: it has not ended");
}

/// I2: no result counts twice, and none that comes too late counts.
fn sets(book: &mut Book) {
    let (mut numbers, mut sequences) = (HashSet::new(), HashSet::new());
    let released = book.released().clone();
    for set in released.values().flatten() {
        for number in numbers_of(&set.value) {
            assert!(numbers.insert(number), "I2: result {number} was accepted twice");
            assert!(!book.stale.contains(&number), "I2: result {number} was fenced, and accepted");
        }
        for contributor in &set.contributors {
            for sequence in contributor.sequences.iter().flat_map(|(first, last)| *first..=*last) {
                let new = sequences.insert((contributor.incarnation, sequence));
                assert!(new, "I2: {sequence} of {} was accepted twice", contributor.collector);
            }
        }
    }
    for (task, id) in &book.submitted {
        let sets = released.get(&id.to_string()).map_or(0, Vec::len);
        assert_eq!(sets, 1, "task {task} was announced: one set is released for it");
    }
}

fn numbers_of(merged: &Merged) -> Vec<i64> {
    let number = |value: &Value| value.at(&["n"]).and_then(Value::as_int).expect("a numbered result");
    match merged {
        Merged::Payload(payload) => vec![number(&payload.decode().expect("a value"))],
        Merged::Array(all) => all.iter().flat_map(numbers_of).collect(),
        other => panic!("no list: {other:?}"),
    }
}

/// I5: sessions begin and end in turns, those that are over end in time, and nobody is taken for dead who lives.
fn sessions(book: &Book) {
    let origin = book.events[0].0;
    let (mut open, mut sessions) = (BTreeMap::new(), Vec::new());
    for (at, event) in &book.events {
        match event {
            Event::CollectorConnected { collector, incarnation, .. } => {
                let before = open.insert(collector, (*incarnation, *at));
                assert!(before.is_none(), "{collector} is connected twice");
            }
            Event::CollectorLost { collector, .. } => {
                let (incarnation, from) = open.remove(collector).expect("it was connected");
                sessions.push(Session { incarnation, from, to: Some(*at) });
            }
            Event::CollectorSilent { collector } => {
                let heard = |quiet: &Quiet| *at < quiet.from || quiet.to + SECOND < *at;
                let quiet = book.quiet.iter().any(|quiet| quiet.id == *collector && !heard(quiet));
                assert!(quiet, "{collector} was taken for dead at {:?}, and lived", *at - origin);
            }
            _ => {}
        }
    }
    let last = |(incarnation, from)| Session { incarnation, from, to: None };
    sessions.extend(open.into_values().map(last));
    for (at, id, incarnation) in &book.eofs {
        let seen = ends(book, &sessions, *incarnation, *at, AFTER_EOF);
        assert!(seen, "I5: the end of {id} at {:?} was not seen", *at - origin);
    }
    for Quiet { from, to, id, incarnation, .. } in book.quiet.iter().filter(|quiet| quiet.hangs) {
        let seen = *to < *from + HANG || ends(book, &sessions, *incarnation, *from, HANG);
        assert!(seen, "I5: the hang of {id} at {:?} was not seen", *from - origin);
    }
}

struct Session {
    incarnation: Incarnation,
    from: Instant,
    to: Option<Instant>,
}

/// Whether the session that an incarnation had at this time, if it had one, ended within a span. Not judged: what the
/// host stood still for, and what it was stopped for.
fn ends(book: &Book, sessions: &[Session], incarnation: Incarnation, at: Instant, span: Duration) -> bool {
    let stopped = book.events.last().map(|(last, _)| *last).unwrap_or(at);
    let mut had = sessions.iter().filter(|session| session.incarnation == incarnation && session.from <= at);
    let had = had.rfind(|session| session.to.is_none_or(|to| to >= at));
    let lagged = book.jumps.iter().any(|jump| at <= *jump && *jump <= at + span);
    lagged || stopped <= at + span || had.is_none_or(|had| had.to.is_some_and(|to| to <= at + span))
}
