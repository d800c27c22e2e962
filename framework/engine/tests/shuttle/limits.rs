//! One set too many, or too little memory, while others come, complete, and change.

use std::sync::Arc;

use shuttle::thread::JoinHandle;
use stook_engine::{AggregateSpec, Footprint, LatePolicy, LateSpec, Limits, Verdict, WhenFull};
use stook_plugin::Reason;
use stook_types::Refusal;

use crate::explore;
use crate::harness::{key, spec};
use crate::policies::count;
use crate::world::{NOW, World, at, join, message};

fn at_most(sets: usize, when_full: WhenFull) -> AggregateSpec {
    AggregateSpec { limits: Limits { sets, when_full, ..Limits::default() }, ..spec() }
}

/// Somebody who looks now and then, and never sees one set too many.
fn watch(world: &Arc<World>, most: usize) -> JoinHandle<()> {
    world.spawn(move |world| {
        for _ in 0..4 {
            let (_, occupancy) = world.sets.status()[0];
            assert!(occupancy.open <= most, "{occupancy:?}");
        }
    })
}

/// Three sets want the room of two, or one.
fn arrivals(sets: usize, when_full: WhenFull) -> Arc<World> {
    let world = World::new(at_most(sets, when_full));
    let of_p1 = world.sends(&world.connect("p1"), [message("r", 1), message("s", 2)]);
    let of_p2 = world.sends(&world.connect("p2"), [message("s", 11), message("t", 12)]);
    join([of_p1, of_p2, watch(&world, sets)]);
    world
}

#[test]
fn the_longest_idle_set_makes_room_for_one_more() {
    explore(|| {
        let world = arrivals(1, WhenFull::EmitOldest);
        world.let_in();
        world.shut_down();
        let ends = world.check();
        assert!(ends.len() >= 3, "{ends:?}");
    });
}

#[test]
fn what_was_held_back_gets_in_when_there_is_room() {
    explore(|| {
        let world = arrivals(1, WhenFull::Backpressure);
        world.let_in();
        world.shut_down();
        let ends = world.check();
        assert!(ends.iter().all(|end| end.reason != Reason::Evicted), "{ends:?}");
        // Being held back is not being seen.
        assert_eq!(world.sets.counters().duplicate, 0);
    });
}

#[test]
fn no_more_sets_are_refused_than_there_was_no_room_for() {
    explore(|| {
        let world = arrivals(2, WhenFull::Refuse);
        world.shut_down();
        let full = |n: &u64| matches!(world.verdict(*n), Verdict::Refused(Refusal::SetFull));
        let refused = [1, 2, 11, 12].iter().filter(|n| full(n)).count();
        // Two sets are in; of the third at most two results are refused.
        world.check_sets(2);
        assert!((1..=2).contains(&refused), "{refused}");
    });
}

/// J10: a set that is chosen to be evicted while its last result comes.
#[test]
fn eviction_or_completion() {
    explore(|| {
        let world =
            World::new(AggregateSpec { completion: vec![count(2)], ..at_most(1, WhenFull::EmitOldest) });
        let (p1, p2) = (world.connect("p1"), world.connect("p2"));
        world.offer(&p1, message("s", 1));
        let completes = world.sends(&p1, [message("s", 2).at(at(1))]);
        let evicts = world.sends(&p2, [message("t", 3).at(at(1))]);
        let relieves = world
            .spawn(|world| _ = world.act(|sets, out| sets.evict_longest_idle(NOW, [(0, &key("s"))], out)));
        join([completes, evicts, relieves, watch(&world, 1)]);
        world.let_in();
        world.shut_down();
        let ends = world.check_sets(2);
        let complete = ends["s"].0 == Reason::Completed("count");
        assert_eq!(ends["s"].1, if complete { vec![1, 2] } else { vec![1] }, "{ends:?}");
        assert!(complete || ends["s"].0 == Reason::Evicted, "{ends:?}");
    });
}

/// J10: of two sets that one makes room which is idle for longer, though it is touched in that moment.
#[test]
fn a_set_that_is_touched_as_it_is_evicted_loses_nothing() {
    explore(|| {
        let world = World::new(at_most(2, WhenFull::EmitOldest));
        let (p1, p2) = (world.connect("p1"), world.connect("p2"));
        world.offer(&p1, message("r", 1));
        world.offer(&p1, message("s", 2).at(at(1)));
        let touches = world.sends(&p1, [message("r", 3).at(at(2))]);
        let evicts = world.sends(&p2, [message("t", 4).at(at(2)), message("u", 5).at(at(2))]);
        join([touches, evicts, watch(&world, 2)]);
        world.shut_down();
        let ends = world.check_sets(4);
        assert_eq!(ends["r"].1, if world.is_accepted(3) { vec![1, 3] } else { vec![1] }, "{ends:?}");
        // Touched or not: of those that were touched last it was opened first.
        let evicted = ["r", "s", "t", "u"].map(|name| ends[name].0 == Reason::Evicted);
        assert_eq!(evicted, [true, true, false, false], "{ends:?}");
    });
}

/// J10: a set that has ended and begun anew since it was chosen is not ended for the one before it.
#[test]
fn a_set_that_is_evicted_and_reopened_is_not_idle() {
    explore(|| {
        let late = LateSpec { policy: LatePolicy::Reopen, ..LateSpec::default() };
        let completion = vec![count(2)];
        let world = World::new(AggregateSpec { completion, late, ..at_most(2, WhenFull::EmitOldest) });
        let (p1, p2) = (world.connect("p1"), world.connect("p2"));
        world.offer(&p1, message("s", 1));
        world.offer(&p1, message("t", 2).at(at(1)));
        let completes = world.sends(&p1, [message("s", 3).at(at(2)), message("s", 4).at(at(2))]);
        let evicts = world.sends(&p2, [message("u", 5).at(at(2))]);
        join([completes, evicts]);
        world.let_in();
        world.shut_down();
        let ends = world.check();
        let evicted = |name: &str| ends.iter().any(|e| e.name() == name && e.reason == Reason::Evicted);
        assert!(!evicted("s 2") || evicted("t"), "t was idle for longer: {ends:?}");
    });
}

/// Memory for two small sets.
fn little_memory() -> usize {
    2 * (Footprint::SET + Footprint::RESULT + Footprint::MEMBER + 8)
}

/// Three sets want the memory of two, which comes free when the sinks have taken one.
fn without_memory(when_full: WhenFull) {
    let world = World::with_memory(at_most(100, when_full), little_memory());
    let of_p1 = world.sends(&world.connect("p1"), [message("r", 1), message("s", 2)]);
    let of_p2 = world.sends(&world.connect("p2"), [message("t", 11), message("r", 12)]);
    let sinks = world.spawn(|world| (0..3).for_each(|_| world.settle()));
    join([of_p1, of_p2, sinks]);
    assert!(world.sets.memory().used <= world.sets.memory().limit);
    world.let_in();
    world.shut_down();
    world.check();
}

#[test]
fn memory_comes_free_when_the_sinks_have_taken_what_was_evicted() {
    explore(|| without_memory(WhenFull::EmitOldest));
}

#[test]
fn memory_is_waited_for_and_comes() {
    explore(|| without_memory(WhenFull::Backpressure));
}

#[test]
fn what_is_refused_for_memory_holds_none() {
    explore(|| without_memory(WhenFull::Refuse));
}
