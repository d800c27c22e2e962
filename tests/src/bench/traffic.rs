//! Sets of three results, each of another process, and who sends which when: the same for stook and for its limits.

use std::ops::Range;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use stook::Event;
use stook_collector::{Collector, CorrelationId, Description, Record, Recorder, TaskError, Value};
use stook_plugin::AggregatedResult;
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use super::fixture::Fixture;
use super::{Bench, Halt, clock, collector};

/// Results of a set.
pub(super) const SET: u64 = 3;
/// Bytes of payload in each result.
pub(super) const PAYLOAD: usize = 128;
/// Where they meet.
const AGGREGATE: &str = "stream";
/// What they are published on.
const TOPIC: &str = "bench.stream";
/// Until whoever was started is there.
pub(super) const START: Duration = Duration::from_millis(1_500);
/// How long a text is that takes so much as a payload: a key and a length stand before it.
const TEXT: usize = PAYLOAD - 2;

/// Which process this is, among how many.
#[derive(Args, Clone, Copy, Debug)]
pub struct Part {
    number: u64,
    of: u64,
}

/// Lets an even rate of sets through, by the common clock: processes that know nothing of each other send the results
/// of a set at the same time.
#[derive(Debug)]
pub(super) struct Pace {
    sets_per_second: u64,
    next: u64,
}

/// A collector that records its results of all sets.
struct Streaming {
    part: Part,
    /// When it begins, on the common clock: whoever is there earlier must not get ahead of the others.
    from: i64,
    /// As many as it can if there is none.
    sets_per_second: Option<u64>,
}

/// The config of a host that makes lists of what so many collectors stream: `c-0` and so on, none of which it starts.
fn config(ack: &str, collectors: u64) -> String {
    let aggregate = format!(
        "[aggregate.{AGGREGATE}]\ntopics = [{TOPIC:?}]\ntimeout = \"10s\"\nack = {ack:?}\n\
         complete = {{ use = \"count\", count = {SET} }}\nmerge = {{ use = \"list\" }}\n"
    );
    let collector = |number| format!("[collector.c-{number}]\npublish = [{TOPIC:?}]\n");
    (0..collectors).map(collector).fold(aggregate, |config, table| config + &table)
}

/// Starts a host and so many collectors with these words, and gives them [`START`] to connect.
pub(super) fn start(
    bench: &mut Bench,
    ack: &str,
    collectors: u64,
    words: &[String],
    sink: impl FnMut(&AggregatedResult) + Send + 'static,
) -> Result<Fixture, Halt> {
    let connected = Arc::new(AtomicU64::new(0));
    let counting = connected.clone();
    let count = move |event: &Event| {
        if matches!(event, Event::CollectorConnected { .. }) {
            counting.fetch_add(1, Ordering::Relaxed);
        }
    };
    let mut fixture = Fixture::with_sink(&config(ack, collectors), count, AGGREGATE, sink)?;
    for (number, part) in Part::all(collectors).enumerate() {
        let words: Vec<_> =
            std::iter::once("stream".to_owned()).chain(words.iter().cloned()).chain(part.words()).collect();
        fixture.add(&format!("c-{number}"), &words)?;
    }
    bench.pause("starts collectors", START)?;
    match connected.load(Ordering::Relaxed) {
        there if there >= collectors => Ok(fixture),
        // The others would be ahead of them from then on.
        there => Err(Halt::failed(format!("{there} of {collectors} collectors were there after {START:?}"))),
    }
}

/// Runs a collector to its end.
pub fn stream(part: Part, from: i64, sets_per_second: Option<u64>) -> ExitCode {
    collector::on_the_leash();
    stook_collector::run(Streaming { part, from, sets_per_second })
}

/// A value of [`PAYLOAD`] bytes that says this number.
pub(super) fn value_of(number: i64) -> Value {
    Value::from(format!("{number:0TEXT$}"))
}

