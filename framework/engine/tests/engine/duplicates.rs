//! Retransmits, always; equal content, as `dedup` says.

use stook_engine::{AggregateSpec, Expected, LatePolicy, LateSpec, LeaseId};
use stook_plugin::{DedupMemory, Keep, Scope, Unexpected};
use stook_types::Missing;

use crate::harness::{Rig, collector, key, ms, pattern, shot, spec};
use crate::policies::{announced, count, expected_or, quorum, remember, same_bytes};

const FOREVER: u64 = 1 << 40;

fn content(scope: Scope, window: u64, capacity: usize, keep: Keep) -> AggregateSpec {
    AggregateSpec { dedup: Some(remember(scope, window, capacity, keep)), ..spec() }
}

// === retransmits ===

#[test]
fn a_retransmit_is_dropped_whatever_dedup_says() {
    let mut rig = Rig::new(spec());
    assert_eq!(rig.shoot(&shot("p1", "1", 1).seq(7)), "accepted");
    assert_eq!(rig.shoot(&shot("p1", "1", 1).seq(7)), "duplicate");
    assert_eq!(rig.shoot(&shot("p2", "1", 1).seq(7)), "accepted", "another collector's seventh");
    rig.force(None);
    assert_eq!(rig.shoot(&shot("p1", "1", 1).seq(7)), "duplicate", "not late: it is in the set");
    assert_eq!(rig.emitted(), ["1 partial forced [1,1] duplicates 1"]);
}

#[test]
fn sequences_arrive_in_any_order() {
    let mut rig = Rig::new(spec());
    // A stride that visits each of 0..1009 once, far from in order.
    let order: Vec<u64> = (0..1_009).map(|n| n * 599 % 1_009).collect();
    for sequence in &order {
        assert_eq!(rig.shoot(&shot("p1", "1", 1).seq(*sequence)), "accepted", "{sequence}");
    }
    for sequence in &order {
        assert_eq!(rig.shoot(&shot("p1", "1", 1).seq(*sequence)), "duplicate", "{sequence}");
    }
}

#[test]
fn a_reconnected_incarnation_is_recognised_and_a_new_one_is_not_mistaken() {
    let mut rig = Rig::new(spec());
    rig.connect("p1", 1);
    rig.shoot(&shot("p1", "1", 1).seq(1));
    rig.lose("p1", Missing::Disconnected);
    rig.connect("p1", 1);
    assert_eq!(rig.shoot(&shot("p1", "1", 1).seq(1)), "duplicate");
    assert_eq!(rig.shoot(&shot("p1", "1", 2).seq(2)), "accepted");
    rig.lose("p1", Missing::Exited);
    rig.connect("p1", 2);
    assert_eq!(rig.shoot(&shot("p1", "1", 3).seq(1)), "accepted");
    rig.force(None);
    assert_eq!(rig.emitted(), ["1 partial forced [1,2,3] duplicates 1"]);
}

#[test]
fn a_retransmit_is_known_even_where_its_set_is_long_forgotten() {
    let late = LateSpec { policy: LatePolicy::Refuse, tombstones: 1, remember: ms(1) };
    let mut rig = Rig::new(AggregateSpec { completion: vec![count(1)], late, ..spec() });
    rig.shoot(&shot("p1", "1", 1).seq(1));
    rig.until(60_000);
    assert_eq!(rig.shoot(&shot("p1", "1", 1).seq(1)), "duplicate");
    assert_eq!(rig.emitted().len(), 1);
    assert_eq!(rig.open_sets(), 0, "a retransmit opens nothing");
}

// === content ===

#[test]
fn the_scope_says_among_which_results_duplicates_are_looked_for() {
    // Which of these are dropped: p1's again in set 1; p2's in set 1; p1's in set 2; p3's in set 3.
    let check = |scope, dropped: [bool; 4]| {
        let mut rig = Rig::new(content(scope, FOREVER, 100, Keep::First));
        assert_eq!(rig.offer("p1", "1", 5), "accepted");
        let shots = [("p1", "1"), ("p2", "1"), ("p1", "2"), ("p3", "3")];
        let verdicts = shots.map(|(from, id)| rig.offer(from, id, 5) == "duplicate");
        assert_eq!(verdicts, dropped, "{scope:?}");
        assert_eq!(rig.offer("p1", "1", 6), "accepted");
    };
    check(Scope::Set, [true, true, false, false]);
    check(Scope::Collector, [true, false, true, false]);
    check(Scope::Aggregate, [true, true, true, true]);
}

#[test]
fn capacity_forgets_what_was_not_met_for_the_longest_time() {
    let mut rig = Rig::new(content(Scope::Aggregate, FOREVER, 1, Keep::First));
    for json in ["1", "2", "1"] {
        assert_eq!(rig.offer("p1", "1", json), "accepted");
    }
    let mut rig = Rig::new(content(Scope::Aggregate, FOREVER, 2, Keep::First));
    for (json, verdict) in [
        (1, "accepted"),
        (2, "accepted"),
        (1, "duplicate"),
        (3, "accepted"),
        (1, "duplicate"),
        (2, "accepted"),
    ] {
        assert_eq!(rig.offer("p1", "1", json), verdict, "{json}");
    }
}

