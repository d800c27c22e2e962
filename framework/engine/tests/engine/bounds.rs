//! Limits of sets, of results, of bytes, of memory: what happens at each, and that nothing leaks.

use stook_engine::{AggregateSpec, AnnounceError, Expected, Limits, WhenFull};

use crate::harness::{Rig, collector, ms, pattern, spec};
use crate::policies::{announced, count, expected};

fn limited(sets: usize, when_full: WhenFull) -> AggregateSpec {
    AggregateSpec { limits: Limits { sets, when_full, ..Limits::default() }, ..spec() }
}

/// JSON text of exactly so many bytes.
fn sized(bytes: usize) -> String {
    format!("\"{}\"", "x".repeat(bytes - 2))
}

// === sets ===

#[test]
fn one_set_too_many_evicts_the_longest_idle_one() {
    let mut rig = Rig::new(limited(2, WhenFull::EmitOldest));
    rig.offer("p1", "1", 1);
    rig.until(1);
    rig.offer("p1", "2", 2);
    rig.until(2);
    rig.offer("p1", "1", 11);
    rig.until(3);
    rig.offer("p1", "3", 3);
    assert_eq!(rig.emitted(), ["2 partial evicted [2]"], "set 1 was opened first, but heard of later");
    assert_eq!(rig.offer("p1", "2", 2), "late");
    rig.until(4);
    rig.offer("p1", "4", 4);
    assert_eq!(rig.emitted(), ["1 partial evicted [1,11]"]);
    assert_eq!(rig.open_sets(), 2);
}

#[test]
fn room_for_one_set() {
    let mut rig = Rig::new(limited(1, WhenFull::EmitOldest));
    for n in 0..10 {
        rig.offer("p1", &n.to_string(), n);
    }
    assert_eq!(rig.emitted().len(), 9);
    assert_eq!(rig.open_sets(), 1);
}

#[test]
fn when_full_refuse_tells_the_collector_and_leaves_the_open_sets_alone() {
    let mut rig = Rig::new(limited(1, WhenFull::Refuse));
    rig.offer("p1", "1", 1);
    assert_eq!(rig.offer("p1", "2", 2), "refused set-full");
    assert_eq!(rig.offer("p1", "1", 3), "accepted");
    rig.force(None);
    assert_eq!(rig.offer("p1", "2", 2), "accepted");
    assert_eq!(rig.emitted(), ["1 partial forced [1,3]"]);
}

#[test]
fn backpressure_hands_the_result_back_and_nothing_happened() {
    let mut rig = Rig::new(limited(1, WhenFull::Backpressure));
    rig.offer("p1", "1", 1);
    let again = crate::harness::shot("p1", "2", 2).seq(1);
    for _ in 0..3 {
        assert_eq!(rig.shoot(&again), "parked");
    }
    assert_eq!(rig.offer("p1", "1", 3), "accepted", "those behind it proceed");
    rig.force(None);
    assert_eq!(rig.shoot(&again), "accepted", "no retransmit: it was never taken");
    assert_eq!(rig.shoot(&again), "duplicate");
}

#[test]
fn announcing_one_set_too_many() {
    let one = [Expected::first_result(collector("p1"))];
    let mut rig = Rig::new(limited(1, WhenFull::EmitOldest));
    rig.session("p1");
    rig.announce("1", &one).unwrap();
    rig.announce("2", &one).unwrap();
    assert_eq!(rig.emitted(), ["1 partial evicted [] missing p1=outstanding"]);
    for when_full in [WhenFull::Refuse, WhenFull::Backpressure] {
        let mut rig = Rig::new(limited(1, when_full));
        rig.session("p1");
        rig.announce("1", &one).unwrap();
        assert_eq!(rig.announce("2", &one), Err(AnnounceError::Full));
        assert_eq!(rig.announce("1", &one), Ok(()), "it is open already");
        assert!(rig.emitted().is_empty());
    }
}

// === one set ===

