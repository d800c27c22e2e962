//! Failover: tasks change hands, and their sets wait for whoever has them now, in the same step.

use stook_engine::{AggregateSpec, LatePolicy, LateSpec, Task, TaskEnding};
use stook_types::TaskOutcome;

use super::rig::{Rig, at, capability, each, ids, task};
use super::{rig, takes_only_expected, waits_for_all};
use crate::harness::{id, ms};

/// With p1, which has `t`, and p2, which is free for it.
fn two(spec: AggregateSpec) -> Rig {
    let mut rig = Rig::new(vec![spec]);
    rig.connect("p1", &["scan:1"]);
    rig.give(task("t", &["scan"]));
    rig.connect("p2", &["scan:1"]);
    rig
}

#[test]
fn the_replacement_takes_the_place_of_the_lost_and_completes_the_set() {
    let mut rig = two(takes_only_expected());
    assert_eq!(rig.offer("p1", "t", 1), "accepted");
    let old = rig.slip("p1", "t");
    rig.log();
    rig.crash("p1");
    assert_eq!(rig.log(), ["p2 <- t (2)", "t: moved p1 -> p2"], "and no set is released");
    assert_eq!(rig.offer_slip(&old, 0, 666), "refused stale-epoch");
    assert_eq!(rig.offer("p2", "t", 2), "accepted");
    rig.done("p2", "t");
    assert_eq!(rig.log(), ["t: done", "set t complete expected [1,2]"], "what came before stays");
    assert_eq!(rig.sets.counters().refused["stale-epoch"], 1);
    assert_eq!(rig.router.counters().redistributed, 1);
    rig.check_empty();
}

#[test]
fn with_nobody_to_take_over_the_set_stays_open_until_somebody_comes() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    rig.give(task("t", &["scan"]));
    rig.log();
    rig.crash("p1");
    assert_eq!((rig.log(), rig.open_sets()), (vec!["t: moved p1 -> nobody".to_owned()], 1));
    rig.until(30_000);
    rig.connect("p2", &["scan:1"]);
    rig.done("p2", "t");
    assert_eq!(rig.released(), ["t complete expected []"]);
}

#[test]
fn when_nobody_comes_before_the_deadline_the_partial_says_who_was_lost() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    rig.give(task("t", &["scan"]));
    rig.offer("p1", "t", 1);
    rig.crash("p1");
    rig.log();
    rig.until(59_999);
    assert_eq!(rig.log(), Vec::<String>::new());
    rig.until(60_000);
    let lines = ["t: failed at p1", "t: failed", "set t partial collectors-lost [1] missing p1=exited"];
    assert_eq!(rig.log(), lines);
    rig.check_empty();
}

#[test]
fn a_set_that_times_out_while_its_task_waits_says_who_was_lost() {
    let mut rig = Rig::new(vec![AggregateSpec { timeout: ms(10_000), ..waits_for_all() }]);
    rig.connect("p1", &["scan:1"]);
    rig.give(task("t", &["scan"]));
    rig.crash("p1");
    rig.log();
    rig.until(10_000);
    assert_eq!(rig.log(), ["set t partial timeout [] missing p1=exited"]);
}

#[test]
fn a_collector_that_answered_one_task_and_was_lost_with_another_is_missing() {
    let mut rig = rig();
    rig.connect("p1", &["net:1", "scan:1"]);
    rig.give(task("t", &["scan", "net"]));
    rig.offer("p1", "t", 1);
    // The latest of two leases of one task is that of `net`.
    rig.done("p1", "t");
    rig.crash("p1");
    rig.until(60_000);
    assert_eq!(rig.outcome("t"), Some(TaskOutcome::Partial));
    assert_eq!(rig.released(), ["t partial collectors-lost [1] missing p1=exited"]);
}

#[test]
fn a_task_that_found_no_place_names_somebody_even_if_all_answered_something_else() {
    let mut rig = rig();
    rig.connect("p1", &["net:1", "scan:1"]);
    rig.give(Task { deadline: at(100_000), ..task("long", &["net"]) });
    rig.give(task("t", &["scan", "net"]));
    rig.done("p1", "t");
    rig.log();
    rig.until(60_000);
    assert_eq!(rig.released(), ["t partial collectors-lost [] missing p1=outstanding"]);
}

#[test]
fn a_pending_restart_is_no_replacement_for_each() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    rig.connect("p2", &["scan:1"]);
    rig.give(each("t", &["scan"]));
    rig.log();
    rig.crash("p1");
    assert_eq!(rig.log(), ["t: failed at p1"], "p2 is still waited for");
    rig.connect("p1", &["scan:1"]);
    assert_eq!(rig.has("p1").len(), 0);
    rig.done("p2", "t");
    assert_eq!(rig.log(), ["t: partial", "set t partial collectors-lost [] missing p1=exited"]);
}

