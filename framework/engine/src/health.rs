//! Who is silent for too long.

use std::collections::BTreeMap;
use std::time::Duration;

use stook_plugin::{FailureDetector, Watch};
use stook_types::{CollectorId, MonoTime, SessionEpoch};

use crate::guard::guarded;

/// Which of the failure detectors watches; the first is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DetectorId(pub usize);

impl DetectorId {
    /// The engine's own rule: 5 s of silence.
    pub const BUILT_IN: Self = Self(usize::MAX);
}

/// A failure detector with the name that is logged when it misbehaves.
pub struct NamedDetector {
    /// The plugin's name.
    pub name: &'static str,
    /// The detector.
    pub detector: Box<dyn FailureDetector>,
}

/// Watches every session for silence. Any frame is a sign of life.
///
/// Its clock stands still while the host does: when a [`sweep`](Self::sweep) is later than it was due, everything that is
/// watched gets that much more time, whatever the host does first when it goes on. So a host that was stopped, or had no
/// processor, blames nobody.
pub struct HealthTracker {
    detectors: Vec<NamedDetector>,
    watched: BTreeMap<CollectorId, Watched>,
    /// How long the host has stood still in all.
    lag: Duration,
    /// The same at the last sweep.
    swept: Duration,
    due: Option<MonoTime>,
    /// Nobody is judged before: what came while the host stood still is read first.
    reprieve: MonoTime,
    misbehaved: BTreeMap<&'static str, u64>,
}

struct Watched {
    epoch: SessionEpoch,
    name: &'static str,
    watch: Box<dyn Watch>,
    heartbeat: Duration,
    beat: MonoTime,
    warned: bool,
}

/// What a sweep finds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// Nothing was heard for too long.
    Silent {
        /// Of whom.
        collector: CollectorId,
        /// In which session.
        epoch: SessionEpoch,
    },
    /// It lives, but its heartbeats have stopped. Said once.
    NoHeartbeats(CollectorId),
}

/// The longest time between two sweeps while something is watched: how soon a lag of the host is noticed.
const SWEEP: Duration = Duration::from_millis(250);
/// How much later than due a sweep may come before the host counts as having stood still.
const TOLERANCE: Duration = Duration::from_millis(250);
/// Heartbeats that may be missed by somebody who lives before that is said.
const MISSED: u32 = 3;
/// What a detector that misbehaves is replaced with.
const HEARTBEAT: Duration = Duration::from_secs(2);
const DEAD_AFTER: Duration = Duration::from_secs(5);

impl HealthTracker {
    /// A tracker with these detectors. Without any, 5 s of silence are too long.
    pub fn new(detectors: Vec<NamedDetector>) -> Self {
        Self {
            detectors,
            watched: BTreeMap::new(),
            lag: Duration::ZERO,
            swept: Duration::ZERO,
            due: None,
            reprieve: MonoTime::ZERO,
            misbehaved: BTreeMap::new(),
        }
    }

    /// Begins to watch a session. Gives the interval at which its heartbeats are to come.
    pub fn begin(
        &mut self,
        now: MonoTime,
        collector: CollectorId,
        epoch: SessionEpoch,
        DetectorId(by): DetectorId,
    ) -> Duration {
        self.note_lag(now);
        let at = now - self.lag;
        let made = self.detectors.get(by).map(|NamedDetector { name, detector }| {
            let made = guarded(|| (detector.heartbeat(), detector.watch(at)));
            if made.is_none() {
                *self.misbehaved.entry(name).or_default() += 1;
            }
            made.map(|(heartbeat, watch)| (*name, heartbeat, watch))
        });
        let (name, heartbeat, watch) =
            made.flatten().unwrap_or_else(|| ("built in", HEARTBEAT, Box::new(Silence(at))));
        let due = self.next_sweep();
        self.watched.insert(collector, Watched { epoch, name, watch, heartbeat, beat: at, warned: false });
        // It must not put off a sweep: how late that is tells how long the host stood still.
        let next = self.next(now);
        self.due = Some(due.map_or(next, |due| due.min(next)));
        heartbeat
    }

    /// A session is over.
    pub fn end(&mut self, collector: &CollectorId, epoch: SessionEpoch) {
        if self.watched.get(collector).is_some_and(|watched| watched.epoch == epoch) {
            self.watched.remove(collector);
        }
    }

