//! A plugin that panics or talks nonsense harms its own set only, and is counted.

use std::cmp::Ordering;
use std::panic::panic_any;

use stook_engine::{AggregateSpec, NamedPolicy};
use stook_plugin::{
    CompletionPolicy, Contribution, Decision, DedupMemory, DedupStrategy, Identity, MergeError, Merged,
    Roster, SetView, Unexpected,
};
use stook_types::{CollectorId, DecodeError, Value};

use crate::harness::{Rig, shot, spec};
use crate::policies::{By, MergeBy, ask, complete_if, count, expected, named};

/// Panics without a message on standard error: the panic hook is only run by `panic!`-like macros.
fn blow_up<T>() -> T {
    std::panic::resume_unwind(Box::new("as the test wants it"))
}

struct Explosive;

impl CompletionPolicy for Explosive {
    fn decide(&self, _: &SetView<'_>) -> Decision {
        Decision::Pending
    }

    fn expects(&self, _: &Roster<'_>) -> Vec<CollectorId> {
        blow_up()
    }

    fn unexpected(&self) -> Unexpected {
        Unexpected::Include
    }
}

struct ExplosiveUnexpected;

impl CompletionPolicy for ExplosiveUnexpected {
    fn decide(&self, _: &SetView<'_>) -> Decision {
        Decision::Pending
    }

    fn unexpected(&self) -> Unexpected {
        blow_up()
    }
}

struct ExplosiveDedup;

impl DedupStrategy for ExplosiveDedup {
    fn identity(&self, result: &Contribution) -> Result<Option<Identity>, DecodeError> {
        if result.payload.decode()? == Value::Int(13) { blow_up() } else { Ok(None) }
    }

    fn memory(&self) -> DedupMemory {
        DedupMemory::of_set()
    }
}

/// Panics when it sees a 13.
fn decide() -> NamedPolicy {
    ask(|set| {
        if set.results.iter().any(|result| result.payload.bytes() == "13") {
            blow_up::<()>();
        }
        complete_if(set.results.len() == 2)
    })
}

#[test]
fn decide_panics() {
    let mut rig = Rig::new(AggregateSpec { completion: vec![decide()], ..spec() });
    rig.offer("p1", "1", 13);
    rig.offer("p1", "2", 1);
    rig.offer("p1", "1", 1);
    rig.offer("p1", "2", 2);
    assert_eq!(rig.emitted(), ["2 complete ask [1,2]"], "another set does not notice");
    assert_eq!(rig.panics(), 2);
    rig.until(10_000);
    assert_eq!(rig.emitted(), ["1 partial timeout [13,1]"], "the set still ends");
}

#[test]
fn a_policy_after_one_that_panics_is_still_asked() {
    let mut rig = Rig::new(AggregateSpec { completion: vec![decide(), count(3)], ..spec() });
    for n in [13, 1, 2] {
        rig.offer("p1", "1", n);
    }
    assert_eq!(rig.emitted(), ["1 complete count [13,1,2]"]);
}

#[test]
fn expects_panics() {
    let mut rig = Rig::new(AggregateSpec { completion: vec![named("explosive", Explosive)], ..spec() });
    assert_eq!(rig.offer("p1", "1", 1), "accepted");
    assert_eq!(rig.offer("p1", "2", 1), "accepted");
    assert!(rig.panics() >= 1);
    rig.until(10_000);
    assert_eq!(rig.emitted().len(), 2);
}

#[test]
fn unexpected_panics() {
    let completion = vec![named("explosive", ExplosiveUnexpected), expected(&["p1"])];
    let mut rig = Rig::new(AggregateSpec { completion, ..spec() });
    assert_eq!(rig.offer("p2", "1", 2), "accepted", "as if it had not been asked");
    assert_eq!(rig.offer("p1", "1", 1), "accepted");
    assert_eq!(rig.emitted(), ["1 complete expected [2,1]"]);
    assert!(rig.panics() >= 1);
}

#[test]
fn identity_panics() {
    let mut rig = Rig::new(AggregateSpec { dedup: Some(Box::new(ExplosiveDedup)), ..spec() });
    assert_eq!(rig.offer("p1", "1", 13), "refused decode");
    assert_eq!(rig.offer("p1", "1", 1), "accepted");
    assert_eq!(rig.panics(), 1);
}

#[test]
fn compare_panics() {
    let order = By(|_: &Contribution, _: &Contribution| blow_up());
    let mut rig =
        Rig::new(AggregateSpec { order: Some(Box::new(order)), completion: vec![count(3)], ..spec() });
    for n in [3, 1, 2] {
        rig.offer("p1", "1", n);
    }
    assert_eq!(rig.emitted(), ["1 complete count [3,1,2]"], "in order of arrival");
    assert_eq!(rig.panics(), 1);
}

#[test]
fn compare_talks_nonsense() {
    let order = By(|_: &Contribution, _: &Contribution| Ordering::Less);
    let completion = vec![count(200)];
    let mut rig = Rig::new(AggregateSpec { order: Some(Box::new(order)), completion, ..spec() });
    for n in 0..200 {
        rig.offer("p1", "1", n);
    }
    let all: Vec<_> = (0..200).map(|n: i32| n.to_string()).collect();
    assert_eq!(rig.emitted().len(), 1);
    assert_eq!(rig.engine.counters().delivered, all.len() as u64, "no result is lost");
}

#[test]
fn merge_panics_or_fails() {
    type Fail = fn() -> Result<Merged, MergeError>;
    let fails: [(&str, Fail); 2] = [("panics", || blow_up()), ("fails", || Err(MergeError::new("no value")))];
    for (how, fail) in fails {
        let merge = MergeBy(
            move |input: &stook_plugin::MergeInput<'_>| {
                if input.results.len() > 1 { fail() } else { Ok(Merged::Value(Value::Int(0))) }
            },
        );
        let order = By(|a: &Contribution, b: &Contribution| a.timestamp.cmp(&b.timestamp));
        let mut rig = Rig::new(AggregateSpec {
            merge: Some(Box::new(merge)),
            order: Some(Box::new(order)),
            completion: vec![count(2)],
            ..spec()
        });
        rig.shoot(&shot("p1", "1", 1).at(9));
        rig.shoot(&shot("p1", "1", 2).at(8));
        assert_eq!(rig.emitted(), ["1 partial merge-failed [2,1]"], "{how}");
        assert_eq!(rig.panics(), u64::from(how == "panics"));
        rig.offer("p1", "2", 1);
        rig.force(None);
        assert_eq!(rig.emitted(), ["2 partial forced 0"]);
    }
}

#[test]
fn order_is_stable_and_by_what_the_strategy_says() {
    let order = By(|a: &Contribution, b: &Contribution| a.timestamp.cmp(&b.timestamp));
    let mut rig =
        Rig::new(AggregateSpec { order: Some(Box::new(order)), completion: vec![count(4)], ..spec() });
    for (n, timestamp) in [(1, 5), (2, 3), (3, 5), (4, 3)] {
        rig.shoot(&shot("p1", "1", n).at(timestamp));
    }
    assert_eq!(rig.emitted(), ["1 complete count [2,4,1,3]"]);
}

#[test]
fn a_payload_of_a_panic_that_panics_itself_when_dropped_stays_inside() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                blow_up::<()>();
            }
        }
    }
    let bomb = ask(|_| panic_any(Bomb));
    let mut rig = Rig::new(AggregateSpec { completion: vec![bomb], ..spec() });
    assert_eq!(rig.offer("p1", "1", 1), "accepted");
    rig.until(10_000);
    assert_eq!(rig.emitted().len(), 1);
}
