//! What is asked of every sink.

use std::fmt;

use stook_types::{
    CollectorId, CorrelationId, EmissionId, Incarnation, Missing, MonoTime, Topic, Value, WallTime,
};
use uuid::Uuid;

use super::results::{COLLECTORS, collector};
use super::sent::{absurd, plausible};
use super::{answer, brief, one_of};
use crate::{
    AggregatedResult, Conflict, ConflictKind, Contribution, Contributor, Draw, MergeInput, Merged,
    MissingCollector, Provenance, Reason, Repeat, Repeats, SetKey, Sink,
};

const REASONS: [Reason; 8] = [
    Reason::Completed("expected"),
    Reason::Timeout,
    Reason::Idle,
    Reason::Evicted,
    Reason::Forced,
    Reason::CollectorsLost,
    Reason::Shutdown,
    Reason::MergeFailed,
];

/// Holds a sink to its contract, at a destination that works:
///
/// * it can be opened;
/// * it panics at no result, and takes every one: complete or partial, of nobody, with payloads that cannot be read;
/// * what was delivered before a `flush` that went well has arrived, once;
/// * a `flush` with nothing to do goes well, and changes nothing;
/// * an instance that is made later, as after a restart, keeps what is there.
///
/// `make` makes an instance as config would, always for the same destination, which is empty at first. `arrived` looks there
/// and says how often it has a result: look for its `emission_id`, or for what your sink writes.
///
/// What becomes of results while the destination fails is what [`sink_of`] asks: only you can make it fail.
///
/// # Panics
/// If the sink does not hold to it.
#[track_caller]
pub fn sink<S: Sink>(make: impl Fn() -> S, arrived: impl Fn(&AggregatedResult) -> usize) {
    let mut taken = Vec::new();
    for round in 0..3 {
        let mut sink = make();
        open(&mut sink);
        flush(&mut sink, "nothing");
        for batch in 0..20 {
            let mut draw = Draw::new(round * 20 + batch);
            let from = taken.len();
            for _ in 0..draw.below(4) {
                let result = released(taken.len() as u64, &mut draw);
                deliver(&mut sink, &result);
                taken.push(result);
            }
            let delivered: Vec<_> =
                taken[from..].iter().map(|result| result.emission_id.to_string()).collect();
            let delivered = delivered.join(", ");
            flush(&mut sink, &delivered);
            if draw.below(4) == 0 {
                flush(&mut sink, "nothing new");
            }
        }
        for result in &taken {
            let times = arrived(result);
            assert!(
                times == 1,
                "what was delivered and flushed has arrived, once: it is there {times} times: {}",
                shown(result)
            );
        }
    }
}

/// The same at a destination that fails for a while: `works(false)` breaks it, so that nothing can be written there, and
/// `works(true)` mends it. What could not be flushed is delivered again, to the same instance, and has then arrived once. And
/// opened while it is broken, another instance may say so, but does not panic.
///
/// # Panics
/// If the sink does not hold to it.
#[track_caller]
pub fn sink_of<S: Sink>(
    make: impl Fn() -> S,
    arrived: impl Fn(&AggregatedResult) -> usize,
    works: impl Fn(bool),
) {
    sink(&make, &arrived);
    let mut sink = make();
    open(&mut sink);
    // Not among those that have arrived by now.
    let results: Vec<_> = (0..3).map(|n| released(1_000_000 + n, &mut Draw::new(n))).collect();
    works(false);
    let _ = answer("a destination that fails", || make().open());
    let mut take = || results.iter().try_for_each(|result| sink.deliver(result)).and_then(|()| sink.flush());
    let failed = answer("a destination that fails", &mut take).is_err();
    works(true);
    if failed && let Err(why) = answer("a destination that works again", take) {
        panic!("what a sink could not write it takes when the destination works again: `{why}`");
    }
    for result in &results {
        let times = arrived(result);
        assert!(
            times == 1,
            "what could not be flushed is delivered again, and has then arrived, once: it is there {times} times; what \
             `flush` could not write is forgotten, or not taken a second time; and a `flush` that goes well has \
             written all: {}",
            shown(result)
        );
    }
}

/// A result, for messages.
fn shown(result: &AggregatedResult) -> String {
    brief(&fmt::from_fn(|f| write!(f, "{result:?}")))
}

#[track_caller]
fn open(sink: &mut impl Sink) {
    if let Err(why) = answer("a destination that works", || sink.open()) {
        panic!("a sink can be opened at a destination that works: `{why}`");
    }
}

