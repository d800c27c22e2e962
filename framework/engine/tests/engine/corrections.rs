//! `late = { use = "correct" }`: until `grace` after the first release, each result emits the set again.

use stook_engine::{AggregateSpec, LatePolicy, LateSpec};
use stook_plugin::{DedupMemory, Keep, Scope};
use stook_types::Missing;

use crate::harness::{Rig, ms, shot, spec};
use crate::policies::{announced, count, expected, refuses, remember, same_bytes, starts};

fn correct(grace_ms: u64) -> LateSpec {
    LateSpec { policy: LatePolicy::Correct(ms(grace_ms)), tombstones: 100, remember: ms(60_000) }
}

#[test]
fn each_late_result_is_the_next_revision_until_grace_has_passed() {
    let mut rig = Rig::new(AggregateSpec { completion: vec![count(1)], late: correct(1_000), ..spec() });
    rig.offer("p1", "1", 1);
    rig.until(500);
    rig.offer("p1", "1", 2);
    rig.until(999);
    rig.offer("p1", "1", 3);
    assert_eq!(
        rig.emitted(),
        ["1 complete count [1]", "1 complete count [1,2] r2", "1 complete count [1,2,3] r3"]
    );
    rig.until(1_000);
    assert_eq!(rig.offer("p1", "1", 4), "late", "grace counts from the first release");
    assert_eq!(rig.engine.memory().used, 0, "what can no longer be corrected is not kept");
    rig.until(30_000);
    assert!(rig.emitted().is_empty());
}

#[test]
fn at_the_end_of_the_grace_it_is_over_whoever_comes_first() {
    let mut rig = Rig::new(AggregateSpec { completion: vec![count(1)], late: correct(1_000), ..spec() });
    rig.offer("p1", "1", 1);
    rig.early_at(1_000);
    assert_eq!(rig.offer("p1", "1", 2), "late");
}

#[test]
fn outcome_and_missing_are_computed_again() {
    let spec = || AggregateSpec { completion: vec![announced()], late: correct(5_000), ..spec() };
    let mut rig = Rig::new(spec());
    for name in ["p1", "p2", "p3"] {
        rig.session(name);
    }
    rig.open("1", &["p1", "p2", "p3"]);
    rig.offer("p1", "1", 1);
    rig.until(10_000);
    rig.offer("p2", "1", 2);
    rig.offer("p3", "1", 3);
    rig.offer("p3", "1", 4);
    assert_eq!(
        rig.emitted(),
        [
            "1 partial timeout [1] missing p2=timeout p3=timeout",
            "1 partial timeout [1,2] r2 missing p3=timeout",
            "1 complete expected [1,2,3] r3",
            "1 complete expected [1,2,3,4] r4",
        ]
    );
}

#[test]
fn a_collector_that_dies_within_grace_is_named_by_the_next_revision() {
    let mut rig = Rig::new(AggregateSpec { completion: vec![announced()], late: correct(5_000), ..spec() });
    for name in ["p1", "p2", "p3"] {
        rig.session(name);
    }
    rig.open("1", &["p1", "p2", "p3"]);
    rig.force(None);
    rig.lose("p3", Missing::Exited);
    rig.offer("p1", "1", 1);
    assert_eq!(
        rig.emitted(),
        [
            "1 partial forced [] missing p1=outstanding p2=outstanding p3=outstanding",
            "1 partial forced [1] r2 missing p2=outstanding p3=exited",
        ]
    );
}

#[test]
fn only_an_accepted_result_corrects() {
    let dedup = Some(same_bytes(DedupMemory::of_set()));
    let mut rig =
        Rig::new(AggregateSpec { completion: vec![count(1)], late: correct(1_000), dedup, ..spec() });
    rig.shoot(&shot("p1", "1", 1).seq(1));
    assert_eq!(rig.shoot(&shot("p1", "1", 1).seq(1)), "duplicate", "a retransmit");
    assert_eq!(rig.shoot(&shot("p1", "1", 1).seq(2)), "duplicate", "equal content");
    assert_eq!(rig.emitted(), ["1 complete count [1]"]);
}

#[test]
fn force_evict_timeout_and_shutdown_leave_a_correctable_set_alone() {
    let mut rig = Rig::new(AggregateSpec { completion: vec![count(1)], late: correct(60_000), ..spec() });
    rig.offer("p1", "1", 1);
    rig.emitted();
    assert_eq!((rig.force(None), rig.force(Some("1")), rig.evict("1")), (0, 0, false));
    rig.until(20_000);
    rig.shutdown();
    assert!(rig.emitted().is_empty());
}

