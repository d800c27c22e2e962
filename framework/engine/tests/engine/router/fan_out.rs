//! Who is asked, and that the sets know it before anybody is.

use std::sync::{Arc, Mutex};

use stook_engine::{AggregateSpec, Expected, SubmitError, Task};
use stook_plugin::SetView;
use stook_types::{CollectorId, Missing, TaskOutcome};

use super::rig::{Rig, at, each, ids, task};
use super::{rig, takes_only_expected, waits_for_all};
use crate::harness::{collector, key};
use crate::policies::{ask, complete_if};

#[test]
fn one_asks_the_least_busy_once_for_each_capability() {
    let mut rig = rig();
    rig.connect("p1", &["net:5", "scan:5"]);
    rig.connect("p2", &["scan:5"]);
    let placed = rig.give(task("t1", &["scan", "net"]));
    assert_eq!((placed.assigned, placed.waiting, placed.missing), (2, 0, 0));
    assert_eq!(rig.has("p1").len() + rig.has("p2").len(), 2);
    rig.give(task("t2", &["scan"]));
    rig.give(task("t3", &["scan"]));
    let scans = |name| rig.router.status(rig.now, 9).collectors[&collector(name)].capabilities.clone();
    let in_flight = |name| scans(name).iter().find(|(c, ..)| c.as_str() == "scan").unwrap().1;
    assert_eq!(in_flight("p1") + in_flight("p2"), 3);
    assert!(in_flight("p1").abs_diff(in_flight("p2")) == 1);
}

#[test]
fn each_asks_everybody_who_can_and_those_who_are_away_are_missing_at_once() {
    let mut rig = rig();
    rig.router.configured(collector("configured"));
    for name in ["gone", "p1", "p2"] {
        rig.connect(name, &["scan:1"]);
    }
    rig.connect("other", &["net:1"]);
    rig.crash("gone");
    let placed = rig.give(each("t", &["scan"]));
    assert_eq!((placed.assigned, placed.missing), (2, 1));
    assert_eq!((rig.has("p1"), rig.has("p2"), rig.has("other").len()), (vec!["t"], vec!["t"], 0));
    rig.offer("p1", "t", 1);
    rig.done("p1", "t");
    rig.done("p2", "t");
    assert_eq!(rig.outcome("t"), Some(TaskOutcome::Partial));
    assert_eq!(rig.released(), ["t partial collectors-lost [1] missing gone=exited"]);
}

#[test]
fn each_of_several_capabilities_asks_for_what_each_has() {
    let mut rig = rig();
    rig.connect("p1", &["net:1", "scan:1"]);
    rig.connect("p2", &["net:1"]);
    assert_eq!(rig.give(each("t", &["scan", "net"])).assigned, 3);
    for name in ["p1", "p1", "p2"] {
        assert_eq!(rig.released(), Vec::<String>::new());
        rig.done(name, "t");
    }
    assert_eq!(rig.released(), ["t complete expected []"]);
    assert_eq!(rig.outcome("t"), Some(TaskOutcome::Done));
}

#[test]
fn each_with_everybody_away_fails_at_once_and_says_who() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    rig.connect("p2", &["scan:1"]);
    rig.crash("p1");
    rig.part_with("p2");
    let placed = rig.give(each("t", &["scan"]));
    assert_eq!((placed.assigned, placed.waiting, placed.missing), (0, 0, 2));
    assert_eq!(
        rig.log(),
        ["t: failed", "set t partial collectors-lost [] missing p1=exited p2=disconnected"]
    );
    rig.check_empty();
}

#[test]
fn ids_are_asked_each_once_and_only_they() {
    let mut rig = rig();
    rig.router.configured(collector("never"));
    for name in ["p1", "p2", "p3"] {
        rig.connect(name, &["scan:2"]);
    }
    let placed = rig.give(ids("t", &["scan"], &["p3", "p1", "never", "p3"]));
    assert_eq!((placed.assigned, placed.missing), (2, 1), "naming one twice is naming it");
    assert_eq!(["p1", "p2", "p3"].map(|name| rig.has(name).len()), [1, 0, 1]);
    rig.done("p1", "t");
    rig.done("p3", "t");
    assert_eq!(rig.released(), ["t partial collectors-lost [] missing never=never-connected"]);
}

