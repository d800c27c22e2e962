//! Each set is released exactly once, whatever ends it first.

use stook_engine::{AggregateSpec, AnnounceError, Expected, LatePolicy, LateSpec, Released};
use stook_types::{EmissionId, MonoTime};

use crate::harness::{Rig, collector, ms, pattern, shot, spec};
use crate::policies::{announced, count, expected, quorum};

fn late(policy: LatePolicy, tombstones: usize, remember_ms: u64) -> LateSpec {
    LateSpec { policy, tombstones, remember: ms(remember_ms) }
}

type Step = fn(&mut Rig);

/// Each way to end a set, and the line that it emits.
const ENDS: &[(&str, Step)] = &[
    ("1 complete count [1,2]", |rig| assert_eq!(rig.offer("p2", "1", 2), "accepted")),
    ("1 partial timeout [1]", |rig| rig.until(10_000)),
    ("1 partial evicted [1]", |rig| assert!(rig.evict("1"))),
    ("1 partial forced [1]", |rig| assert_eq!(rig.force(Some("1")), 1)),
    ("1 partial shutdown [1]", Rig::shutdown),
];

/// Each way to try again afterwards.
const AGAIN: &[Step] = &[
    |rig| assert_eq!(rig.force(Some("1")), 0),
    |rig| assert_eq!(rig.force(None), 0),
    |rig| assert!(!rig.evict("1")),
    |rig| rig.until(10_000),
    |rig| rig.until(30_000),
    Rig::shutdown,
];

#[test]
fn what_is_released_says_of_which_aggregate() {
    let b = AggregateSpec::new("b", vec![pattern("b.#")], ms(10_000));
    let mut rig = Rig::with(vec![spec(), b], 1 << 20);
    rig.offer("p1", "1", 1);
    rig.shoot(&shot("p1", "1", 2).topic("b.x"));
    rig.act(|engine, now, out| {
        engine.shutdown(now, out);
        assert_eq!(out.iter().map(Released::aggregate).collect::<Vec<_>>(), [0, 1]);
    });
    assert_eq!(rig.emitted(), ["1 partial shutdown [1]", "b: 1 partial shutdown [2]"]);
}

#[test]
fn one_incarnation_is_one_contributor_over_all_its_connections() {
    let mut rig = Rig::new(spec());
    rig.hold = true;
    for topic in ["a.y", "a.x", "a.y"] {
        rig.connect("p1", 1);
        rig.shoot(&shot("p1", "1", 1).topic(topic));
    }
    rig.connect("p1", 2);
    rig.shoot(&shot("p1", "1", 1));
    rig.force(None);
    let contributors = &rig.held()[0].result.contributors;
    let said =
        contributors.iter().map(|of| (of.results, of.topics.iter().map(|topic| topic.as_str()).collect()));
    let said: Vec<(u64, Vec<_>)> = said.collect();
    assert_eq!(said, [(3, vec!["a.x", "a.y"]), (1, vec!["a.x"])]);
    rig.settle(true);
}

#[test]
fn whatever_ends_a_set_nothing_ends_it_again() {
    for (line, end) in ENDS {
        for again in AGAIN {
            let mut rig = Rig::new(AggregateSpec { completion: vec![count(2)], ..spec() });
            rig.offer("p1", "1", 1);
            end(&mut rig);
            assert_eq!(rig.emitted(), [*line]);
            again(&mut rig);
            assert_eq!(rig.offer("p3", "1", 3), "late", "{line}");
            again(&mut rig);
            assert!(rig.emitted().is_empty(), "{line} twice");
            assert_eq!(rig.open_sets(), 0);
            assert_eq!(rig.engine.memory().used, 0);
        }
    }
}

#[test]
fn what_is_due_can_be_done_in_portions() {
    let mut rig = Rig::new(AggregateSpec { completion: vec![count(2)], ..spec() });
    (0..10).for_each(|n| drop(rig.offer("p1", &n.to_string(), n + 1)));
    let due = rig.engine.next_deadline().expect("they time out");
    let mut portion = |at| {
        let more = rig.act(|engine, _, out| engine.expire_some(at, 4, out));
        let emitted = rig.emitted().len();
        (more, emitted, rig.engine.next_deadline() == Some(due))
    };
    assert_eq!(portion(MonoTime::ZERO), (false, 0, true));
    assert_eq!(
        [portion(due), portion(due), portion(due)],
        [(true, 4, true), (true, 4, true), (false, 2, false)]
    );
}

