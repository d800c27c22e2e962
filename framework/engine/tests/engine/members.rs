//! Whom a set waits for: tasks, losses, reconnects, and the reason for each collector that is missing.

use stook_engine::{AggregateSpec, Expected, LatePolicy, LateSpec, LeaseId};
use stook_plugin::Unexpected;
use stook_types::Missing;

use crate::harness::{Rig, collector, key, ms, shot, source, spec};
use crate::policies::{announced, expected, expected_or, quorum};

fn rig() -> Rig {
    rig_of(AggregateSpec { completion: vec![announced()], ..spec() })
}

/// With `p1`, `p2` and `p3` connected.
fn rig_of(spec: AggregateSpec) -> Rig {
    let mut rig = Rig::new(spec);
    for name in ["p1", "p2", "p3"] {
        rig.session(name);
    }
    rig
}

fn tasks(of: &[(&str, u32)]) -> Vec<Expected> {
    of.iter().map(|(name, tasks)| Expected::tasks(collector(name), *tasks)).collect()
}

// === tasks ===

#[test]
fn a_task_is_answered_when_it_is_finished() {
    let mut rig = rig();
    rig.announce("1", &tasks(&[("p1", 1), ("p2", 1)])).unwrap();
    rig.offer("p1", "1", 1);
    rig.offer("p2", "1", 2);
    assert!(rig.emitted().is_empty(), "results are no end");
    rig.finished("1", "p1");
    rig.offer("p2", "1", 3);
    assert!(rig.emitted().is_empty());
    rig.finished("1", "p2");
    assert_eq!(rig.emitted(), ["1 complete expected [1,2,3]"]);
}

#[test]
fn a_task_may_finish_without_a_result() {
    let mut rig = rig();
    rig.announce("1", &tasks(&[("p1", 1)])).unwrap();
    rig.finished("1", "p1");
    assert_eq!(rig.emitted(), ["1 complete expected []"]);
}

#[test]
fn several_tasks_of_one_collector_are_all_waited_for() {
    let mut rig = rig();
    rig.announce("1", &tasks(&[("p1", 2)])).unwrap();
    rig.announce("1", &tasks(&[("p1", 1), ("p2", 1)])).unwrap();
    for by in ["p1", "p2", "p1"] {
        rig.finished("1", by);
        assert!(rig.emitted().is_empty());
    }
    rig.finished("1", "p1");
    assert_eq!(rig.emitted(), ["1 complete expected []"]);
}

#[test]
fn more_finishes_than_tasks_harm_nobody() {
    let mut rig = rig();
    rig.announce("1", &tasks(&[("p1", 1), ("p2", 1)])).unwrap();
    for _ in 0..3 {
        rig.finished("1", "p1");
        rig.finished("1", "p9");
        rig.finished("7", "p1");
        rig.failed("7", "p1");
    }
    assert!(rig.emitted().is_empty());
    rig.finished("1", "p2");
    assert_eq!(rig.emitted(), ["1 complete expected []"]);
}

#[test]
fn a_failed_task_makes_its_collector_missing_and_what_it_sent_stays() {
    let mut rig = rig();
    rig.announce("1", &tasks(&[("p1", 1), ("p2", 1)])).unwrap();
    rig.offer("p2", "1", 2);
    rig.failed("1", "p2");
    assert!(rig.emitted().is_empty(), "p1 is still awaited");
    rig.finished("1", "p1");
    assert_eq!(rig.emitted(), ["1 partial collectors-lost [2] missing p2=task-failed"]);
}

#[test]
fn when_all_tasks_failed_nobody_waits() {
    let mut rig = rig();
    rig.announce("1", &tasks(&[("p1", 1), ("p2", 1)])).unwrap();
    rig.failed("1", "p1");
    rig.failed("1", "p2");
    assert_eq!(rig.emitted(), ["1 partial collectors-lost [] missing p1=task-failed p2=task-failed"]);
}

