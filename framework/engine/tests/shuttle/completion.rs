//! What completes a set, against itself and against everything else that ends one.

use stook_engine::{AggregateSpec, LatePolicy, LateSpec};
use stook_plugin::Reason;
use stook_types::MonoTime;

use crate::explore;
use crate::harness::{ms, spec};
use crate::policies::count;
use crate::world::{NOW, World, at, at_timeout, join, message};

fn two() -> AggregateSpec {
    AggregateSpec { completion: vec![count(2)], ..spec() }
}

const COUNT: Reason = Reason::Completed("count");

/// J01
#[test]
fn two_collectors_complete_the_same_set_at_once() {
    explore(|| {
        let world = World::new(two());
        let of_p1 = world.sends(&world.connect("p1"), [message("s", 1), message("t", 2)]);
        let of_p2 = world.sends(&world.connect("p2"), [message("t", 11), message("s", 12)]);
        join([of_p1, of_p2]);
        let ends = world.check_sets(2);
        assert_eq!(ends["s"], (COUNT, vec![1, 12]));
        assert_eq!(ends["t"], (COUNT, vec![2, 11]));
    });
}

/// J01: of three results two are in the set, and the third is late.
#[test]
fn the_third_of_two_results_is_late() {
    explore(|| {
        let world = World::new(two());
        join(["p1", "p2", "p3"].map(|name| {
            let sequence = name[1..].parse().unwrap();
            world.sends(&world.connect(name), [message("t", sequence)])
        }));
        let ends = world.check_sets(1);
        assert_eq!((ends["t"].0, ends["t"].1.len()), (COUNT, 2));
        assert_eq!(world.sets.counters().late, 1);
    });
}

/// J01: of four results two are in each generation.
#[test]
fn the_third_and_the_fourth_of_two_results_are_the_next_generation() {
    explore(|| {
        let late = LateSpec { policy: LatePolicy::Reopen, ..LateSpec::default() };
        let world = World::new(AggregateSpec { late, ..two() });
        join(["p1", "p2", "p3", "p4"].map(|name| {
            let sequence = name[1..].parse().unwrap();
            world.sends(&world.connect(name), [message("t", sequence)])
        }));
        for (reason, has) in world.check_sets(2).into_values() {
            assert_eq!((reason, has.len()), (COUNT, 2));
        }
    });
}

/// The second of two results comes while something else ends the set, perhaps twice: it is in the set, or late.
fn second_result_or(reason: Reason, end: impl Fn(&World) + Clone + Send + Sync + 'static) {
    explore(move || {
        let world = World::new(two());
        let (p1, p2) = (world.connect("p1"), world.connect("p2"));
        world.offer(&p1, message("t", 1));
        join([world.sends(&p2, [message("t", 2)]), world.spawn(end.clone()), world.spawn(end.clone())]);
        let end = match world.is_accepted(2) {
            true => (COUNT, vec![1, 2]),
            false => (reason, vec![1]),
        };
        assert_eq!(world.check_sets(1)["t"], end);
    });
}

/// J02
#[test]
fn completion_or_timeout() {
    second_result_or(Reason::Timeout, |world| world.expire(at_timeout()));
}

/// J04
#[test]
fn completion_or_force() {
    second_result_or(Reason::Forced, |world| _ = world.force(Some("t")));
}

/// J04
#[test]
fn completion_or_force_of_all() {
    second_result_or(Reason::Forced, |world| _ = world.force(None));
}

/// J04: several sets, of which some are complete by then, some are forced, and some have yet to come.
#[test]
fn every_set_is_complete_or_forced() {
    explore(|| {
        let world = World::new(two());
        let of_p1 = world.sends(&world.connect("p1"), [message("r", 1), message("s", 2), message("t", 3)]);
        let of_p2 = world.sends(&world.connect("p2"), [message("t", 11), message("s", 12), message("r", 13)]);
        let forced = world.force(None);
        join([of_p1, of_p2]);
        let ends = world.check_sets(3);
        assert_eq!(ends.values().filter(|(reason, _)| *reason == Reason::Forced).count(), forced, "{ends:?}");
    });
}

/// What comes before the end is released with it; what comes after opens sets of its own or is late.
#[test]
fn shutdown_or_arrival() {
    explore(|| {
        let world = World::new(two());
        let of_p1 = world.sends(&world.connect("p1"), [message("s", 1), message("t", 2)]);
        let of_p2 = world.sends(&world.connect("p2"), [message("t", 11), message("s", 12)]);
        world.shut_down();
        join([of_p1, of_p2]);
        // A host offers nothing any more by now.
        for (reason, has) in world.check_sets(2).into_values() {
            assert_eq!(has.len(), if reason == Reason::Shutdown { 1 } else { 2 });
        }
    });
}

/// J10: a set that is idle for too long at the moment at which a result comes for it.
fn idle_or_arrival(looks: [MonoTime; 2]) {
    let world = World::new(AggregateSpec { idle: Some(ms(2_000)), ..spec() });
    let p1 = world.connect("p1");
    world.offer(&p1, message("t", 1));
    let clocks = looks.map(|now| world.spawn(move |world| world.expire(now)));
    world.sends(&p1, [message("t", 2).at(at(1_900))]).join().unwrap();
    join(clocks);
    // It was touched at 1.9 s, and that it comes up then is not forgotten by those who looked too early.
    world.expire(at(3_900));
    let has = if world.is_accepted(2) { vec![1, 2] } else { vec![1] };
    assert_eq!(world.check_sets(1)["t"], (Reason::Idle, has));
}

/// J10
#[test]
fn an_idle_set_that_is_touched_as_it_expires_is_released_once() {
    explore(|| idle_or_arrival([at(2_000), at(2_000)]));
    explore(|| idle_or_arrival([at(2_000), at(2_100)]));
}

/// J10: a set that has ended and begun anew since it was chosen is not ended for the one before it.
#[test]
fn a_set_that_is_due_and_reopened_is_not_due() {
    explore(|| {
        let late = LateSpec { policy: LatePolicy::Reopen, ..LateSpec::default() };
        let world = World::new(AggregateSpec { late, ..two() });
        let (p1, p2) = (world.connect("p1"), world.connect("p2"));
        world.offer(&p1, message("t", 1).at(NOW));
        let clock = world.spawn(|world| world.expire(at_timeout()));
        let rest = world.sends(&p2, [message("t", 2).at(at(9_999)), message("t", 3).at(at(9_999))]);
        join([clock, rest]);
        world.shut_down();
        let ends = world.check_sets(2);
        match ends["t"].0 {
            Reason::Timeout => assert_eq!(ends["t 2"], (COUNT, vec![2, 3]), "{ends:?}"),
            COUNT => assert_eq!(ends["t 2"], (Reason::Shutdown, vec![3]), "{ends:?}"),
            other => panic!("{other:?}"),
        }
    });
}
