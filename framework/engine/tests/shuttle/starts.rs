//! Sets that end where the next begins: one takes the place of another, against everything else that ends a set.

use std::collections::BTreeMap;
use std::sync::Arc;

use stook_engine::{AggregateSpec, Expected, LatePolicy, LateSpec, NamedPolicy};
use stook_plugin::{Admission, Keep, Reason, Scope};

use crate::explore;
use crate::harness::{collector, key, ms, spec};
use crate::policies::{admits, announced, count, expected, remember};
use crate::world::{NOW, World, at_timeout, join, message};

/// Every tenth result starts a set.
fn starts() -> NamedPolicy {
    admits("starts", |_, next| match next.sequence % 10 {
        0 => Admission::OpensNext,
        _ => Admission::Enters,
    })
}

fn set_up() -> AggregateSpec {
    AggregateSpec { completion: vec![starts()], ..spec() }
}

/// Two collectors start sets of one correlation ID while something else ends the one that is open.
fn race(world: &Arc<World>, end: impl FnOnce(&World) + Send + 'static) {
    let of_p1 = world.sends(&world.connect("p1"), [10, 11, 20].map(|n| message("t", n)));
    let of_p2 = world.sends(&world.connect("p2"), [30, 31, 40].map(|n| message("t", n)));
    end(world);
    join([of_p1, of_p2]);
}

/// Each set has one start at most, and all but the last were ended by that of the next.
fn check_chain(ends: &BTreeMap<String, (Reason, Vec<u64>)>) {
    for generation in 1..=ends.len() {
        let (reason, has) = &ends[&name(generation)];
        assert!(has.iter().filter(|sequence| *sequence % 10 == 0).count() <= 1, "{ends:?}");
        assert_eq!(*reason == Reason::Completed("starts"), generation < ends.len(), "{ends:?}");
    }
}

fn name(generation: usize) -> String {
    if generation == 1 { "t".to_owned() } else { format!("t {generation}") }
}

#[test]
fn each_start_opens_a_set_whoever_is_first() {
    explore(|| {
        let world = World::new(set_up());
        race(&world, |world| world.expire(NOW));
        world.shut_down();
        check_chain(&world.check_sets(4));
    });
}

/// One set is ended by something else, and what comes then is late: the chain is over.
fn a_chain_is_over(end: impl Fn(&World) + Clone + Send + Sync + 'static) {
    explore(move || {
        let world = World::new(set_up());
        race(&world, end.clone());
        world.shut_down();
        let ends = world.check();
        let ends: BTreeMap<_, _> = ends.into_iter().map(|end| (end.name(), (end.reason, end.has))).collect();
        check_chain(&ends);
    });
}

#[test]
fn a_timeout_ends_a_chain_of_sets_wherever_it_is() {
    a_chain_is_over(|world| world.expire(at_timeout()));
}

#[test]
fn force_ends_a_chain_of_sets_wherever_it_is() {
    a_chain_is_over(|world| _ = world.force(None));
}

/// A start and the result that completes the set that it would end: both sets have their own.
#[test]
fn a_start_and_a_completion_release_a_set_once() {
    explore(|| {
        let late = LateSpec { policy: LatePolicy::Reopen, ..LateSpec::default() };
        let world = World::new(AggregateSpec { completion: vec![starts(), count(2)], late, ..spec() });
        let (p1, p2) = (world.connect("p1"), world.connect("p2"));
        world.offer(&p1, message("t", 1));
        join([world.sends(&p1, [message("t", 10)]), world.sends(&p2, [message("t", 2)])]);
        world.shut_down();
        let ends = world.check_sets(2);
        // Either the start ends a set of one and is completed by the other, or it comes too late to end anything.
        let (first, second) = (&ends["t"], &ends["t 2"]);
        match first.0 {
            Reason::Completed("starts") => {
                assert_eq!((&first.1[..], &second.1[..]), (&[1][..], &[2, 10][..]), "{ends:?}");
                assert_eq!(second.0, Reason::Completed("count"));
            }
            Reason::Completed("count") => {
                assert_eq!((&first.1[..], &second.1[..]), (&[1, 2][..], &[10][..]), "{ends:?}");
                assert_eq!(second.0, Reason::Shutdown);
            }
            other => panic!("{other:?}"),
        }
    });
}

/// Whichever set of the chain waits for the lost one when it is lost, or begins to later: none stays open for it.
#[test]
fn no_set_of_a_chain_waits_for_a_collector_that_is_lost() {
    explore(|| {
        let late = LateSpec { policy: LatePolicy::Reopen, ..LateSpec::default() };
        let completion = vec![starts(), expected(&["p1", "p2"])];
        let world = World::new(AggregateSpec { completion, late, ..spec() });
        let (p1, p2) = (world.connect("p1"), world.connect("p2"));
        let answers = world.sends(&p1, [10, 20, 30].map(|n| message("t", n)));
        world.lose(&p2);
        answers.join().unwrap();
        let ends = world.check_sets(3);
        assert_eq!(ends[&name(3)].0, Reason::CollectorsLost, "{ends:?}");
        assert!(ends.values().all(|(reason, has)| *reason != Reason::Shutdown && has.len() == 1), "{ends:?}");
    });
}

/// What is remembered beyond sets is of the set that a result entered, not of the one that it ended.
#[test]
fn a_chain_has_each_of_two_equal_results_once() {
    explore(|| {
        let dedup = Some(remember(Scope::Aggregate, 60_000, 100, Keep::First));
        let world = World::new(AggregateSpec { dedup, idle: Some(ms(5_000)), ..set_up() });
        let (p1, p2) = (world.connect("p1"), world.connect("p2"));
        let of_p1 = world.sends(&p1, [message("t", 10).saying(7), message("t", 20).saying(8)]);
        let of_p2 = world.sends(&p2, [message("t", 30).saying(8), message("t", 40).saying(7)]);
        join([of_p1, of_p2]);
        world.shut_down();
        let ends = world.check_sets(2);
        check_chain(&ends);
        let accepted = [10, 20, 30, 40].map(|sequence| world.is_accepted(sequence));
        assert_eq!((accepted[0], accepted[1]), (!accepted[3], !accepted[2]), "{ends:?}");
    });
}

/// A task that ends while a start ends its set: the next set does not wait for what is over.
#[test]
fn no_set_of_a_chain_waits_for_a_task_that_is_over() {
    explore(|| {
        let late = LateSpec { policy: LatePolicy::Reopen, ..LateSpec::default() };
        let world = World::new(AggregateSpec { completion: vec![starts(), announced()], late, ..spec() });
        let (p1, p2) = (world.connect("p1"), world.connect("p2"));
        let (set, task) = (key("t"), Expected::tasks(collector("p1"), 1));
        world.act(|sets, out| sets.announce(NOW, 0, &set, &[task], out)).unwrap();
        world.offer(&p2, message("t", 1));
        let start = world.sends(&p2, [message("t", 10)]);
        world.act(|sets, out| sets.task_finished(NOW, 0, &set, &collector("p1"), out));
        start.join().unwrap();
        // A set that still waited for it would be released by that.
        world.lose(&p1);
        world.shut_down();
        let ends = world.check_sets(2);
        assert!(ends.values().all(|(reason, _)| *reason != Reason::CollectorsLost), "{ends:?}");
    });
}