#[test]
fn one_failed_task_of_two_is_a_failure() {
    for failed_first in [true, false] {
        let mut rig = rig();
        rig.announce("1", &tasks(&[("p1", 2)])).unwrap();
        if failed_first {
            rig.failed("1", "p1");
            rig.finished("1", "p1");
        } else {
            rig.finished("1", "p1");
            rig.failed("1", "p1");
        }
        assert_eq!(rig.emitted(), ["1 partial collectors-lost [] missing p1=task-failed"], "{failed_first}");
    }
}

#[test]
fn what_the_other_task_finds_is_waited_for() {
    let mut rig = rig();
    rig.announce("1", &tasks(&[("p1", 2)])).unwrap();
    rig.failed("1", "p1");
    rig.offer("p1", "1", 1);
    assert_eq!(rig.emitted(), Vec::<String>::new());
    rig.finished("1", "p1");
    assert_eq!(rig.emitted(), ["1 partial collectors-lost [1] missing p1=task-failed"]);
}

// === losses ===

#[test]
fn nobody_waits_for_a_corpse() {
    for why in [Missing::Exited, Missing::Disconnected] {
        let mut rig = rig();
        rig.open("1", &["p1", "p2"]);
        rig.offer("p1", "1", 1);
        rig.until(5);
        rig.lose("p2", why);
        assert_eq!(rig.emitted(), [format!("1 partial collectors-lost [1] missing p2={why}")]);
    }
}

#[test]
fn somebody_who_can_still_answer_is_waited_for() {
    let mut rig = rig();
    rig.open("1", &["p1", "p2", "p3"]);
    rig.lose("p2", Missing::Exited);
    rig.offer("p1", "1", 1);
    assert!(rig.emitted().is_empty());
    rig.offer("p3", "1", 3);
    assert_eq!(rig.emitted(), ["1 partial collectors-lost [1,3] missing p2=exited"]);
}

#[test]
fn all_sets_that_wait_for_the_dead_end_and_no_others() {
    let mut rig = rig();
    for n in 0..100 {
        rig.open(&n.to_string(), if n % 2 == 0 { &["p1"] } else { &["p2"] });
    }
    rig.lose("p1", Missing::Exited);
    let lines = rig.emitted();
    assert_eq!(lines.len(), 50);
    assert!(lines.iter().all(|line| line.ends_with("partial collectors-lost [] missing p1=exited")));
    rig.lose("p2", Missing::Exited);
    assert_eq!(rig.emitted().len(), 50);
}

#[test]
fn who_answered_before_it_died_is_not_missing() {
    let mut rig = rig();
    rig.open("1", &["p1", "p2"]);
    rig.offer("p1", "1", 1);
    rig.lose("p1", Missing::Exited);
    assert!(rig.emitted().is_empty());
    rig.offer("p2", "1", 2);
    assert_eq!(rig.emitted(), ["1 complete expected [1,2]"]);
}

#[test]
fn who_died_over_an_unfinished_task_is_missing_though_it_sent_something() {
    let mut rig = rig();
    rig.announce("1", &tasks(&[("p1", 1)])).unwrap();
    rig.offer("p1", "1", 1);
    rig.lose("p1", Missing::Exited);
    assert_eq!(rig.emitted(), ["1 partial collectors-lost [1] missing p1=exited"]);
}

#[test]
fn sets_opened_later_name_the_dead_as_well() {
    let mut rig = rig_of(AggregateSpec { completion: vec![expected(&["p1", "p2"])], ..spec() });
    rig.lose("p2", Missing::Exited);
    rig.offer("p1", "1", 1);
    assert_eq!(rig.emitted(), ["1 partial collectors-lost [1] missing p2=exited"]);
    rig.open("2", &["p2"]);
    assert_eq!(rig.emitted(), ["2 partial collectors-lost [] missing p2=exited"]);
    rig.connect("p2", 2);
    rig.offer("p1", "3", 1);
    assert!(rig.emitted().is_empty(), "it is back");
    rig.offer("p2", "3", 2);
    assert_eq!(rig.emitted(), ["3 complete expected [1,2]"]);
}

