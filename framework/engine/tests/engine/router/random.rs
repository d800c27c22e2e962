//! Random schedules: whatever happens in whatever order, the rig's books and the router agree after every step, every
//! task ends exactly once, and nothing is left.

use std::time::Duration;

use stook_engine::{
    AggregateSpec, LatePolicy, LateSpec, LeaseId, Loss, Modifiers, Task, TaskEnding, TaskLimits,
};
use stook_plugin::Draw;
use stook_types::{FanOut, Missing};

use super::rig::{Rig, Slip, task};
use super::{takes_only_expected, waits_for_all};
use crate::harness::{collector, id, ms, pattern};

/// How many schedules are run; in one that fails, the seed is printed. `STOOK_SEED` runs that one only.
const SCHEDULES: u64 = 2_000;
const STEPS: usize = 70;
const NAMES: [&str; 5] = ["p0", "p1", "p2", "p3", "p4"];

#[test]
fn whatever_happens_every_task_ends_once_and_nothing_is_left() {
    if let Ok(seed) = std::env::var("STOOK_SEED") {
        schedule(seed.parse().expect("a number"));
        return;
    }
    let mut all = Totals::default();
    for seed in 0..SCHEDULES {
        let seed = Seed(seed);
        all.add(&schedule(seed.0));
    }
    // Schedules in which nothing happens prove nothing.
    let Totals { done, partial, failed, quarantined, redistributed, returned, stale_ends, stale, accepted } =
        all;
    let met = [done, partial, failed, quarantined, redistributed, returned, stale_ends, stale, accepted];
    assert!(met.iter().all(|count| *count > 20), "{met:?}");
}

/// How often it came to what.
#[derive(Default)]
struct Totals {
    done: u64,
    partial: u64,
    failed: u64,
    quarantined: u64,
    redistributed: u64,
    returned: u64,
    stale_ends: u64,
    stale: u64,
    accepted: u64,
}

impl Totals {
    fn add(&mut self, rig: &Rig) {
        let tasks = rig.router.counters();
        self.done += tasks.done;
        self.partial += tasks.partial;
        self.failed += tasks.failed;
        self.quarantined += tasks.quarantined;
        self.redistributed += tasks.redistributed;
        self.returned += tasks.returned;
        self.stale_ends += tasks.stale;
        self.stale += rig.stale;
        self.accepted += rig.sets.counters().delivered;
    }
}

/// Says which schedule it was, if it fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("to run this schedule alone: STOOK_SEED={}", self.0);
        }
    }
}

struct Schedule {
    draw: Draw,
    rig: Rig,
    /// The last incarnation of each collector.
    last: [u128; NAMES.len()],
    incarnations: u128,
    tasks: usize,
    /// Everything that somebody was given.
    slips: Vec<Slip>,
    sent: Vec<(Slip, usize, u64)>,
    sequence: u64,
    progress: u64,
    /// How long tasks are of use, in milliseconds.
    within: usize,
    /// Collectors die often.
    deadly: bool,
}

fn schedule(seed: u64) -> Rig {
    let mut draw = Draw::new(seed);
    let rig = set_up(&mut draw);
    let within = [300, 2_500, 20_000][draw.below(3)];
    let deadly = draw.below(3) == 0;
    let mut schedule = Schedule {
        draw,
        rig,
        last: [0; NAMES.len()],
        incarnations: 0,
        tasks: 0,
        slips: Vec::new(),
        sent: Vec::new(),
        sequence: 0,
        progress: 0,
        within,
        deadly,
    };
    for _ in 0..STEPS {
        schedule.step();
    }
    schedule.finish();
    schedule.rig
}

fn set_up(draw: &mut Draw) -> Rig {
    let timeouts = [500, 2_000, 100_000];
    let mut timeout = || ms(timeouts[draw.below(timeouts.len())]);
    let (first, second) = (timeout(), timeout());
    let late = match draw.below(3) {
        0 => LateSpec { policy: LatePolicy::Correct(ms(1_000)), ..LateSpec::default() },
        _ => LateSpec::default(),
    };
    let idle = (draw.below(4) == 0).then(|| ms(400));
    let a = AggregateSpec { timeout: first, late, idle, ..waits_for_all() };
    let b = AggregateSpec {
        name: "b".into(),
        topics: vec![pattern("b.#")],
        timeout: second,
        ..takes_only_expected()
    };
    let mut modifiers = Modifiers::NONE;
    if draw.below(2) == 0 {
        (modifiers.slow_start, modifiers.failures, modifiers.eject) = (ms(200), 2, ms(300));
        modifiers.most_ejected = draw.unit();
        modifiers.panic_below = draw.unit();
    }
    let mut limits = TaskLimits::default();
    limits.parts = 3 + draw.below(40);
    Rig::with(vec![a, b], Vec::new(), modifiers, limits, draw.bits())
}

impl Schedule {
    fn step(&mut self) {
        match self.draw.below(24) {
            0..4 => self.connect(),
            4..6 => self.lose(),
            6 => self.drain(),
            7..11 => self.submit(),
            11..16 => self.end(),
            16..19 => self.offer(),
            19 => self.heartbeat(),
            20 if self.deadly => self.lose(),
            _ => self.time(),
        }
        let seen = self.slips.last().map_or(LeaseId(0), |slip| slip.lease);
        self.slips.extend(self.rig.slips_after(seen));
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.draw.below(one_in) == 0
    }

    fn some_name(&mut self, connected: bool) -> Option<usize> {
        let of: Vec<_> = (0..NAMES.len()).filter(|i| self.rig.is_connected(NAMES[*i]) == connected).collect();
        (!of.is_empty()).then(|| of[self.draw.below(of.len())])
    }

