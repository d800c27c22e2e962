//! What is asked of every failure detector.

use std::time::Duration;

use stook_types::MonoTime;

use super::answer;
use crate::{Draw, FailureDetector, Watch};

/// The longest that silence may go unnoticed.
const LONGEST: Duration = Duration::from_secs(600);

/// Holds a failure detector to its contract:
///
/// * the heartbeats it asks for have an interval above zero;
/// * a collector that beats at this interval, give or take 20 %, is never given up;
/// * neither is one that says something else as often, and never beats;
/// * one that falls silent is given up after its last sign of life, and within 10 minutes of it;
/// * to hear more never makes the end come sooner;
/// * beats that come all at once, or with a time before the last, do no harm.
///
/// `make` makes an instance as config would.
///
/// # Panics
/// If the detector does not hold to it.
#[track_caller]
pub fn detection<D: FailureDetector>(make: impl Fn() -> D) {
    let detector = make();
    let interval = answer("the question for the interval", || detector.heartbeat());
    assert!(!interval.is_zero(), "`heartbeat` is zero: collectors would do nothing else");
    for seed in 0..20 {
        let start = MonoTime::at(Duration::from_secs(seed * 1_000));
        let session = || Session::new(&detector, start, seed);
        beats_unevenly(&mut session(), interval);
        shows_other_life(&mut session(), interval);
        beats_all_at_once(&mut session(), interval);
    }
}

#[track_caller]
fn beats_unevenly(session: &mut Session, interval: Duration) {
    for _ in 0..3_000 {
        let gap = interval.mul_f64(0.8 + 0.4 * session.draw.unit());
        if session.draw.below(2) == 0 {
            let other = session.last + gap.mul_f64(session.draw.unit());
            let beat = session.last + gap;
            session.hears(Sign::Alive, other);
            session.hears(Sign::Beat, beat);
        } else {
            session.hears(Sign::Beat, session.last + gap);
        }
    }
}

#[track_caller]
fn shows_other_life(session: &mut Session, interval: Duration) {
    for _ in 0..500 {
        session.hears(Sign::Alive, session.last + interval);
    }
}

#[track_caller]
fn beats_all_at_once(session: &mut Session, interval: Duration) {
    for _ in 0..500 {
        session.hears(Sign::Beat, session.last);
    }
    session.hears(Sign::Beat, session.last - interval);
    session.hears(Sign::Alive, session.last - interval);
    session.hears(Sign::Beat, session.last + interval);
}

#[derive(Clone, Copy, Debug)]
enum Sign {
    Beat,
    Alive,
}

/// One session, with what was heard of it.
struct Session {
    watch: Box<dyn Watch>,
    last: MonoTime,
    dead_at: MonoTime,
    heard: u32,
    draw: Draw,
    seed: u64,
}

impl Session {
    #[track_caller]
    fn new(detector: &impl FailureDetector, start: MonoTime, seed: u64) -> Self {
        let watch = answer("the beginning of a session", || detector.watch(start));
        let mut session = Self { watch, last: start, dead_at: start, heard: 0, draw: Draw::new(seed), seed };
        session.judge("the beginning of the session");
        session
    }

    #[track_caller]
    fn hears(&mut self, sign: Sign, at: MonoTime) {
        self.heard += 1;
        let input = format!(
            "{sign:?} {:?} after the last sign of life (number {}, seed {})",
            at.since(self.last),
            self.heard,
            self.seed
        );
        assert!(
            at < self.dead_at,
            "a collector that shows life at its interval, give or take 20 %, is not given up: it was, {:?} after \
             its last sign of life, before {input}",
            self.dead_at.since(self.last)
        );
        answer(&input, || match sign {
            Sign::Beat => self.watch.beat(at),
            Sign::Alive => self.watch.alive(at),
        });
        self.last = self.last.max(at);
        self.judge(&input);
    }

    #[track_caller]
    fn judge(&mut self, after: &str) {
        let dead_at = answer(after, || self.watch.dead_at());
        assert!(
            dead_at >= self.dead_at,
            "to hear more never makes the end come sooner: it did, by {:?}, after {after}",
            self.dead_at.since(dead_at)
        );
        assert!(dead_at > self.last, "whoever was just heard lives: it is given up at once, after {after}");
        assert!(
            dead_at.since(self.last) <= LONGEST,
            "whoever falls silent is given up within {LONGEST:?}: it takes {:?}, after {after}",
            dead_at.since(self.last)
        );
        self.dead_at = dead_at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::testing::violates;

    /// Beats every second; what is heard makes the end, given what it was.
    #[derive(Clone, Copy)]
    struct By {
        beat: fn(MonoTime, MonoTime) -> MonoTime,
        alive: fn(MonoTime, MonoTime) -> MonoTime,
    }

    struct Watched(By, MonoTime);

    const SECOND: Duration = Duration::from_secs(1);
    const GOOD: By = By { beat: patient, alive: patient };

    fn patient(at: MonoTime, dead_at: MonoTime) -> MonoTime {
        dead_at.max(at + 3 * SECOND)
    }

    impl FailureDetector for By {
        fn heartbeat(&self) -> Duration {
            SECOND
        }

        fn watch(&self, now: MonoTime) -> Box<dyn Watch> {
            Box::new(Watched(*self, now + 3 * SECOND))
        }
    }

    impl Watch for Watched {
        fn beat(&mut self, at: MonoTime) {
            self.1 = (self.0.beat)(at, self.1);
        }

        fn alive(&mut self, at: MonoTime) {
            self.1 = (self.0.alive)(at, self.1);
        }

        fn dead_at(&self) -> MonoTime {
            self.1
        }
    }

    #[test]
    fn what_holds_to_the_contract_passes() {
        detection(|| GOOD);
    }

    #[test]
    fn each_violation_is_named_with_its_input() {
        let check = |by: By, saying: &str| violates(saying, || detection(move || by));
        let deaf = |_, dead_at| dead_at;
        check(By { beat: deaf, alive: deaf }, "give or take 20 %");
        check(By { alive: deaf, ..GOOD }, "before Alive 1s after");
        check(By { beat: |_, dead_at| dead_at + 2 * SECOND, ..GOOD }, "is given up within 600s");
        check(By { beat: |at, _| at + 3 * SECOND, ..GOOD }, "never makes the end come sooner: it did, by 1s");
        check(By { beat: |_, _| panic!("tick"), ..GOOD }, "with `tick`, at Beat");
    }
}