#[test]
fn the_window_counts_from_when_it_was_first_seen() {
    for scope in [Scope::Set, Scope::Aggregate, Scope::Collector] {
        let mut rig = Rig::new(content(scope, 100, 100, Keep::First));
        assert_eq!(rig.offer("p1", "1", 1), "accepted");
        rig.until(50);
        assert_eq!(rig.offer("p1", "1", 1), "duplicate");
        rig.until(99);
        assert_eq!(rig.offer("p1", "1", 1), "duplicate");
        rig.until(101);
        assert_eq!(rig.offer("p1", "1", 1), "accepted", "{scope:?}");
    }
}

#[test]
fn a_changed_value_passes_and_null_is_not_missing() {
    let mut rig = Rig::new(content(Scope::Aggregate, FOREVER, 100, Keep::First));
    let verdicts = ["{\"v\":1}", "{\"v\":2}", "{\"v\":2}", "{\"v\":null}", "{}"].map(|json| {
        let verdict = rig.offer("p1", "1", json);
        verdict == "accepted"
    });
    assert_eq!(verdicts, [true, true, false, true, true]);
}

#[test]
fn a_refused_result_has_not_been_seen() {
    let mut limited = content(Scope::Aggregate, FOREVER, 100, Keep::First);
    limited.limits.results_per_set = 1;
    let mut rig = Rig::new(limited);
    rig.offer("p1", "1", 1);
    assert_eq!(rig.offer("p2", "1", 2), "refused set-full");
    assert_eq!(rig.offer("p2", "2", 2), "accepted");
    assert_eq!(rig.offer("p2", "3", 2), "duplicate");
}

#[test]
fn a_late_result_has_not_been_seen_either() {
    let mut spec = content(Scope::Aggregate, FOREVER, 100, Keep::First);
    spec.completion = vec![count(1)];
    let mut rig = Rig::new(spec);
    rig.offer("p1", "1", 1);
    assert_eq!(rig.offer("p1", "1", 2), "late");
    assert_eq!(rig.offer("p1", "2", 2), "accepted");
}

#[test]
fn a_duplicate_is_its_collectors_answer() {
    let dedup = || Some(same_bytes(DedupMemory::of_set()));
    let mut rig = Rig::new(AggregateSpec { completion: vec![announced()], dedup: dedup(), ..spec() });
    rig.open("1", &["p1", "p2"]);
    rig.offer("p1", "1", 5);
    assert_eq!(rig.offer("p2", "1", 5), "duplicate");
    assert_eq!(rig.emitted(), ["1 complete expected [5] duplicates 1"]);

    let mut rig = Rig::new(AggregateSpec { completion: vec![quorum(2)], dedup: dedup(), ..spec() });
    rig.offer("p1", "1", 5);
    rig.offer("p2", "1", 5);
    assert_eq!(rig.emitted(), ["1 complete quorum [5] duplicates 1"]);
}

#[test]
fn a_duplicate_of_another_set_is_an_answer_in_its_own() {
    let mut spec = content(Scope::Aggregate, FOREVER, 100, Keep::First);
    spec.completion = vec![announced()];
    let mut rig = Rig::new(spec);
    for id in ["1", "2"] {
        rig.open(id, &["p1"]);
        rig.offer("p1", id, 5);
    }
    assert_eq!(rig.emitted(), ["1 complete expected [5]", "2 complete expected [] duplicates 1"]);
}

#[test]
fn keep_last_takes_over_the_place_of_the_earlier() {
    for scope in [Scope::Set, Scope::Aggregate] {
        let mut spec = content(scope, FOREVER, 100, Keep::Last);
        spec.completion = vec![count(3)];
        let mut rig = Rig::new(spec);
        rig.shoot(&shot("p1", "1", 5).seq(1));
        rig.shoot(&shot("p1", "1", 6).seq(2));
        assert_eq!(rig.shoot(&shot("p2", "1", 5).seq(9)), "accepted for p1/1");
        assert_eq!(rig.shoot(&shot("p2", "1", 5).seq(10)), "accepted for p2/9");
        assert_eq!(rig.shoot(&shot("p1", "1", 5).seq(1)), "duplicate", "the retransmit of what was replaced");
        assert!(rig.emitted().is_empty(), "two results so far");
        rig.hold = true;
        rig.shoot(&shot("p1", "1", 7).seq(3));
        let origins: Vec<_> = rig.held()[0].origins.iter().map(|(s, n)| (s.collector.as_str(), *n)).collect();
        assert_eq!(origins, [("p2", 10), ("p1", 2), ("p1", 3)], "{scope:?}");
        rig.settle(true);
        assert_eq!(rig.emitted(), ["1 complete count [5,6,7] duplicates 3"]);
        assert_eq!(rig.engine.memory().used, 0);
    }
}

#[test]
fn keep_last_does_not_reach_into_another_set() {
    let mut rig = Rig::new(content(Scope::Aggregate, FOREVER, 100, Keep::Last));
    rig.offer("p1", "1", 5);
    assert_eq!(rig.offer("p1", "2", 5), "duplicate", "pending elsewhere");
    rig.force(None);
    assert_eq!(rig.offer("p1", "3", 5), "duplicate", "delivered");
}