#[test]
fn what_cannot_be_is_refused_and_nothing_has_happened() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    let check = |rig: &mut Rig, task: Task, error: SubmitError| {
        assert_eq!(rig.submit(task), Err(error));
        assert_eq!((rig.router.counters().submitted, rig.open_sets()), (0, 0));
        rig.check_empty();
    };
    check(&mut rig, each("t", &["none"]), SubmitError::Nobody);
    check(&mut rig, task("t", &[]), SubmitError::Nobody);
    check(&mut rig, ids("t", &["scan"], &[]), SubmitError::Nobody);
    check(&mut rig, ids("t", &["scan"], &["p1", "p9"]), SubmitError::UnknownCollector(collector("p9")));
    check(&mut rig, ids("t", &["none"], &["p1"]), SubmitError::Unable(collector("p1")));
    rig.close();
    check(&mut rig, task("t", &["scan"]), SubmitError::Closed);
}

// === announced before dispatched ===

#[test]
fn whoever_gets_a_task_is_expected_and_nobody_else() {
    let mut rig = Rig::new(vec![takes_only_expected()]);
    rig.connect("p1", &["scan:1"]);
    rig.connect("p2", &["other:1"]);
    rig.give(task("t", &["scan"]));
    rig.give(task("u", &["other"]));
    assert_eq!(rig.offer("p1", "t", 1), "accepted");
    // p2 answers into a set that does not wait for it.
    let mut stranger = rig.slip("p2", "u");
    stranger.task = "v".into();
    rig.give(task("v", &["scan"]));
    assert_eq!(rig.waiting(), 1, "the set of v is open, and nobody has it");
}

#[test]
fn a_task_that_no_aggregate_can_take_goes_to_nobody() {
    let mut rig = rig();
    rig.connect("p1", &["scan:9"]);
    rig.give(task("t1", &["scan"]));
    rig.done("p1", "t1");
    assert_eq!(rig.released(), ["t1 complete expected []"]);
    let again = Task { correlation_id: crate::harness::id("t1"), ..task("t2", &["scan"]) };
    assert_eq!(rig.submit(again.clone()), Err(SubmitError::NotAnnounced), "its set was released already");
    assert_eq!(rig.log(), ["t2: not announced"]);
    assert_eq!(rig.has("p1").len(), 0);
    rig.check_empty();
}

#[test]
fn of_two_aggregates_one_that_is_full_does_not_keep_the_other_waiting() {
    let full = AggregateSpec {
        name: "b".into(),
        topics: vec![crate::harness::pattern("b.#")],
        limits: stook_engine::Limits {
            sets: 1,
            when_full: stook_engine::WhenFull::Refuse,
            ..Default::default()
        },
        ..waits_for_all()
    };
    let mut rig = Rig::new(vec![waits_for_all(), full]);
    rig.connect("p1", &["scan:9"]);
    rig.give(Task { into: vec![1], ..task("t1", &["scan"]) });
    rig.give(Task { into: vec![0, 1], ..task("t2", &["scan"]) });
    assert!(rig.log().contains(&"t2: not announced".to_owned()));
    rig.done("p1", "t2");
    assert_eq!(rig.released(), ["t2 complete expected []"]);
}

#[test]
fn into_no_aggregate_at_all() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    rig.give(Task { into: vec![], ..task("t", &["scan"]) });
    rig.done("p1", "t");
    assert_eq!(rig.log(), ["p1 <- t", "t: done"]);
}

#[test]
fn two_tasks_of_one_set_are_both_waited_for() {
    let mut rig = rig();
    rig.connect("p1", &["scan:9"]);
    rig.connect("p2", &["net:9"]);
    let of_set = |name: &str, capability: &str| Task {
        correlation_id: crate::harness::id("s"),
        ..task(name, &[capability])
    };
    rig.give(of_set("t1", "scan"));
    rig.give(of_set("t2", "net"));
    rig.done("p1", "t1");
    assert_eq!(rig.released(), Vec::<String>::new());
    rig.done("p2", "t2");
    assert_eq!(rig.released(), ["s complete expected []"]);
}

/// Who has tasks of a set, and how many nobody has, each time the set is looked at.
type Looks = Arc<Mutex<Vec<(Vec<CollectorId>, u32)>>>;

