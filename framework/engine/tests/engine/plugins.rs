//! A plugin that panics or talks nonsense harms its own set only, and is counted.

use std::cmp::Ordering;
use std::panic::panic_any;

use stook_engine::{AggregateSpec, NamedPolicy, PluginNames};
use stook_plugin::{
    Admission, AggregatedResult, Algebra, CompletionPolicy, Conflict, ConflictKind, Conflicts, Contribution,
    Decision, DedupMemory, DedupStrategy, Identity, MergeError, MergeInput, MergeStrategy, Merged,
    MissingCollector, PluginKind, Provenance, Reason, Roster, SetView, Unexpected,
};
use stook_types::{CollectorId, DecodeError, Value};

use crate::harness::{Rig, collector, pattern, shot, spec};
use crate::policies::{By, MergeBy, admits, ask, complete_if, count, expected, named, starts};

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

/// Never complete.
struct Patient;

impl CompletionPolicy for Patient {
    fn decide(&self, _: &SetView<'_>) -> Decision {
        Decision::Pending
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
fn admit_panics() {
    let explosive = admits("explosive", |_, next| match next.payload.bytes() == "13" {
        true => blow_up(),
        false => Admission::Enters,
    });
    let mut rig = Rig::new(AggregateSpec { completion: vec![explosive, starts("13")], ..spec() });
    assert_eq!(rig.offer("p1", "1", 13), "accepted", "as if it had not been asked");
    rig.offer("p1", "1", 1);
    rig.offer("p1", "1", 13);
    assert_eq!(rig.emitted(), ["1 complete starts [13,1]"], "the policy after it is asked");
    assert!(rig.panics() >= 2);
}

/// Completes as soon as it can; disagrees with whoever says 2.
struct Dissent;

impl CompletionPolicy for Dissent {
    fn decide(&self, set: &SetView<'_>) -> Decision {
        complete_if(set.results.len() == 3)
    }

    fn dissent(&self, results: &[Contribution], _: &[MissingCollector]) -> Vec<Conflict> {
        let text = |result: &Contribution| String::from_utf8(result.payload.bytes().to_vec()).unwrap();
        let all: Vec<_> = results.iter().map(text).collect();
        if all.contains(&"13".to_owned()) {
            blow_up()
        }
        let many = if all.contains(&"99".to_owned()) { 2 * Conflicts::MAX } else { 1 };
        let conflict = |result: &Contribution| {
            Conflict::of_payload(ConflictKind::Disagree, &result.source.collector).got(all.join(" "))
        };
        results.iter().filter(|result| text(result) == "2").flat_map(|r| vec![conflict(r); many]).collect()
    }
}

/// A list, with provenance; fails where everything is 5.
struct Traced;

impl MergeStrategy for Traced {
    fn algebra(&self) -> Algebra {
        Algebra::default()
    }

    fn merge(&self, input: &MergeInput<'_>, conflicts: &mut Conflicts) -> Result<Merged, MergeError> {
        conflicts.push(Conflict::of_payload(ConflictKind::Type, &input.results[0].source.collector));
        if input.results.iter().any(|result| result.payload.bytes() == "5") {
            return Err(MergeError::new("as the test wants it"));
        }
        Ok(input.list())
    }

    fn provenance(&self, input: &MergeInput<'_>) -> Vec<Provenance> {
        if input.results.iter().any(|result| result.payload.bytes() == "13") {
            blow_up()
        }
        let who = input.results.iter().map(|result| result.source.collector.clone());
        vec![Provenance::new(vec!["all".into()], who.collect())]
    }
}

/// What the sinks hold of the only set, and the engine's count of panics.
fn finished(completion: Vec<NamedPolicy>, results: &[(&str, u8)]) -> (AggregatedResult, u64) {
    let latest_first = By(|a: &Contribution, b: &Contribution| b.arrival.cmp(&a.arrival));
    let mut rig = Rig::new(AggregateSpec {
        completion,
        order: Some(Box::new(latest_first)),
        merge: Some(Box::new(Traced)),
        ..spec()
    });
    rig.hold = true;
    results.iter().for_each(|(from, n)| _ = rig.offer(from, "1", n));
    rig.force(None);
    assert_eq!(rig.held().len(), 1);
    (rig.held()[0].result.clone(), rig.panics())
}

fn told(result: &AggregatedResult) -> Vec<(&str, ConflictKind, Option<&str>)> {
    result.conflicts.iter().map(|c| (c.collector.as_str(), c.kind, c.got.as_deref())).collect()
}

#[test]
fn whoever_completed_the_set_says_who_dissents() {
    // Two policies of one name: it is the second that is asked.
    let completion = || vec![named("twice", Patient), named("twice", Dissent)];
    let (result, _) = finished(completion(), &[("p1", 1), ("p2", 2), ("p3", 3)]);
    let (merge, dissent) = (("p3", ConflictKind::Type, None), ("p2", ConflictKind::Disagree, Some("1 2 3")));
    assert_eq!(told(&result), [merge, dissent], "after the merge's, of results in order of arrival");
    let (result, _) = finished(completion(), &[("p1", 1), ("p2", 2)]);
    assert_eq!(told(&result), [("p2", ConflictKind::Type, None)], "it did not complete this one");
    let (result, _) = finished(completion(), &[("p1", 1), ("p2", 2), ("p3", 5)]);
    assert_eq!(
        (result.reason, told(&result)),
        (Reason::MergeFailed, vec![merge]),
        "nor, in the end, this one"
    );
    let (result, _) = finished(completion(), &[("p1", 1), ("p2", 2), ("p3", 99)]);
    assert_eq!(result.conflicts.len(), Conflicts::MAX);
}

#[test]
fn a_merge_says_who_gave_what() {
    let all = |result: &AggregatedResult| result.provenance.clone();
    let (result, _) = finished(vec![count(2)], &[("p1", 1), ("p2", 2)]);
    let who = ["p2", "p1"].map(collector).to_vec();
    assert_eq!(all(&result), [Provenance::new(vec!["all".into()], who)], "in effective order");
    let (result, panics) = finished(vec![count(2)], &[("p1", 1), ("p2", 5)]);
    assert_eq!((all(&result), panics), (vec![], 0), "not of a merge that failed");
}

#[test]
fn dissent_and_provenance_panic() {
    let (result, panics) = finished(vec![named("dissent", Dissent)], &[("p1", 13), ("p2", 2), ("p3", 3)]);
    assert_eq!((result.reason, panics), (Reason::Completed("dissent"), 2));
    assert_eq!(told(&result), [("p3", ConflictKind::Type, None)]);
    assert_eq!(result.provenance, []);
}

#[test]
fn panics_are_counted_by_kind_and_name() {
    let names = PluginNames { dedup: "same", order: "sorted", merge: "mine", topic_dedup: vec!["special"] };
    let mut rig = Rig::new(AggregateSpec {
        completion: vec![named("explosive", Explosive), decide(), decide(), count(2)],
        dedup: Some(Box::new(ExplosiveDedup)),
        topic_dedup: vec![(pattern("a.special"), Box::new(ExplosiveDedup))],
        order: Some(Box::new(By(|_: &Contribution, _: &Contribution| blow_up()))),
        merge: Some(Box::new(MergeBy(|_: &MergeInput<'_>| blow_up()))),
        names,
        ..spec()
    });
    rig.offer("p1", "1", 13);
    rig.shoot(&shot("p1", "1", 13).topic("a.special"));
    rig.offer("p1", "1", 1);
    rig.offer("p1", "1", 2);
    let counters = rig.engine.counters();
    use PluginKind::{Completion, Dedup, Merge, Order};
    let expected =
        [(Completion, "explosive"), (Dedup, "same"), (Dedup, "special"), (Merge, "mine"), (Order, "sorted")];
    let found: Vec<_> = counters.misbehaved.iter().map(|(plugin, count)| (*plugin, *count)).collect();
    assert_eq!(found, expected.map(|plugin| (plugin, 1)));
    assert_eq!(counters.plugin_panics, 5);
}

#[test]
fn a_merge_that_gives_no_value_says_why() {
    let merge = |input: &MergeInput<'_>| match input.results.len() {
        1 => Err(MergeError::new("é".repeat(1_000))),
        2 => panic!("no {}", "two"),
        _ => Ok(Merged::Value(Value::Null)),
    };
    let mut rig = Rig::new(AggregateSpec { merge: Some(Box::new(MergeBy(merge))), ..spec() });
    rig.hold = true;
    for (set, results) in [("1", 1), ("2", 2), ("3", 3)] {
        (0..results).for_each(|n| _ = rig.offer("p1", set, n));
        rig.force(None);
    }
    let errors: Vec<_> = rig.held().iter().map(|held| held.result.error.clone()).collect();
    assert_eq!(errors, [Some("é".repeat(512)), Some("it panicked: no two".into()), None]);
    let counters = rig.engine.counters();
    let failures = counters.merge_failures.values().next().expect("there were some");
    assert_eq!((failures.count, failures.last.as_str()), (2, "it panicked: no two"));
}

#[test]
fn merge_panics_or_fails() {
    type Fail = fn() -> Result<Merged, MergeError>;
    let fails: [(&str, Fail); 2] = [("panics", || blow_up()), ("fails", || Err(MergeError::new("no value")))];
    for (how, fail) in fails {
        let merge = MergeBy(
            move |input: &MergeInput<'_>| {
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