    /// A heartbeat came.
    pub fn beat(&mut self, now: MonoTime, collector: &CollectorId) {
        self.note_lag(now);
        let at = now - self.lag;
        let Some(watched) = self.watched.get_mut(collector) else { return };
        (watched.beat, watched.warned) = (at, false);
        watched.tell(at, &mut self.misbehaved, |watch| watch.beat(at));
    }

    /// When to [`sweep`](Self::sweep) next.
    pub fn next_sweep(&self) -> Option<MonoTime> {
        self.due.filter(|_| !self.watched.is_empty())
    }

    /// Judges everybody. `heard` says when something was last heard in a session.
    pub fn sweep(&mut self, now: MonoTime, heard: impl Fn(&CollectorId) -> Option<MonoTime>) -> Vec<Finding> {
        self.note_lag(now);
        let before = std::mem::replace(&mut self.swept, self.lag);
        let judges = now >= self.reprieve;
        let at = now - self.lag;
        let mut findings = Vec::new();
        for (id, watched) in &mut self.watched {
            // What was heard before the host stood still, or while it did, is not older for it.
            let alive = heard(id).map(|heard| (heard - before).min(at));
            if let Some(alive) = alive {
                watched.tell(at, &mut self.misbehaved, |watch| watch.alive(alive));
            }
            if judges && watched.dead_at(at, &mut self.misbehaved) <= at {
                findings.push(Finding::Silent { collector: id.clone(), epoch: watched.epoch });
            } else if !watched.warned && at.since(watched.beat) > watched.missed_after() {
                watched.warned = true;
                findings.push(Finding::NoHeartbeats(id.clone()));
            }
        }
        self.due = Some(self.next(now));
        findings
    }

    /// How often each detector panicked.
    pub fn misbehaved(&self) -> &BTreeMap<&'static str, u64> {
        &self.misbehaved
    }

    /// Notices that the host stood still: a sweep is overdue. Whatever is told or asked next is told or asked in the time
    /// of the watches, which stood still with it, and so this comes first.
    fn note_lag(&mut self, now: MonoTime) {
        let late = self.next_sweep().map_or(Duration::ZERO, |due| now.since(due));
        if late > TOLERANCE {
            self.lag += late;
            self.reprieve = now + SWEEP;
            self.due = Some(self.reprieve);
        }
    }

    fn next(&mut self, now: MonoTime) -> MonoTime {
        let at = now - self.lag;
        let misbehaved = &mut self.misbehaved;
        let dead = self.watched.values_mut().map(|watched| watched.dead_at(at, misbehaved)).min();
        let dead = dead.map_or(now + SWEEP, |dead| dead + self.lag);
        dead.clamp(now.max(self.reprieve), now + SWEEP)
    }
}

impl Watched {
    /// Tells the watch something. One that panics is replaced.
    fn tell(
        &mut self,
        at: MonoTime,
        misbehaved: &mut BTreeMap<&'static str, u64>,
        tell: impl FnOnce(&mut dyn Watch),
    ) {
        if guarded(|| tell(&mut *self.watch)).is_none() {
            *misbehaved.entry(self.name).or_default() += 1;
            self.watch = Box::new(Silence(at));
        }
    }

    /// So long without a heartbeat, and it is said. A detector may have asked for one in a thousand years.
    fn missed_after(&self) -> Duration {
        self.heartbeat.saturating_mul(MISSED + 1)
    }

    fn dead_at(&mut self, at: MonoTime, misbehaved: &mut BTreeMap<&'static str, u64>) -> MonoTime {
        let mut dead_at = at + DEAD_AFTER;
        self.tell(at, misbehaved, |watch| dead_at = watch.dead_at());
        dead_at
    }
}

/// The built-in watch: since when it is silent.
struct Silence(MonoTime);

impl Watch for Silence {
    fn beat(&mut self, at: MonoTime) {
        self.alive(at);
    }

    fn alive(&mut self, at: MonoTime) {
        self.0 = self.0.max(at);
    }

