//! Sets that were released, what comes late for them, and the moment at which they are forgotten (J05).

use std::sync::Arc;

use shuttle::sync::atomic::{AtomicU64, Ordering};
use stook_engine::{AggregateSpec, LatePolicy, LateSpec, Verdict};
use stook_plugin::Reason;
use stook_types::Refusal;

use crate::explore;
use crate::harness::{ms, spec};
use crate::policies::count;
use crate::world::{World, at, join, message};

/// Two collectors send results on and on while the set times out, and is forgotten 1 s later.
fn in_set_or_late_or_in_a_new_set(policy: LatePolicy) {
    let late = LateSpec { policy, remember: ms(1_000), ..LateSpec::default() };
    let world = World::that_forgets(AggregateSpec { late, ..spec() });
    world.offer(&world.connect("p0"), message("t", 1));
    let clock = Arc::<AtomicU64>::default();
    let producers = [("p1", 10), ("p2", 20)].map(|(name, from)| {
        let (session, clock) = (world.connect(name), clock.clone());
        world.spawn(move |world| {
            for sequence in from..from + 3 {
                world.offer(&session, message("t", sequence).at(at(clock.load(Ordering::SeqCst))));
            }
        })
    });
    for now in [10_000, 11_000] {
        clock.store(now, Ordering::SeqCst);
        world.expire(at(now));
    }
    join(producers);
    world.shut_down();
    let can_be_late = policy != LatePolicy::Reopen;
    for sequence in (10..13).chain(20..23) {
        let verdict = world.verdict(sequence);
        let is_late = matches!(verdict, Verdict::Refused(Refusal::Late));
        assert!(world.is_accepted(sequence) || (is_late && can_be_late), "{verdict:?}");
    }
    let ends = world.check();
    assert!(ends.iter().any(|end| end.reason == Reason::Timeout && end.has.contains(&1)), "{ends:?}");
}

/// J05
#[test]
fn a_result_is_in_the_set_or_late_or_in_a_new_set() {
    explore(|| in_set_or_late_or_in_a_new_set(LatePolicy::Refuse));
}

/// J05
#[test]
fn a_result_is_in_the_set_or_in_the_next_generation_or_in_a_new_set() {
    explore(|| in_set_or_late_or_in_a_new_set(LatePolicy::Reopen));
}

/// J05
#[test]
fn a_result_is_in_the_set_or_corrects_it_or_is_late_or_in_a_new_set() {
    explore(|| in_set_or_late_or_in_a_new_set(LatePolicy::Correct(ms(500))));
}

/// J05: one set is remembered, and each that ends takes the place of another.
#[test]
fn a_set_that_is_forgotten_for_another_starts_over() {
    explore(|| {
        let late = LateSpec { tombstones: 1, ..LateSpec::default() };
        let world = World::that_forgets(AggregateSpec { completion: vec![count(1)], late, ..spec() });
        let of_p1 = world.sends(&world.connect("p1"), [message("s", 1), message("t", 2), message("s", 3)]);
        let of_p2 = world.sends(&world.connect("p2"), [message("t", 11), message("s", 12), message("t", 13)]);
        join([of_p1, of_p2]);
        let (_, occupancy) = world.sets.status()[0];
        assert_eq!((occupancy.open, occupancy.tombstones), (0, 1));
        let ends = world.check();
        assert!(ends.iter().all(|end| end.has.len() == 1), "{ends:?}");
    });
}