#[test]
fn sets_stay_apart_by_id_and_by_aggregate() {
    let one = |name: &str| {
        let topics = vec![pattern(&format!("{name}.#"))];
        AggregateSpec { completion: vec![count(2)], ..AggregateSpec::new(name, topics, ms(10_000)) }
    };
    let mut rig = Rig::with(vec![one("a"), one("b")], 1 << 20);
    rig.offer("p1", "1", 1);
    rig.shoot(&shot("p1", "1", 10).topic("b.x"));
    rig.offer("p1", "2", 2);
    assert!(rig.emitted().is_empty());
    rig.offer("p1", "1", 1);
    rig.offer("p1", "2", 2);
    assert_eq!(rig.emitted(), ["1 complete count [1,1]", "2 complete count [2,2]"]);
    rig.shoot(&shot("p1", "1", 10).topic("b.y"));
    assert_eq!(rig.emitted(), ["b: 1 complete count [10,10]"]);
}

#[test]
fn timeouts_fire_to_the_millisecond_and_never_early() {
    for total in [1, 2, 5, 10, 100, 1_000] {
        let mut rig = Rig::new(AggregateSpec { timeout: ms(total), ..spec() });
        rig.until(7);
        rig.offer("p1", "1", 1);
        rig.until(7 + total - 1);
        assert!(rig.emitted().is_empty(), "{total} ms: early");
        rig.until(7 + total);
        assert_eq!(rig.emitted(), ["1 partial timeout [1]"], "{total} ms");
    }
}

#[test]
fn a_thousand_timeouts_in_one_tick_come_in_order_of_opening() {
    let mut rig = Rig::new(AggregateSpec { timeout: ms(100), ..spec() });
    for n in 0..1_000 {
        rig.offer("p1", &format!("{}", (n * 7) % 1_000), n);
    }
    rig.until(100);
    let lines: Vec<_> = (0..1_000).map(|n| format!("{} partial timeout [{n}]", (n * 7) % 1_000)).collect();
    assert_eq!(rig.emitted(), lines);
}

#[test]
fn a_completed_set_leaves_no_timer() {
    let mut rig = Rig::new(AggregateSpec {
        completion: vec![count(2)],
        idle: Some(ms(1_000)),
        late: late(LatePolicy::Refuse, 0, 0),
        ..spec()
    });
    rig.offer("p1", "1", 1);
    assert_eq!(rig.engine.next_deadline(), Some(MonoTime::at(ms(1_000))));
    rig.offer("p1", "1", 2);
    rig.emitted();
    rig.until(60_000);
    assert!(rig.emitted().is_empty());
    assert_eq!(rig.engine.next_deadline(), None);
}

#[test]
fn idle_restarts_with_each_result_and_the_timeout_does_not() {
    let idle = || AggregateSpec { idle: Some(ms(2_000)), timeout: ms(4_000), ..spec() };
    let mut rig = Rig::new(idle());
    rig.offer("p1", "1", 1);
    rig.until(1_000);
    rig.offer("p1", "1", 2);
    rig.until(2_999);
    assert!(rig.emitted().is_empty());
    rig.until(3_000);
    assert_eq!(rig.emitted(), ["1 partial idle [1,2]"]);

    let mut rig = Rig::new(idle());
    for second in 0..4 {
        rig.until(second * 1_000);
        rig.offer("p1", "1", second);
    }
    rig.until(3_999);
    assert!(rig.emitted().is_empty());
    rig.until(4_000);
    assert_eq!(rig.emitted(), ["1 partial timeout [0,1,2,3]"]);
}

#[test]
fn a_set_that_was_announced_and_never_answered_ends_too() {
    let mut rig = Rig::new(AggregateSpec { completion: vec![announced()], ..spec() });
    rig.session("p1");
    rig.open("1", &["p1"]);
    rig.until(10_000);
    assert_eq!(rig.emitted(), ["1 partial timeout [] missing p1=timeout"]);
}