#[track_caller]
fn deliver(sink: &mut impl Sink, result: &AggregatedResult) {
    let at = shown(result);
    if let Err(why) = answer(&at, || sink.deliver(result)) {
        panic!("a sink takes every result, as one that it never takes holds up all others: `{why}`, at {at}");
    }
}

#[track_caller]
fn flush(sink: &mut impl Sink, what: impl fmt::Display) {
    if let Err(why) = answer(&what, || sink.flush()) {
        panic!("a flush goes well at a destination that works: `{why}`, at a flush of {what}");
    }
}

/// The number makes it different from all others.
fn released(number: u64, draw: &mut Draw) -> AggregatedResult {
    let results = if draw.below(4) == 0 { absurd(draw) } else { plausible(&[], draw) };
    let reason = one_of(&REASONS, draw);
    let key = format!("{number}\n\"");
    let id = collector(one_of(&COLLECTORS, draw));
    let opened_at = one_of(&[0, 1_700_000_000_000_000], draw);
    AggregatedResult {
        aggregate: "test".into(),
        correlation_id: correlation(&key, draw),
        emission_id: EmissionId::derive("test", &key, 1, number),
        generation: one_of(&[1, u64::MAX], draw),
        revision: 1,
        outcome: reason.outcome(),
        reason,
        error: (reason == Reason::MergeFailed).then(|| "line 1\nline \"2\"".to_owned()),
        value: merged(&results, draw),
        provenance: vec![Provenance::new(vec!["n".into(), "a \"name\"\n".into()], vec![id.clone()])],
        results: results.len() as u64,
        duplicates: one_of(&[0, u64::MAX], draw),
        repeats: repeats(&id),
        contributors: results.iter().map(contributor).collect(),
        missing: vec![MissingCollector::new(
            id.clone(),
            one_of(&[Missing::Exited, Missing::Outstanding], draw),
        )],
        conflicts: vec![Conflict::of_payload(ConflictKind::Decode, &id).got("line 1\nline 2")],
        opened_at: WallTime::from_unix_micros(opened_at),
        released_at: WallTime::from_unix_micros(opened_at + 412),
        latency_us: 412,
    }
}

fn correlation(key: &str, draw: &mut Draw) -> SetKey {
    SetKey::Id(CorrelationId::new(if draw.below(2) == 0 { key } else { "1" }).expect("an id"))
}

/// As `list` would have it, or a value, or a payload as it came.
fn merged(results: &[Contribution], draw: &mut Draw) -> Merged {
    match (results.first(), draw.below(3)) {
        (Some(first), 0) => Merged::Payload(first.payload.clone()),
        (_, 1) => Merged::Value(Value::Null),
        _ => MergeInput::new("test", results).list(),
    }
}

fn repeats(id: &CollectorId) -> Vec<Repeat> {
    let repeats = Repeats::twice(MonoTime::default(), MonoTime::default());
    vec![Repeat::new(id.clone(), 1, &repeats, |_| WallTime::from_unix_micros(0))]
}

