//! For how long identities are known, and that a memory forgets by itself.

use stook_engine::AggregateSpec;
use stook_plugin::{DedupMemory, Keep, Scope};
use stook_types::MonoTime;

use crate::harness::{Rig, ms, pattern, shot, spec};
use crate::policies::{count, remember, same_bytes};

#[test]
fn what_keeps_coming_stays_known_where_each_sight_refreshes() {
    for scope in [Scope::Set, Scope::Aggregate, Scope::Collector] {
        let memory = DedupMemory::bounded(scope, ms(100), 10, Keep::First).refreshing(true);
        let mut rig = Rig::new(AggregateSpec { dedup: Some(same_bytes(memory)), ..spec() });
        assert_eq!(rig.offer("p1", "1", 1), "accepted");
        for n in 1..=20 {
            rig.until(n * 99);
            assert_eq!(rig.offer("p1", "1", 1), "duplicate", "{scope:?}");
        }
        rig.until(20 * 99 + 100);
        assert_eq!(rig.offer("p1", "1", 1), "accepted", "{scope:?}");
    }
}

/// What is left to do, once everything was released and forgotten, is to forget identities.
#[test]
fn a_memory_forgets_even_if_nothing_comes_any_more() {
    for refresh in [false, true] {
        let memory =
            DedupMemory::bounded(Scope::Aggregate, ms(60_000), 100_000, Keep::First).refreshing(refresh);
        let mut quick = AggregateSpec { completion: vec![count(1)], ..spec() };
        quick.late.remember = ms(1_000);
        let mut rig = Rig::new(AggregateSpec { dedup: Some(same_bytes(memory)), ..quick });
        for n in 0..5_000 {
            rig.offer("p1", &n.to_string(), n);
        }
        rig.until(50_000);
        assert_eq!(rig.tombstones(), 0);
        assert_eq!(rig.engine.next_deadline(), Some(MonoTime::at(ms(60_000))));
        assert_eq!(rig.offer("p1", "x", 4_999), "duplicate");
        rig.until(120_000);
        assert_eq!(rig.engine.next_deadline(), None, "forgotten, and not looked at for ever after");
        assert_eq!(rig.offer("p1", "x", 4_999), "accepted");
    }
}

#[test]
fn a_memory_that_is_used_all_the_time_is_looked_through_once_in_a_while() {
    let mut spec = AggregateSpec { completion: vec![count(1)], ..spec() };
    spec.late.tombstones = 0;
    spec.dedup = Some(remember(Scope::Aggregate, 100, 100_000, Keep::First));
    let mut rig = Rig::new(spec);
    let mut deadlines = std::collections::BTreeSet::new();
    for n in 0..10_000 {
        rig.until(n);
        rig.offer("p1", &n.to_string(), n);
        deadlines.extend(rig.engine.next_deadline());
    }
    assert!(deadlines.len() <= 12, "{} times in 10 s", deadlines.len());
}

#[test]
fn each_memory_of_an_aggregate_forgets() {
    let mut spec = AggregateSpec { completion: vec![count(1)], ..spec() };
    spec.late.tombstones = 0;
    let aggregate = |window| remember(Scope::Aggregate, window, 100, Keep::First);
    spec.dedup = Some(aggregate(100));
    spec.topic_dedup = vec![(pattern("a.y"), aggregate(300)), (pattern("a.z"), aggregate(200))];
    let mut rig = Rig::new(spec);
    for topic in ["a.x", "a.y", "a.z"] {
        rig.shoot(&shot("p1", topic, 1).topic(topic));
    }
    let mut seen = Vec::new();
    // The timeouts of the sets, long released, come up for nothing later.
    while let Some(next) = rig.engine.next_deadline().filter(|next| *next < MonoTime::at(ms(10_000))) {
        let at = u64::try_from(next.since_origin().as_millis()).unwrap();
        seen.push(at);
        rig.until(at);
    }
    assert_eq!(seen, [100, 200, 300]);
}