#[test]
fn ids_that_are_lost_are_missing_also_while_they_wait() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    rig.connect("p2", &["scan:1"]);
    rig.give(ids("t", &["scan"], &["p1"]));
    rig.give(ids("u", &["scan"], &["p1"]));
    assert_eq!(rig.waiting(), 1);
    rig.log();
    rig.crash("p1");
    let mut log = rig.log();
    log.sort();
    let lines = [
        "set t partial collectors-lost [] missing p1=exited",
        "set u partial collectors-lost [] missing p1=exited",
        "t: failed",
        "t: failed at p1",
        "u: failed",
        "u: failed at p1",
    ];
    assert_eq!(log, lines);
    rig.check_empty();
}

#[test]
fn priority_decides_who_gets_the_one_place_that_is_left() {
    let mut rig = rig();
    rig.connect("p1", &["scan:3"]);
    for priority in [1, 5, 3] {
        rig.give(Task { priority, ..task(&format!("t{priority}"), &["scan"]) });
    }
    rig.connect("p2", &["scan:1"]);
    rig.crash("p1");
    assert_eq!(rig.has("p2"), ["t5"]);
    rig.done("p2", "t5");
    rig.give(Task { priority: 2, ..task("t2", &["scan"]) });
    assert_eq!(rig.has("p2"), ["t3"]);
    rig.done("p2", "t3");
    assert_eq!(rig.has("p2"), ["t2"]);
    rig.done("p2", "t2");
    assert_eq!(rig.has("p2"), ["t1"]);
}

#[test]
fn many_in_flight_move_in_one_step() {
    let mut rig = rig();
    rig.connect("p1", &["scan:300"]);
    for n in 0..300 {
        rig.give(task(&format!("t{n}"), &["scan"]));
    }
    rig.connect("p2", &["scan:150"]);
    rig.connect("p3", &["scan:200"]);
    rig.crash("p1");
    assert_eq!(rig.has("p2").len() + rig.has("p3").len(), 300);
}

// === a collector that goes on, and does not end ===

#[test]
fn an_attempt_that_takes_too_long_is_cancelled_and_given_to_another() {
    let mut rig = rig();
    rig.connect("p1", &["net:1", "scan:2"]);
    rig.give(Task { attempt: Some(ms(500)), ..task("t", &["scan"]) });
    rig.connect("p2", &["scan:1"]);
    let old = rig.slip("p1", "t");
    rig.log();
    rig.until(499);
    assert_eq!(rig.log(), Vec::<String>::new());
    rig.until(500);
    assert_eq!(rig.log(), ["p1 x t", "p2 <- t (2)", "t: moved p1 -> p2"]);
    let status = rig.router.status(rig.now, 9);
    assert_eq!(status.collectors[&crate::harness::collector("p1")].overdue, 1);
    // p1 has a slot of its own for each of these: none for what may be kept by the same.
    rig.give(task("u", &["scan"]));
    rig.give(task("v", &["net"]));
    assert_eq!((rig.has("p1"), rig.waiting()), (vec!["v"], 1));
    assert_eq!(rig.offer_slip(&old, 0, 1), "refused stale-epoch");
    rig.end_slip(&old, TaskEnding::Done);
    assert_eq!(rig.router.counters().stale, 1);
    assert_eq!(rig.has("p1"), ["v", "u"], "it has let go");
    rig.done("p2", "t");
    assert_eq!(rig.released(), ["t complete expected []"]);
}

#[test]
fn with_nobody_else_a_task_that_timed_out_waits_and_is_not_given_back_to_the_same() {
    let mut rig = rig();
    rig.connect("p1", &["scan:2"]);
    rig.give(Task { attempt: Some(ms(500)), ..task("t", &["scan"]) });
    let old = rig.slip("p1", "t");
    rig.until(500);
    rig.end_slip(&old, TaskEnding::Failed("too late".into()));
    assert_eq!((rig.has("p1").len(), rig.waiting()), (0, 1));
    rig.until(60_000);
    assert_eq!(rig.released(), ["t partial collectors-lost [] missing p1=timeout"]);
    rig.check_empty();
}

