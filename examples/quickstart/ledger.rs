//! What happened, counted once more: from what the host told while it ran, beside the host's own counters.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use stook::config::{Config, TaskConfig};
use stook::{Event, TaskOutcome};
use stook_plugin::{AggregatedResult, MissingCollector};
use stook_types::{CollectorId, FanOut, Incarnation, Outcome, TaskId};
use tokio::sync::oneshot;

/// Shared by whoever hears of something.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<Book>>);

/// What the counts are made from.
#[derive(Default)]
pub(crate) struct Book {
    counts: Counts,
    /// By correlation ID: sets that are still to come of tasks that have ended, less those that came before.
    unpaired: HashMap<String, i64>,
    /// How many sets a task makes, and whether anybody may run it.
    plans: BTreeMap<Arc<str>, (i64, bool)>,
    /// The aggregates into which tasks are answered.
    answered: BTreeSet<Arc<str>>,
    news: Vec<News>,
    present: BTreeMap<CollectorId, Presence>,
    /// When each was killed last: what it had is moved when it is gone.
    killed_at: BTreeMap<CollectorId, Instant>,
    /// To whom something was done, ever.
    struck: BTreeSet<CollectorId>,
    armed: Option<(CollectorId, oneshot::Sender<()>)>,
    /// Who has a part of an open task that two have lost before.
    last_hopes: HashMap<TaskId, BTreeSet<CollectorId>>,
    /// The host's own numbers have been asked for: what ends from now on ends because the host stops.
    closed: bool,
}

/// What came of everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) kills: u64,
    pub(crate) stops: u64,
    /// Collectors that have ended.
    pub(crate) ended: u64,
    /// Because they were killed here.
    pub(crate) ended_by_kill: u64,
    /// And nobody had done anything to them.
    pub(crate) ended_by_themselves: u64,
    /// Collectors that were silent because they were stopped here, and killed for it by the host.
    pub(crate) given_up: u64,
    /// Collectors that were silent although nobody stopped them.
    pub(crate) silent_unasked: u64,
    /// Collectors that are in service again.
    pub(crate) restarted: u64,
    /// Tasks that have ended, by how.
    pub(crate) tasks: BTreeMap<&'static str, u64>,
    /// Of these: tasks of which each part goes to whoever can run it, and that were not done.
    pub(crate) undone: u64,
    /// Tasks that had begun when the host was told to stop.
    pub(crate) cut_short: u64,
    /// Tasks that were not taken.
    pub(crate) unassigned: u64,
    /// Tasks that have ended without a set to say so.
    pub(crate) unanswered: usize,
    /// Parts of tasks that were taken from one collector for another.
    pub(crate) redistributed: u64,
    /// From the kill of a collector until another one had what it had.
    pub(crate) moved_after: Vec<Duration>,
    /// Complete sets.
    pub(crate) complete: u64,
    /// Partial sets, by what ended them.
    pub(crate) partial: BTreeMap<&'static str, u64>,
    /// Who is missing in them, how often, and why.
    pub(crate) missing: BTreeMap<CollectorId, BTreeMap<&'static str, u64>>,
    /// Of these: sets that do not say who is missing, or miss somebody to whom nothing was done.
    pub(crate) unexplained: u64,
}

/// A collector that is connected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Presence {
    pub(crate) incarnation: Incarnation,
    pub(crate) pid: Option<u32>,
    killed: bool,
    /// It does not go on by itself.
    stopped: bool,
    was_stopped: bool,
    silent: bool,
}

/// What there is to tell with the next scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    Killed(CollectorId),
    Stopped(CollectorId),
    WentOn(CollectorId),
    Silent(CollectorId),
    Moved { from: CollectorId, to: Option<CollectorId>, parts: u64 },
    Back { collector: CollectorId, after: Duration },
    GivenUp(CollectorId),
}

/// How many attempts at a part may end with a strike. A task that kills its collector for the third time is condemned.
const SPARED: u32 = 2;

// === impl Ledger ===

impl Ledger {
    pub(crate) fn new(config: &Config) -> Self {
        let tasks = || config.tasks.iter();
        let plan = |task: &TaskConfig| {
            let sets = i64::try_from(task.into.len()).unwrap_or(i64::MAX);
            (task.name.clone(), (sets, task.fan_out == FanOut::One))
        };
        let answered = tasks().flat_map(|task| task.into.iter().cloned()).collect();
        Self(Arc::new(Mutex::new(Book { plans: tasks().map(plan).collect(), answered, ..Book::default() })))
    }

