//! Who is held back: slow start, ejection, and policies that do not do their work.

use stook_engine::{Modifiers, NamedScore, ScoreId, Task, TaskLimits};
use stook_plugin::{Candidate, Draw, Pool, ScoringPolicy, lowest};

use super::rig::{Rig, each, ids, task};
use super::waits_for_all;
use crate::harness::{collector, ms};

fn rig_of(modifiers: Modifiers) -> Rig {
    Rig::with(vec![waits_for_all()], Vec::new(), modifiers, TaskLimits::default(), 3)
}

fn modifiers(change: impl FnOnce(&mut Modifiers)) -> Modifiers {
    let mut modifiers = Modifiers::NONE;
    change(&mut modifiers);
    modifiers
}

fn is_ejected(rig: &Rig, name: &str) -> bool {
    rig.router.status(rig.now, 0).collectors[&collector(name)].ejected
}

#[test]
fn a_collector_that_comes_back_gets_its_slots_step_by_step() {
    let mut rig = rig_of(modifiers(|m| m.slow_start = ms(1_600)));
    rig.connect("p1", &["scan:32"]);
    for n in 0..40 {
        rig.give(task(&format!("t{n}"), &["scan"]));
    }
    assert_eq!(rig.has("p1").len(), 32, "who comes first has all at once");
    rig.part_with("p1");
    rig.connect("p1", &["scan:32"]);
    assert_eq!(rig.has("p1").len(), 2);
    let mut had = vec![2];
    for step in 1..=16 {
        rig.until(step * 100);
        had.push(rig.has("p1").len());
    }
    assert_eq!(had, (1..=16).map(|n| 2 * n).chain([32]).collect::<Vec<_>>());
    assert_eq!(rig.waiting(), 8);
}

#[test]
fn a_slow_start_that_does_not_divide_by_its_steps_wakes_at_each_of_them() {
    let mut rig = rig_of(modifiers(|m| m.slow_start = std::time::Duration::from_nanos(1_000_000_007)));
    rig.connect("p1", &["scan:32"]);
    rig.part_with("p1");
    rig.connect("p1", &["scan:32"]);
    for n in 0..32 {
        rig.give(task(&format!("t{n}"), &["scan"]));
    }
    let mut had = vec![rig.has("p1").len()];
    while let Some(next) = rig.router.next_deadline().filter(|next| next.since_origin() < ms(2_000)) {
        assert!(next > rig.now);
        rig.now = next;
        rig.expire();
        had.push(rig.has("p1").len());
    }
    let steps: Vec<_> = (1..=16).map(|n| 2 * n).chain([32]).collect();
    assert_eq!(had, steps, "every wake gives more, and the last one ends it");
}

#[test]
fn failures_in_a_row_eject_and_time_brings_back() {
    let mut rig = rig_of(modifiers(|m| (m.failures, m.eject, m.most_ejected) = (3, ms(1_000), 0.5)));
    rig.connect("p1", &["scan:1"]);
    rig.connect("p2", &["scan:1"]);
    rig.give(each("hold", &["scan"]));
    rig.done("p1", "hold");
    for n in 0..3 {
        let name = format!("t{n}");
        assert!(!is_ejected(&rig, "p1"));
        rig.give(task(&name, &["scan"]));
        rig.fails("p1", &name);
    }
    assert!(is_ejected(&rig, "p1"));
    rig.give(task("u", &["scan"]));
    assert_eq!(rig.waiting(), 1, "p2 is busy and p1 is out");
    rig.until(999);
    assert_eq!(rig.waiting(), 1);
    rig.until(1_000);
    assert_eq!(rig.has("p1"), ["u"]);
}

#[test]
fn many_failures_in_one_instant_eject_once() {
    let mut rig = rig_of(modifiers(|m| (m.failures, m.eject, m.most_ejected) = (3, ms(1_000), 0.5)));
    rig.connect("p1", &["scan:30"]);
    rig.connect("p2", &["scan:30"]);
    let fails_often = |rig: &mut Rig, of: &str| {
        for n in 0..29 {
            rig.give(ids(&format!("{of}{n}"), &["scan"], &["p1"]));
        }
        for n in 0..29 {
            rig.fails("p1", &format!("{of}{n}"));
        }
    };
    fails_often(&mut rig, "t");
    rig.until(999);
    assert!(is_ejected(&rig, "p1"));
    rig.until(1_000);
    rig.give(ids("back", &["scan"], &["p1"]));
    rig.fails("p1", "back");
    assert!(!is_ejected(&rig, "p1"), "it begins anew");
    fails_often(&mut rig, "u");
    rig.until(2_999);
    assert!(is_ejected(&rig, "p1"), "twice as long the second time");
    rig.until(3_000);
    assert!(!is_ejected(&rig, "p1"));
}

#[test]
fn no_more_than_the_cap_are_out_at_a_time() {
    let mut rig = rig_of(modifiers(|m| (m.failures, m.eject, m.most_ejected) = (1, ms(1_000), 0.5)));
    let names = ["p1", "p2", "p3", "p4"];
    for name in names {
        rig.connect(name, &["scan:1"]);
    }
    rig.give(each("t", &["scan"]));
    for name in names {
        rig.fails(name, "t");
    }
    assert_eq!(names.map(|name| is_ejected(&rig, name)).iter().filter(|out| **out).count(), 2);
    for n in 0..2 {
        rig.give(task(&format!("u{n}"), &["scan"]));
    }
    assert_eq!(rig.waiting(), 0);
    rig.give(task("v", &["scan"]));
    assert_eq!(rig.waiting(), 1);
}