    fn dead_at(&self) -> MonoTime {
        self.0 + DEAD_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> MonoTime {
        MonoTime::at(Duration::from_millis(ms))
    }

    fn id(text: &str) -> CollectorId {
        CollectorId::new(text).unwrap()
    }

    /// Sweeps whenever that is due until `until`, as a host that does not lag; what it finds and when.
    fn run(tracker: &mut HealthTracker, until: u64, heard: impl Fn(u64) -> u64) -> Vec<(u64, Finding)> {
        let mut found = Vec::new();
        while let Some(due) = tracker.next_sweep().filter(|due| *due <= at(until)) {
            let ms = due.since_origin().as_millis() as u64;
            for finding in tracker.sweep(due, |_| Some(at(heard(ms)))) {
                if let Finding::Silent { collector, epoch } = &finding {
                    tracker.end(collector, *epoch);
                }
                found.push((ms, finding));
            }
        }
        found
    }

    #[test]
    fn silence_is_noticed_at_its_instant_and_any_frame_is_life() {
        let mut tracker = HealthTracker::new(Vec::new());
        assert_eq!(tracker.next_sweep(), None);
        assert_eq!(tracker.begin(at(100), id("p"), SessionEpoch(1), DetectorId(0)), HEARTBEAT);
        // Frames until 7 s, and no heartbeat at all.
        let found = run(&mut tracker, 60_000, |ms| ms.min(7_000));
        let silent = Finding::Silent { collector: id("p"), epoch: SessionEpoch(1) };
        assert_eq!(found.last(), Some(&(12_000, silent)));
        assert_eq!(found.len(), 2);
        assert!(matches!(&found[0], (8_000..8_500, Finding::NoHeartbeats(_))), "{found:?}");
        assert_eq!(tracker.next_sweep(), None);
    }

    #[test]
    fn a_host_that_stood_still_blames_nobody() {
        let mut tracker = HealthTracker::new(Vec::new());
        tracker.begin(at(0), id("p"), SessionEpoch(1), DetectorId(0));
        run(&mut tracker, 1_000, |_| 0);
        // 60 s later: what the collector sent meanwhile has not been read yet.
        assert_eq!(tracker.sweep(at(61_250), |_| Some(at(500))), []);
        let due = tracker.next_sweep().unwrap();
        assert!(due > at(61_250) && due <= at(61_500));
        let found = run(&mut tracker, 100_000, |_| 500);
        // 500 ms were heard, 5 s are allowed, the host stood still for 60 s and a fraction.
        assert!(matches!(found[..], [(65_400..=65_600, Finding::Silent { .. })]), "{found:?}");
    }

    #[test]
    fn a_host_that_stood_still_reads_before_it_judges() {
        let mut tracker = HealthTracker::new(Vec::new());
        tracker.begin(at(0), id("p"), SessionEpoch(1), DetectorId(0));
        run(&mut tracker, 4_990, |_| 0);
        assert_eq!(tracker.next_sweep(), Some(at(5_000)));
        // A frame came after 4,995 ms, and the host stood still from then on.
        assert_eq!(tracker.sweep(at(65_000), |_| Some(at(0))), []);
        assert_eq!(tracker.next_sweep(), Some(at(65_250)));
        assert_eq!(tracker.sweep(at(65_250), |_| Some(at(65_001))), []);
        // Whoever has said nothing even so is dead.
        tracker.begin(at(65_250), id("q"), SessionEpoch(2), DetectorId(0));
        run(&mut tracker, 70_240, |_| 65_250);
        assert_eq!(tracker.sweep(at(90_000), |_| Some(at(65_250))), []);
        assert_eq!(tracker.sweep(at(90_250), |_| Some(at(65_250))).len(), 2);
    }

    #[test]
    fn a_heartbeat_that_is_read_before_the_overdue_sweep_is_not_of_the_future() {
        let mut tracker = HealthTracker::new(Vec::new());
        tracker.begin(at(0), id("p"), SessionEpoch(1), DetectorId(0));
        run(&mut tracker, 1_000, |_| 0);
        tracker.beat(at(61_250), &id("p"));
        assert_eq!(tracker.sweep(at(61_251), |_| Some(at(61_250))), []);
        // It hangs from now on.
        let found = run(&mut tracker, 300_000, |_| 61_250);
        let silent = found.iter().filter(|(_, finding)| matches!(finding, Finding::Silent { .. }));
        let silent: Vec<_> = silent.map(|(ms, _)| *ms).collect();
        assert!(matches!(silent[..], [66_250..=66_500]), "{found:?}");
    }

    #[test]
    fn a_session_that_begins_before_the_overdue_sweep_does_not_make_it_forget_the_lag() {
        let mut tracker = HealthTracker::new(Vec::new());
        tracker.begin(at(0), id("p"), SessionEpoch(1), DetectorId(0));
        run(&mut tracker, 1_000, |_| 0);
        tracker.begin(at(61_250), id("q"), SessionEpoch(2), DetectorId(0));
        assert_eq!(tracker.next_sweep(), Some(at(61_500)), "what was sent meanwhile is read first");
        assert_eq!(tracker.sweep(at(61_500), |_| Some(at(500))), []);
        let found = run(&mut tracker, 300_000, |_| 500);
        let silent = found.iter().filter_map(|(ms, finding)| match finding {
            Finding::Silent { collector, .. } => Some((*ms, collector.as_str())),
            Finding::NoHeartbeats(_) => None,
        });
        // `p` had been silent for half a second when the host stood still at 1.25 s.
        assert_eq!(silent.collect::<Vec<_>>(), [(65_500, "p"), (66_250, "q")]);
    }

    #[test]
    fn what_was_heard_while_the_host_stood_still_counts_whatever_notices_it() {
        let mut tracker = HealthTracker::new(Vec::new());
        tracker.begin(at(0), id("p"), SessionEpoch(1), DetectorId(0));
        run(&mut tracker, 1_000, |_| 0);
        // Its frames were read until 31 s, while those who sweep stood still.
        tracker.begin(at(61_250), id("q"), SessionEpoch(2), DetectorId(0));
        let found = run(&mut tracker, 66_249, |ms| if ms < 61_250 { 0 } else { 31_000 });
        assert_eq!(found, []);
    }

    #[test]
    fn a_watch_that_was_over_long_ago_is_no_lag() {
        let mut tracker = HealthTracker::new(Vec::new());
        tracker.begin(at(0), id("p"), SessionEpoch(1), DetectorId(0));
        tracker.end(&id("p"), SessionEpoch(1));
        tracker.begin(at(600_000), id("p"), SessionEpoch(2), DetectorId(0));
        let found = run(&mut tracker, 700_000, |_| 600_000);
        assert!(matches!(found[..], [(605_000, Finding::Silent { .. })]), "{found:?}");
    }

    #[test]
    fn a_later_session_is_not_ended_with_an_earlier_one() {
        let mut tracker = HealthTracker::new(Vec::new());
        tracker.begin(at(0), id("p"), SessionEpoch(1), DetectorId(0));
        tracker.begin(at(1), id("p"), SessionEpoch(2), DetectorId(0));
        tracker.end(&id("p"), SessionEpoch(1));
        assert!(tracker.next_sweep().is_some());
        tracker.end(&id("p"), SessionEpoch(2));
        assert_eq!(tracker.next_sweep(), None);
    }

    struct Bad;

    impl FailureDetector for Bad {
        fn heartbeat(&self) -> Duration {
            Duration::from_secs(1)
        }

        fn watch(&self, _: MonoTime) -> Box<dyn Watch> {
            Box::new(Self)
        }
    }

    impl Watch for Bad {
        fn beat(&mut self, _: MonoTime) {
            panic!("as it was told")
        }

        fn alive(&mut self, _: MonoTime) {}

        fn dead_at(&self) -> MonoTime {
            MonoTime::at(Duration::MAX)
        }
    }

    #[test]
    fn a_detector_that_panics_is_replaced() {
        let mut tracker = HealthTracker::new(vec![NamedDetector { name: "bad", detector: Box::new(Bad) }]);
        assert_eq!(tracker.begin(at(0), id("p"), SessionEpoch(1), DetectorId(0)), Duration::from_secs(1));
        run(&mut tracker, 1_000, |_| 0);
        tracker.beat(at(1_000), &id("p"));
        assert_eq!(tracker.misbehaved().get("bad"), Some(&1));
        let found = run(&mut tracker, 60_000, |_| 1_000);
        assert!(matches!(found.last(), Some((6_000, Finding::Silent { .. }))), "{found:?}");
    }
    struct Patient;

    impl FailureDetector for Patient {
        fn heartbeat(&self) -> Duration {
            Duration::MAX
        }

        fn watch(&self, now: MonoTime) -> Box<dyn Watch> {
            Box::new(Silence(now))
        }
    }

    #[test]
    fn a_detector_may_ask_for_a_heartbeat_at_the_end_of_time() {
        let detector = NamedDetector { name: "patient", detector: Box::new(Patient) };
        let mut tracker = HealthTracker::new(vec![detector]);
        tracker.begin(at(0), id("p"), SessionEpoch(1), DetectorId(0));
        assert_eq!(tracker.sweep(at(250), |_| Some(at(250))), []);
    }
}
