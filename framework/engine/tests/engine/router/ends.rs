//! How tasks end, and what their sets say of it.

use stook_types::TaskOutcome;

use super::rig;
use super::rig::{each, task};

#[test]
fn a_failed_task_is_not_tried_again_and_its_collector_is_missing() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    rig.connect("p2", &["scan:1"]);
    rig.give(task("t", &["scan"]));
    let name = if rig.has("p1").is_empty() { "p2" } else { "p1" };
    rig.offer(name, "t", 1);
    rig.log();
    rig.fails(name, "t");
    let lines = [
        format!("t: failed at {name}"),
        "t: failed".to_owned(),
        format!("set t partial collectors-lost [1] missing {name}=task-failed"),
    ];
    assert_eq!(rig.log(), lines);
    rig.check_empty();
}

#[test]
fn some_done_and_some_failed_is_partial() {
    let mut rig = rig();
    for name in ["p1", "p2", "p3"] {
        rig.connect(name, &["scan:1"]);
    }
    rig.give(each("t", &["scan"]));
    rig.done("p1", "t");
    rig.fails("p2", "t");
    assert_eq!(rig.outcome("t"), None);
    rig.done("p3", "t");
    assert_eq!(rig.outcome("t"), Some(TaskOutcome::Partial));
    assert_eq!(rig.released(), ["t partial collectors-lost [] missing p2=task-failed"]);
}

#[test]
fn one_is_served_as_soon_as_another_has_ended_however_it_ended() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    for name in ["t1", "t2", "t3"] {
        rig.give(task(name, &["scan"]));
    }
    rig.fails("p1", "t1");
    assert_eq!(rig.has("p1"), ["t2"]);
    rig.done("p1", "t2");
    assert_eq!(rig.has("p1"), ["t3"]);
}

#[test]
fn results_after_the_end_of_a_task_are_stale_or_late() {
    let mut rig = rig();
    rig.connect("p1", &["scan:2"]);
    rig.give(task("t", &["scan"]));
    let slip = rig.slip("p1", "t");
    rig.done("p1", "t");
    assert_eq!(rig.released(), ["t complete expected []"]);
    let after = rig.offer_slip(&slip, 0, 1);
    assert!(after == "refused stale-epoch" || after == "refused late", "{after}");
}

#[test]
fn a_retransmit_is_dropped_and_counted() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    rig.give(task("t", &["scan"]));
    let slip = rig.slip("p1", "t");
    assert_eq!(rig.send(&slip, 0, 500, 1), "accepted");
    assert_eq!(rig.send(&slip, 0, 500, 1), "duplicate");
    rig.done("p1", "t");
    assert_eq!(rig.released(), ["t complete expected [1] duplicates 1"]);
}

#[test]
fn what_an_incarnation_sent_before_it_was_lost_is_known_when_it_sends_it_again() {
    let mut rig = rig();
    rig.connect_as("p1", &["scan:1"], 77);
    rig.give(task("t", &["scan"]));
    let slip = rig.slip("p1", "t");
    assert_eq!(rig.send(&slip, 0, 500, 1), "accepted");
    rig.part_with("p1");
    rig.connect_as("p1", &["scan:1"], 77);
    assert_eq!(rig.send(&slip, 0, 500, 1), "duplicate");
    assert_eq!(rig.send(&slip, 0, 501, 2), "refused stale-epoch");
}