#[test]
fn the_end_of_an_old_session_is_not_the_loss_of_the_new_one() {
    let mut rig = rig();
    let old = rig.session("p1").source().clone();
    rig.connect("p1", 1);
    rig.open("1", &["p1"]);
    let mut out = Vec::new();
    rig.engine.collector_lost(stook_types::MonoTime::ZERO, &old, Missing::Disconnected, &mut out);
    assert!(out.is_empty());
    rig.offer("p1", "1", 1);
    assert_eq!(rig.emitted(), ["1 complete expected [1]"]);
}

#[test]
fn who_comes_back_in_time_is_not_missing() {
    let mut rig = rig();
    rig.open("1", &["p1", "p2"]);
    rig.lose("p2", Missing::Disconnected);
    rig.connect("p2", 1);
    rig.offer("p2", "1", 2);
    rig.offer("p1", "1", 1);
    assert_eq!(rig.emitted(), ["1 complete expected [2,1]"]);
}

#[test]
fn a_loss_that_is_announced_twice_is_one_loss() {
    let mut rig = rig();
    rig.open("1", &["p1", "p2"]);
    rig.lose("p2", Missing::Exited);
    rig.lose("p2", Missing::Disconnected);
    rig.offer("p1", "1", 1);
    assert_eq!(rig.emitted(), ["1 partial collectors-lost [1] missing p2=exited"]);
}

#[test]
fn the_loss_of_somebody_unknown_is_nothing() {
    let mut rig = rig();
    rig.open("1", &["p1"]);
    let mut out = Vec::new();
    let stranger = source("p77", 1, 1);
    rig.engine.collector_lost(stook_types::MonoTime::ZERO, &stranger, Missing::Exited, &mut out);
    assert!(out.is_empty());
}

// === missing, each for its reason ===

#[test]
fn known_absentees_are_missing_at_once() {
    let mut rig = rig();
    let gone = Expected::missing(collector("p9"), Missing::NeverConnected);
    rig.announce("1", &[Expected::tasks(collector("p1"), 1), gone.clone()]).unwrap();
    rig.finished("1", "p1");
    assert_eq!(rig.emitted(), ["1 partial collectors-lost [] missing p9=never-connected"]);
    rig.announce("2", &[gone]).unwrap();
    assert_eq!(rig.emitted(), ["2 partial collectors-lost [] missing p9=never-connected"]);
}

#[test]
fn every_reason_at_once() {
    let mut spec = AggregateSpec { completion: vec![announced()], ..spec() };
    spec.limits.results_per_set = 1;
    let mut rig = rig_of(spec);
    for name in ["p4", "p5", "p6"] {
        rig.session(name);
    }
    rig.announce("1", &tasks(&[("p4", 1)])).unwrap();
    rig.open("1", &["p1", "p2", "p3", "p5", "p6", "p7"]);
    rig.offer("p1", "1", 1);
    assert_eq!(rig.offer("p2", "1", 2), "refused set-full");
    rig.lose("p3", Missing::Exited);
    rig.failed("1", "p4");
    rig.lose("p5", Missing::Disconnected);
    rig.until(10_000);
    assert_eq!(
        rig.emitted(),
        ["1 partial timeout [1] missing p2=refused p3=exited p4=task-failed p5=disconnected \
          p6=timeout p7=never-connected"]
    );
}

#[test]
fn a_complete_set_lists_whom_a_quorum_left_out() {
    let mut rig = rig_of(AggregateSpec { completion: vec![quorum(2)], ..spec() });
    rig.open("1", &["p1", "p2", "p3"]);
    rig.offer("p3", "1", 3);
    rig.offer("p1", "1", 1);
    assert_eq!(rig.emitted(), ["1 complete quorum [3,1] missing p2=outstanding"]);
}

