//! Results that open the next set in place of the one before, and results that are refused at the door.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use stook_engine::{AggregateSpec, Expected, LatePolicy, LateSpec, LeaseId, Limits, NamedPolicy, WhenFull};
use stook_plugin::{Admission, Keep, Scope};
use stook_types::{Missing, Refusal};

use crate::harness::{Rig, collector, key, ms, shot, spec};
use crate::policies::{admits, announced, ask, complete_if, count, expected, refuses, remember, starts};

fn rig(completion: Vec<NamedPolicy>) -> Rig {
    Rig::new(AggregateSpec { completion, ..spec() })
}

/// Complete when the newest result says 9.
fn ends() -> NamedPolicy {
    ask(|set| complete_if(set.arrived.is_some_and(|result| result.payload.bytes() == "9")))
}

#[test]
fn a_start_releases_the_set_without_it_and_opens_the_next() {
    let mut rig = rig(vec![starts("0")]);
    for n in [0, 1, 0, 2, 0] {
        assert_eq!(rig.offer("p1", "1", n), "accepted");
    }
    assert_eq!(rig.emitted(), ["1 complete starts [0,1]", "1 complete starts [0,2] g2"]);
    assert_eq!((rig.open_sets(), rig.tombstones()), (1, 0));
    rig.until(10_000);
    assert_eq!(rig.emitted(), ["1 partial timeout [0] g3"], "the timeout is that of the set that is open");
}

#[test]
fn start_and_end_on_one_message() {
    let both = || vec![starts("9"), ends()];
    let mut rig = rig(both());
    rig.offer("p1", "1", 1);
    rig.offer("p1", "1", 9);
    assert_eq!(rig.emitted(), ["1 complete starts [1]", "1 complete ask [9] g2"]);
    assert_eq!((rig.open_sets(), rig.tombstones()), (0, 1));
    assert_eq!(rig.offer("p1", "1", 2), "late", "the one that ended is remembered");
}

#[test]
fn a_set_takes_the_place_of_another_whatever_the_limits_say() {
    for when_full in [WhenFull::EmitOldest, WhenFull::Refuse, WhenFull::Backpressure] {
        let limits = Limits { sets: 2, results_per_set: 2, when_full, ..Limits::default() };
        let mut rig = Rig::new(AggregateSpec { completion: vec![starts("0")], limits, ..spec() });
        rig.offer("p1", "other", 7);
        for n in [0, 1, 0, 0] {
            assert_eq!(rig.offer("p1", "1", n), "accepted");
        }
        assert_eq!(rig.emitted(), ["1 complete starts [0,1]", "1 complete starts [0] g2"], "{when_full:?}");
        assert_eq!(rig.open_sets(), 2);
    }
}

#[test]
fn what_is_held_goes_with_the_sets() {
    let mut rig = rig(vec![starts("0")]);
    rig.hold = true;
    rig.offer("p1", "1", 0);
    let one = rig.engine.memory().used;
    for round in 2..50 {
        rig.offer("p1", "1", 0);
        let released: usize = rig.held().iter().map(|emission| emission.settlement.bytes()).sum();
        assert_eq!(rig.engine.memory().used, one + released, "{round}");
    }
    rig.settle(true);
    assert_eq!(rig.engine.memory().used, one);
    rig.force(None);
    rig.settle(true);
    assert_eq!(rig.engine.memory().used, 0);
}

#[test]
fn a_chain_of_sets_leaves_nothing_in_the_agenda() {
    let mut rig = rig(vec![starts("0")]);
    for _ in 0..10_000 {
        rig.offer("p1", "1", 0);
    }
    assert_eq!(rig.emitted().len(), 9_999);
    rig.force(None);
    rig.until(400_000);
    assert_eq!((rig.open_sets(), rig.tombstones(), rig.engine.next_deadline()), (0, 0, None));
}

#[test]
fn the_released_set_takes_no_corrections() {
    let late = LateSpec { policy: LatePolicy::Correct(ms(5_000)), ..LateSpec::default() };
    let mut rig = Rig::new(AggregateSpec { completion: vec![starts("0"), count(3)], late, ..spec() });
    for n in [0, 1, 0, 2, 3, 0] {
        assert_eq!(rig.offer("p1", "1", n), "accepted");
    }
    assert_eq!(
        rig.emitted(),
        ["1 complete starts [0,1]", "1 complete count [0,2,3] g2", "1 complete count [0,2,3,0] g2 r2"],
        "a start that comes after the release is a correction like any other"
    );
}

