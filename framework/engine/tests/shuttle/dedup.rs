//! Equal results that come at once, in one set and in several; and sinks that lose the one that stayed.

use std::sync::Arc;

use stook_engine::{AggregateSpec, Limits, Verdict, WhenFull};
use stook_plugin::{Keep, Scope};

use crate::explore;
use crate::harness::spec;
use crate::policies::{count, remember};
use crate::world::{World, at, join, message};

/// Complete with each result; equal results are dropped for 1 s, wherever they are.
fn beyond_sets(keep: Keep) -> AggregateSpec {
    let dedup = Some(remember(Scope::Aggregate, 1_000, 100, keep));
    AggregateSpec { completion: vec![count(1)], dedup, ..spec() }
}

fn accepted(world: &Arc<World>, sequences: &[u64]) -> usize {
    sequences.iter().filter(|sequence| world.is_accepted(**sequence)).count()
}

#[test]
fn of_equal_results_in_several_sets_one_stays() {
    for keep in [Keep::First, Keep::Last] {
        explore(move || {
            let world = World::new(beyond_sets(keep));
            let of_p1 =
                world.sends(&world.connect("p1"), [message("r", 1).saying(7), message("s", 2).saying(8)]);
            let of_p2 =
                world.sends(&world.connect("p2"), [message("s", 11).saying(7), message("t", 12).saying(8)]);
            let of_p3 =
                world.sends(&world.connect("p3"), [message("t", 21).saying(7), message("r", 22).saying(8)]);
            join([of_p1, of_p2, of_p3]);
            assert_eq!((accepted(&world, &[1, 11, 21]), accepted(&world, &[2, 12, 22])), (1, 1));
            world.check_sets(2);
        });
    }
}

/// The later of two equal results takes the place of the earlier, or finds it released.
#[test]
fn replacement_or_release() {
    for scope in [Scope::Set, Scope::Aggregate] {
        explore(move || {
            let dedup = Some(remember(scope, 60_000, 100, Keep::Last));
            let world = World::new(AggregateSpec { dedup, ..spec() });
            let of_p1 =
                world.sends(&world.connect("p1"), [message("t", 1).saying(7), message("t", 2).saying(7)]);
            let of_p2 = world.sends(&world.connect("p2"), [message("t", 11).saying(7), message("t", 12)]);
            world.force(None);
            join([of_p1, of_p2]);
            world.shut_down();
            let ends = world.check();
            let of_seven = ends.iter().flat_map(|end| &end.has).filter(|n| **n != 12).count();
            assert_eq!(of_seven, 1, "{ends:?}");
        });
    }
}

/// An identity is taken back when its result is lost. Who came before that was a duplicate; of those who come after it the
/// first stays.
#[test]
fn an_equal_result_or_the_loss_of_the_first() {
    explore(|| {
        let world = World::new(beyond_sets(Keep::First));
        let (p1, p2) = (world.connect("p1"), world.connect("p2"));
        world.offer(&p1, message("r", 1).saying(7));
        let released = world.take_released();
        let sinks = world.spawn(move |world| world.fail(released));
        let equal = world.sends(&p2, [message("s", 2).saying(7)]);
        join([sinks, equal]);
        join([world.sends(&p1, [message("t", 3).saying(7)]), world.sends(&p2, [message("u", 4).saying(7)])]);
        assert_eq!(accepted(&world, &[2, 3, 4]), 1, "of those that were not lost");
        world.check_sets(2);
    });
}

/// An identity whose window is over belongs to the next result that has it: the loss of the first does not take it back.
#[test]
fn the_loss_of_a_result_does_not_make_an_equal_later_one_forgotten() {
    explore(|| {
        let world = World::new(beyond_sets(Keep::First));
        let (p1, p2) = (world.connect("p1"), world.connect("p2"));
        world.offer(&p1, message("r", 1).saying(7));
        let released = world.take_released();
        let sinks = world.spawn(move |world| world.fail(released));
        let equal = world.sends(&p2, [message("s", 2).saying(7).at(at(1_000))]);
        join([sinks, equal]);
        assert!(world.is_accepted(2), "it was forgotten, or taken back");
        let third = world.offer(&p1, message("t", 3).saying(7).at(at(1_001)));
        assert!(matches!(third, Verdict::Duplicate), "{third:?}");
        world.check_sets(2);
    });
}

/// Those who bring equal results evict sets for them, and sinks lose those.
#[test]
fn equal_results_make_room_for_each_other() {
    explore(|| {
        let limits = Limits { sets: 1, when_full: WhenFull::EmitOldest, ..Limits::default() };
        let dedup = Some(remember(Scope::Aggregate, 1_000, 1, Keep::Last));
        let world = World::new(AggregateSpec { limits, dedup, ..spec() });
        let of_p1 = world.sends(&world.connect("p1"), [message("r", 1).saying(7), message("s", 2).saying(8)]);
        let of_p2 =
            world.sends(&world.connect("p2"), [message("s", 11).saying(7), message("t", 12).saying(8)]);
        let sinks = world.spawn(|world| (0..2).for_each(|_| world.fail(world.take_released())));
        join([of_p1, of_p2, sinks]);
        world.let_in();
        world.shut_down();
        world.check();
    });
}