fn contributor(result: &Contribution) -> Contributor {
    Contributor {
        collector: result.source.collector.clone(),
        incarnation: Incarnation(Uuid::nil()),
        pid: None,
        topics: vec![Topic::new("test").expect("a topic")],
        results: 1,
        sequences: vec![(0, u64::MAX)],
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::conformance::testing::violates;
    use crate::{BuildError, SinkError};

    type There = Arc<Mutex<Vec<EmissionId>>>;

    /// A sink that remembers until it is flushed, and writes each so often.
    struct By {
        there: There,
        waits: Vec<EmissionId>,
        deliver: fn(&AggregatedResult) -> Result<usize, SinkError>,
        flush: fn(&mut Vec<EmissionId>, &mut Vec<EmissionId>) -> Result<(), SinkError>,
    }

    fn once(_: &AggregatedResult) -> Result<usize, SinkError> {
        Ok(1)
    }

    #[expect(clippy::unnecessary_wraps, reason = "a liar in its place may fail")]
    fn write(there: &mut Vec<EmissionId>, waits: &mut Vec<EmissionId>) -> Result<(), SinkError> {
        there.append(waits);
        Ok(())
    }

    impl Sink for By {
        fn deliver(&mut self, result: &AggregatedResult) -> Result<(), SinkError> {
            for _ in 0..(self.deliver)(result)? {
                self.waits.push(result.emission_id);
            }
            Ok(())
        }

        fn flush(&mut self) -> Result<(), SinkError> {
            (self.flush)(&mut self.there.lock().unwrap(), &mut self.waits)
        }
    }

    fn check(
        deliver: fn(&AggregatedResult) -> Result<usize, SinkError>,
        flush: fn(&mut Vec<EmissionId>, &mut Vec<EmissionId>) -> Result<(), SinkError>,
    ) {
        let there = There::default();
        let arrived = |result: &AggregatedResult| {
            there.lock().unwrap().iter().filter(|id| **id == result.emission_id).count()
        };
        sink(|| By { there: Arc::clone(&there), waits: Vec::new(), deliver, flush }, arrived);
    }

    #[test]
    fn what_holds_to_the_contract_passes() {
        check(once, write);
    }

    /// Where the destination works, and where it does not.
    type FlushWhere = fn(&mut Vec<EmissionId>, &mut Vec<EmissionId>, bool) -> Result<(), SinkError>;

    fn check_failing(flush: FlushWhere) {
        struct Failing(By, Arc<Mutex<bool>>, FlushWhere);

        impl Sink for Failing {
            fn deliver(&mut self, result: &AggregatedResult) -> Result<(), SinkError> {
                self.0.deliver(result)
            }

            fn flush(&mut self) -> Result<(), SinkError> {
                (self.2)(&mut self.0.there.lock().unwrap(), &mut self.0.waits, *self.1.lock().unwrap())
            }
        }

        let (there, works) = (There::default(), Arc::new(Mutex::new(true)));
        let arrived = |result: &AggregatedResult| {
            there.lock().unwrap().iter().filter(|id| **id == result.emission_id).count()
        };
        let make = || {
            let by = By { there: Arc::clone(&there), waits: Vec::new(), deliver: once, flush: write };
            Failing(by, Arc::clone(&works), flush)
        };
        sink_of(make, arrived, |now| *works.lock().unwrap() = now);
    }

    #[test]
    fn what_could_not_be_written_comes_again_and_arrives_once() {
        check_failing(|there, waits, works| {
            let mut lines = std::mem::take(waits);
            if works { write(there, &mut lines) } else { Err(SinkError::new("no space left")) }
        });
        violates("it is there 2 times; what `flush` could not write is forgotten", || {
            check_failing(
                |there, waits, works| if works { write(there, waits) } else { Err(SinkError::new("full")) },
            );
        });
        violates("it is there 0 times", || {
            check_failing(|there, waits, works| {
                let mut lines = std::mem::take(waits);
                if works { write(there, &mut lines) } else { Ok(()) }
            });
        });
    }

    /// A sink that only opens.
    struct Opens(fn() -> Result<(), BuildError>);

    impl Sink for Opens {
        fn open(&mut self) -> Result<(), BuildError> {
            (self.0)()
        }

        fn deliver(&mut self, _: &AggregatedResult) -> Result<(), SinkError> {
            Ok(())
        }
    }

    #[test]
    fn what_cannot_be_opened_is_named() {
        let check = |open| sink(move || Opens(open), |_| 1);
        check(|| Ok(()));
        violates("a sink can be opened at a destination that works: `no such place`", || {
            check(|| Err(BuildError::new("no such place")));
        });
        violates("it did, with `no such place`", || check(|| panic!("no such place")));
    }

    #[test]
    fn each_violation_is_named_with_its_input() {
        violates("it is there 2 times: AggregatedResult", || check(|_| Ok(2), write));
        violates("it is there 0 times: AggregatedResult", || check(once, |_, _| Ok(())));
        violates("it is there 0 times", || {
            check(once, |there, waits| {
                if !waits.is_empty() {
                    there.clear();
                }
                write(there, waits)
            });
        });
        violates(
            "a sink takes every result, as one that it never takes holds up all others: `payload is",
            || {
                check(
                    |result| {
                        result.value.to_value().map(|_| 1).map_err(|error| SinkError::new(error.to_string()))
                    },
                    write,
                );
            },
        );
        violates("it did, with `called `Result::unwrap()`", || {
            check(|result| Ok(usize::from(result.value.to_value().unwrap() != Value::from("x"))), write);
        });
        violates("`nothing to do`, at a flush of nothing", || {
            check(once, |there, waits| {
                if waits.is_empty() { Err(SinkError::new("nothing to do")) } else { write(there, waits) }
            });
        });
    }
}
