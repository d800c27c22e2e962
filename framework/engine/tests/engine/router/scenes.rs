//! The coordination scenes, as they stand.

use stook_engine::Task;

use super::rig;
use super::rig::task;

#[test]
fn a_hundred_tasks_of_two_collectors_each_run_once_and_both_get_some() {
    let mut rig = rig();
    rig.connect("p1", &["scan:10"]);
    rig.connect("p2", &["scan:10"]);
    for n in 0..100 {
        rig.give(task(&format!("t{n}"), &["scan"]));
    }
    let (mut ran, mut by) = (Vec::new(), [0, 0]);
    while let Some((name, task)) =
        ["p1", "p2"].iter().find_map(|name| Some((*name, (*rig.has(name).first()?).to_owned())))
    {
        rig.done(name, &task);
        by[usize::from(name == "p2")] += 1;
        ran.push(task);
    }
    ran.sort();
    ran.dedup();
    assert_eq!(ran.len(), 100);
    assert!(by[0] >= 10 && by[1] >= 10 && by[0] + by[1] == 100, "{by:?}");
    assert_eq!((rig.router.counters().done, rig.router.counters().assigned), (100, 100));
    rig.check_empty();
}

#[test]
fn ten_tasks_one_leaves_fifteen_more_and_all_reach_the_other() {
    let mut rig = rig();
    rig.connect("p1", &["scan:100"]);
    rig.connect("p2", &["scan:100"]);
    for n in 0..10 {
        rig.give(task(&format!("a{n}"), &["scan"]));
    }
    assert_eq!((rig.has("p1").len(), rig.has("p2").len()), (5, 5));
    rig.crash("p1");
    for n in 0..15 {
        rig.give(task(&format!("b{n}"), &["scan"]));
    }
    assert_eq!(rig.has("p2").len(), 25, "all that is to be done");
    assert_eq!(rig.has("p2").iter().filter(|task| task.starts_with('b')).count(), 15);
    for task in rig.has("p2").iter().map(|task| (*task).to_owned()).collect::<Vec<_>>() {
        rig.done("p2", &task);
    }
    assert_eq!(rig.router.counters().done, 25);
    rig.check_empty();
}

#[test]
fn nine_tasks_over_three_equal_ones_are_three_each() {
    let mut rig = rig();
    for name in ["p1", "p2", "p3"] {
        rig.connect(name, &["scan:9"]);
    }
    for n in 0..9 {
        rig.give(task(&format!("t{n}"), &["scan"]));
    }
    assert_eq!(["p1", "p2", "p3"].map(|name| rig.has(name).len()), [3, 3, 3]);
}

#[test]
fn whoever_joins_sees_priorities_from_the_highest() {
    let mut rig = rig();
    for priority in [1, 5, 3, 2, 4] {
        let placed = rig.give(Task { priority, ..task(&format!("t{priority}"), &["scan"]) });
        assert_eq!(placed.waiting, 1);
    }
    rig.connect("p1", &["scan:1"]);
    for priority in (1..=5).rev() {
        let name = format!("t{priority}");
        assert_eq!(rig.has("p1"), [&*name]);
        rig.done("p1", &name);
    }
    rig.check_empty();
}

#[test]
fn equal_priorities_go_in_order_of_submission() {
    let mut rig = rig();
    for n in 0..4 {
        rig.give(task(&format!("t{n}"), &["scan"]));
    }
    rig.connect("p1", &["scan:4"]);
    assert_eq!(rig.has("p1"), ["t0", "t1", "t2", "t3"]);
}

#[test]
fn with_a_capacity_of_two_the_third_waits_until_one_has_finished() {
    let mut rig = rig();
    rig.connect("p1", &["scan:2"]);
    for name in ["t1", "t2", "t3"] {
        rig.give(task(name, &["scan"]));
    }
    assert_eq!((rig.has("p1"), rig.waiting()), (vec!["t1", "t2"], 1));
    rig.done("p1", "t1");
    assert_eq!((rig.has("p1"), rig.waiting()), (vec!["t2", "t3"], 0));
}

#[test]
fn a_capability_that_nobody_has_is_told_and_waits_until_the_deadline() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    let placed = rig.give(task("t", &["other"]));
    assert_eq!((placed.assigned, placed.waiting), (0, 1));
    assert_eq!(placed.unknown.iter().map(ToString::to_string).collect::<Vec<_>>(), ["other"]);
    let queues = rig.router.status(rig.now, 0).queues;
    let other = queues.iter().find(|queue| queue.capability.as_str() == "other").unwrap();
    assert!(!other.served && other.waiting == 1, "the wait can be seen");
    rig.until(59_999);
    assert_eq!(rig.log(), Vec::<String>::new());
    rig.until(60_000);
    assert_eq!(rig.log(), ["t: failed at nobody", "t: failed", "set t partial collectors-lost []"]);
    rig.check_empty();
}

#[test]
fn one_that_comes_later_may_have_what_nobody_had() {
    let mut rig = rig();
    rig.give(task("t", &["other"]));
    rig.until(1_000);
    rig.connect("p1", &["other:1"]);
    assert_eq!(rig.has("p1"), ["t"]);
}

#[test]
fn a_replacement_is_never_the_failed_incarnation() {
    let mut rig = rig();
    rig.connect_as("p1", &["scan:1"], 77);
    rig.give(task("t", &["scan"]));
    rig.crash("p1");
    rig.connect_as("p1", &["scan:1"], 77);
    assert_eq!((rig.has("p1").len(), rig.waiting()), (0, 1), "the same process comes again");
    rig.part_with("p1");
    rig.connect_as("p1", &["scan:1"], 78);
    assert_eq!(rig.has("p1"), ["t"], "a new one has another chance");
}