#[test]
fn each_result_is_acknowledged_and_settled_with_one_revision_only() {
    let mut rig = Rig::new(AggregateSpec { completion: vec![count(1)], late: correct(1_000), ..spec() });
    rig.hold = true;
    for n in 1..=3 {
        rig.shoot(&shot("p1", "1", n).seq(n));
    }
    let origins: Vec<Vec<u64>> =
        rig.held().iter().map(|e| e.origins.iter().map(|(_, sequence)| *sequence).collect()).collect();
    assert_eq!(origins, [vec![1], vec![2], vec![3]]);
    assert_eq!(rig.engine.counters().pending, 3);
    rig.settle(true);
    assert_eq!(rig.engine.counters().delivered, 3);
    rig.until(5_000);
    assert_eq!(rig.engine.memory().used, 0);
}

#[test]
fn a_correction_keeps_to_the_limits_of_its_set() {
    let mut limited = AggregateSpec { completion: vec![count(1)], late: correct(1_000), ..spec() };
    limited.limits.results_per_set = 2;
    let mut rig = Rig::new(limited);
    rig.offer("p1", "1", 1);
    rig.offer("p1", "1", 2);
    assert_eq!(rig.offer("p1", "1", 3), "refused set-full");
    assert_eq!(rig.emitted().len(), 2);
}

#[test]
fn a_correctable_set_that_is_forgotten_for_room_gives_its_memory_back() {
    let late = LateSpec { tombstones: 2, ..correct(60_000) };
    let mut rig = Rig::new(AggregateSpec { completion: vec![count(1)], late, ..spec() });
    for n in 100..200 {
        rig.offer("p1", &n.to_string(), 1);
    }
    let used = rig.engine.memory().used;
    for n in 200..300 {
        rig.offer("p1", &n.to_string(), 1);
    }
    assert!(rig.engine.memory().used <= used, "memory of forgotten sets is not given back");
    rig.until(60_000);
    assert_eq!(rig.engine.memory().used, 0);
}

#[test]
fn an_unexpected_collector_corrects_like_any_other_where_it_may() {
    let mut rig =
        Rig::new(AggregateSpec { completion: vec![expected(&["p1"])], late: correct(1_000), ..spec() });
    rig.offer("p1", "1", 1);
    rig.offer("p2", "1", 2);
    assert_eq!(rig.emitted(), ["1 complete expected [1]", "1 complete expected [1,2] r2"]);
}

#[test]
fn a_task_that_ends_within_grace_has_ended_for_the_next_revision() {
    let mut rig = Rig::new(AggregateSpec { completion: vec![announced()], late: correct(5_000), ..spec() });
    for name in ["p1", "p2"] {
        rig.session(name);
    }
    let task = |name| stook_engine::Expected::tasks(crate::harness::collector(name), 1);
    rig.announce("1", &[task("p1"), task("p2")]).unwrap();
    rig.force(None);
    rig.offer("p1", "1", 1);
    rig.finished("1", "p1");
    rig.finished("1", "p2");
    rig.offer("p2", "1", 2);
    assert_eq!(
        rig.emitted(),
        [
            "1 partial forced [] missing p1=outstanding p2=outstanding",
            "1 partial forced [1] r2 missing p1=outstanding p2=outstanding",
            "1 complete expected [1,2] r3",
        ]
    );
}

#[test]
fn what_the_set_would_have_refused_corrects_nothing() {
    let completion = vec![refuses("5"), starts("0"), count(1)];
    let mut rig = Rig::new(AggregateSpec { completion, late: correct(5_000), ..spec() });
    rig.offer("p1", "1", 1);
    assert_eq!(rig.offer("p1", "1", 5), "refused count-mismatch");
    assert_eq!(rig.offer("p1", "1", 0), "accepted", "there is no set that it could end");
    assert_eq!(rig.emitted(), ["1 complete count [1]", "1 complete count [1,0] r2"]);
}

#[test]
fn what_the_sinks_lost_is_known_for_as_long_as_the_next_revision_has_it() {
    let dedup = Some(remember(Scope::Aggregate, 60_000, 100, Keep::First));
    let completion = vec![count(1)];
    let mut rig = Rig::new(AggregateSpec { completion, late: correct(5_000), dedup, ..spec() });
    rig.hold = true;
    rig.offer("p1", "1", 7);
    rig.settle(false);
    assert_eq!(rig.offer("p2", "1", 7), "duplicate", "the set has it");
    rig.offer("p1", "2", 8);
    rig.until(5_000);
    rig.settle(false);
    assert_eq!(rig.offer("p2", "3", 8), "accepted", "nobody has it any more");
}
