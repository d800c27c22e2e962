//! Random aggregates, random steps: the engine does what the naive model does.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use stook_engine::{AggregateSpec, Emission, Expected, LatePolicy, LateSpec, Limits, WhenFull};
use stook_plugin::{DedupMemory, Keep, MergeStrategy, Scope, Unexpected};
use stook_types::Missing;

use crate::harness::{Rig, collector, ms, shot, spec};
use crate::model::{Config, Door, Model, Result, Terms};
use crate::policies::{
    Sum, before, count, expected_and_last, expected_or, reaches, refuses, same_bytes, starts,
};

const COLLECTORS: u8 = 4;
const FOREVER: u64 = 1 << 40;

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Offer { from: u8, id: u8, json: u8, last: bool, again: bool },
    Announce { id: u8, expected: Vec<u8> },
    Force(Option<u8>),
    Connect(u8),
    Lose(u8, Missing),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (who, id) = (0..COLLECTORS, 0..4_u8);
    let flags = (any::<bool>(), proptest::bool::weighted(0.1));
    let offer = (who.clone(), id.clone(), 0..4_u8, flags)
        .prop_map(|(from, id, json, (last, again))| Step::Offer { from, id, json, last, again });
    let why = prop_oneof![Just(Missing::Exited), Just(Missing::Disconnected)];
    let step = prop_oneof![
        12 => offer,
        5 => (1..12_u64).prop_map(Step::Wait),
        2 => (id.clone(), vec(who.clone(), 0..3)).prop_map(|(id, expected)| Step::Announce { id, expected }),
        1 => option::of(id).prop_map(Step::Force),
        1 => who.clone().prop_map(Step::Connect),
        1 => (who, why).prop_map(|(who, why)| Step::Lose(who, why)),
    ];
    vec(step, 1..80)
}

fn config() -> impl Strategy<Value = Config> {
    let late = prop_oneof![
        Just(LatePolicy::Refuse),
        Just(LatePolicy::Reopen),
        (0..30_u64).prop_map(|grace| LatePolicy::Correct(ms(grace))),
    ];
    let scope = prop_oneof![Just(Scope::Set), Just(Scope::Aggregate), Just(Scope::Collector)];
    let keep = prop_oneof![Just(Keep::First), Just(Keep::Last)];
    let window = prop_oneof![1..20_u64, Just(FOREVER)];
    let capacity = prop_oneof![1..4_usize, Just(usize::MAX)];
    let dedup = (scope, keep, window, capacity, any::<bool>()).prop_map(
        |(scope, keep, window, capacity, refresh)| Terms { scope, window, capacity, keep, refresh },
    );
    let unexpected =
        prop_oneof![Just(Unexpected::Include), Just(Unexpected::Discard), Just(Unexpected::Refuse)];
    let when_full =
        prop_oneof![Just(WhenFull::EmitOldest), Just(WhenFull::Refuse), Just(WhenFull::Backpressure)];
    let seldom = |of: std::ops::Range<u8>| option::weighted(0.3, of);
    let door = (seldom(0..4), seldom(0..4), option::weighted(0.3, 1..10_usize))
        .prop_map(|(refuses, starts, before)| Door { refuses, starts, before });
    let sum = option::weighted(0.3, 0..10_u64);
    let inside = (option::of(1..5_usize), sum, any::<bool>());
    let completion = (door, inside, vec(0..COLLECTORS, 0..3), unexpected);
    let times = (1..40_u64, option::of(1..20_u64), 1..40_u64);
    let limits = (1..5_usize, 1..6_usize, prop_oneof![Just(usize::MAX), 2..12_usize], when_full);
    (completion, times, (late, 0..4_usize), option::of(dedup), limits).prop_map(
        |(
            (door, (count, sum, awaits_last), mut expected, unexpected),
            (timeout, idle, remember),
            (late, tombstones),
            dedup,
            (sets, results, bytes, when_full),
        )| {
            expected.sort_unstable();
            expected.dedup();
            Config {
                count,
                door,
                awaits_last,
                sum,
                expected,
                unexpected,
                timeout,
                idle,
                late,
                tombstones,
                remember,
                dedup,
                sets,
                results,
                bytes,
                when_full,
            }
        },
    )
}

/// A number and as many spaces.
const fn payload(json: u8) -> &'static str {
    ["0", "1 ", "2  ", "3   "][json as usize]
}

fn aggregate(config: &Config) -> AggregateSpec {
    let expected: Vec<_> = config.expected.iter().map(|who| format!("p{who}")).collect();
    let expected: Vec<_> = expected.iter().map(String::as_str).collect();
    let Door { refuses: refused, starts: start, before: most } = config.door;
    let door = [refused.map(|n| refuses(payload(n))), start.map(|n| starts(payload(n))), most.map(before)];
    let inside = [config.count.map(count), config.sum.map(|sum| reaches(sum.try_into().unwrap()))];
    let expected = match config.awaits_last {
        true => expected_and_last(&expected, config.unexpected),
        false => expected_or(&expected, config.unexpected),
    };
    AggregateSpec {
        completion: door.into_iter().chain(inside).flatten().chain([expected]).collect(),
        merge: config.sum.map(|_| -> Box<dyn MergeStrategy> { Box::new(Sum) }),
        timeout: ms(config.timeout),
        idle: config.idle.map(ms),
        late: LateSpec { policy: config.late, tombstones: config.tombstones, remember: ms(config.remember) },
        dedup: config.dedup.map(|terms| {
            let Terms { scope, window, capacity, keep, refresh } = terms;
            same_bytes(DedupMemory::bounded(scope, ms(window), capacity, keep).refreshing(refresh))
        }),
        limits: Limits {
            sets: config.sets,
            results_per_set: config.results,
            bytes_per_set: config.bytes,
            when_full: config.when_full,
        },
        ..spec()
    }
}