/// The number that a value says.
pub(super) fn number_of(value: &Value) -> Option<i64> {
    value.as_str()?.parse().ok()
}

// === impl Part ===

impl Part {
    /// Each of so many.
    pub(super) fn all(of: u64) -> impl Iterator<Item = Self> {
        (0..of).map(move |number| Self { number, of })
    }

    /// As it is said on the command line.
    pub(super) fn words(self) -> [String; 2] {
        [self.number.to_string(), self.of.to_string()]
    }

    /// Whether one of the results of this set is ours.
    pub(super) const fn has(self, set: u64) -> bool {
        let first = set % self.of * SET % self.of;
        (self.number + self.of - first) % self.of < SET
    }
}

// === impl Pace ===

impl Pace {
    /// Between two looks at what is due: the finest that tokio's timers can do.
    pub(super) const TICK: Duration = Duration::from_millis(1);

    pub(super) fn starting_now(sets_per_second: u64) -> Self {
        Self { sets_per_second, next: Self::at(sets_per_second, clock::now()) }
    }

    /// The sets that have become due.
    pub(super) fn due(&mut self, now: i64) -> Range<u64> {
        let start = self.next;
        self.next = Self::at(self.sets_per_second, now).max(start);
        start..self.next
    }

    fn at(sets_per_second: u64, now: i64) -> u64 {
        let set = u128::from(now.unsigned_abs()) * u128::from(sets_per_second) / 1_000_000_000;
        u64::try_from(set).unwrap_or(u64::MAX)
    }
}

// === impl Streaming ===

impl Streaming {
    async fn all(&self, results: &Recorder) -> Result<(), TaskError> {
        let value = value_of(0);
        for set in (0..).filter(|set| self.part.has(*set)) {
            results.record_value(of_set(set), TOPIC, &value).await?;
        }
        Ok(())
    }

    async fn paced(&self, results: &Recorder, sets_per_second: u64) -> Result<(), TaskError> {
        let mut pace = Pace::starting_now(sets_per_second);
        let mut ticks = interval(Pace::TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            for set in pace.due(clock::now()).filter(|set| self.part.has(*set)) {
                results.record_value(of_set(set), TOPIC, &value_of(clock::now())).await?;
            }
        }
    }
}

impl Collector for Streaming {
    fn describe(&self) -> Description {
        Description::of_kind("bench").topic(TOPIC)
    }

    async fn stream(&self, results: Recorder) -> Result<(), TaskError> {
        clock::sleep_until(self.from).await;
        match self.sets_per_second {
            None => self.all(&results).await,
            Some(rate) => self.paced(&results, rate).await,
        }
    }
}

fn of_set(set: u64) -> Record {
    Record::new().correlation_id(CorrelationId::Uuid(Uuid::from_u128(set.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_as_large_as_is_said() {
        for number in [0, i64::MAX] {
            let value = value_of(number);
            assert_eq!(stook_proto::payload(&value).map(|payload| payload.len()).ok(), Some(PAYLOAD));
            assert_eq!(number_of(&value), Some(number));
        }
    }

    #[test]
    fn every_set_is_of_three_and_everybody_has_the_same_share() {
        for of in [3, 4, 16] {
            for set in 0..100 {
                assert_eq!(Part::all(of).filter(|part| part.has(set)).count(), 3, "set {set} of {of}");
            }
            let shares: Vec<_> =
                Part::all(of).map(|part| (0..of * 10).filter(|set| part.has(*set)).count()).collect();
            assert!(shares.iter().all(|share| *share == 30), "{shares:?}");
        }
    }

    #[test]
    fn what_is_due_comes_once() {
        let mut pace = Pace { sets_per_second: 1_000, next: 0 };
        assert_eq!(pace.due(2_500_000), 0..2);
        assert_eq!(pace.due(2_600_000), 2..2);
        assert_eq!(pace.due(10_000_000), 2..10);
        assert_eq!(pace.due(9_000_000), 10..10);
    }
}
