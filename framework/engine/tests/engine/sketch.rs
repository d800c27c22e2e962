//! The flaws of the original sketch, each as a scene in which it would show.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use stook_engine::AggregateSpec;
use stook_plugin::{Decision, DedupMemory};

use crate::harness::{Rig, ms, shot, spec};
use crate::policies::{announced, ask, complete_if, count, same_bytes};

/// The sketch removed a key while it held the guard of that key, which deadlocks in its own thread.
#[test]
fn completing_a_set_from_within_its_own_lookup_does_not_deadlock() {
    let mut rig = Rig::new(AggregateSpec { completion: vec![count(1)], ..spec() });
    for n in 0..1_000 {
        assert_eq!(rig.offer("p1", &n.to_string(), n), "accepted");
    }
    assert_eq!(rig.emitted().len(), 1_000);
    assert_eq!(rig.open_sets(), 0);
}

/// The sketch had a field for the expected collectors and never filled it.
#[test]
fn announced_collectors_are_waited_for() {
    let mut rig = Rig::new(AggregateSpec { completion: vec![announced()], ..spec() });
    rig.open("1", &["p1", "p2", "p3"]);
    rig.offer("p1", "1", 1);
    rig.until(5);
    rig.offer("p2", "1", 2);
    assert!(rig.emitted().is_empty());
    rig.until(9);
    rig.offer("p3", "1", 3);
    assert_eq!(rig.emitted(), ["1 complete expected [1,2,3]"]);
    rig.until(20_000);
    assert!(rig.emitted().is_empty());
}

/// The sketch counted before it looked for duplicates: one collector that sent thrice completed a set of three.
#[test]
fn a_duplicate_never_completes_a_count() {
    let dedup = Some(same_bytes(DedupMemory::of_set()));
    let mut rig = Rig::new(AggregateSpec { completion: vec![count(3)], dedup, ..spec() });
    assert_eq!(rig.offer("p1", "1", 1), "accepted");
    assert_eq!(rig.shoot(&shot("p1", "1", 1).seq(1_001)), "duplicate", "a retransmit");
    for _ in 0..5 {
        assert_eq!(rig.offer("p1", "1", 1), "duplicate", "the same content");
    }
    assert!(rig.emitted().is_empty());
    rig.offer("p1", "1", 2);
    rig.offer("p1", "1", 3);
    assert_eq!(rig.emitted(), ["1 complete count [1,2,3] duplicates 6"]);
}

/// The sketch forgot a set as it released it: a late result opened it again, and it was emitted twice.
#[test]
fn a_late_result_is_refused_and_counted() {
    let mut rig = Rig::new(AggregateSpec { completion: vec![count(2)], ..spec() });
    rig.offer("p1", "1", "\"A\"");
    rig.offer("p2", "1", "\"B\"");
    assert_eq!(rig.offer("p1", "1", "\"C\""), "late");
    rig.until(20_000);
    assert_eq!(rig.emitted(), [r#"1 complete count ["A","B"]"#]);
    assert_eq!(rig.engine.counters().late, 1);
    assert_eq!(rig.open_sets(), 0);
}

/// The sketch went through all sets on each tick. Here whoever waits is not asked again by anybody else's event.
#[test]
fn nothing_scans() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let decide = move |set: &stook_plugin::SetView<'_>| -> Decision {
        counted.fetch_add(1, Relaxed);
        complete_if(set.results.len() >= 2)
    };
    let mut rig = Rig::new(AggregateSpec { completion: vec![ask(decide)], idle: Some(ms(5_000)), ..spec() });
    for n in 0..1_000 {
        rig.offer("p1", &n.to_string(), n);
    }
    assert_eq!(calls.swap(0, Relaxed), 1_000);
    for tick in 1..1_000 {
        rig.until(tick);
    }
    assert_eq!(calls.swap(0, Relaxed), 0, "time alone asks nobody");
    rig.offer("p2", "500", 1);
    assert_eq!(calls.swap(0, Relaxed), 1, "a result asks for its own set");
    rig.until(999);
    assert_eq!(rig.emitted().len(), 1);
}

/// A host that wakes up for each deadline wakes up about once per set, however many results it got meanwhile.
#[test]
fn a_busy_set_costs_one_deadline_not_one_per_result() {
    let mut rig = Rig::new(AggregateSpec { idle: Some(ms(1_000)), ..spec() });
    let mut wakeups = 0;
    for tick in 0..1_000 {
        rig.until(tick);
        if rig.engine.next_deadline().is_some_and(|next| next <= stook_types::MonoTime::at(ms(tick + 1))) {
            wakeups += 1;
        }
        rig.offer("p1", "1", tick);
    }
    assert!(rig.emitted().is_empty());
    assert!(wakeups <= 2, "{wakeups} wake-ups for 1,000 results");
}

/// The sketch's partials said that they were complete.
#[test]
fn a_partial_says_so_and_names_the_missing() {
    let mut rig = Rig::new(AggregateSpec { completion: vec![announced()], ..spec() });
    for name in ["p1", "p2"] {
        rig.session(name);
    }
    rig.open("1", &["p1", "p2", "p3"]);
    rig.offer("p1", "1", 1);
    rig.until(9_999);
    assert!(rig.emitted().is_empty());
    rig.until(10_000);
    assert_eq!(rig.emitted(), ["1 partial timeout [1] missing p2=timeout p3=never-connected"]);
}