#[test]
fn nobody_expected_nobody_missing() {
    let mut rig = rig_of(AggregateSpec { idle: Some(ms(10)), ..spec() });
    rig.offer("p1", "1", 1);
    rig.lose("p2", Missing::Exited);
    rig.until(10);
    assert_eq!(rig.emitted(), ["1 partial idle [1]"]);
}

// === who is not expected ===

#[test]
fn unexpected_collectors_are_taken_dropped_or_refused() {
    let check = |unexpected, verdict: &str, line: &str| {
        let mut rig =
            rig_of(AggregateSpec { completion: vec![expected_or(&["p1", "p2"], unexpected)], ..spec() });
        rig.offer("p1", "1", 1);
        assert_eq!(rig.offer("p3", "1", 3), verdict);
        rig.offer("p2", "1", 2);
        assert_eq!(rig.emitted(), [line]);
    };
    check(Unexpected::Include, "accepted", "1 complete expected [1,3,2]");
    check(Unexpected::Discard, "discarded unexpected-collector", "1 complete expected [1,2]");
    check(Unexpected::Refuse, "refused unexpected-collector", "1 complete expected [1,2]");
}

#[test]
fn the_strictest_policy_decides_about_the_unexpected() {
    let completion =
        vec![expected_or(&["p1", "p2"], Unexpected::Refuse), expected_or(&["p1"], Unexpected::Include)];
    let mut rig = rig_of(AggregateSpec { completion, ..spec() });
    rig.open("1", &["p1", "p2"]);
    assert_eq!(rig.offer("p3", "1", 3), "refused unexpected-collector");
}

#[test]
fn a_set_that_expects_nobody_takes_everybody() {
    let mut rig = rig_of(AggregateSpec { completion: vec![expected_or(&[], Unexpected::Refuse)], ..spec() });
    assert_eq!(rig.offer("p3", "1", 3), "accepted");
}

#[test]
fn a_reopened_set_does_not_wait_for_the_dead_either() {
    let late = LateSpec { policy: LatePolicy::Reopen, ..LateSpec::default() };
    let mut rig = rig_of(AggregateSpec { completion: vec![expected(&["p1", "p2"])], late, ..spec() });
    rig.offer("p1", "1", 1);
    rig.lose("p2", Missing::Exited);
    rig.offer("p1", "1", 2);
    assert_eq!(
        rig.emitted(),
        [
            "1 partial collectors-lost [1] missing p2=exited",
            "1 partial collectors-lost [2] g2 missing p2=exited"
        ]
    );
}

#[test]
fn a_hundred_announcements_of_one_set_are_one_expectation() {
    let mut rig = rig();
    for _ in 0..100 {
        rig.open("1", &["p1", "p2"]);
    }
    rig.offer("p1", "1", 1);
    rig.lose("p2", Missing::Exited);
    assert_eq!(rig.emitted(), ["1 partial collectors-lost [1] missing p2=exited"]);
}

#[test]
fn what_an_earlier_life_was_refused_is_no_shortfall_of_the_next() {
    let mut spec = AggregateSpec { completion: vec![announced()], ..spec() };
    spec.limits.bytes_per_set = 20;
    let mut rig = Rig::new(spec);
    rig.connect("p1", 1);
    rig.announce("1", &tasks(&[("p1", 1)])).unwrap();
    assert_eq!(
        rig.shoot(&shot("p1", "1", "\"a text of more than twenty bytes\"").under(1)),
        "refused too-large"
    );
    let (set, p1) = (key("1"), collector("p1"));
    rig.act(|engine, now, out| engine.reassign(now, 0, &set, Some((&p1, LeaseId(1))), None, out));
    rig.lose("p1", Missing::Exited);
    rig.connect("p1", 2); // it begins anew
    rig.act(|engine, now, out| engine.reassign(now, 0, &set, None, Some(&p1), out));
    assert_eq!(rig.shoot(&shot("p1", "1", 1).under(2)), "accepted");
    rig.finished("1", "p1");
    assert_eq!(rig.emitted(), ["1 complete expected [1]"]);
}