#[test]
fn each_set_of_a_chain_has_a_dedup_memory_of_its_own() {
    for (scope, verdict) in [(Scope::Set, "accepted"), (Scope::Aggregate, "duplicate")] {
        let dedup = Some(remember(scope, 60_000, 100, Keep::First));
        let starts = admits("starts", |set, _| match set.results.len() {
            2 => Admission::OpensNext,
            _ => Admission::Enters,
        });
        let mut rig = Rig::new(AggregateSpec { completion: vec![starts], dedup, ..spec() });
        for n in [1, 2, 3] {
            rig.offer("p1", "1", n);
        }
        assert_eq!(rig.emitted(), ["1 complete starts [1,2]"]);
        assert_eq!(rig.offer("p1", "1", 1), verdict, "{scope:?}");
        assert_eq!(rig.offer("p1", "1", 3), "duplicate");
    }
}

#[test]
fn duplicates_and_retransmits_start_nothing() {
    let dedup = Some(remember(Scope::Set, 60_000, 100, Keep::First));
    let mut rig = Rig::new(AggregateSpec { completion: vec![starts("0")], dedup, ..spec() });
    let start = shot("p1", "1", 0).seq(1);
    rig.shoot(&start);
    rig.offer("p1", "1", 1);
    assert_eq!(rig.shoot(&start), "duplicate", "a retransmit");
    assert_eq!(rig.offer("p2", "1", 0), "duplicate");
    assert_eq!(rig.emitted(), [] as [&str; 0]);
}

#[test]
fn the_next_set_expects_whom_the_policies_name() {
    let mut rig = rig(vec![starts("0"), expected(&["p1", "p2"])]);
    rig.connect("p2", 1);
    rig.open("1", &["p3"]);
    rig.offer("p1", "1", 1);
    rig.offer("p1", "1", 0);
    assert_eq!(rig.emitted(), ["1 complete starts [1] missing p3=never-connected"]);
    rig.offer("p2", "1", 2);
    assert_eq!(rig.emitted(), ["1 complete expected [0,2] g2"], "not p3, who was announced for the first");
}

#[test]
fn the_next_set_notices_who_dies() {
    let mut rig = rig(vec![starts("0"), expected(&["p1", "p2"])]);
    rig.connect("p2", 1);
    rig.offer("p1", "1", 1);
    rig.offer("p1", "1", 0);
    rig.emitted();
    rig.lose("p2", Missing::Exited);
    assert_eq!(rig.emitted(), ["1 partial collectors-lost [0] g2 missing p2=exited"]);
    rig.offer("p1", "2", 1);
    assert_eq!(rig.emitted(), ["2 partial collectors-lost [1] missing p2=exited"]);
}

#[test]
fn tasks_go_on_in_the_next_set() {
    let mut rig = rig(vec![starts("0"), announced()]);
    rig.connect("p2", 1);
    rig.announce("1", &[Expected::tasks(collector("p1"), 1), Expected::tasks(collector("p2"), 2)]).unwrap();
    rig.finished("1", "p2");
    rig.offer("p1", "1", 1);
    rig.offer("p1", "1", 0);
    assert_eq!(rig.emitted(), ["1 complete starts [1] missing p1=outstanding p2=outstanding"]);
    rig.finished("1", "p1");
    assert_eq!(rig.emitted(), [] as [&str; 0], "p2 has a task that is not over");
    rig.lose("p2", Missing::Exited);
    assert_eq!(rig.emitted(), ["1 partial collectors-lost [0] g2 missing p2=exited"]);
}