#[test]
fn the_first_policy_that_says_so_names_the_reason() {
    let mut rig = Rig::new(AggregateSpec { completion: vec![quorum(2), count(2)], ..spec() });
    rig.offer("p1", "1", 1);
    rig.offer("p2", "1", 2);
    rig.offer("p1", "2", 1);
    rig.offer("p1", "2", 2);
    assert_eq!(rig.emitted(), ["1 complete quorum [1,2]", "2 complete count [1,2]"]);
}

#[test]
fn force_ends_one_set_or_all_in_order_of_opening() {
    let mut rig = Rig::new(spec());
    for id in ["3", "1", "2", "0"] {
        rig.offer("p1", id, id);
    }
    assert_eq!(rig.force(Some("2")), 1);
    assert_eq!(rig.force(Some("7")), 0, "never heard of");
    assert_eq!(rig.force(None), 3);
    assert_eq!(
        rig.emitted(),
        ["2 partial forced [2]", "3 partial forced [3]", "1 partial forced [1]", "0 partial forced [0]"]
    );
}

#[test]
fn shutdown_says_what_is_missing_and_leaves_nothing() {
    let mut rig = Rig::new(AggregateSpec { completion: vec![expected(&["p1", "p2"])], ..spec() });
    rig.session("p2");
    rig.offer("p1", "2", 2);
    rig.offer("p1", "1", 1);
    rig.shutdown();
    assert_eq!(
        rig.emitted(),
        ["2 partial shutdown [2] missing p2=outstanding", "1 partial shutdown [1] missing p2=outstanding"]
    );
    assert_eq!((rig.open_sets(), rig.engine.memory().used), (0, 0));
}

#[test]
fn tombstones_end_by_age_at_the_very_moment() {
    let late = late(LatePolicy::Refuse, 1_000, 1_000);
    let mut rig = Rig::new(AggregateSpec { completion: vec![count(1)], late, ..spec() });
    rig.offer("p1", "1", 1);
    rig.until(999);
    assert_eq!(rig.offer("p1", "1", 2), "late");
    assert_eq!(rig.tombstones(), 1);
    rig.until(1_001);
    assert_eq!(rig.tombstones(), 0);
    assert_eq!(rig.offer("p1", "1", 3), "accepted");
    assert_eq!(rig.emitted(), ["1 complete count [1]", "1 complete count [3]"]);
}

#[test]
fn an_old_tombstone_refuses_nobody_even_if_nobody_swept_it() {
    let late = late(LatePolicy::Refuse, 1_000, 1_000);
    let mut rig = Rig::new(AggregateSpec { completion: vec![count(1)], late, ..spec() });
    rig.offer("p1", "1", 1);
    let session = rig.engine.connected(crate::harness::source("p9", 9, 9));
    let shot = stook_engine::Offered::new(
        crate::harness::topic("a.x"),
        crate::harness::id("1"),
        1,
        stook_types::Payload::new(vec![b'1'].into(), &crate::harness::JSON),
    );
    let route = rig.engine.route(&shot.topic).unwrap();
    let mut out = Vec::new();
    let verdict = rig.engine.offer(MonoTime::at(ms(1_001)), &session, route, &shot, &mut out);
    assert!(matches!(verdict, stook_engine::Verdict::Accepted { .. }), "{verdict:?}");
    assert_eq!(out.len(), 1);
}

#[test]
fn tombstones_are_bounded_in_number_the_oldest_goes_first() {
    let late = late(LatePolicy::Refuse, 2, 60_000);
    let mut rig = Rig::new(AggregateSpec { completion: vec![count(1)], late, ..spec() });
    for id in ["1", "2", "3"] {
        rig.offer("p1", id, id);
    }
    assert_eq!(rig.tombstones(), 2);
    assert_eq!(rig.offer("p1", "3", 0), "late");
    assert_eq!(rig.offer("p1", "2", 0), "late");
    assert_eq!(rig.offer("p1", "1", 0), "accepted", "forgotten, so it opens anew");
    for n in 10..1_000 {
        rig.offer("p1", &n.to_string(), n);
        assert!(rig.tombstones() <= 2);
    }
}

