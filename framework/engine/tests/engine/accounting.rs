//! What the memory budget is charged, against what an allocator gave; and what comes back.

use stook_engine::{AggregateSpec, Footprint, KeySpec, LatePolicy, WhenFull};
use stook_plugin::{DedupMemory, Keep, Scope};
use stook_types::MonoTime;

use crate::harness::{Rig, ms, pattern, shot, spec};
use crate::policies::{announced, count, remember, same_bytes};

/// What is held of the allocator when this is done, in bytes.
fn allocated(act: impl FnOnce()) -> usize {
    usize::try_from(allocation_counter::measure(act).bytes_current).unwrap_or(0)
}

/// JSON text of so many bytes, different for each number.
fn sized(bytes: usize, number: usize) -> String {
    let number = number.to_string();
    format!("\"{}{number}\"", "x".repeat(bytes - 2 - number.len()))
}

/// Fills a rig and holds what was charged against what the allocator gave.
#[track_caller]
fn check(what: &str, spec: AggregateSpec, fill: impl FnOnce(&mut Rig)) {
    let mut rig = Rig::new(spec);
    for n in 0..100 {
        rig.session(&format!("p{n}"));
    }
    let given = allocated(|| fill(&mut rig));
    let charged = rig.engine.memory().used;
    let ratio = charged as f64 / given as f64;
    assert!((0.75..1.35).contains(&ratio), "{what}: charged {charged} for {given}, {ratio:.2}");
    rig.shutdown();
    rig.emitted();
    assert_eq!(rig.engine.memory().used, 0, "{what}");
}

fn results(rig: &mut Rig, sets: usize, each: usize, bytes: usize) {
    for set in 0..sets {
        for n in 0..each {
            rig.offer("p1", &format!("set-{set}"), sized(bytes, set * each + n));
        }
    }
}

#[test]
fn results_are_charged_what_they_take() {
    for (sets, each, bytes) in [
        (1_000, 1, 20),
        (1_000, 1, 100),
        (1_000, 2, 100),
        (1_000, 3, 100),
        (1_000, 4, 100),
        (300, 9, 100),
        (10, 1_000, 100),
        (1_000, 1, 1_000),
        (20, 1, 100_000),
    ] {
        let what = format!("{sets} sets of {each} results of {bytes} bytes");
        check(&what, spec(), |rig| results(rig, sets, each, bytes));
    }
}

