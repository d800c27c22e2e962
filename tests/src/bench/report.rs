//! What is printed: a table for people, JSON for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use super::bars::{BARS, Bar};
use super::stats::Samples;

/// What came of measuring one figure.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    /// What there is of what the design promises, by the names of [`BARS`].
    pub(super) values: Vec<(&'static str, f64)>,
    /// What was measured.
    pub(super) rows: Vec<Row>,
    /// How to read it, a sentence each.
    pub(super) notes: Vec<String>,
}

/// One thing that was measured, many times.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// What.
    pub(super) what: String,
    /// How often.
    pub(super) samples: usize,
    /// In the middle.
    pub(super) median: f64,
    /// 99 of 100 times not more than this.
    pub(super) p99: f64,
    /// Of the two.
    pub(super) unit: &'static str,
    /// As a ratio to the limit of the same run, and to which.
    pub(super) ratio: Option<(f64, &'static str)>,
}

/// All of one run.
#[derive(Debug, Default)]
pub struct Report {
    /// Whether it was a short one.
    quick: bool,
    figures: Vec<(&'static str, Result<Outcome, String>)>,
}

// === impl Row ===

impl Row {
    /// What is said of these.
    pub(super) fn of(what: impl Into<String>, samples: &Samples, unit: &'static str) -> Self {
        let (samples, median, p99) = (samples.len(), samples.median(), samples.p99());
        Self { what: what.into(), samples, median, p99, unit, ratio: None }
    }

    /// The same, beside a limit of the same run.
    #[must_use]
    pub(super) fn beside(self, ratio: f64, limit: &'static str) -> Self {
        Self { ratio: Some((ratio, limit)), ..self }
    }
}

// === impl Report ===

impl Report {
    pub(super) fn new(quick: bool) -> Self {
        Self { quick, ..Self::default() }
    }

    /// Adds what came of a figure, or why it could not be measured.
    pub(super) fn add(&mut self, figure: &'static str, outcome: Result<Outcome, String>) {
        self.figures.push((figure, outcome));
    }

    /// Whether every figure could be measured.
    pub fn is_whole(&self) -> bool {
        self.figures.iter().all(|(_, outcome)| outcome.is_ok())
    }

    /// The bars of the figures that were wanted, and what was found; nothing of a figure that could not be measured.
    fn bars(&self) -> impl Iterator<Item = (Bar, Option<f64>)> {
        BARS.into_iter().filter_map(|bar| {
            let (_, outcome) = self.figures.iter().find(|(name, _)| *name == bar.figure)?;
            let mut values = outcome.iter().flat_map(|outcome| &outcome.values);
            Some((bar, values.find(|(name, _)| *name == bar.name).map(|(_, value)| *value)))
        })
    }

    /// For people: what is promised and what is, and then each figure.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for (bar, value) in self.bars() {
            let Bar { name, bound, unit, .. } = bar;
            let shown = value.map_or_else(|| "not measured".to_owned(), |value| with_unit(value, unit));
            let (word, bound) = (bound.word(), with_unit(bound.value(), unit));
            let met = if bar.is_met(value) { "met" } else { "MISSED" };
            let _ = writeln!(out, "{name:15}  {shown:>15}  {word:8}  {bound:>15}  {met}");
        }
        if !out.is_empty() {
            out.push('\n');
        }
        for (name, outcome) in &self.figures {
            let outcome = match outcome {
                Ok(outcome) => outcome,
                Err(why) => {
                    let _ = writeln!(out, "{name}: could not be measured: {why}\n");
                    continue;
                }
            };
            let _ = writeln!(out, "{name}");
            let width = outcome.rows.iter().map(|row| row.what.chars().count()).max().unwrap_or(0);
            for row in &outcome.rows {
                let Row { what, samples, median, p99, unit, ratio } = row;
                let (median, p99) = (with_unit(*median, unit), with_unit(*p99, unit));
                let _ = write!(out, "  {what:width$}  median {median:>11}  p99 {p99:>11}  n {samples:>7}");
                let _ = match ratio {
                    Some((ratio, limit)) => writeln!(out, "  {ratio:.3} x {limit}"),
                    None => writeln!(out),
                };
            }
            outcome.notes.iter().for_each(|note| _ = writeln!(out, "  {note}"));
            out.push('\n');
        }
        out
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let bar = |(bar, value): (Bar, Option<f64>)| {
            let met = bar.is_met(value);
            let said = json!({"value": value.map(rounded), "bar": bar.bound.value(), "met": met});
            (bar.name.to_owned(), said)
        };
        let figure = |(name, outcome): &(&'static str, Result<Outcome, String>)| {
            let figure = match outcome {
                Ok(Outcome { rows, notes, .. }) => {
                    json!({"rows": rows.iter().map(row).collect::<Vec<_>>(), "notes": notes})
                }
                Err(why) => json!({"failed": why}),
            };
            ((*name).to_owned(), figure)
        };
        let bars: serde_json::Map<_, _> = self.bars().map(bar).collect();
        let figures: serde_json::Map<_, _> = self.figures.iter().map(figure).collect();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        json!({"bars": bars, "figures": figures, "quick": self.quick, "cores": cores})
    }
}