#[test]
fn a_task_that_waits_for_somebody_waits_on_in_the_next_set() {
    let mut rig = rig(vec![starts("0"), announced()]);
    rig.connect("p2", 1);
    let set = key("1");
    rig.act(|engine, now, out| {
        let p1 = [Expected::tasks(collector("p1"), 1)];
        engine.announce_tasks(now, 0, &set, &p1, 2, out).unwrap();
        engine.drop_task(now, 0, &set, &[(collector("p3"), Missing::NeverConnected)], out);
    });
    rig.offer("p1", "1", 1);
    rig.offer("p1", "1", 0);
    rig.finished("1", "p1");
    assert_eq!(rig.emitted(), ["1 complete starts [1] missing p1=outstanding p3=never-connected"]);
    rig.act(|engine, now, out| engine.reassign(now, 0, &set, None, Some(&collector("p2")), out));
    rig.finished("1", "p2");
    assert_eq!(rig.emitted(), ["1 complete expected [0] g2"], "the one that was dropped was told already");
}

#[test]
fn whose_task_was_taken_stays_fenced_in_the_next_set() {
    let mut rig = rig(vec![starts("0"), announced()]);
    rig.connect("p2", 1);
    rig.announce("1", &[Expected::tasks(collector("p1"), 1)]).unwrap();
    let (set, p1, p2) = (key("1"), collector("p1"), collector("p2"));
    rig.act(|engine, now, out| engine.reassign(now, 0, &set, Some((&p1, LeaseId(1))), Some(&p2), out));
    rig.offer("p2", "1", 1);
    rig.offer("p2", "1", 0);
    assert_eq!(rig.offer("p1", "1", 5), "refused stale-epoch");
    rig.finished("1", "p2");
    let missing = "missing p1=never-connected p2=outstanding";
    assert_eq!(rig.emitted(), [&*format!("1 complete starts [1] {missing}"), "1 complete expected [0] g2"]);
}

#[test]
fn a_lease_that_was_taken_back_is_fenced_though_its_collector_has_another() {
    let mut rig = rig(vec![starts("0"), announced()]);
    rig.connect("p2", 1);
    rig.announce("1", &[Expected::tasks(collector("p1"), 2)]).unwrap();
    let (set, p1, p2) = (key("1"), collector("p1"), collector("p2"));
    assert_eq!(rig.shoot(&shot("p1", "1", 1).under(7)), "accepted");
    rig.act(|engine, now, out| engine.reassign(now, 0, &set, Some((&p1, LeaseId(7))), Some(&p2), out));
    assert_eq!(rig.shoot(&shot("p1", "1", 2).under(7)), "refused stale-epoch");
    assert_eq!(rig.shoot(&shot("p1", "1", 3).under(8)), "accepted", "of its other task");
    assert_eq!(rig.offer("p1", "1", 0), "accepted", "nobody asked for it");
    assert_eq!(rig.shoot(&shot("p1", "1", 4).under(7)), "refused stale-epoch", "in the next set, too");
    rig.finished("1", "p1");
    rig.finished("1", "p2");
    let missing = "missing p1=outstanding p2=outstanding";
    assert_eq!(rig.emitted(), [&*format!("1 complete starts [1,3] {missing}"), "1 complete expected [0] g2"]);
}

#[test]
fn a_refused_result_changes_nothing_and_opens_nothing() {
    let mut rig = rig(vec![refuses("5"), expected(&["p1", "p2"])]);
    assert_eq!(rig.offer("p1", "1", 5), "refused count-mismatch");
    assert_eq!(rig.open_sets(), 0);
    rig.offer("p1", "1", 1);
    assert_eq!(rig.offer("p2", "1", 5), "refused count-mismatch");
    assert_eq!(rig.offer("p3", "1", 5), "refused count-mismatch");
    rig.until(10_000);
    assert_eq!(rig.emitted(), ["1 partial timeout [1] missing p2=refused"]);
}

#[test]
fn a_refused_result_evicts_nothing() {
    let limits = Limits { sets: 1, ..Limits::default() };
    let mut rig = Rig::new(AggregateSpec { completion: vec![refuses("5")], limits, ..spec() });
    rig.offer("p1", "1", 1);
    assert_eq!(rig.offer("p1", "2", 5), "refused count-mismatch");
    assert_eq!(rig.emitted(), [] as [&str; 0]);
}

#[test]
fn the_first_answer_that_is_not_enters_counts() {
    let mut first = rig(vec![starts("0"), refuses("0")]);
    first.offer("p1", "1", 1);
    assert_eq!(first.offer("p1", "1", 0), "accepted");
    assert_eq!(first.emitted(), ["1 complete starts [1]"]);
    let mut second = rig(vec![refuses("0"), starts("0")]);
    second.offer("p1", "1", 1);
    assert_eq!(second.offer("p1", "1", 0), "refused count-mismatch");
}