#[test]
fn no_tombstones_at_all_is_a_config_too() {
    let late = late(LatePolicy::Refuse, 0, 60_000);
    let mut rig = Rig::new(AggregateSpec { completion: vec![count(1)], late, ..spec() });
    for _ in 0..3 {
        assert_eq!(rig.offer("p1", "1", 1), "accepted");
    }
    assert_eq!(rig.emitted().len(), 3);
    assert_eq!(rig.tombstones(), 0);
}

#[test]
fn reopened_sets_count_generations() {
    let late = late(LatePolicy::Reopen, 10, 60_000);
    let mut rig = Rig::new(AggregateSpec { completion: vec![count(2)], late, ..spec() });
    for n in 1..=7 {
        rig.offer("p1", "1", n);
    }
    assert_eq!(
        rig.emitted(),
        ["1 complete count [1,2]", "1 complete count [3,4] g2", "1 complete count [5,6] g3"]
    );
    assert_eq!(rig.open_sets(), 1);
    rig.until(10_000);
    assert_eq!(rig.emitted(), ["1 partial timeout [7] g4"]);
    assert_eq!(rig.open_sets(), 0);
    rig.until(69_999);
    assert_eq!(rig.tombstones(), 1, "of the last generation");
    rig.until(70_000);
    assert_eq!(rig.tombstones(), 0);
}

#[test]
fn announcing_a_released_set_is_an_error_unless_it_reopens() {
    let all = [Expected::first_result(collector("p1"))];
    let mut rig = Rig::new(AggregateSpec { completion: vec![announced()], ..spec() });
    rig.announce("1", &all).unwrap();
    rig.offer("p1", "1", 1);
    assert_eq!(rig.announce("1", &all), Err(AnnounceError::Released));
    assert_eq!(rig.emitted(), ["1 complete expected [1]"]);

    let late = late(LatePolicy::Reopen, 10, 60_000);
    let mut rig = Rig::new(AggregateSpec { completion: vec![announced()], late, ..spec() });
    rig.announce("1", &all).unwrap();
    rig.offer("p1", "1", 1);
    rig.announce("1", &all).unwrap();
    rig.offer("p1", "1", 2);
    assert_eq!(rig.emitted(), ["1 complete expected [1]", "1 complete expected [2] g2"]);
}

#[test]
fn an_emission_id_says_which_emission_it_is() {
    let late = late(LatePolicy::Reopen, 10, 60_000);
    let mut rig = Rig::new(AggregateSpec { completion: vec![count(1)], late, ..spec() });
    rig.hold = true;
    rig.offer("p1", "x", 1);
    rig.offer("p1", "x", 2);
    let ids: Vec<_> = rig.held().iter().map(|emission| emission.result.emission_id).collect();
    assert_eq!(ids, [EmissionId::derive("a", "x", 1, 1), EmissionId::derive("a", "x", 2, 1)]);
    rig.settle(true);
}

#[test]
fn a_release_says_when_and_from_whom() {
    let mut rig = Rig::new(spec());
    rig.hold = true;
    rig.until(5);
    for sequence in [3, 1, 2, 9] {
        rig.shoot(&shot("p2", "1", sequence).seq(sequence));
    }
    rig.shoot(&shot("p1", "1", 0).topic("a.y").seq(7));
    rig.until(12);
    rig.force(None);
    let result = &rig.held()[0].result;
    assert_eq!(result.opened_at.unix_micros(), 5_000);
    assert_eq!(result.released_at.unix_micros(), 12_000);
    assert_eq!(result.latency_us, 7_000);
    let who: Vec<_> = result.contributors.iter().map(|c| (c.collector.as_str(), &c.sequences)).collect();
    assert_eq!(who, [("p1", &vec![(7, 7)]), ("p2", &vec![(1, 3), (9, 9)])]);
    assert_eq!(rig.held()[0].origins.len(), 5);
    rig.settle(true);
}
