//! Released sets that still take results, against their release, the end of their grace, and want of memory.

use stook_engine::{AggregateSpec, Footprint, LatePolicy, LateSpec, Limits, Verdict, WhenFull};
use stook_plugin::{Keep, Scope};
use stook_types::Refusal;

use crate::explore;
use crate::harness::{ms, spec};
use crate::policies::{count, remember};
use crate::world::{End, World, at, join, message};

/// Complete with its first result, corrected for 1 s.
fn corrects() -> AggregateSpec {
    let late = LateSpec { policy: LatePolicy::Correct(ms(1_000)), ..LateSpec::default() };
    AggregateSpec { completion: vec![count(1)], late, ..spec() }
}

/// Each of these is in one revision, or late.
fn check_each(world: &World, ends: &[End], sequences: impl IntoIterator<Item = u64>) {
    for sequence in sequences {
        let verdict = world.verdict(sequence);
        let is_late = matches!(verdict, Verdict::Refused(Refusal::Late));
        let revisions = ends.iter().filter(|end| end.has.contains(&sequence)).count();
        assert_eq!((revisions, is_late), (usize::from(!is_late), revisions == 0), "{verdict:?} {ends:?}");
    }
}

#[test]
fn whoever_does_not_release_the_set_corrects_it() {
    explore(|| {
        let world = World::new(corrects());
        join(["p1", "p2", "p3"].map(|name| {
            let sequence = name[1..].parse().unwrap();
            world.sends(&world.connect(name), [message("t", sequence)])
        }));
        let ends = world.check();
        assert_eq!(ends.len(), 3, "{ends:?}");
        check_each(&world, &ends, 1..=3);
    });
}

#[test]
fn correction_or_end_of_grace() {
    explore(|| {
        let world = World::new(corrects());
        let (p1, p2) = (world.connect("p1"), world.connect("p2"));
        world.offer(&p1, message("t", 1));
        let of_p1 = world.sends(&p1, [message("t", 2).at(at(500)), message("t", 3).at(at(1_000))]);
        let of_p2 = world.sends(&p2, [message("t", 11).at(at(999)), message("t", 12).at(at(999))]);
        let clock = world.spawn(|world| world.expire(at(1_000)));
        join([of_p1, of_p2, clock]);
        assert!(!world.is_accepted(3), "its time was over");
        let ends = world.check();
        check_each(&world, &ends, [1, 2, 3, 11, 12]);
    });
}

/// A correction while the set is forgotten for another: it is late, or in a set that starts over.
#[test]
fn correction_or_oblivion() {
    explore(|| {
        let spec = corrects();
        let late = LateSpec { tombstones: 1, ..spec.late };
        let world = World::that_forgets(AggregateSpec { late, ..spec });
        let (p1, p2) = (world.connect("p1"), world.connect("p2"));
        world.offer(&p1, message("s", 1));
        join([world.sends(&p1, [message("s", 2)]), world.sends(&p2, [message("t", 11), message("s", 12)])]);
        let ends = world.check();
        check_each(&world, &ends, [1, 2, 11, 12]);
    });
}

/// What is kept for corrections gives way to a new set, while a correction comes for it and sinks take what was released.
fn correction_or_memory(when_full: WhenFull) {
    let limits = Limits { when_full, ..Limits::default() };
    // For the set that is kept, for its emission, and for little more.
    let memory = 5 * (Footprint::SET + Footprint::RESULT + Footprint::MEMBER) / 2;
    let world = World::with_memory(AggregateSpec { limits, ..corrects() }, memory);
    let (p1, p2) = (world.connect("p1"), world.connect("p2"));
    world.offer(&p1, message("s", 1));
    let corrects = world.sends(&p1, [message("s", 2)]);
    let is_new = world.sends(&p2, [message("t", 11)]);
    let sinks = world.spawn(|world| (0..2).for_each(|_| world.settle()));
    join([corrects, is_new, sinks]);
    world.let_in();
    let ends = world.check();
    assert!(world.is_accepted(11), "what opens a set is in it");
    check_each(&world, &ends, [1, 2, 11]);
}

#[test]
fn a_set_that_is_kept_gives_way_while_it_is_corrected() {
    explore(|| correction_or_memory(WhenFull::EmitOldest));
}

#[test]
fn a_set_that_is_kept_gives_way_before_anybody_waits() {
    explore(|| correction_or_memory(WhenFull::Backpressure));
}

/// A correction that equals a result of its set, which has been in an emission: it does not take its place.
#[test]
fn an_equal_correction_replaces_only_what_was_not_emitted() {
    explore(|| {
        let dedup = Some(remember(Scope::Set, 60_000, 100, Keep::Last));
        let world = World::new(AggregateSpec { dedup, completion: vec![count(2)], ..corrects() });
        let of_p1 = world.sends(&world.connect("p1"), [message("t", 1).saying(7), message("t", 2)]);
        let of_p2 = world.sends(&world.connect("p2"), [message("t", 11).saying(7), message("t", 12)]);
        join([of_p1, of_p2]);
        let ends = world.check();
        assert_eq!(ends.last().map(|end| end.results), Some(3), "{ends:?}");
    });
}