    pub(crate) fn open(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Book ===

impl Book {
    /// The host tells something.
    pub(crate) fn hear(&mut self, event: &Event) {
        match event {
            Event::CollectorExited { .. } if self.closed => {}
            Event::CollectorConnected { collector, incarnation, pid } => {
                let (incarnation, pid) = (*incarnation, *pid);
                let presence = Presence {
                    incarnation,
                    pid,
                    killed: false,
                    stopped: false,
                    was_stopped: false,
                    silent: false,
                };
                self.present.insert(collector.clone(), presence);
            }
            Event::CollectorSilent { collector } => {
                self.news.push(News::Silent(collector.clone()));
                let Some(presence) = self.present.get_mut(collector) else { return };
                presence.silent = true;
                match presence.was_stopped {
                    true => self.counts.given_up += 1,
                    false => self.counts.silent_unasked += 1,
                }
            }
            Event::CollectorExited { collector, .. } => {
                self.counts.ended += 1;
                match self.present.remove(collector) {
                    Some(Presence { silent: true, .. }) => {}
                    Some(Presence { killed: true, .. }) => self.counts.ended_by_kill += 1,
                    _ => self.counts.ended_by_themselves += 1,
                }
            }
            Event::CollectorRestarted { collector, after_ms, .. } => {
                self.counts.restarted += 1;
                let after = Duration::from_millis(*after_ms);
                self.news.push(News::Back { collector: collector.clone(), after });
            }
            Event::CollectorQuarantined { collector, .. } => {
                self.news.push(News::GivenUp(collector.clone()));
            }
            Event::TaskAssigned { collector, task_id, attempt, .. } => {
                if *attempt > SPARED {
                    self.last_hopes.entry(*task_id).or_default().insert(collector.clone());
                    return;
                }
                if let Some((_, fire)) = self.armed.take_if(|(victim, _)| victim == collector) {
                    let _ = fire.send(()); // whoever waited may have grown tired of it
                }
            }
            Event::TaskRedistributed { from, to, .. } => self.moved(from, to.as_ref()),
            Event::TaskEnded { task, task_id, correlation_id, outcome } => {
                self.last_hopes.remove(task_id);
                let (sets, anybody) = self.plans.get(task).copied().unwrap_or_default();
                match self.closed {
                    true => self.counts.cut_short += 1,
                    false => {
                        *self.counts.tasks.entry(outcome.as_str()).or_default() += 1;
                        self.counts.undone += u64::from(anybody && *outcome != TaskOutcome::Done);
                    }
                }
                self.pair(&correlation_id.to_string(), sets);
            }
            Event::TaskUnassigned { .. } => self.counts.unassigned += 1,
            _ => {}
        }
    }

    fn moved(&mut self, from: &CollectorId, to: Option<&CollectorId>) {
        self.counts.redistributed += 1;
        let killed = self
            .killed_at
            .get(from)
            .filter(|_| self.present.get(from).is_none_or(|presence| presence.killed));
        if let (Some(killed), Some(_)) = (killed, to) {
            self.counts.moved_after.push(killed.elapsed());
        }
        // All of one strike in one line.
        for news in &mut self.news {
            if let News::Moved { from: before, to: then, parts } = news
                && (&*before, then.as_ref()) == (from, to)
            {
                *parts += 1;
                return;
            }
        }
        self.news.push(News::Moved { from: from.clone(), to: to.cloned(), parts: 1 });
    }

    /// A set was released.
    pub(crate) fn take(&mut self, result: &AggregatedResult) {
        if self.answered.contains(&result.aggregate) {
            self.pair(&result.correlation_id.to_string(), -1);
        }
        if result.outcome == Outcome::Complete {
            self.counts.complete += 1;
            return;
        }
        *self.counts.partial.entry(result.reason.as_str()).or_default() += 1;
        for missing in &result.missing {
            let why = self.counts.missing.entry(missing.collector.clone()).or_default();
            *why.entry(missing.reason.as_str()).or_default() += 1;
        }
        let struck = |missing: &MissingCollector| self.struck.contains(&missing.collector);
        if result.missing.is_empty() || !result.missing.iter().all(struck) {
            self.counts.unexplained += 1;
        }
    }

    fn pair(&mut self, id: &str, sets: i64) {
        let count = self.unpaired.entry(id.to_owned()).or_default();
        *count += sets;
        if *count == 0 {
            self.unpaired.remove(id);
        }
    }

    /// The host's own numbers are about to be compared with these.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// What came of everything so far.
    pub(crate) fn counts(&self) -> Counts {
        let unanswered = self.unpaired.values().filter(|sets| **sets > 0).count();
        Counts { unanswered, ..self.counts.clone() }
    }

    /// Those who are connected, to whom nothing was done, and who are not to be spared.
    pub(crate) fn unharmed(&self) -> Vec<CollectorId> {
        let unharmed =
            self.present.iter().filter(|(id, presence)| presence.is_unharmed() && !self.is_spared(id));
        unharmed.map(|(id, _)| id.clone()).collect()
    }

    /// Whether it has what was struck down with others often enough: once more, and the host would think that the task is
    /// to blame, and give it to nobody.
    pub(crate) fn is_spared(&self, id: &CollectorId) -> bool {
        self.last_hopes.values().any(|holders| holders.contains(id))
    }

    pub(crate) fn who_is_stopped(&self) -> Vec<(CollectorId, Incarnation)> {
        let stopped = self.present.iter().filter(|(_, presence)| presence.is_stopped());
        stopped.map(|(id, presence)| (id.clone(), presence.incarnation)).collect()
    }

    pub(crate) fn presence(&self, id: &CollectorId) -> Option<Presence> {
        self.present.get(id).copied()
    }

    /// Tells when this collector is given something next.
    pub(crate) fn arm(&mut self, victim: CollectorId) -> oneshot::Receiver<()> {
        let (fire, fired) = oneshot::channel();
        self.armed = Some((victim, fire));
        fired
    }

    pub(crate) fn killed(&mut self, id: &CollectorId) {
        self.counts.kills += 1;
        self.news.push(News::Killed(id.clone()));
        self.struck.insert(id.clone());
        if let Some(presence) = self.present.get_mut(id) {
            presence.killed = true;
        }
        self.killed_at.insert(id.clone(), Instant::now());
    }

    pub(crate) fn stopped(&mut self, id: &CollectorId) {
        self.counts.stops += 1;
        self.news.push(News::Stopped(id.clone()));
        self.struck.insert(id.clone());
        if let Some(presence) = self.present.get_mut(id) {
            (presence.stopped, presence.was_stopped) = (true, true);
        }
    }

    pub(crate) fn went_on(&mut self, id: &CollectorId) {
        self.news.push(News::WentOn(id.clone()));
        if let Some(presence) = self.present.get_mut(id) {
            presence.stopped = false;
        }
    }

    /// What happened since somebody last asked.
    pub(crate) fn news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }
}

// === impl Presence ===

impl Presence {
    pub(crate) const fn is_unharmed(&self) -> bool {
        !self.killed && !self.stopped && !self.silent
    }

