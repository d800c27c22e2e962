//! What waits: in which order, for whom, how long, and how much of it.

use stook_engine::{Modifiers, SubmitError, Task, TaskEnding, TaskLimits};
use stook_types::TaskOutcome;

use super::rig::{Rig, at, each, ids, task};
use super::{rig, waits_for_all};
use crate::harness::{collector, ms};

#[test]
fn what_waits_too_long_ends_at_its_deadline_and_says_who_could_have() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    rig.give(task("long", &["scan"]));
    rig.give(Task { deadline: at(2_000), ..task("t", &["scan"]) });
    rig.log();
    rig.until(1_999);
    assert_eq!(rig.log(), Vec::<String>::new());
    rig.until(2_000);
    let lines =
        ["t: failed at nobody", "t: failed", "set t partial collectors-lost [] missing p1=outstanding"];
    assert_eq!(rig.log(), lines);
    assert_eq!(rig.has("p1"), ["long"]);
}

#[test]
fn a_set_that_is_released_while_its_task_waits_says_who_could_have_had_it() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    rig.connect("p2", &["look:1"]);
    rig.part_with("p1");
    rig.give(Task { deadline: at(100_000), ..task("t", &["scan", "look"]) });
    rig.done("p2", "t");
    rig.until(100_000);
    assert_eq!(rig.released(), ["t partial timeout [] missing p1=disconnected"]);
}

#[test]
fn what_waits_for_one_collector_ends_at_its_deadline_as_its_timeout() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    rig.give(task("long", &["scan"]));
    rig.give(Task { deadline: at(2_000), ..ids("t", &["scan"], &["p1"]) });
    rig.log();
    rig.until(2_000);
    let lines = ["t: failed at p1", "t: failed", "set t partial collectors-lost [] missing p1=timeout"];
    assert_eq!(rig.log(), lines);
}

#[test]
fn one_line_by_priority_whether_one_or_everybody_is_asked() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    rig.give(task("first", &["scan"]));
    for (priority, fan_out) in [(1, "one"), (4, "each"), (3, "one"), (2, "each"), (4, "one")] {
        let name = format!("{fan_out}{priority}");
        let task = if fan_out == "one" { task(&name, &["scan"]) } else { each(&name, &["scan"]) };
        rig.give(Task { priority, ..task });
    }
    rig.done("p1", "first");
    for next in ["each4", "one4", "one3", "each2", "one1"] {
        assert_eq!(rig.has("p1"), [next]);
        rig.done("p1", next);
    }
}

#[test]
fn what_only_one_collector_may_run_is_not_held_up_by_what_it_must_not_have() {
    let mut rig = rig();
    rig.connect_as("p1", &["scan:1"], 77);
    rig.give(Task { priority: 9, ..task("t", &["scan"]) });
    rig.crash("p1");
    // The same process again: `t` is first in line, and must not go to it.
    rig.connect_as("p1", &["scan:1"], 77);
    rig.give(ids("u", &["scan"], &["p1"]));
    assert_eq!(rig.has("p1"), ["u"]);
    rig.give(ids("v", &["scan"], &["p1"]));
    rig.done("p1", "u");
    assert_eq!(rig.has("p1"), ["v"]);
}

#[test]
fn however_many_must_not_go_to_somebody_those_behind_them_do() {
    let mut rig = rig();
    rig.connect_as("p1", &["scan:200"], 77);
    for n in 0..200 {
        rig.give(Task { priority: 9, ..task(&format!("t{n}"), &["scan"]) });
    }
    rig.part_with("p1");
    rig.connect_as("p1", &["scan:1"], 77);
    rig.give(task("u", &["scan"]));
    rig.give(task("v", &["scan"]));
    assert_eq!((rig.has("p1"), rig.waiting()), (vec!["u"], 201));
    rig.done("p1", "u");
    assert_eq!(rig.has("p1"), ["v"]);
    rig.connect("p2", &["scan:200"]);
    assert_eq!(rig.has("p2").len(), 200);
}