fn watched(seen: &Looks) -> AggregateSpec {
    let seen = seen.clone();
    let look = move |set: &SetView<'_>| {
        let have = set.members.iter().filter(|member| member.open_tasks > 0);
        let have = have.map(|member| member.collector.clone()).collect();
        seen.lock().unwrap().push((have, set.unassigned));
        let answered = set.expected().next().is_some() && set.expected().all(|member| member.answered);
        complete_if(answered && set.unassigned == 0)
    };
    AggregateSpec { completion: vec![ask(look)], ..waits_for_all() }
}

#[test]
fn at_no_instant_does_a_set_believe_that_nobody_will_answer() {
    let seen = Arc::default();
    let mut rig = Rig::new(vec![watched(&seen)]);
    rig.connect("p1", &["scan:1"]);
    rig.connect("p2", &["scan:1"]);
    rig.give(task("t", &["scan"]));
    let first = if rig.has("p1").is_empty() { "p2" } else { "p1" };
    rig.crash(first);
    let second = if first == "p1" { "p2" } else { "p1" };
    assert_eq!(rig.has(second), ["t"]);
    rig.crash(second);
    rig.connect("p3", &["scan:1"]);
    rig.offer("p3", "t", 3);
    let looks = std::mem::take(&mut *seen.lock().unwrap());
    assert!(looks.len() >= 5, "{looks:?}");
    for (have, unassigned) in &looks {
        assert_eq!(have.len() as u32 + unassigned, 1, "somebody, or the queue: {looks:?}");
    }
    assert_eq!(looks.first().unwrap(), &(vec![], 1), "announced before anybody has it");
    rig.done("p3", "t");
    assert_eq!(rig.released(), ["t complete ask [3]"]);
}

#[test]
fn announcing_is_seen_by_whoever_looks_at_the_same_time() {
    // A set that is open already learns of the new task under one lock: not first that p1 has answered, then of the task.
    let seen = Arc::default();
    let mut rig = Rig::new(vec![watched(&seen)]);
    rig.connect("p1", &["scan:1"]);
    let mut out = Vec::new();
    let expected = [Expected::first_result(collector("p9"))];
    rig.sets.announce_tasks(at(0), 0, &key("s"), &expected, 2, &mut out).unwrap();
    assert_eq!(seen.lock().unwrap().last().unwrap().1, 2);
    rig.sets.drop_task(at(0), 0, &key("s"), &[(collector("p1"), Missing::Outstanding)], &mut out);
    rig.sets.drop_task(at(0), 0, &key("s"), &[(collector("p1"), Missing::Outstanding)], &mut out);
    assert!(out.is_empty(), "p9 may still come");
}

#[test]
fn a_task_is_waited_for_though_its_collector_has_failed_another_of_the_set() {
    let mut rig = rig();
    rig.connect("p1", &["scan:9"]);
    rig.connect("p2", &["scan:9"]);
    let of_set = |task: Task| Task { correlation_id: crate::harness::id("s"), ..task };
    rig.give(of_set(each("t1", &["scan"])));
    rig.fails("p1", "t1");
    rig.give(of_set(ids("t2", &["scan"], &["p1"])));
    rig.done("p2", "t1");
    assert_eq!(rig.released(), Vec::<String>::new(), "p1 has t2");
    assert_eq!(rig.offer("p1", "t2", 1), "accepted");
    rig.done("p1", "t2");
    assert_eq!(rig.released(), ["s partial collectors-lost [1] missing p1=task-failed"]);
}

#[test]
fn a_collector_that_was_missing_and_came_back_is_waited_for_if_it_is_asked_again() {
    let mut rig = rig();
    rig.connect("p1", &["scan:9"]);
    rig.connect("p2", &["scan:9"]);
    rig.crash("p1");
    let of_set = |task: Task| Task { correlation_id: crate::harness::id("s"), ..task };
    rig.give(of_set(each("t1", &["scan"])));
    rig.connect("p1", &["scan:9"]);
    rig.give(of_set(ids("t2", &["scan"], &["p1"])));
    rig.done("p2", "t1");
    assert_eq!(rig.released(), Vec::<String>::new());
    rig.done("p1", "t2");
    assert_eq!(rig.released(), ["s partial collectors-lost [] missing p1=exited"], "it missed the first");
}
