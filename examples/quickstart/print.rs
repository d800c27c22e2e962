//! What is shown of each scan.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::num::NonZeroU64;
use std::time::Duration;

use stook_examples::detect::{Finding, detect};
use stook_examples::report::Report;
use stook_examples::tally::Tally;
use stook_plugin::AggregatedResult;
use stook_types::Value;

use crate::ledger::{Ledger, News};
use crate::live::{Live, Scan};
use crate::news::told;

/// How scans are shown.
pub(crate) enum Form {
    /// Each as a line of JSON.
    Jsonl,
    /// Each as a block for people.
    Text {
        /// With colours.
        color: bool,
    },
    /// In a view of all that is going on.
    Live(Live),
}

/// Shows scans on standard output, until it has shown enough or nobody reads on.
pub(crate) struct Printer {
    form: Form,
    most: Option<NonZeroU64>,
    printed: u64,
    failed: Option<io::Error>,
    /// Counts the scans and tells what happens between them. Then none is left out: also those that come after enough.
    ledger: Option<Ledger>,
}

impl Printer {
    pub(crate) fn new(form: Form, most: Option<NonZeroU64>, ledger: Option<Ledger>) -> Self {
        Self { form, most, printed: 0, failed: None, ledger }
    }

    /// Shows one. Whether that is enough now, or more cannot be shown.
    pub(crate) fn print(&mut self, result: &AggregatedResult) -> bool {
        let news = self.count(result);
        if self.failed.is_none() && (self.ledger.is_some() || !self.is_enough()) {
            self.printed += 1;
            self.failed = self.show(result, &news).err();
        }
        self.failed.is_some() || self.is_enough()
    }

    /// What went wrong, if something did. That nobody reads on is nothing wrong.
    pub(crate) fn outcome(&mut self) -> io::Result<()> {
        match self.failed.take() {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }

    fn is_enough(&self) -> bool {
        self.most.is_some_and(|most| most.get() <= self.printed)
    }

    /// What has happened since the last one, if that is told with it. The view asks by itself.
    fn count(&self, result: &AggregatedResult) -> Vec<News> {
        let Some(ledger) = &self.ledger else { return Vec::new() };
        let mut book = ledger.open();
        book.take(result);
        if matches!(self.form, Form::Live(_)) { Vec::new() } else { book.news() }
    }

    fn show(&self, result: &AggregatedResult, news: &[News]) -> io::Result<()> {
        let mut text = Vec::new();
        match &self.form {
            Form::Jsonl => serde_json::to_writer(&mut text, result)?,
            Form::Text { color } => self.write_text(result, news, *color, &mut text)?,
            Form::Live(live) => {
                live.take(scan(self.printed, result));
                return Ok(());
            }
        }
        text.push(b'\n');
        // In one piece: a reader never sees half a scan.
        let mut out = io::stdout().lock();
        out.write_all(&text)?;
        out.flush()
    }

    fn write_text(
        &self,
        result: &AggregatedResult,
        news: &[News],
        color: bool,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        let (joined, findings) = look(result);
        let contributors = result.contributors.iter().map(|from| (from.collector.as_str(), from.results));
        let missing =
            result.missing.iter().map(|missing| (missing.collector.as_str(), missing.reason.as_str()));
        let report = Report {
            scan: self.printed,
            outcome: result.outcome,
            reason: result.reason.as_str(),
            latency: Duration::from_micros(result.latency_us),
            contributors: &contributors.collect::<Vec<_>>(),
            missing: &missing.collect::<Vec<_>>(),
            tally: Tally::of(&joined),
            findings: &findings,
            news: &news.iter().map(told).collect::<Vec<_>>(),
        };
        report.write(out, color)
    }
}

/// What the view shows of a result.
fn scan(number: u64, result: &AggregatedResult) -> Scan {
    let (joined, findings) = look(result);
    let missing = result.missing.iter();
    Scan {
        number,
        correlation: result.correlation_id.to_string(),
        outcome: result.outcome,
        reason: result.reason.as_str().to_owned(),
        latency: Duration::from_micros(result.latency_us),
        rows: joined.as_array().map(<[_]>::len),
        missing: missing.map(|one| (one.collector.to_string(), one.reason.as_str().to_owned())).collect(),
        findings,
    }
}

/// The rows of a result, and what is odd in them: the worse first, as not all of it is shown.
fn look(result: &AggregatedResult) -> (Value, Vec<Finding>) {
    // The value is undecoded only where a config does not merge; then there are no rows to look at.
    let joined = result.value.to_value().unwrap_or(Value::Null);
    let mut findings = detect(&joined);
    findings.sort_by_key(|finding| finding.rule);
    (joined, findings)
}

/// Whether to write colours there: on a terminal, unless the user set `NO_COLOR`.
pub(crate) fn has_colors(to: &impl IsTerminal) -> bool {
    to.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
}