#[test]
fn one_that_does_not_let_go_gets_nothing_more_of_that_capability_and_all_of_the_others() {
    let mut rig = rig();
    rig.connect("p1", &["net:1", "scan:2"]);
    rig.give(Task { attempt: Some(ms(10)), ..task("t", &["scan"]) });
    let old = rig.slip("p1", "t");
    rig.until(10);
    rig.give(task("u", &["scan"]));
    rig.give(ids("v", &["scan"], &["p1"]));
    rig.give(task("w", &["net"]));
    assert_eq!((rig.has("p1"), rig.waiting()), (vec!["w"], 3), "t too: nobody else is there");
    rig.done("p1", "w");
    rig.give(ids("x", &["net"], &["p1"]));
    assert_eq!(rig.has("p1"), ["x"]);
    rig.end_slip(&old, TaskEnding::Failed("late".into()));
    assert_eq!(rig.has("p1"), ["x", "u", "v"]);
}

// === how much ===

#[test]
fn a_backlog_that_is_too_long_fails_what_comes_more() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    let names = ["t0", "t1", "t2", "t3"];
    for name in names {
        rig.give(Task { backlog: 2, ..each(name, &["scan"]) });
    }
    assert_eq!(names.map(|name| rig.outcome(name)), [None, None, None, Some(TaskOutcome::Failed)]);
    assert_eq!(rig.released(), ["t3 partial collectors-lost [] missing p1=task-failed"]);
    rig.done("p1", "t0");
    rig.give(Task { backlog: 2, ..each("t4", &["scan"]) });
    assert_eq!((rig.outcome("t4"), rig.waiting()), (None, 2));
}

#[test]
fn a_schedule_that_is_too_fast_for_all_who_can_leaves_places_for_others() {
    let mut limits = TaskLimits::default();
    limits.parts = 10;
    let mut rig = Rig::with(vec![waits_for_all()], Vec::new(), Modifiers::NONE, limits, 1);
    rig.connect("p1", &["scan:1"]);
    for n in 0..30 {
        rig.give(Task { backlog: 2, ..task(&format!("t{n}"), &["scan"]) });
    }
    assert_eq!((rig.has("p1"), rig.waiting()), (vec!["t0"], 2));
    assert_eq!(["t2", "t3"].map(|name| rig.outcome(name)), [None, Some(TaskOutcome::Failed)]);
    assert_eq!(rig.released()[0], "t3 partial collectors-lost [] missing p1=outstanding");
    rig.give(Task { backlog: usize::MAX, ..task("u", &["scan"]) });
    rig.give(Task { backlog: 0, ..task("other", &["net"]) });
    assert_eq!(rig.outcome("other"), Some(TaskOutcome::Failed), "nobody has it, and it may not wait");
    // What was taken from somebody has its place.
    rig.part_with("p1");
    assert_eq!((rig.waiting(), rig.outcome("t0")), (4, None));
}

#[test]
fn a_backlog_of_one_collector_is_not_that_of_another() {
    let mut rig = rig();
    rig.connect("slow", &["scan:1"]);
    rig.connect("fast", &["scan:1"]);
    for n in 0..5 {
        let name = format!("t{n}");
        rig.give(Task { backlog: 1, ..each(&name, &["scan"]) });
        rig.done("fast", &name);
    }
    assert_eq!(rig.outcome("t4"), Some(TaskOutcome::Partial));
    assert_eq!(rig.waiting(), 1);
}

#[test]
fn when_it_is_full_it_says_so_and_takes_more_when_something_has_ended() {
    let mut limits = TaskLimits::default();
    limits.parts = 3;
    let mut rig = Rig::with(vec![waits_for_all()], Vec::new(), Modifiers::NONE, limits, 1);
    rig.connect("p1", &["scan:1"]);
    rig.give(task("t1", &["scan"]));
    rig.give(task("t2", &["scan", "net"]));
    assert_eq!(rig.submit(task("t3", &["scan"])), Err(SubmitError::Full { limit: 3 }));
    assert_eq!(rig.open_sets(), 2, "nothing has happened");
    rig.done("p1", "t1");
    rig.give(task("t3", &["scan"]));
}

// === the end of the host ===