#[test]
fn the_set_refuses_what_is_fenced_though_its_session_has_not_heard_of_it() {
    let mut rig = rig();
    rig.connect("p1", &["net:1", "scan:1"]);
    rig.give(Task { attempt: Some(ms(500)), ..task("t", &["scan"]) });
    rig.give(Task { correlation_id: id("t"), ..task("u", &["net"]) });
    rig.connect("p2", &["scan:1"]);
    let (old, other) = (rig.slip("p1", "t"), rig.slip("p1", "u"));
    rig.until(500);
    assert_eq!(rig.has("p2"), ["t"]);
    assert_eq!(rig.offer_unheard(&old, 1), "refused stale-epoch");
    assert_eq!(rig.offer_slip(&other, 0, 2), "accepted", "it has another task in the set");
    assert_eq!(rig.offer("p2", "t", 3), "accepted");
    rig.done("p1", "u");
    rig.done("p2", "t");
    assert_eq!(rig.released(), ["t complete expected [2,3]"]);
}

#[test]
fn no_progress_is_given_up_on_and_progress_is_not() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    rig.give(Task { stall: Some(ms(1_000)), ..task("t", &["scan"]) });
    rig.connect("p2", &["scan:1"]);
    rig.log();
    for n in 1..5 {
        rig.until(n * 900);
        rig.heartbeat("p1", n);
        assert_eq!(rig.log(), Vec::<String>::new(), "it moves");
    }
    rig.until(4_500);
    rig.heartbeat("p1", 4);
    assert_eq!(rig.log(), Vec::<String>::new(), "not for so long");
    rig.until(4_600);
    rig.heartbeat("p1", 4);
    assert_eq!(rig.log(), ["p1 x t", "p2 <- t (2)", "t: moved p1 -> p2"]);
}

#[test]
fn a_task_that_was_just_given_is_not_blamed_for_old_idleness() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    rig.heartbeat("p1", 0);
    rig.until(10_000);
    rig.give(Task { stall: Some(ms(1_000)), ..task("t", &["scan"]) });
    rig.heartbeat("p1", 0);
    assert_eq!(rig.has("p1"), ["t"]);
    rig.until(11_000);
    rig.heartbeat("p1", 0);
    assert_eq!((rig.has("p1").len(), rig.waiting()), (0, 1));
}

#[test]
fn each_that_stalls_has_failed_and_is_missing() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    rig.connect("p2", &["scan:1"]);
    rig.give(Task { attempt: Some(ms(500)), ..each("t", &["scan"]) });
    rig.done("p2", "t");
    rig.log();
    rig.until(500);
    let lines =
        ["p1 x t", "t: failed at p1", "t: partial", "set t partial collectors-lost [] missing p1=timeout"];
    assert_eq!(rig.log(), lines);
    rig.check_empty();
}

#[test]
fn a_deadline_ends_what_is_in_flight_and_the_slot_stays_taken() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    rig.give(Task { deadline: at(1_000), ..task("t", &["scan"]) });
    rig.give(task("u", &["scan"]));
    let old = rig.slip("p1", "t");
    rig.offer("p1", "t", 1);
    rig.log();
    rig.until(1_000);
    let lines =
        ["p1 x t", "t: failed at p1", "t: failed", "set t partial collectors-lost [1] missing p1=timeout"];
    assert_eq!(rig.log(), lines);
    assert_eq!((rig.has("p1").len(), rig.waiting()), (0, 1));
    rig.end_slip(&old, TaskEnding::Done);
    assert_eq!(rig.has("p1"), ["u"]);
}

// === a collector that leaves ===

#[test]
fn what_is_given_back_goes_to_another_and_its_collector_gets_nothing_more() {
    let mut rig = two(waits_for_all());
    rig.log();
    rig.returns("p1", "t");
    assert_eq!(rig.log(), ["p2 <- t (2)", "t: moved p1 -> p2"]);
    assert_eq!(rig.router.counters().returned, 1);
    rig.give(task("u", &["scan"]));
    assert_eq!((rig.has("p1").len(), rig.waiting()), (0, 1));
    rig.part_with("p1");
    rig.done("p2", "t");
    assert_eq!(rig.released(), ["t complete expected []"]);
}

#[test]
fn what_is_given_back_with_nobody_else_there_waits_for_the_successor() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    rig.give(task("t", &["scan"]));
    rig.returns("p1", "t");
    assert_eq!(rig.waiting(), 1);
    rig.part_with("p1");
    assert_eq!(rig.released(), Vec::<String>::new());
    rig.connect("p1", &["scan:1"]);
    assert_eq!(rig.has("p1"), ["t"]);
    rig.done("p1", "t");
    assert_eq!(rig.released(), ["t complete expected []"]);
}

