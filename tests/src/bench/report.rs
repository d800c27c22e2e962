//! What is printed: a table for people, JSON for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use super::stats::Samples;

/// What came of measuring one figure.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    /// What the design promises, and what is; empty for figures of which it promises nothing.
    pub(super) bars: Vec<Bar>,
    /// What was measured.
    pub(super) rows: Vec<Row>,
    /// How to read it, a sentence each.
    pub(super) notes: Vec<String>,
}

/// A promise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bar {
    /// What the design calls it.
    pub(super) name: &'static str,
    /// What was measured.
    pub(super) value: f64,
    /// What it shall keep to.
    pub(super) bound: Bound,
    /// Of both.
    pub(super) unit: &'static str,
}

/// What a value shall not exceed, or not fall short of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bound {
    AtMost(f64),
    AtLeast(f64),
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

// === impl Bar, Bound, Row ===

impl Bar {
    /// Whether it is kept.
    pub(super) fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtMost(most) => self.value <= most,
            Bound::AtLeast(least) => self.value >= least,
        }
    }
}

impl Bound {
    const fn value(self) -> f64 {
        match self {
            Self::AtMost(value) | Self::AtLeast(value) => value,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::AtMost(_) => "at most",
            Self::AtLeast(_) => "at least",
        }
    }
}

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

    /// For people.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for (name, outcome) in &self.figures {
            let outcome = match outcome {
                Ok(outcome) => outcome,
                Err(why) => {
                    let _ = writeln!(out, "{name}: could not be measured: {why}\n");
                    continue;
                }
            };
            if outcome.bars.is_empty() {
                let _ = writeln!(out, "{name}");
            }
            for bar in &outcome.bars {
                let (value, bound) = (with_unit(bar.value, bar.unit), with_unit(bar.bound.value(), bar.unit));
                let (word, met) = (bar.bound.word(), if bar.is_met() { "met" } else { "MISSED" });
                let _ = writeln!(out, "{}: {value}   (bar: {word} {bound}, {met})", bar.name);
            }
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
        let mut bars = serde_json::Map::new();
        let mut figures = serde_json::Map::new();
        for (name, outcome) in &self.figures {
            let figure = match outcome {
                Ok(Outcome { bars: of_figure, rows, notes }) => {
                    for bar in of_figure {
                        let met = bar.is_met();
                        let value =
                            json!({"value": rounded(bar.value), "bar": bar.bound.value(), "met": met});
                        bars.insert(bar.name.to_owned(), value);
                    }
                    json!({"rows": rows.iter().map(row).collect::<Vec<_>>(), "notes": notes})
                }
                Err(why) => json!({"failed": why}),
            };
            figures.insert((*name).to_owned(), figure);
        }
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

    #[test]
    fn a_report_says_what_is_and_what_should_be() {
        let samples: Samples = [1.0, 2.5].into_iter().collect();
        let bars = vec![
            Bar { name: "failover", value: 2.5, bound: Bound::AtMost(2.0), unit: "ms" },
            Bar { name: "growth", value: 1.0, bound: Bound::AtMost(1.0), unit: "" },
            Bar { name: "throughput", value: 0.25, bound: Bound::AtLeast(0.5), unit: "" },
            Bar { name: "reached", value: 0.5, bound: Bound::AtLeast(0.5), unit: "" },
        ];
        let rows = vec![Row::of("kill", &samples, "ms").beside(1.25, "spawn")];
        let mut report = Report::new(true);
        report.add("failover", Ok(Outcome { bars, rows, notes: vec!["a note".into()] }));
        report.add("hang", Err("nobody was stopped".into()));
        assert!(!report.is_whole());
        assert_eq!(
            report.to_text(),
            "failover: 2.50 ms   (bar: at most 2.00 ms, MISSED)\n\
             growth: 1.00   (bar: at most 1.00, met)\n\
             throughput: 0.250   (bar: at least 0.500, MISSED)\n\
             reached: 0.500   (bar: at least 0.500, met)\n  \
             kill  median     1.00 ms  p99     2.50 ms  n       2  1.250 x spawn\n  a note\n\n\
             hang: could not be measured: nobody was stopped\n\n"
        );
        let mut json = report.to_json();
        let failover = json!({"value": 2.5, "bar": 2.0, "met": false});
        let growth = json!({"value": 1.0, "bar": 1.0, "met": true});
        let throughput = json!({"value": 0.25, "bar": 0.5, "met": false});
        let reached = json!({"value": 0.5, "bar": 0.5, "met": true});
        let bars =
            json!({"failover": failover, "growth": growth, "throughput": throughput, "reached": reached});
        assert_eq!(json["bars"].take(), bars);
        assert_eq!(json["figures"]["hang"].take(), json!({"failed": "nobody was stopped"}));
        assert_eq!(json["figures"]["failover"]["rows"][0]["ratio"], json!(1.25));
    }

    #[test]
    fn figures_have_four_digits() {
        assert_eq!([0.0, 0.123_456, 12_345.6, 9.999_96].map(rounded), [0.0, 0.1235, 12_350.0, 10.0]);
        assert!(rounded(f64::NAN).is_nan());
    }
}
