//! What is printed of each scan.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::num::NonZeroU64;
use std::time::Duration;

use stook_examples::detect::detect;
use stook_examples::report::Report;
use stook_examples::tally::Tally;
use stook_plugin::AggregatedResult;
use stook_types::Value;

use crate::args::Format;

/// Prints scans to standard output, until it has printed enough or nobody reads on.
pub(crate) struct Printer {
    format: Format,
    color: bool,
    most: Option<NonZeroU64>,
    printed: u64,
    end: Option<io::Result<()>>,
}

impl Printer {
    pub(crate) fn new(format: Format, most: Option<NonZeroU64>) -> Self {
        Self { format, color: has_colors(&io::stdout()), most, printed: 0, end: None }
    }

    /// Prints one, unless it has ended before. Whether it has ended now.
    pub(crate) fn print(&mut self, result: &AggregatedResult) -> bool {
        if self.end.is_none() {
            self.printed += 1;
            self.end = match self.write(result) {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => Some(Ok(())),
                Err(error) => Some(Err(error)),
                Ok(()) => self.most.filter(|most| most.get() <= self.printed).map(|_| Ok(())),
            };
        }
        self.end.is_some()
    }

    /// What went wrong, if something did.
    pub(crate) fn outcome(&mut self) -> io::Result<()> {
        self.end.take().unwrap_or(Ok(()))
    }

    /// In one piece: a reader never sees half a scan.
    fn write(&self, result: &AggregatedResult) -> io::Result<()> {
        let mut text = Vec::new();
        match self.format {
            Format::Jsonl => serde_json::to_writer(&mut text, result)?,
            Format::Text => self.write_text(result, &mut text)?,
        }
        text.push(b'\n');
        let mut out = io::stdout().lock();
        out.write_all(&text)?;
        out.flush()
    }

    fn write_text(&self, result: &AggregatedResult, out: &mut Vec<u8>) -> io::Result<()> {
        // The value is undecoded only where a config does not merge; then there are no rows to look at.
        let joined = result.value.to_value().unwrap_or(Value::Null);
        let contributors = result.contributors.iter().map(|from| (from.collector.as_str(), from.results));
        let missing =
            result.missing.iter().map(|missing| (missing.collector.as_str(), missing.reason.as_str()));
        let mut findings = detect(&joined);
        findings.sort_by_key(|finding| finding.rule); // the worse first: not all of them are shown
        let report = Report {
            scan: self.printed,
            outcome: result.outcome,
            reason: result.reason.as_str(),
            latency: Duration::from_micros(result.latency_us),
            contributors: &contributors.collect::<Vec<_>>(),
            missing: &missing.collect::<Vec<_>>(),
            tally: Tally::of(&joined),
            findings: &findings,
        };
        report.write(out, self.color)
    }
}

/// Whether to write colours there: on a terminal, unless the user set `NO_COLOR`.
pub(crate) fn has_colors(to: &impl IsTerminal) -> bool {
    to.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
}