#[test]
fn those_whom_a_set_waits_for_are_charged() {
    for members in [1, 2, 10, 100] {
        let names: Vec<_> = (0..members).map(|n| format!("p{n}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let spec = AggregateSpec { completion: vec![announced()], ..spec() };
        check(&format!("{members} members"), spec, |rig| {
            (0..300).for_each(|set| rig.open(&format!("set-{set}"), &names));
        });
    }
}

#[test]
fn what_dedup_remembers_in_a_set_is_charged() {
    for each in [1, 3, 10, 100] {
        let of_set = AggregateSpec { dedup: Some(same_bytes(DedupMemory::of_set())), ..spec() };
        check(&format!("{each} identities"), of_set, |rig| results(rig, 300, each, 100));
    }
}

#[test]
fn the_same_result_again_and_again_takes_nothing() {
    for scope in [Scope::Set, Scope::Aggregate] {
        let mut rig =
            Rig::new(AggregateSpec { dedup: Some(remember(scope, 100, 10, Keep::First)), ..spec() });
        let mut again = |sequences: std::ops::Range<u64>| {
            sequences.filter(|n| rig.shoot(&shot("p1", "1", 5).seq(*n)) == "accepted").count()
        };
        assert_eq!(again(1..1_001), 1);
        assert_eq!(allocated(|| assert_eq!(again(1_001..10_025), 0)), 0, "{scope:?}");
    }
}

// === keys ===

fn by_payload() -> AggregateSpec {
    AggregateSpec { key: KeySpec::Paths(vec![vec!["k".into()]]), ..spec() }
}

#[test]
fn keys_are_charged() {
    check("keys of a payload", by_payload(), |rig| {
        for n in 0..1_000 {
            rig.offer("p1", "1", format!("{{\"k\":{}}}", sized(900, n)));
        }
    });
    check("text IDs", spec(), |rig| {
        for n in 0..1_000 {
            rig.offer("p1", &format!("{n:0>64}"), 1);
        }
    });
}

#[test]
fn a_key_that_is_too_large_is_refused() {
    let mut rig = Rig::new(by_payload());
    let mut offer = |key: &str| rig.offer("p1", "1", format!("{{\"k\":{key}}}"));
    let most = Footprint::LARGEST_KEY - 32;
    assert_eq!(offer(&sized(most + 2, 0)), "accepted");
    assert_eq!(offer(&sized(most + 3, 0)), "refused too-large");
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(offer(&nested(20)), "accepted");
    assert_eq!(offer(&nested(100)), "refused too-large");
    assert_eq!(offer(r#"{"a":1}"#), "accepted");
    assert_eq!(offer(r#"{"a":{"b":1}}"#), "refused too-large", "objects take much more than their text");
    let wide: Vec<_> = (0..100).map(|n| n.to_string()).collect();
    assert_eq!(offer(&format!("[{}]", wide.join(","))), "refused too-large");
    assert_eq!(rig.open_sets(), 3);
}

// === what is not charged, and bounded by number ===

#[test]
fn what_is_remembered_takes_what_is_said() {
    let sets = 14_000;
    let mut remembered = Rig::new(AggregateSpec { completion: vec![count(1)], ..spec() });
    remembered.session("p1");
    let fill = || {
        results(&mut remembered, sets, 1, 20);
        remembered.emitted();
    };
    let each = allocated(fill) / sets;
    assert!((Footprint::TOMBSTONE / 2..Footprint::TOMBSTONE * 3 / 2).contains(&each), "a tombstone: {each}");

    for scope in [Scope::Aggregate, Scope::Collector] {
        let mut spec = AggregateSpec { dedup: Some(remember(scope, 1 << 40, sets, Keep::First)), ..spec() };
        spec.completion = vec![count(1)];
        spec.late.tombstones = 0;
        let mut rig = Rig::new(spec);
        rig.session("p1");
        let fill = || {
            results(&mut rig, sets, 1, 20);
            rig.emitted();
        };
        let (each, most) = (allocated(fill) / sets, Footprint::IDENTITY_BEYOND);
        assert!((most / 2..most * 5 / 4).contains(&each), "an identity: {each}");
    }
}

// === what gives way ===

/// What a set of one result of a thousand bytes is charged.
fn cost() -> usize {
    let mut rig = Rig::new(spec());
    rig.offer("p1", "1", sized(1_000, 0));
    rig.engine.memory().used
}

fn corrected(name: &str, grace: u64, when_full: WhenFull) -> AggregateSpec {
    let mut spec = AggregateSpec::new(name, vec![pattern(&format!("{name}.#"))], ms(10_000));
    spec.completion = vec![count(1)];
    spec.late.policy = LatePolicy::Correct(ms(grace));
    spec.limits.when_full = when_full;
    spec
}

#[test]
fn what_is_kept_for_corrections_goes_before_anything_open_is_touched() {
    for when_full in [WhenFull::EmitOldest, WhenFull::Refuse, WhenFull::Backpressure] {
        let mut open = AggregateSpec::new("c", vec![pattern("c.#")], ms(10_000));
        open.limits.when_full = when_full;
        let kept = |name, grace| corrected(name, grace, when_full);
        let mut rig = Rig::with(vec![kept("a", 5_000), kept("b", 1_000), open], 3 * cost());
        let offer = |rig: &mut Rig, topic: &str, id| rig.shoot(&shot("p1", id, sized(1_000, 0)).topic(topic));
        offer(&mut rig, "a.x", "1");
        offer(&mut rig, "b.x", "2");
        offer(&mut rig, "c.x", "3");
        assert_eq!(rig.emitted().len(), 2);
        assert_eq!(
            offer(&mut rig, "c.x", "4"),
            "accepted",
            "2, whose time would be over first, makes the room"
        );
        assert_eq!(rig.shoot(&shot("p1", "2", 1).topic("b.x")), "late");
        assert_eq!(rig.shoot(&shot("p1", "1", 1).topic("a.x")), "late", "it went, for its own correction");
        assert!(rig.emitted().is_empty(), "nothing open was released");
        rig.shutdown();
        assert_eq!(rig.engine.memory().used, 0);
    }
}

#[test]
fn while_the_sinks_will_make_the_room_nothing_that_is_kept_goes() {
    let mut rig = Rig::with(vec![corrected("a", 5_000, WhenFull::EmitOldest)], 2 * cost());
    rig.hold = true;
    assert_eq!(rig.offer("p1", "1", sized(1_000, 0)), "accepted");
    let second = shot("p1", "2", sized(1_000, 0)).seq(1);
    assert_eq!(rig.shoot(&second), "parked");
    rig.hold = false;
    rig.settle(true);
    assert_eq!(rig.shoot(&second), "accepted");
}

// === what comes back ===

/// Opens many sets, expires them, forgets them: what is left of each is next to nothing.
fn burst(spec: AggregateSpec, fill: impl FnOnce(&mut Rig)) -> usize {
    let mut rig = Rig::new(spec);
    for n in 0..100 {
        rig.session(&format!("p{n}"));
    }
    // Once before, so that what is measured is not what a first set brings along.
    rig.offer("p1", "0", 0);
    rig.shutdown();
    rig.until(1_000_000);
    let left = allocated(|| {
        fill(&mut rig);
        rig.emitted();
        rig.until(3_000_000);
        rig.emitted();
    });
    assert_eq!((rig.open_sets(), rig.tombstones(), rig.engine.memory().used), (0, 0, 0));
    assert_eq!(rig.engine.next_deadline(), None::<MonoTime>);
    left
}

#[test]
fn everything_comes_back_after_a_burst() {
    const SETS: usize = 30_000;
    let scopes = [Scope::Set, Scope::Aggregate, Scope::Collector];
    let dedups = scopes.map(|scope| Some(remember(scope, 60_000, 100_000, Keep::First)));
    for dedup in dedups.into_iter().chain([None]) {
        let left = burst(AggregateSpec { dedup, ..spec() }, |rig| results(rig, SETS, 1, 20));
        assert!(left < 200_000, "{left} bytes");
    }
    let keyed = burst(by_payload(), |rig| {
        for n in 0..SETS {
            rig.shoot(&shot("p1", "1", format!("{{\"k\":{n}}}")));
        }
    });
    assert!(keyed < 200_000, "{keyed} bytes");
    let mut corrected = spec();
    corrected.late.policy = LatePolicy::Correct(ms(10_000));
    let left = burst(corrected, |rig| results(rig, SETS, 1, 20));
    assert!(left < 200_000, "{left} bytes");
}

#[test]
fn memory_comes_back_although_there_is_always_something() {
    let mut rig = Rig::new(spec());
    rig.session("p1");
    let left = allocated(|| {
        results(&mut rig, 30_000, 1, 20);
        rig.until(9_000);
        rig.offer("p1", "last", 1);
        rig.until(315_000);
        rig.emitted();
    });
    assert_eq!(rig.tombstones(), 1, "what was remembered last is still");
    assert!(left < 200_000, "{left} bytes");
}

#[test]
fn those_who_wait_come_back_after_a_burst() {
    let spec = AggregateSpec { completion: vec![announced()], ..spec() };
    let left = burst(spec, |rig| {
        (0..3_000).for_each(|set| rig.open(&format!("set-{set}"), &["p1", "p2", "p3"]));
    });
    assert!(left < 200_000, "{left} bytes");
}
