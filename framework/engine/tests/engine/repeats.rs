//! What dedup counts, and what it takes back.

use std::time::Duration;

use stook_engine::{AggregateSpec, Emission};
use stook_plugin::{DedupMemory, Keep, MergeError, MergeInput, Repeat, Scope};

use crate::harness::{Rig, shot, spec};
use crate::policies::{MergeBy, count, remember, same_bytes};

fn counting(scope: Scope, keep: Keep) -> AggregateSpec {
    let memory = DedupMemory::bounded(scope, Duration::MAX, 100, keep).counting(true);
    AggregateSpec { dedup: Some(same_bytes(memory)), ..spec() }
}

/// As `p1/7 x3 1..4 also p2,p3`, the times in milliseconds.
fn lines(emission: &Emission) -> Vec<String> {
    let line = |repeat: &Repeat| {
        let ms = |time: stook_types::WallTime| time.unix_micros() / 1_000;
        let also: Vec<_> = repeat.also_from.iter().map(ToString::to_string).collect();
        let Repeat { collector, sequence, count, first_seen, last_seen, .. } = repeat;
        format!(
            "{collector}/{sequence} x{count} {}..{} also {}",
            ms(*first_seen),
            ms(*last_seen),
            also.join(",")
        )
    };
    emission.result.repeats.iter().map(line).collect()
}

#[test]
fn equal_results_of_a_set_are_counted_in_every_scope() {
    for (scope, keep, expected) in [
        (Scope::Set, Keep::First, vec!["p1/1 x4 1..4 also p2,p3"]),
        (Scope::Aggregate, Keep::First, vec!["p1/1 x4 1..4 also p2,p3"]),
        (Scope::Set, Keep::Last, vec!["p1/4 x4 1..4 also p2,p3"]),
        (Scope::Aggregate, Keep::Last, vec!["p1/4 x4 1..4 also p2,p3"]),
        (Scope::Collector, Keep::First, vec!["p1/1 x2 1..4 also "]),
        (Scope::Collector, Keep::Last, vec!["p1/4 x2 1..4 also "]),
    ] {
        let mut rig = Rig::new(counting(scope, keep));
        rig.hold = true;
        for (from, n) in [("p1", 1), ("p3", 2), ("p2", 3), ("p1", 4)] {
            rig.until(n);
            rig.shoot(&shot(from, "1", "5").seq(n));
        }
        rig.offer("p1", "1", "once");
        rig.force(None);
        assert_eq!(lines(&rig.held()[0]), expected, "{scope:?} {keep:?}");
        rig.settle(true);
        assert_eq!(rig.engine.memory().used, 0);
    }
}

#[test]
fn the_later_one_passes_its_count_on_however_often_the_collectors_change() {
    let mut rig = Rig::new(counting(Scope::Set, Keep::Last));
    rig.hold = true;
    for (from, n) in [("p1", 1), ("p2", 2), ("p1", 3), ("p3", 4), ("p2", 5)] {
        rig.shoot(&shot(from, "1", "5").seq(n));
    }
    rig.force(None);
    assert_eq!(lines(&rig.held()[0]), ["p2/5 x5 0..0 also p1,p3"]);
    rig.settle(true);
}

#[test]
fn counts_are_charged() {
    let mut rig = Rig::new(counting(Scope::Set, Keep::First));
    rig.offer("p1", "1", "5");
    let mut used = rig.engine.memory().used;
    for from in ["p2", "p3", "p4"] {
        rig.offer(from, "1", "5");
        assert!(rig.engine.memory().used > used);
        used = rig.engine.memory().used;
    }
    for from in ["p1", "p2", "p3", "p4"] {
        rig.offer(from, "1", "5");
    }
    assert_eq!(rig.engine.memory().used, used, "a number takes no more room for being larger");
}

// === what counts as seen ===

#[test]
fn what_no_sink_took_has_not_been_seen() {
    for scope in [Scope::Aggregate, Scope::Collector] {
        let dedup = || Some(remember(scope, 1 << 40, 100, Keep::First));
        let mut rig = Rig::new(AggregateSpec { completion: vec![count(2)], dedup: dedup(), ..spec() });
        rig.hold = true;
        rig.offer("p1", "1", "5");
        rig.offer("p1", "1", "6");
        assert_eq!(rig.offer("p1", "2", "5"), "duplicate", "pending");
        rig.settle(false);
        assert_eq!(rig.offer("p1", "2", "5"), "accepted", "{scope:?}: discarded");
        assert_eq!(rig.offer("p1", "2", "6"), "accepted", "{scope:?}: discarded");
        rig.settle(true);
        assert_eq!(rig.offer("p1", "3", "6"), "duplicate", "{scope:?}: delivered");
    }
}

#[test]
fn what_another_set_has_by_now_is_not_forgotten_with_the_one_that_failed() {
    let dedup = Some(remember(Scope::Aggregate, 10, 100, Keep::First));
    let mut rig = Rig::new(AggregateSpec { completion: vec![count(1)], dedup, ..spec() });
    rig.hold = true;
    rig.offer("p1", "1", "5");
    rig.until(10);
    assert_eq!(rig.offer("p1", "2", "5"), "accepted", "its window is over");
    rig.settle_first(false);
    assert_eq!(rig.offer("p1", "3", "5"), "duplicate", "it is pending in the second");
}

#[test]
fn what_is_delivered_as_a_list_because_the_merge_failed_has_been_seen() {
    let dedup = Some(remember(Scope::Aggregate, 1 << 40, 100, Keep::First));
    let merge = MergeBy(|_: &MergeInput<'_>| Err(MergeError::new("no value")));
    let mut rig = Rig::new(AggregateSpec { dedup, merge: Some(Box::new(merge)), ..spec() });
    rig.offer("p1", "1", "5");
    rig.force(None);
    assert_eq!(rig.emitted(), ["1 partial merge-failed [5]"]);
    assert_eq!(rig.offer("p1", "2", "5"), "duplicate");
}
