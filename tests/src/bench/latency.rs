//! `latency`: from the last result of a set to the aggregate, beside an echo under the same load.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use stook_plugin::AggregatedResult;
use stook_types::Outcome as Ending;

use super::bare::Bare;
use super::report::{Outcome, Row};
use super::stats::Samples;
use super::traffic::{Part, SET, START, number_of, start};
use super::{Bench, Halt, clock, echo};

const COLLECTORS: u64 = 16;
const RESULTS_PER_SECOND: u64 = 50_000;
const SETS_PER_SECOND: u64 = RESULTS_PER_SECOND / SET;
const LIMIT: &str = "an echo";
/// Less than this of the rate, and the latency is that of another load.
const ENOUGH: f64 = 0.98;
/// How long the last of them may be on their way.
const REST: Duration = Duration::from_millis(500);

/// When what is sent counts, on the common clock.
#[derive(Clone, Copy)]
struct Window {
    from: i64,
    until: i64,
}

/// All runs of one way to do it.
#[derive(Default)]
struct Runs {
    /// In milliseconds.
    all: Samples,
    p99: Samples,
    p999: Samples,
    /// Thousands of results in a second.
    rate: Samples,
}

pub(super) fn measure(bench: &mut Bench) -> Result<Outcome, Halt> {
    let rounds = bench.amount(1, 3);
    let window = Duration::from_millis(bench.amount(1_500, 5_000) as u64);
    let (mut bare, mut stook, mut ratios) = (Runs::default(), Runs::default(), Samples::new());
    for _ in 0..rounds {
        let limit = echoed(bench, window)?;
        let samples = aggregated(bench, window)?;
        ratios.push(samples.p99() / limit.p99());
        // Each message comes back by itself, results come three by three.
        bare.add(limit, 1, window);
        stook.add(samples, SET, window);
    }
    let [latency, tail, rate] = stook.rows("last result sent → aggregate");
    let mut rows = vec![latency.beside(ratios.median(), LIMIT), tail, rate];
    rows.extend(bare.rows(LIMIT));
    let mut notes = vec![
        format!(
            "{COLLECTORS} processes, {RESULTS_PER_SECOND} results/s together, due evenly, sent once a millisecond"
        ),
        "sets of 3 from different processes; the clock is common to all processes; `accepted`".into(),
        format!("{LIMIT}: as many bytes at the same times, there and back through tokio and interprocess"),
        format!(
            "the bars count medians over {rounds} runs of {window:?}: of p99, and of its ratio to the echo's"
        ),
    ];
    for (what, runs) in [("stook", &stook), (LIMIT, &bare)] {
        let share = runs.rate.quantile(0.0) * 1e3 / RESULTS_PER_SECOND as f64;
        if share < ENOUGH {
            notes.push(format!(
                "{what} did not sustain the rate: {:.0} % of it in the worst run",
                share * 100.0
            ));
        }
    }
    Ok(Outcome {
        values: vec![("latency", stook.p99.median()), ("latency_vs_echo", ratios.median())],
        rows,
        notes,
    })
}

fn aggregated(bench: &mut Bench, length: Duration) -> Result<Samples, Halt> {
    let samples = Arc::new(Mutex::new(Vec::new()));
    let taking = samples.clone();
    let take = move |result: &AggregatedResult| {
        let now = clock::now();
        if let Some(sent) = last_sent(result) {
            taking.lock().unwrap_or_else(PoisonError::into_inner).push((sent, now));
        }
    };
    let window = Window::after_start(length);
    let words = [format!("--rate={SETS_PER_SECOND}")];
    let fixture = start(bench, "accepted", COLLECTORS, &words, take)?;
    bench.pause("stook", length + REST)?;
    drop(fixture);
    let samples = std::mem::take(&mut *samples.lock().unwrap_or_else(PoisonError::into_inner));
    let counts = |(sent, _): &(i64, i64)| (window.from..window.until).contains(sent);
    let samples =
        samples.into_iter().filter(counts).map(|(sent, now)| clock::ms_between(sent, now)).collect();
    enough(samples)
}

fn echoed(bench: &mut Bench, length: Duration) -> Result<Samples, Halt> {
    let Window { from, until } = Window::after_start(length);
    let clients = Part::all(COLLECTORS).map(|part| {
        let mut words = vec!["echo".to_owned(), format!("--rate={SETS_PER_SECOND}")];
        words.extend([format!("--from={from}"), format!("--until={until}")]);
        words.extend(part.words());
        words
    });
    let bare = Bare::start(clients, echo::serve)?;
    bench.pause(LIMIT, START + length + REST)?;
    let outputs = bare.outputs()?;
    enough(outputs.iter().flat_map(|output| echo::printed(output)).collect())
}

fn enough(samples: Samples) -> Result<Samples, Halt> {
    if samples.len() == 0 { Err(Halt::failed("nothing came through in time")) } else { Ok(samples) }
}

/// When the last result of a whole set was sent.
fn last_sent(result: &AggregatedResult) -> Option<i64> {
    if result.outcome != Ending::Complete {
        return None;
    }
    let value = result.value.to_value().ok()?;
    value.as_array()?.iter().filter_map(number_of).max()
}

impl Window {
    fn after_start(length: Duration) -> Self {
        let from = clock::in_a_while(START);
        Self { from, until: from + i64::try_from(length.as_nanos()).unwrap_or(i64::MAX) }
    }
}

impl Runs {
    fn add(&mut self, run: Samples, results: u64, window: Duration) {
        self.p99.push(run.p99());
        self.p999.push(run.quantile(0.999));
        self.rate.push(run.len() as f64 * results as f64 / window.as_secs_f64() / 1e3);
        self.all.extend(run.iter());
    }

    fn rows(&self, what: &str) -> [Row; 3] {
        [
            Row::of(what, &self.all, "ms"),
            Row::of("  p99.9 of each run", &self.p999, "ms"),
            Row::of("  rate reached", &self.rate, "k/s"),
        ]
    }
}