fn row(Row { what, samples, median, p99, unit, ratio }: &Row) -> Value {
    let mut row = json!({
        "what": what, "samples": samples, "median": rounded(*median), "p99": rounded(*p99), "unit": unit,
    });
    if let Some((ratio, limit)) = ratio {
        row["ratio"] = json!(rounded(*ratio));
        row["limit"] = json!(limit);
    }
    row
}

/// To four digits: there is no more to it.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10_f64.powi(3 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}

fn with_unit(value: f64, unit: &str) -> String {
    let digits = match value.abs() {
        0.0..1.0 => 3,
        1.0..100.0 => 2,
        _ => 0,
    };
    let space = if unit.is_empty() { "" } else { " " };
    format!("{value:.digits$}{space}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(unix)]
    use crate::bench::FIGURES;

    #[test]
    fn a_report_says_what_is_and_what_should_be() {
        let samples: Samples = [1.0, 2.5].into_iter().collect();
        let rows = vec![Row::of("kill", &samples, "ms").beside(1.25, "spawn")];
        let mut report = Report::new(true);
        let values = vec![("failover", 2.5)];
        report.add("failover", Ok(Outcome { values, rows, notes: vec!["a note".into()] }));
        report.add("hang", Err("nobody was stopped".into()));
        report.add("throughput", Ok(Outcome { values: vec![("throughput", 0.25)], ..Outcome::default() }));
        assert!(!report.is_whole());
        assert_eq!(
            report.to_text(),
            "throughput               0.250 x  at least          0.500 x  MISSED\n\
             failover                 2.50 ms  at most          50.00 ms  met\n\
             hang                not measured  at most   3.00 heartbeats  MISSED\n\n\
             failover\n  \
             kill  median     1.00 ms  p99     2.50 ms  n       2  1.250 x spawn\n  a note\n\n\
             hang: could not be measured: nobody was stopped\n\n\
             throughput\n\n"
        );
        let mut json = report.to_json();
        let failover = json!({"value": 2.5, "bar": 50.0, "met": true});
        let hang = json!({"value": null, "bar": 3.0, "met": false});
        let throughput = json!({"value": 0.25, "bar": 0.5, "met": false});
        let bars = json!({"failover": failover, "hang": hang, "throughput": throughput});
        assert_eq!(json["bars"].take(), bars);
        assert_eq!(json["figures"]["hang"].take(), json!({"failed": "nobody was stopped"}));
        assert_eq!(json["figures"]["failover"]["rows"][0]["ratio"], json!(1.25));
    }

    #[test]
    #[cfg(unix)]
    fn every_bar_is_in_the_report_of_all_figures() {
        let mut report = Report::new(true);
        FIGURES.iter().for_each(|figure| report.add(figure.name, Err("it was not tried".into())));
        let promised = [
            "throughput",
            "latency",
            "latency_vs_echo",
            "offer",
            "offer_growth",
            "set_bytes",
            "decision",
            "failover",
            "hang",
            "balance",
        ];
        assert_eq!(report.bars().map(|(bar, _)| bar.name).collect::<Vec<_>>(), promised);
        let bars = report.to_json()["bars"].take();
        assert!(promised.iter().all(|name| bars[*name]["bar"].is_number()), "{bars}");
        assert_eq!(bars.as_object().map(serde_json::Map::len), Some(promised.len()));
    }

    #[test]
    fn figures_have_four_digits() {
        assert_eq!([0.0, 0.123_456, 12_345.6, 9.999_96].map(rounded), [0.0, 0.1235, 12_350.0, 10.0]);
        assert!(rounded(f64::NAN).is_nan());
    }
}