#[test]
fn topics_may_have_a_dedup_of_their_own() {
    let mut spec = content(Scope::Set, FOREVER, 100, Keep::First);
    spec.topic_dedup = vec![
        (pattern("a.raw.#"), Box::new(NoDedup)),
        (pattern("a.raw.once"), remember(Scope::Aggregate, FOREVER, 10, Keep::First)),
    ];
    let mut rig = Rig::new(spec);
    let mut verdict = |topic: &str, id: &str| rig.shoot(&shot("p1", id, 5).topic(topic));
    assert_eq!(verdict("a.x", "1"), "accepted");
    assert_eq!(verdict("a.y", "1"), "duplicate", "the aggregate's own dedup is across its topics");
    assert_eq!(verdict("a.raw.x", "1"), "accepted");
    assert_eq!(verdict("a.raw.x", "1"), "accepted");
    assert_eq!(
        verdict("a.raw.once", "1"),
        "accepted",
        "the most specific pattern wins, with a memory of its own"
    );
    assert_eq!(verdict("a.raw.once", "2"), "duplicate");
}

struct NoDedup;

impl stook_plugin::DedupStrategy for NoDedup {
    fn identity(
        &self,
        _: &stook_plugin::Contribution,
    ) -> Result<Option<stook_plugin::Identity>, stook_types::DecodeError> {
        Ok(None)
    }

    fn memory(&self) -> DedupMemory {
        DedupMemory::of_set()
    }
}

#[test]
fn a_payload_that_cannot_be_decoded_is_refused_if_dedup_must_look_inside() {
    let mut rig = Rig::new(content(Scope::Set, FOREVER, 100, Keep::First));
    assert_eq!(rig.offer("p1", "1", "{"), "refused decode");
    assert_eq!(rig.open_sets(), 0, "a refused result opens no set");
    let mut rig = Rig::new(spec());
    assert_eq!(rig.offer("p1", "1", "{"), "accepted", "nobody looks inside");
}

#[test]
fn identities_of_two_strategies_are_not_compared() {
    let mut spec = content(Scope::Set, FOREVER, 100, Keep::First);
    spec.topic_dedup = vec![(pattern("a.other"), same_bytes(DedupMemory::of_set()))];
    let mut rig = Rig::new(spec);
    assert_eq!(rig.offer("p1", "1", 5), "accepted");
    let other = || shot("p1", "1", 5).topic("a.other");
    assert_eq!(rig.shoot(&other()), "accepted", "equal by accident: each strategy looks at parts of its own");
    assert_eq!(rig.shoot(&other()), "duplicate");
}

#[test]
fn who_may_not_answer_replaces_nothing_whatever_the_scope_of_dedup() {
    for scope in [Scope::Set, Scope::Aggregate] {
        let dedup = Some(remember(scope, FOREVER, 100, Keep::Last));
        let mut rig = Rig::new(AggregateSpec { completion: vec![announced()], dedup, ..spec() });
        rig.connect("p1", 1);
        rig.connect("p2", 1);
        rig.announce("1", &[Expected::tasks(collector("p1"), 1)]).unwrap();
        let (set, p1, p2) = (key("1"), collector("p1"), collector("p2"));
        rig.act(|engine, now, out| engine.reassign(now, 0, &set, Some((&p1, LeaseId(1))), Some(&p2), out));
        assert_eq!(rig.offer("p2", "1", 5), "accepted");
        assert_eq!(rig.shoot(&shot("p1", "1", 5).under(1)), "refused stale-epoch", "{scope:?}");
    }
}

#[test]
fn a_duplicate_of_a_stranger_is_refused_within_the_time_for_corrections_too() {
    for scope in [Scope::Set, Scope::Aggregate] {
        let dedup = Some(remember(scope, FOREVER, 100, Keep::First));
        let late = LateSpec { policy: LatePolicy::Correct(ms(5_000)), ..LateSpec::default() };
        let completion = vec![expected_or(&["p1"], Unexpected::Refuse)];
        let mut rig = Rig::new(AggregateSpec { completion, dedup, late, ..spec() });
        rig.offer("p1", "1", 5);
        assert_eq!(rig.offer("p2", "1", 5), "refused unexpected-collector", "{scope:?}");
    }
}

#[test]
fn where_memory_is_short_a_duplicate_is_one_however_late() {
    let spec =
        AggregateSpec { completion: vec![count(1)], ..content(Scope::Aggregate, FOREVER, 100, Keep::First) };
    let mut rig = Rig::with(vec![spec], 6_000);
    rig.offer("p1", "1", 1);
    rig.hold = true;
    rig.offer("p1", "2", format!("\"{}\"", "x".repeat(4_500)));
    assert_eq!(rig.offer("p2", "1", 2), "late");
    assert_eq!(rig.offer("p2", "1", 1), "duplicate");
    assert_eq!(rig.offer("p2", "3", 3), "parked", "memory is short");
}