#[test]
fn a_router_that_is_closed_gives_nothing_and_still_hears_of_ends() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    rig.give(task("t", &["scan"]));
    rig.give(task("u", &["scan"]));
    rig.close();
    rig.done("p1", "t");
    assert_eq!((rig.has("p1").len(), rig.waiting()), (0, 1));
    assert_eq!(rig.outcome("t"), Some(TaskOutcome::Done));
    assert_eq!(rig.released(), ["t complete expected []"]);
    rig.connect("p2", &["scan:1"]);
    assert_eq!(rig.has("p2").len(), 0);
    rig.abandon();
    assert_eq!(rig.outcome("u"), Some(TaskOutcome::Failed));
    assert_eq!(rig.router.counters().open, 0);
}

#[test]
fn abandoning_ends_everything_once_and_whoever_ends_later_harms_nobody() {
    let mut rig = rig();
    rig.connect("p1", &["scan:3"]);
    rig.connect("p2", &["scan:3"]);
    for name in ["t1", "t2", "t3"] {
        rig.give(task(name, &["scan"]));
    }
    rig.give(each("t4", &["scan"]));
    rig.give(Task { attempt: Some(ms(100)), stall: Some(ms(100)), ..task("t5", &["scan"]) });
    rig.give(task("t6", &["none"]));
    let slips = rig.slips();
    rig.abandon();
    assert_eq!((rig.router.counters().open, rig.router.counters().failed), (0, 6));
    for (slip, ending) in slips.iter().zip(
        [TaskEnding::Done, TaskEnding::Failed("no".into()), TaskEnding::Returned("no".into())].iter().cycle(),
    ) {
        rig.end_slip(slip, ending.clone());
    }
    rig.heartbeat("p1", 1);
    rig.until(70_000);
    rig.heartbeat("p1", 1);
    rig.crash("p1");
    rig.part_with("p2");
    assert_eq!(rig.router.next_deadline(), None);
    assert_eq!(rig.router.status(rig.now, 0).in_flight, 0);
}

#[test]
fn what_is_lost_while_the_host_stops_is_left_for_the_end() {
    let mut rig = rig();
    rig.connect("p1", &["scan:2"]);
    rig.connect("p2", &["scan:2"]);
    rig.give(each("t", &["scan"]));
    rig.give(task("u", &["scan"]));
    rig.give(task("v", &["scan"]));
    rig.close();
    rig.crash("p1");
    rig.crash("p2");
    assert_eq!(rig.outcome("t"), Some(TaskOutcome::Failed));
    rig.abandon();
    assert_eq!(rig.router.counters().open, 0);
    assert_eq!(rig.released(), Vec::<String>::new(), "sets are not told: the shutdown releases them");
}

#[test]
fn what_nobody_has_leaves_nothing_behind() {
    let mut rig = Rig::new(vec![waits_for_all()]);
    for n in 0..50 {
        let mut unknown = task(&format!("t{n}"), &[&format!("c{n}")]);
        unknown.deadline = at(10);
        rig.give(unknown);
    }
    assert_eq!(rig.router.status(at(0), 0).queues.len(), 50);
    rig.until(10);
    assert_eq!(rig.router.status(at(10), 0).queues.len(), 0);
    // A collector that declares something else each time leaves only what it has now.
    for n in 0..20 {
        rig.connect_as("p1", &[&format!("d{n}:1")], n + 1);
        rig.crash("p1");
    }
    rig.connect("p1", &["scan:1"]);
    let queues = rig.router.status(at(10), 0).queues;
    assert_eq!(queues.iter().map(|queue| queue.capability.as_str()).collect::<Vec<_>>(), ["scan"]);
}

#[test]
fn a_session_that_is_lost_with_much_in_flight_is_one_failure() {
    let mut rig = Rig::new(vec![waits_for_all()]);
    rig.connect("p1", &["scan:100"]);
    for n in 0..100 {
        rig.give(task(&format!("t{n}"), &["scan"]));
    }
    rig.crash("p1");
    let status = rig.router.status(at(0), 0);
    let (_, _, _, history) = &status.collectors[&collector("p1")].capabilities[0];
    assert_eq!((history.failed, history.failures_in_a_row), (100, 1));
    assert!(history.success_rate > 0.85, "{}", history.success_rate);
}