#[test]
fn what_cannot_be_said_is_counted_and_admits() {
    let unsure = admits("unsure", |_, _| Admission::Undecided);
    let mut rig = rig(vec![unsure, ask(|_| stook_plugin::Decision::Undecided), count(2)]);
    rig.offer("p1", "1", 1);
    assert_eq!(rig.engine.counters().undecided, 2, "once at the door, once inside");
    rig.offer("p1", "1", 2);
    assert_eq!(rig.engine.counters().undecided, 4);
    assert_eq!(rig.emitted(), ["1 complete count [1,2]"]);
}

#[test]
fn only_a_result_that_entered_has_arrived() {
    let arrivals = Arc::new(AtomicUsize::new(0));
    let seen = arrivals.clone();
    let watch = ask(move |set| {
        seen.fetch_add(usize::from(set.arrived.is_some()), Ordering::Relaxed);
        complete_if(false)
    });
    let dedup = Some(remember(Scope::Set, 60_000, 100, Keep::Last));
    let mut rig = Rig::new(AggregateSpec { completion: vec![watch], dedup, ..spec() });
    rig.announce("1", &[Expected::tasks(collector("p1"), 1), Expected::first_result(collector("p2"))])
        .unwrap();
    rig.connect("p2", 1);
    rig.offer("p1", "1", 1);
    rig.offer("p1", "1", 1);
    rig.finished("1", "p1");
    rig.lose("p2", Missing::Exited);
    assert_eq!(arrivals.load(Ordering::Relaxed), 2, "one, and the one that took its place");
}

#[test]
fn who_lost_a_task_is_let_in_again_once_all_tasks_are_over() {
    let mut rig = rig(vec![starts("0"), expected(&["p1", "p2"])]);
    rig.connect("p1", 1);
    rig.connect("p2", 1);
    rig.announce("1", &[Expected::tasks(collector("p1"), 1)]).unwrap();
    let (set, p1, p2) = (key("1"), collector("p1"), collector("p2"));
    rig.act(|engine, now, out| engine.reassign(now, 0, &set, Some((&p1, LeaseId(1))), Some(&p2), out));
    rig.offer("p2", "1", 1);
    rig.offer("p2", "1", 0);
    assert_eq!(rig.offer("p1", "1", 5), "refused stale-epoch", "the task goes on here");
    rig.finished("1", "p2");
    rig.offer("p2", "1", 0);
    assert_eq!(rig.offer("p1", "1", 5), "accepted");
}

#[test]
fn a_replacement_is_asked_for_like_any_result() {
    let even = admits("even", |set, next| match set.results.len() + next.sequence as usize {
        n if n % 2 == 0 => Admission::Refused(Refusal::CountMismatch),
        _ => Admission::OpensNext,
    });
    let dedup = Some(remember(Scope::Set, 60_000, 100, Keep::Last));
    let mut rig = Rig::new(AggregateSpec { completion: vec![even], dedup, ..spec() });
    assert_eq!(rig.shoot(&shot("p1", "1", 7).seq(1)), "accepted");
    assert_eq!(rig.shoot(&shot("p1", "1", 7).seq(3)), "duplicate", "what is refused replaces nothing");
    assert_eq!(rig.shoot(&shot("p1", "1", 7).seq(4)), "accepted for p1/1", "nor does it open a set");
    assert!(rig.emitted().is_empty());
}

#[test]
fn a_policy_is_asked_once_about_a_result() {
    let asked = Arc::new(AtomicUsize::new(0));
    let seen = asked.clone();
    let unsure = admits("unsure", move |_, _| {
        seen.fetch_add(1, Ordering::Relaxed);
        Admission::Undecided
    });
    let mut rig = rig(vec![unsure, starts("0")]);
    rig.offer("p1", "1", 1);
    rig.offer("p1", "1", 0);
    assert_eq!(rig.emitted(), ["1 complete starts [1]"]);
    assert_eq!((asked.load(Ordering::Relaxed), rig.engine.counters().undecided), (2, 2));
}