#[test]
fn a_full_set_refuses_and_says_who_was_refused() {
    let mut spec = AggregateSpec { completion: vec![announced()], ..spec() };
    spec.limits.results_per_set = 2;
    let mut rig = Rig::new(spec);
    rig.open("1", &["p1", "p2"]);
    rig.session("p2");
    rig.offer("p1", "1", 1);
    rig.force(None);
    rig.emitted();
    rig.open("2", &["p1", "p2", "p3"]);
    rig.session("p3");
    rig.offer("p1", "2", 1);
    rig.offer("p1", "2", 2);
    assert_eq!(rig.offer("p2", "2", 3), "refused set-full");
    rig.force(None);
    assert_eq!(rig.emitted(), ["2 partial forced [1,2] missing p2=refused p3=outstanding"]);
}

#[test]
fn bytes_of_one_set_are_bounded() {
    let mut spec = spec();
    spec.limits.bytes_per_set = 100;
    let mut rig = Rig::new(spec);
    assert_eq!(rig.offer("p1", "1", sized(101)), "refused too-large");
    assert_eq!(rig.open_sets(), 0);
    assert_eq!(rig.offer("p1", "1", sized(100)), "accepted");
    assert_eq!(rig.offer("p1", "1", sized(2)), "refused set-full");
    assert_eq!(rig.offer("p1", "2", sized(60)), "accepted");
    assert_eq!(rig.offer("p1", "2", sized(41)), "refused set-full");
    assert_eq!(rig.offer("p1", "2", sized(40)), "accepted");
}

// === memory ===

/// What a set of one result of this size takes of the budget.
fn cost(bytes: usize) -> usize {
    let mut rig = Rig::new(spec());
    rig.offer("p1", "1", sized(bytes));
    rig.engine.memory().used
}

#[test]
fn memory_is_taken_from_the_longest_idle_set_of_all_aggregates() {
    let both = || {
        let b = AggregateSpec::new("b", vec![pattern("b.#")], ms(10_000));
        vec![spec(), b]
    };
    let mut rig = Rig::with(both(), cost(1_000) * 2);
    let to_b = |id: &str| crate::harness::shot("p1", id, sized(1_000)).topic("b.x");
    rig.shoot(&to_b("1"));
    rig.until(1);
    rig.offer("p1", "2", sized(1_000));
    rig.until(2);
    assert!(rig.emitted().is_empty());
    rig.offer("p1", "3", sized(1_000));
    let lines = rig.emitted();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with("b: 1 partial evicted"), "{}", lines[0]);
    rig.shutdown();
    assert_eq!(rig.engine.memory().used, 0);
}

#[test]
fn a_result_that_no_budget_could_hold_is_refused() {
    for when_full in [WhenFull::EmitOldest, WhenFull::Refuse, WhenFull::Backpressure] {
        let mut rig = Rig::with(vec![limited(10, when_full)], 2_000);
        rig.offer("p1", "1", 1);
        let verdict = rig.offer("p1", "2", sized(3_000));
        assert!(["refused too-large", "refused memory"].contains(&verdict.as_str()), "{verdict}");
        assert!(rig.emitted().is_empty(), "nothing is released for what cannot fit anyway");
    }
}

#[test]
fn while_the_sinks_hold_everything_results_are_handed_back_and_none_is_lost() {
    let mut rig = Rig::with(vec![AggregateSpec { completion: vec![count(1)], ..spec() }], cost(1_000) * 2);
    rig.hold = true;
    assert_eq!(rig.offer("p1", "1", sized(1_000)), "accepted");
    assert_eq!(rig.offer("p1", "2", sized(1_000)), "accepted");
    let used = rig.engine.memory().used;
    for _ in 0..10 {
        let verdict = rig.shoot(&crate::harness::shot("p1", "3", sized(1_000)).seq(3));
        assert_eq!(verdict, "parked");
        assert_eq!(rig.engine.memory().used, used, "accepted bytes stop growing");
    }
    rig.settle(true);
    assert_eq!(rig.shoot(&crate::harness::shot("p1", "3", sized(1_000)).seq(3)), "accepted");
    rig.settle(true);
    assert_eq!(rig.emitted().len(), 3);
    assert_eq!(rig.engine.memory().used, 0);
}