fn check(config: Config, steps: Vec<Step>) {
    let mut rig = Rig::new(aggregate(&config));
    let mut model = Model::new(config);
    for who in 0..COLLECTORS - 1 {
        rig.connect(&format!("p{who}"), who.into());
        model.connect(who);
    }
    let (mut now, mut sequence, mut last) = (0, 0, [0_u64; COLLECTORS as usize]);
    for step in steps {
        match step.clone() {
            Step::Wait(span) => {
                now += span;
                rig.until(now);
                model.until(now);
            }
            Step::Offer { from, id, json, last: flag, again } => {
                if !model.is_connected(from) {
                    continue;
                }
                if !(again && last[usize::from(from)] > 0) {
                    sequence += 1;
                    last[usize::from(from)] = sequence;
                }
                let sequence = last[usize::from(from)];
                let mut shot = shot(&format!("p{from}"), &id.to_string(), payload(json)).seq(sequence);
                shot.last = flag;
                let result = Result { from, sequence, json, last: flag };
                assert_eq!(rig.shoot(&shot), model.offer(id, result), "verdict at {now} of {step:?}");
            }
            Step::Announce { id, expected } => {
                let all: Vec<_> = expected
                    .iter()
                    .map(|who| Expected::first_result(collector(&format!("p{who}"))))
                    .collect();
                assert_eq!(rig.announce(&id.to_string(), &all).is_ok(), model.announce(id, &expected));
            }
            Step::Force(id) => {
                assert_eq!(rig.force(id.map(|id| id.to_string()).as_deref()), model.force(id));
            }
            Step::Connect(who) => {
                rig.connect(&format!("p{who}"), who.into());
                model.connect(who);
            }
            Step::Lose(who, why) => {
                if model.is_connected(who) {
                    rig.lose(&format!("p{who}"), why);
                    model.lose(who, why);
                }
            }
        }
        assert_eq!(rig.emitted(), model.emitted(), "emissions at {now} of {step:?}");
        assert_eq!(rig.open_sets(), model.open());
    }
    rig.shutdown();
    rig.until(now + 1_000);
    assert_eq!((rig.open_sets(), rig.tombstones(), rig.engine.memory().used), (0, 0, 0));
    rig.until(now + 2 * FOREVER);
    assert_eq!(rig.engine.next_deadline(), None, "something is remembered for ever");
    assert_eq!(rig.engine.counters().pending, 0);
}

/// As little memory as a few sets need, and sinks that take nothing for a while: how full it gets depends on what things
/// cost, which the model does not know. The rig holds the bounds, and the books.
fn check_bounds(config: &Config, memory: usize, steps: Vec<(Step, bool)>) {
    let mut rig = Rig::with(vec![aggregate(config)], memory);
    rig.hold = true;
    let mut now = 0;
    for (step, settle) in steps {
        match step {
            Step::Wait(span) => {
                now += span;
                rig.until(now);
            }
            Step::Offer { from, id, json, .. } => {
                _ = rig.shoot(&shot(&format!("p{from}"), &id.to_string(), payload(json)));
            }
            Step::Force(id) => _ = rig.force(id.map(|id| id.to_string()).as_deref()),
            Step::Announce { .. } | Step::Connect(_) | Step::Lose(..) => {}
        }
        for Emission { result, .. } in rig.held() {
            assert!(result.results <= config.results as u64, "{result:?}");
        }
        rig.check();
        if settle {
            rig.settle(now % 3 > 0);
        }
    }
    rig.shutdown();
    rig.settle(true);
    rig.until(now + 1_000);
    assert_eq!((rig.open_sets(), rig.engine.memory().used, rig.engine.counters().pending), (0, 0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_does_what_the_model_does(config in config(), steps in steps()) {
        check(config, steps);
    }
    #[test]
    fn no_bound_is_exceeded_whatever_comes(
        config in config(),
        memory in 500..6_000_usize,
        settle in vec(proptest::bool::weighted(0.2), 80),
        steps in steps(),
    ) {
        // Not paid for in advance: corrections, which copy what exists already; whom the announcement of a set names; and
        // a set that is opened by a duplicate.
        let late = if matches!(config.late, LatePolicy::Correct(_)) { LatePolicy::Reopen } else { config.late };
        let config = Config { late, dedup: None, expected: Vec::new(), ..config };
        check_bounds(&config, memory, steps.into_iter().zip(settle).collect());
    }
}