    fn connect(&mut self) {
        let Some(i) = self.some_name(false) else { return };
        if self.last[i] == 0 || !self.chance(3) {
            self.incarnations += 1;
            self.last[i] = self.incarnations;
        }
        let mut capabilities = Vec::new();
        for name in ["net", "scan"] {
            if !self.chance(3) {
                capabilities.push(format!("{name}:{}", self.draw.below(5)));
            }
        }
        let capabilities: Vec<_> = capabilities.iter().map(String::as_str).collect();
        self.rig.connect_as(NAMES[i], &capabilities, self.last[i]);
    }

    fn lose(&mut self) {
        let Some(i) = self.some_name(true) else { return };
        let loss = match self.draw.below(if self.deadly { 2 } else { 3 }) {
            0 => Loss { why: Missing::Exited, suspicious: true },
            1 => Loss { why: Missing::Timeout, suspicious: true },
            _ => Loss { why: Missing::Disconnected, suspicious: false },
        };
        self.rig.lose(NAMES[i], loss);
    }

    fn drain(&mut self) {
        if self.chance(2)
            && let Some(i) = self.some_name(true)
        {
            self.rig.drain(NAMES[i]);
        }
    }

    fn submit(&mut self) {
        let name = format!("t{}", self.tasks);
        self.tasks += 1;
        let capabilities: &[&str] = [&["net"][..], &["scan"], &["net", "scan"]][self.draw.below(3)];
        let fan_out = match self.draw.below(4) {
            0 => FanOut::Each,
            1 => {
                let ids = (0..=self.draw.below(3)).map(|_| collector(NAMES[self.draw.below(NAMES.len())]));
                FanOut::Ids(ids.collect())
            }
            _ => FanOut::One,
        };
        let into = match self.draw.below(4) {
            0 => vec![],
            1 => vec![1],
            2 => vec![0, 1],
            _ => vec![0],
        };
        // Some meet in the set of an earlier task.
        let of =
            if self.tasks > 1 && self.chance(4) { self.draw.below(self.tasks - 1) } else { self.tasks - 1 };
        let within = self.draw.below(self.within) as u64;
        let maybe = |draw: &mut Draw| (draw.below(4) == 0).then(|| ms(draw.below(300) as u64));
        let task = Task {
            correlation_id: id(&format!("t{of}")),
            fan_out,
            into,
            priority: self.draw.below(3) as i32,
            deadline: self.rig.now + ms(within),
            attempt: maybe(&mut self.draw),
            stall: maybe(&mut self.draw),
            backlog: self.draw.below(4),
            ..task(&name, capabilities)
        };
        // That it is refused is as good; the rig looks that nothing has happened then.
        let _ = self.rig.submit(task);
    }

    fn some_slip(&mut self, mut of: Vec<Slip>) -> Option<Slip> {
        (!of.is_empty()).then(|| of.swap_remove(self.draw.below(of.len())))
    }

    fn end(&mut self) {
        // Mostly of those who have it; sometimes twice, or long after.
        let of = if self.chance(5) { self.slips.clone() } else { self.rig.slips() };
        let Some(slip) = self.some_slip(of) else { return };
        let ending = match self.draw.below(6) {
            0 => TaskEnding::Failed("it did not work".into()),
            1 => TaskEnding::Returned("it leaves".into()),
            _ => TaskEnding::Done,
        };
        self.rig.end_slip(&slip, ending);
    }

    fn offer(&mut self) {
        if self.chance(4) && !self.sent.is_empty() {
            let (slip, aggregate, sequence) = self.sent[self.draw.below(self.sent.len())].clone();
            self.rig.send(&slip, aggregate, sequence, 1);
            return;
        }
        let of = if self.chance(4) { self.slips.clone() } else { self.rig.slips() };
        let Some(slip) = self.some_slip(of) else { return };
        self.sequence += 1;
        let aggregate = self.draw.below(2);
        self.rig.send(&slip, aggregate, self.sequence, 1);
        self.sent.push((slip, aggregate, self.sequence));
    }

    fn heartbeat(&mut self) {
        let Some(i) = self.some_name(true) else { return };
        self.progress += u64::from(self.chance(2));
        self.rig.heartbeat(NAMES[i], self.progress);
    }

    fn time(&mut self) {
        match self.draw.below(4) {
            // Time passes, and nobody looks yet.
            0 => self.rig.now = self.rig.now + ms(self.draw.below(300) as u64),
            1 | 2 => {
                let next = self.rig.next_deadline().map_or(0, |next| next.since_origin().as_millis() as u64);
                self.rig.until(next);
            }
            _ => {
                let then = self.rig.now.since_origin().as_millis() as u64 + self.draw.below(400) as u64;
                self.rig.until(then);
            }
        }
    }

    fn finish(&mut self) {
        if self.chance(5) {
            self.rig.close();
            self.step();
            self.rig.abandon();
            assert_eq!(self.rig.router.counters().open, 0);
        } else {
            let end = self.rig.now + Duration::from_secs(200);
            self.rig.until(end.since_origin().as_millis() as u64);
            self.rig.check_empty();
        }
        for slip in self.rig.slips() {
            if self.chance(2) {
                self.rig.end_slip(&slip, TaskEnding::Done);
            }
        }
        while let Some(i) = self.some_name(true) {
            self.rig.lose(NAMES[i], Loss { why: Missing::Disconnected, suspicious: false });
        }
        let status = self.rig.router.status(self.rig.now, usize::MAX);
        assert_eq!((status.in_flight, status.counters.open), (0, 0));
        assert!(status.queues.iter().all(|queue| queue.waiting == 0));
        assert_eq!(self.rig.router.next_deadline(), None, "nothing comes up any more");
    }
}