#[test]
fn no_more_is_released_than_a_result_needs() {
    let mut rig = Rig::with(vec![spec()], cost(1_000) * 4);
    rig.hold = true;
    for id in ["1", "2", "3", "4"] {
        rig.offer("p1", id, sized(1_000));
    }
    for _ in 0..10 {
        assert_eq!(rig.shoot(&crate::harness::shot("p1", "5", sized(1_000)).seq(1)), "parked");
    }
    assert_eq!(rig.emitted().len(), 1, "one set makes the room, as soon as its sinks have it");
    rig.settle(true);
    assert_eq!(rig.shoot(&crate::harness::shot("p1", "5", sized(1_000)).seq(1)), "accepted");
}

#[test]
fn memory_is_zero_after_everything_is_settled_however_it_was_settled() {
    for deliver in [true, false] {
        let mut rig = Rig::new(AggregateSpec { completion: vec![count(2)], ..spec() });
        rig.hold = true;
        for n in 0..50 {
            rig.offer("p1", &(n % 20).to_string(), n);
        }
        rig.shutdown();
        assert!(rig.engine.memory().used > 0);
        assert_eq!(rig.open_sets(), 0);
        rig.settle(deliver);
        assert_eq!(rig.engine.memory().used, 0);
        let counters = rig.engine.counters();
        assert_eq!(counters.pending, 0);
        let expected = if deliver {
            (counters.received - counters.late, 0)
        } else {
            (0, counters.received - counters.late)
        };
        assert_eq!(
            (counters.delivered, counters.discarded.get("sink-failed").copied().unwrap_or(0)),
            expected
        );
    }
}

#[test]
fn a_released_set_that_nobody_finishes_is_counted_as_lost() {
    let engine = stook_engine::ResultAggregator::new(vec![spec()], 1 << 20);
    let session = engine.connected(crate::harness::source("p1", 1, 1));
    let topic = crate::harness::topic("a.x");
    let payload = stook_types::Payload::new(vec![b'1'].into(), &crate::harness::JSON);
    let offered = stook_engine::Offered::new(topic.clone(), crate::harness::id("1"), 1, payload);
    let mut out = Vec::new();
    let now = stook_types::MonoTime::ZERO;
    engine.offer(now, &session, engine.route(&topic).unwrap(), &offered, &mut out);
    engine.force(now, 0, None, &mut out);
    drop(out);
    let counters = engine.counters();
    assert_eq!(counters.discarded.get("sink-failed"), Some(&1));
    assert_eq!((counters.received, counters.pending, engine.memory().used), (1, 0, 0));
}

#[test]
fn announced_sets_count_towards_memory_and_give_it_back() {
    let mut rig = Rig::new(AggregateSpec { completion: vec![announced()], ..spec() });
    rig.session("p1");
    for n in 0..100 {
        rig.open(&n.to_string(), &["p1"]);
    }
    rig.until(10_000);
    assert_eq!(rig.emitted().len(), 100);
    assert_eq!(rig.engine.memory().used, 0);
}

// === what a session asks for ===

#[test]
fn the_longest_idle_of_the_named_sets_goes() {
    let mut rig = Rig::new(spec());
    for (at, id) in [(0, "0"), (1, "1"), (2, "2"), (3, "1")] {
        rig.until(at);
        rig.offer("p1", id, at);
    }
    assert!(rig.evict_longest_idle(&["1", "2"]));
    assert_eq!(rig.emitted(), ["2 partial evicted [2]"], "0 is not named, 1 was heard of later");
    assert!(!rig.evict_longest_idle(&["1", "2"]), "2 is on its way and will make room");
    assert!(!rig.evict_longest_idle(&[]));
    assert!(rig.emitted().is_empty());
    assert!(rig.evict_longest_idle(&["1"]));
    assert_eq!(rig.emitted(), ["1 partial evicted [1,3]"]);
}

// === what memory pressure does not do ===

#[test]
fn a_late_result_makes_nobody_go() {
    let mut rig = Rig::with(vec![AggregateSpec { completion: vec![count(2)], ..spec() }], cost(1_000) * 2);
    rig.offer("p1", "0", 1);
    rig.offer("p1", "0", 2);
    rig.emitted();
    rig.offer("p1", "1", sized(1_000));
    rig.offer("p1", "2", sized(1_000));
    assert_eq!(rig.offer("p1", "0", sized(1_000)), "late", "it needs no memory");
    assert!(rig.emitted().is_empty());
}