#[test]
fn what_only_one_can_run_has_failed_when_it_gives_it_back() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    rig.give(each("t", &["scan"]));
    rig.returns("p1", "t");
    assert_eq!(rig.released(), ["t partial collectors-lost [] missing p1=task-failed"]);
    assert_eq!(rig.outcome("t"), Some(TaskOutcome::Failed));
}

#[test]
fn one_that_drains_finishes_what_it_has_and_gets_nothing_more() {
    let mut rig = rig();
    rig.connect("p1", &["scan:2"]);
    rig.give(task("t", &["scan"]));
    rig.drain("p1");
    rig.give(task("u", &["scan"]));
    assert_eq!((rig.has("p1"), rig.waiting()), (vec!["t"], 1));
    rig.done("p1", "t");
    assert_eq!((rig.has("p1").len(), rig.waiting()), (0, 1));
    rig.part_with("p1");
    rig.connect("p1", &["scan:2"]);
    assert_eq!(rig.has("p1"), ["u"]);
}

// === late, and once more ===

#[test]
fn a_correction_knows_who_has_the_task_now() {
    let late = LateSpec { policy: LatePolicy::Correct(ms(30_000)), ..LateSpec::default() };
    let mut rig = Rig::new(vec![AggregateSpec { timeout: ms(1_000), late, ..waits_for_all() }]);
    rig.connect("p1", &["scan:1"]);
    rig.give(task("t", &["scan"]));
    rig.connect("p2", &["scan:1"]);
    rig.until(1_000);
    assert_eq!(rig.released(), ["t partial timeout [] missing p1=timeout"]);
    rig.crash("p1");
    rig.offer("p2", "t", 2);
    assert_eq!(rig.released(), ["t partial timeout [2] r2 missing p2=timeout"]);
}

#[test]
fn an_end_that_is_said_twice_or_by_another_is_nothing() {
    let mut rig = two(waits_for_all());
    let mut slip = rig.slip("p1", "t");
    slip.holder = "p2".into();
    let id = crate::harness::collector("p2");
    let lease = slip.lease;
    let epoch = slip.source.epoch;
    rig.step(|router, turn| router.ended(turn, &id, epoch, lease, TaskEnding::Done));
    assert_eq!(rig.has("p1"), ["t"]);
    let slip = rig.slip("p1", "t");
    rig.end_slip(&slip, TaskEnding::Done);
    rig.end_slip(&slip, TaskEnding::Done);
    rig.end_slip(&slip, TaskEnding::Failed("no".into()));
    assert_eq!(rig.outcome("t"), Some(TaskOutcome::Done));
    rig.check_empty();
}

#[test]
fn a_session_that_is_replaced_before_its_loss_is_told_has_lost_what_it_had() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    rig.give(task("t", &["scan"]));
    let old = rig.slip("p1", "t").source;
    // The host hears of the new session first. The rig's books do not: it looks at the router only.
    let new = crate::harness::source("p1", 99, 99);
    rig.sets.connected(new.clone());
    let (mut released, mut acts) = (Vec::new(), Vec::new());
    let mut turn =
        stook_engine::Turn { now: rig.now, sets: &rig.sets, released: &mut released, acts: &mut acts };
    let scan = [(capability("scan"), 1)];
    rig.router.connected(&mut turn, stook_engine::Arrival { source: &new, capabilities: &scan });
    let loss = stook_engine::Loss { why: stook_types::Missing::Disconnected, suspicious: false };
    rig.router.lost(&mut turn, &old, loss);
    let status = rig.router.status(rig.now, 9);
    assert_eq!(status.in_flight, 1, "{status:?}");
    assert_eq!((status.leases[0].collector.as_str(), status.leases[0].attempt), ("p1", 2));
    let lease = status.leases[0].lease;
    rig.router.ended(&mut turn, &new.collector, new.epoch, lease, TaskEnding::Done);
    assert_eq!(rig.router.counters().done, 1);
    assert_eq!(released.len(), 1);
    drop(released);
}

#[test]
fn a_collector_that_comes_back_is_not_waited_for_where_its_task_was_given_up() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    rig.connect("p2", &["net:1"]);
    rig.give(task("t", &["scan", "net"]));
    rig.connect("p3", &["other:1"]);
    rig.crash("p1");
    rig.give(Task { correlation_id: id("t"), deadline: at(90_000), ..task("u", &["other"]) });
    rig.done("p2", "t");
    rig.until(60_000);
    assert_eq!(rig.outcome("t"), Some(TaskOutcome::Partial));
    rig.connect("p1", &["scan:1"]);
    rig.done("p3", "u");
    assert_eq!(rig.released(), ["t partial collectors-lost [] missing p1=exited"]);
}