#[test]
fn one_alone_is_never_out() {
    let mut rig = rig_of(Modifiers::default());
    rig.connect("p1", &["scan:1"]);
    for n in 0..10 {
        let name = format!("t{n}");
        rig.give(task(&name, &["scan"]));
        rig.fails("p1", &name);
    }
    assert!(!is_ejected(&rig, "p1"));
}

/// With four, three of which have failed and are out.
fn three_out(panic_below: f64) -> Rig {
    let mut rig = rig_of(modifiers(|m| {
        (m.failures, m.eject, m.most_ejected, m.panic_below) = (1, ms(1_000), 1.0, panic_below);
    }));
    for name in ["p1", "p2", "p3", "p4"] {
        rig.connect(name, &["scan:1"]);
    }
    rig.give(each("t", &["scan"]));
    for name in ["p1", "p2", "p3"] {
        rig.fails(name, "t");
    }
    rig
}

#[test]
fn below_the_panic_threshold_ejections_are_not_heeded() {
    let mut rig = three_out(0.5);
    for n in 0..3 {
        rig.give(task(&format!("u{n}"), &["scan"]));
    }
    assert_eq!(
        ["p1", "p2", "p3"].map(|name| rig.has(name).len()),
        [1, 1, 1],
        "all of them, not the last only"
    );
    let mut rig = three_out(0.2);
    for n in 0..3 {
        rig.give(task(&format!("u{n}"), &["scan"]));
    }
    assert_eq!(rig.waiting(), 3, "one of four is enough here");
}

#[test]
fn when_panic_begins_what_waits_goes_out_at_once() {
    // Two of four are out: that is heeded.
    let mut rig = rig_of(modifiers(|m| {
        (m.failures, m.eject, m.most_ejected, m.panic_below) = (1, ms(1_000), 0.5, 0.5);
    }));
    for name in ["p1", "p2", "p3", "p4"] {
        rig.connect(name, &["scan:1"]);
    }
    rig.give(each("t", &["scan"]));
    rig.fails("p1", "t");
    rig.fails("p2", "t");
    rig.give(task("u", &["scan"]));
    assert_eq!(rig.waiting(), 1, "the others are busy");
    rig.crash("p4");
    // Two of three are out now.
    assert_eq!(rig.waiting(), 0);
    assert_eq!(rig.has("p1").len() + rig.has("p2").len(), 1);
}

#[test]
fn when_panic_ends_ejections_are_heeded_again() {
    let mut rig = rig_of(modifiers(|m| {
        (m.failures, m.eject, m.most_ejected, m.panic_below) = (1, ms(1_000), 1.0, 0.5);
    }));
    for name in ["p1", "p2", "p3"] {
        rig.connect(name, &["scan:9"]);
    }
    rig.give(each("t", &["scan"]));
    rig.fails("p1", "t");
    rig.fails("p2", "t");
    rig.connect("p4", &["scan:9"]);
    // Two of four.
    for n in 0..8 {
        rig.give(task(&format!("u{n}"), &["scan"]));
    }
    assert_eq!(["p1", "p2"].map(|name| rig.has(name).len()), [0, 0]);
}

// === scoring ===

struct Bad(fn(&Pool<'_>, &mut Draw) -> usize);

impl ScoringPolicy for Bad {
    fn cost(&self, _: &Candidate, _: &Pool<'_>) -> f64 {
        f64::NAN
    }

    fn choose(&mut self, pool: &Pool<'_>, draw: &mut Draw) -> usize {
        self.0(pool, draw)
    }
}

#[test]
fn a_policy_that_misbehaves_harms_its_own_decision_only() {
    let check = |policy: fn(&Pool<'_>, &mut Draw) -> usize, misbehaved: Option<u64>| {
        let policies = vec![NamedScore { name: "bad", policy: Box::new(Bad(policy)) }];
        let mut rig = Rig::with(vec![waits_for_all()], policies, Modifiers::NONE, TaskLimits::default(), 3);
        for name in ["p1", "p2", "p3"] {
            rig.connect(name, &["scan:9"]);
        }
        for n in 0..9 {
            rig.give(task(&format!("t{n}"), &["scan"]));
        }
        let had = ["p1", "p2", "p3"].map(|name| rig.has(name).len());
        assert_eq!(rig.router.status(rig.now, 0).misbehaved.get("bad").copied(), misbehaved);
        had
    };
    assert_eq!(check(|_, _| usize::MAX, Some(9)), [3, 3, 3]);
    assert_eq!(check(|pool, _| pool.candidates.len(), Some(9)), [3, 3, 3]);
    assert_eq!(check(|_, _| panic!("as it was told"), Some(9)), [3, 3, 3]);
    let nan = |pool: &Pool<'_>, draw: &mut Draw| lowest(pool, draw, |_| f64::NAN);
    assert_eq!(check(nan, None).iter().sum::<usize>(), 9, "somebody at random");
    // NaN is the worst: whoever has something is preferred to those without.
    let mut had = check(
        |pool, draw| lowest(pool, draw, |candidate| if candidate.in_flight == 0 { f64::NAN } else { 1.0 }),
        None,
    );
    had.sort_unstable();
    assert_eq!(had, [0, 0, 9]);
}

#[test]
fn a_policy_of_a_number_that_does_not_exist_is_the_engines_own() {
    let mut rig = rig_of(Modifiers::NONE);
    rig.connect("p1", &["scan:9"]);
    rig.connect("p2", &["scan:9"]);
    for n in 0..4 {
        let mut task: Task = task(&format!("t{n}"), &["scan"]);
        task.capabilities[0].1 = ScoreId(usize::MAX);
        rig.give(task);
    }
    assert_eq!((rig.has("p1").len(), rig.has("p2").len()), (2, 2));
}