#[test]
fn a_result_does_not_drive_out_its_own_set() {
    let mut rig = Rig::with(vec![spec()], cost(1_000) * 2);
    rig.offer("p1", "1", sized(1_000));
    rig.until(1);
    rig.offer("p1", "2", sized(1_000));
    rig.until(2);
    let more = crate::harness::shot("p1", "1", sized(500)).seq(1);
    rig.shoot(&more);
    let lines = rig.emitted();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with("2 partial evicted"), "{}", lines[0]);
    assert_eq!(rig.shoot(&more), "accepted");
}

#[test]
fn the_longest_idle_set_is_so_across_aggregates_and_truly() {
    let b = AggregateSpec::new("b", vec![pattern("b.#")], ms(10_000));
    let mut rig = Rig::with(vec![spec(), b], cost(500) * 4);
    let at = |rig: &mut Rig, ms: u64, topic: &str, id: &str, bytes: usize| {
        rig.until(ms);
        rig.shoot(&crate::harness::shot("p1", id, sized(bytes)).topic(topic))
    };
    at(&mut rig, 0, "a.x", "1", 100);
    at(&mut rig, 1, "b.x", "2", 500);
    at(&mut rig, 2, "a.x", "1", 100);
    at(&mut rig, 3, "a.x", "3", 500);
    at(&mut rig, 4, "a.x", "4", 1_500);
    let lines = rig.emitted();
    assert!(
        lines[0].starts_with("b: 2 partial evicted"),
        "1 was opened first, but heard of after 2: {lines:?}"
    );
}

// === read buffers ===

#[test]
fn what_stays_does_not_pin_the_buffer_it_was_read_into() {
    use stook_engine::{LatePolicy, LateSpec, Offered, ResultAggregator};
    use stook_plugin::{DedupMemory, Keep, Scope};
    use stook_types::{MonoTime, Payload};

    let engine = |spec| ResultAggregator::new(vec![spec], 1 << 20);
    let offer = |engine: &ResultAggregator, sequence: u64, text: &str| {
        let buffer = bytes::Bytes::from(text.as_bytes().to_vec());
        let session = engine.connected(crate::harness::source("p1", sequence.into(), sequence));
        let topic = crate::harness::topic("a.x");
        let route = engine.route(&topic).unwrap();
        let payload = Payload::new(buffer.slice(..), &crate::harness::JSON);
        let offered = Offered::new(topic, crate::harness::id("1"), sequence, payload);
        engine.offer(MonoTime::ZERO, &session, route, &offered, &mut Vec::new());
        drop(offered);
        buffer.is_unique()
    };
    let plain = engine(spec());
    assert!(offer(&plain, 1, "1"));

    let dedup = DedupMemory::bounded(Scope::Set, ms(1_000), 10, Keep::Last);
    let keep_last = engine(AggregateSpec { dedup: Some(crate::policies::same_bytes(dedup)), ..spec() });
    assert!(offer(&keep_last, 1, "1") && offer(&keep_last, 2, "2"));
    assert!(offer(&keep_last, 3, "1"), "it took over a place that is not the last");

    let late = LateSpec { policy: LatePolicy::Correct(ms(1_000)), ..LateSpec::default() };
    let correct = engine(AggregateSpec { completion: vec![count(1)], late, ..spec() });
    assert!(offer(&correct, 1, "1"), "released, and kept for corrections");
    assert!(offer(&correct, 2, "2"), "a correction");
}

#[test]
fn whom_a_set_expects_is_paid_for_before_it_opens() {
    let names: Vec<String> = (0..64).map(|n| format!("p{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for memory in [8_000, 10_000, 20_000] {
        let mut rig = Rig::with(vec![AggregateSpec { completion: vec![expected(&names)], ..spec() }], memory);
        assert_eq!(rig.offer("p1", "1", 1), "accepted");
        // Whether they are or not: the rig sees that no more is used than there is.
        for id in ["2", "3", "4"] {
            rig.offer("p1", id, 1);
        }
    }
    let mut rig = Rig::with(vec![AggregateSpec { completion: vec![expected(&names)], ..spec() }], 6_000);
    assert_eq!(rig.offer("p1", "1", 1), "refused too-large", "its 64 do not fit, ever");
}