    /// And may go on: nobody has given it up.
    pub(crate) const fn is_stopped(&self) -> bool {
        self.stopped && !self.silent
    }
}

// === impl Counts ===

impl Counts {
    pub(crate) fn partials(&self) -> u64 {
        self.partial.values().sum()
    }

    pub(crate) fn tasks(&self, outcome: TaskOutcome) -> u64 {
        self.tasks.get(outcome.as_str()).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use stook_types::{Capability, CorrelationId};

    use super::*;

    fn id(text: &str) -> CollectorId {
        CollectorId::new(text).unwrap()
    }

    fn connected(book: &mut Book, collector: &str) {
        let incarnation = Incarnation::random();
        book.hear(&Event::CollectorConnected { collector: id(collector), incarnation, pid: Some(7) });
    }

    fn exited(book: &mut Book, collector: &str) {
        book.hear(&Event::CollectorExited { collector: id(collector), how: String::new() });
    }

    fn moved(book: &mut Book, from: &str, to: Option<&str>) {
        book.hear(&Event::TaskRedistributed {
            task: "scan".into(),
            task_id: TaskId::random(),
            capability: Capability::new("process.list").unwrap(),
            from: id(from),
            to: to.map(id),
            why: String::new(),
        });
    }

    fn ended(book: &mut Book, outcome: TaskOutcome) {
        book.hear(&Event::TaskEnded {
            task: "scan".into(),
            task_id: TaskId::random(),
            correlation_id: CorrelationId::random(),
            outcome,
        });
    }

    #[test]
    fn each_end_has_one_cause() {
        let book = &mut Book::default();
        ["killed", "stopped", "silent", "ended"].into_iter().for_each(|one| connected(book, one));
        assert_eq!(book.unharmed().len(), 4);
        book.killed(&id("killed"));
        book.stopped(&id("stopped"));
        for silent in ["stopped", "silent"] {
            book.hear(&Event::CollectorSilent { collector: id(silent) });
        }
        assert_eq!(book.unharmed(), [id("ended")]);
        assert_eq!(book.who_is_stopped(), []);
        ["killed", "stopped", "silent", "ended"].into_iter().for_each(|one| exited(book, one));
        book.close();
        exited(book, "ended");

        let Counts { ended, ended_by_kill, given_up, silent_unasked, ended_by_themselves, .. } =
            book.counts();
        assert_eq!(ended, 4);
        assert_eq!((ended_by_kill, given_up, silent_unasked, ended_by_themselves), (1, 1, 1, 1));
    }

    #[test]
    fn one_that_went_on_may_be_stopped_again() {
        let book = &mut Book::default();
        connected(book, "p1");
        book.stopped(&id("p1"));
        assert_eq!(book.who_is_stopped().len(), 1);
        book.went_on(&id("p1"));

        assert_eq!(book.unharmed(), [id("p1")]);
        assert_eq!(book.news(), [News::Stopped(id("p1")), News::WentOn(id("p1"))]);
        assert_eq!(book.news(), []);
    }

    #[test]
    fn what_is_moved_after_a_kill_is_timed() {
        let book = &mut Book::default();
        ["p1", "p2"].into_iter().for_each(|one| connected(book, one));
        book.killed(&id("p1"));
        moved(book, "p1", Some("p2"));
        exited(book, "p1");
        moved(book, "p1", Some("p2"));
        moved(book, "p1", None); // nobody has it
        connected(book, "p1");
        moved(book, "p1", Some("p2")); // not for the kill: that was another process

        let counts = book.counts();
        assert_eq!((counts.redistributed, counts.moved_after.len()), (4, 2));
        let to = |to: Option<&str>, parts| News::Moved { from: id("p1"), to: to.map(id), parts };
        assert_eq!(book.news(), [News::Killed(id("p1")), to(Some("p2"), 3), to(None, 1)]);
    }

    #[test]
    fn a_task_is_done_and_has_its_sets() {
        let plans = [("scan".into(), (1, true))].into();
        let book = &mut Book { plans, ..Book::default() };
        [TaskOutcome::Done, TaskOutcome::Partial].into_iter().for_each(|how| ended(book, how));
        book.close();
        ended(book, TaskOutcome::Failed);

        let counts = book.counts();
        assert_eq!((counts.undone, counts.cut_short, counts.unanswered), (1, 1, 3));
        assert_eq!((counts.tasks(TaskOutcome::Partial), counts.tasks(TaskOutcome::Failed)), (1, 0));
    }

    fn assigned(book: &mut Book, collector: &str, attempt: u32) -> TaskId {
        let task_id = TaskId::random();
        book.hear(&Event::TaskAssigned {
            task: "scan".into(),
            task_id,
            collector: id(collector),
            capability: Capability::new("process.list").unwrap(),
            correlation_id: CorrelationId::random(),
            attempt,
        });
        task_id
    }

    #[test]
    fn an_armed_strike_goes_off_once() {
        let book = &mut Book::default();
        let mut fired = book.arm(id("p1"));
        assigned(book, "p2", 1);
        assert!(fired.try_recv().is_err());
        assigned(book, "p1", 1);
        assigned(book, "p1", 1);
        assert!(fired.try_recv().is_ok());
    }

    #[test]
    fn whoever_has_what_two_have_lost_is_spared() {
        let book = &mut Book::default();
        connected(book, "p1");
        assigned(book, "p1", 2);
        assert!(!book.is_spared(&id("p1")));
        let task_id = assigned(book, "p1", 3);
        assert!(book.is_spared(&id("p1")) && book.unharmed().is_empty());
        let (task, correlation_id, outcome) = ("scan".into(), CorrelationId::random(), TaskOutcome::Done);
        book.hear(&Event::TaskEnded { task, task_id, correlation_id, outcome });
        assert_eq!(book.unharmed(), [id("p1")]);
    }
}
