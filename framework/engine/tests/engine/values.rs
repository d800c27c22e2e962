//! Policies that read the merged value of an open set.

use stook_engine::{AggregateSpec, Expected, LatePolicy, LateSpec};
use stook_plugin::{
    Admission, Algebra, Conflicts, Contribution, DedupMemory, DedupStrategy, Identity, Keep, MergeError,
    MergeInput, MergeStrategy, Merged, RunningMerge, Scope,
};
use stook_types::{DecodeError, Value};

use crate::harness::{Rig, collector, ms, spec};
use crate::policies::{Sum, admits, announced, complete_if, reaches, starts, sum_so_far};

fn summing(sum: i64) -> AggregateSpec {
    AggregateSpec { completion: vec![reaches(sum)], merge: Some(Box::new(Sum)), ..spec() }
}

#[test]
fn a_value_completes_its_set() {
    let mut rig = Rig::new(summing(10));
    for (id, n) in [("1", 3), ("2", 9), ("1", 6), ("1", 2), ("2", 1)] {
        rig.offer("p1", id, n);
    }
    assert_eq!(rig.emitted(), [r#"1 complete reaches {"sum":11}"#, r#"2 complete reaches {"sum":10}"#]);
}

#[test]
fn a_set_without_results_has_the_value_of_none() {
    let mut rig = Rig::new(summing(0));
    rig.announce("1", &[Expected::tasks(collector("p1"), 1)]).unwrap();
    assert_eq!(rig.emitted(), [r#"1 complete reaches {"sum":0} missing p1=never-connected"#]);
    assert_eq!(rig.engine.counters().undecided, 0);
}

#[test]
fn there_is_no_value_where_nobody_reads_one() {
    let look = crate::policies::ask(|set| complete_if(set.value.is_none()));
    let mut rig = Rig::new(AggregateSpec { completion: vec![look], merge: Some(Box::new(Sum)), ..spec() });
    rig.offer("p1", "1", 1);
    assert_eq!(rig.emitted(), [r#"1 complete ask {"sum":1}"#]);
}

#[test]
fn who_is_at_the_door_is_judged_by_the_value_without_it() {
    let full = admits("full", |set, _| match sum_so_far(set) {
        Some(5..) => Admission::OpensNext,
        Some(_) => Admission::Enters,
        None => Admission::Undecided,
    });
    let completion = vec![full, reaches(1_000)];
    let mut rig = Rig::new(AggregateSpec { completion, merge: Some(Box::new(Sum)), ..spec() });
    for n in [4, 4, 4, 4] {
        rig.offer("p1", "1", n);
    }
    assert_eq!(rig.emitted(), [r#"1 complete full {"sum":8}"#], "the next set has a value of its own");
    assert_eq!(rig.engine.counters().undecided, 0);
}

/// All results of a collector are the same; the last one stays.
struct Latest(Keep);

impl DedupStrategy for Latest {
    fn identity(&self, result: &Contribution) -> Result<Option<Identity>, DecodeError> {
        Ok(Some(Identity(result.source.collector.as_str().bytes().map(u128::from).sum())))
    }

    fn memory(&self) -> DedupMemory {
        DedupMemory::bounded(Scope::Set, ms(60_000), 100, self.0)
    }
}

#[test]
fn a_duplicate_adds_nothing_and_what_it_replaces_is_taken_back() {
    for (keep, completes) in [(Keep::First, 1), (Keep::Last, 0)] {
        let dedup = Some(Box::new(Latest(keep)) as Box<dyn DedupStrategy>);
        let mut rig = Rig::new(AggregateSpec { dedup, ..summing(7) });
        for (from, n) in [("p1", 3), ("p1", 2), ("p2", 4)] {
            rig.offer(from, "1", n);
        }
        assert_eq!(rig.emitted().len(), completes, "{keep:?}: 3 + 4, or 2 + 4");
    }
}

#[test]
fn a_correction_goes_on_from_the_value() {
    let late = LateSpec { policy: LatePolicy::Correct(ms(5_000)), ..LateSpec::default() };
    let mut rig = Rig::new(AggregateSpec { late, ..summing(10) });
    rig.offer("p1", "1", 4);
    rig.force(Some("1"));
    rig.offer("p1", "1", 6);
    assert_eq!(rig.emitted(), [r#"1 partial forced {"sum":4}"#, r#"1 complete reaches {"sum":10} r2"#]);
}

#[test]
fn what_a_merge_holds_is_charged_and_comes_back() {
    let held = |spec: AggregateSpec| {
        let mut rig = Rig::new(spec);
        (0..10).for_each(|_| _ = rig.offer("p1", "1", 1));
        let used = rig.engine.memory().used;
        rig.force(None);
        assert_eq!(rig.engine.memory().used, 0);
        used
    };
    let without = held(AggregateSpec { completion: vec![announced()], merge: Some(Box::new(Sum)), ..spec() });
    assert_eq!(held(summing(1_000)) - without, 10 * 10 + size_of::<(i64, usize)>());
}

/// Blows up in one place, or claims to hold everything.
#[derive(Clone, Copy, PartialEq)]
enum Bad {
    Begin,
    Push,
    Value,
    Bytes,
    Drop,
    Greedy,
}

struct BadMerge(Bad);
struct BadRunning(Bad, bool);

fn blow_up<T>() -> T {
    std::panic::resume_unwind(Box::new("as the test wants it"))
}

impl MergeStrategy for BadMerge {
    fn algebra(&self) -> Algebra {
        Algebra::default()
    }

    fn merge(&self, input: &MergeInput<'_>, _: &mut Conflicts) -> Result<Merged, MergeError> {
        Ok(input.list())
    }

    fn running(&self, _: &[Vec<String>]) -> Result<Box<dyn RunningMerge>, MergeError> {
        if self.0 == Bad::Begin { blow_up() } else { Ok(Box::new(BadRunning(self.0, false))) }
    }
}

impl RunningMerge for BadRunning {
    fn push(&mut self, result: &Contribution) {
        self.1 |= result.payload.bytes() == "13";
        if self.0 == Bad::Push && self.1 {
            blow_up()
        }
    }

    fn value(&self) -> Value {
        if self.0 == Bad::Value && self.1 {
            blow_up()
        }
        Value::Object([("sum".to_owned(), Value::Int(0))].into())
    }

    fn bytes(&self) -> usize {
        match self.0 {
            Bad::Bytes if self.1 => blow_up(),
            Bad::Greedy => usize::MAX,
            _ => 0,
        }
    }
}

impl Drop for BadRunning {
    fn drop(&mut self) {
        if self.0 == Bad::Drop {
            blow_up()
        }
    }
}

#[test]
fn a_merge_that_panics_leaves_its_own_set_without_a_value() {
    for (bad, panics, undecided) in [
        (Bad::Begin, 5, 4),
        (Bad::Push, 1, 2),
        (Bad::Value, 1, 2),
        (Bad::Bytes, 1, 2),
        (Bad::Drop, 0, 0),
        (Bad::Greedy, 0, 0),
    ] {
        let merge = Some(Box::new(BadMerge(bad)) as Box<dyn MergeStrategy>);
        let mut rig = Rig::new(AggregateSpec { completion: vec![reaches(1), starts("0")], merge, ..spec() });
        for (id, n) in [("1", 13), ("2", 1), ("1", 2), ("2", 0)] {
            assert_eq!(rig.offer("p1", id, n), "accepted");
        }
        let counters = rig.engine.counters();
        assert_eq!((counters.plugin_panics, counters.undecided), (panics, undecided));
        rig.until(10_000);
        let emitted = ["2 complete starts [1]", "1 partial timeout [13,2]", "2 partial timeout [0] g2"];
        assert_eq!(rig.emitted(), emitted);
        assert_eq!(rig.engine.memory().used, 0);
    }
}

#[test]
fn an_announced_set_is_charged_for_the_value_that_is_followed() {
    let used = |spec| {
        let mut rig = Rig::new(spec);
        rig.open("1", &["p1"]);
        rig.engine.memory().used
    };
    let follows = AggregateSpec { completion: vec![reaches(100)], merge: Some(Box::new(Sum)), ..spec() };
    assert!(used(follows) > used(spec()));
}
