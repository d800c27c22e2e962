//! Where a policy awaits the last result of a collector, the first one is no answer.

use stook_engine::{AggregateSpec, Expected, LatePolicy, LateSpec, LeaseId};
use stook_plugin::{Keep, Scope};
use stook_types::Missing;

use crate::harness::{Rig, collector, key, ms, shot, spec};
use crate::policies::{lasts, quorum, remember};

fn rig() -> Rig {
    let mut rig = Rig::new(AggregateSpec { completion: vec![lasts(&[])], ..spec() });
    rig.connect("p1", 1);
    rig.connect("p2", 1);
    rig
}

#[test]
fn whoever_sent_something_is_awaited_until_its_last() {
    let mut rig = rig();
    rig.open("1", &["p1", "p2"]);
    rig.offer("p1", "1", 1);
    rig.shoot(&shot("p2", "1", 2).last());
    assert_eq!(rig.emitted(), [] as [&str; 0]);
    rig.shoot(&shot("p1", "1", 3).last());
    assert_eq!(rig.emitted(), ["1 complete lasts [1,2,3]"]);
}

#[test]
fn who_never_flagged_a_last_one_is_missing() {
    let mut rig = rig();
    rig.open("1", &["p1", "p2"]);
    rig.offer("p1", "1", 1);
    rig.shoot(&shot("p2", "1", 2).last());
    rig.offer("p2", "1", 3);
    rig.until(10_000);
    assert_eq!(rig.emitted(), ["1 partial timeout [1,2,3] missing p1=timeout"]);
}

#[test]
fn who_dies_before_its_last_is_not_waited_for() {
    let mut rig = rig();
    rig.open("1", &["p1", "p2"]);
    rig.offer("p1", "1", 1);
    rig.shoot(&shot("p2", "1", 2).last());
    rig.lose("p1", Missing::Exited);
    assert_eq!(rig.emitted(), ["1 partial collectors-lost [1,2] missing p1=exited"]);
}

#[test]
fn the_flag_of_a_duplicate_counts() {
    let dedup = || Some(remember(Scope::Aggregate, 60_000, 100, Keep::First));
    let mut rig =
        Rig::new(AggregateSpec { completion: vec![lasts(&["p1", "p2"])], dedup: dedup(), ..spec() });
    rig.offer("p1", "1", 1);
    rig.shoot(&shot("p1", "1", 1).last());
    assert_eq!(rig.shoot(&shot("p2", "1", 1).last()), "duplicate");
    assert_eq!(rig.emitted(), ["1 complete lasts [1] duplicates 2"]);
    assert_eq!(rig.offer("p1", "2", 1), "duplicate");
    assert_eq!(rig.open_sets(), 0, "no answer, so nothing to open a set for");
    rig.shoot(&shot("p1", "2", 1).last());
    assert_eq!(rig.open_sets(), 1);
}

#[test]
fn with_a_task_the_last_result_answers_or_its_end() {
    let mut rig = rig();
    let tasks = |n| [Expected::tasks(collector("p1"), n), Expected::tasks(collector("p2"), n)];
    rig.announce("1", &tasks(1)).unwrap();
    rig.shoot(&shot("p1", "1", 1).last());
    rig.finished("1", "p2");
    assert_eq!(rig.emitted(), ["1 complete lasts [1]"]);
    rig.announce("2", &tasks(2)).unwrap();
    rig.shoot(&shot("p1", "2", 1).last());
    rig.finished("2", "p1");
    rig.finished("2", "p2");
    assert_eq!(rig.emitted(), [] as [&str; 0], "p2 has one more");
    rig.shoot(&shot("p2", "2", 2).last());
    assert_eq!(rig.emitted(), ["2 complete lasts [1,2]"], "and p1 has said that there is no more");
}

#[test]
fn a_failed_task_is_no_answer_whatever_was_flagged() {
    let mut rig = rig();
    rig.announce("1", &[Expected::tasks(collector("p1"), 1), Expected::first_result(collector("p2"))])
        .unwrap();
    rig.shoot(&shot("p1", "1", 1).last());
    rig.failed("1", "p1");
    rig.shoot(&shot("p2", "1", 2).last());
    assert_eq!(rig.emitted(), ["1 partial collectors-lost [1,2] missing p1=task-failed"]);
}

#[test]
fn a_task_given_later_is_not_answered_by_an_earlier_flag() {
    let mut rig = rig();
    rig.open("1", &["p1", "p2"]);
    rig.shoot(&shot("p1", "1", 1).last());
    rig.announce("1", &[Expected::tasks(collector("p1"), 1)]).unwrap();
    rig.shoot(&shot("p2", "1", 2).last());
    assert_eq!(rig.emitted(), [] as [&str; 0]);
    rig.finished("1", "p1");
    assert_eq!(rig.emitted(), ["1 complete lasts [1,2]"]);
}

#[test]
fn who_has_flagged_its_last_has_answered_though_its_task_moves_on() {
    let mut rig = rig();
    rig.announce("1", &[Expected::tasks(collector("p1"), 1)]).unwrap();
    rig.open("1", &["p2"]);
    rig.shoot(&shot("p1", "1", 1).last());
    let (set, p1, p2) = (key("1"), collector("p1"), collector("p2"));
    rig.act(|engine, now, out| engine.reassign(now, 0, &set, Some((&p1, LeaseId(1))), Some(&p2), out));
    rig.finished("1", "p2");
    assert_eq!(rig.emitted(), ["1 complete lasts [1]"]);
}

#[test]
fn what_one_policy_awaits_holds_for_all() {
    let mut rig = Rig::new(AggregateSpec { completion: vec![quorum(1), lasts(&[])], ..spec() });
    rig.offer("p1", "1", 1);
    assert_eq!(rig.emitted(), [] as [&str; 0]);
    rig.shoot(&shot("p1", "1", 2).last());
    assert_eq!(rig.emitted(), ["1 complete quorum [1,2]"]);
}

#[test]
fn a_correction_may_be_the_last() {
    let late = LateSpec { policy: LatePolicy::Correct(ms(5_000)), ..LateSpec::default() };
    let mut rig = Rig::new(AggregateSpec { completion: vec![lasts(&["p1"])], late, ..spec() });
    rig.offer("p1", "1", 1);
    rig.force(Some("1"));
    rig.offer("p1", "1", 2);
    rig.shoot(&shot("p1", "1", 3).last());
    assert_eq!(
        rig.emitted(),
        [
            "1 partial forced [1] missing p1=outstanding",
            "1 partial forced [1,2] r2 missing p1=outstanding",
            "1 complete lasts [1,2,3] r3",
        ]
    );
}
