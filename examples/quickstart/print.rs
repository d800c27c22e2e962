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
use crate::ledger::{Ledger, News};

/// Prints scans to standard output, until it has printed enough or nobody reads on.
pub(crate) struct Printer {
    format: Format,
    color: bool,
    most: Option<NonZeroU64>,
    printed: u64,
    failed: Option<io::Error>,
    /// Counts the scans and tells what happens between them. Then none is left out: also those that come after enough.
    ledger: Option<Ledger>,
}

impl Printer {
    pub(crate) fn new(format: Format, most: Option<NonZeroU64>, ledger: Option<Ledger>) -> Self {
        Self { format, color: has_colors(&io::stdout()), most, printed: 0, failed: None, ledger }
    }

    /// Prints one. Whether that is enough now, or more cannot be printed.
    pub(crate) fn print(&mut self, result: &AggregatedResult) -> bool {
        let news = self.ledger.as_ref().map_or_else(Vec::new, |ledger| {
            let mut book = ledger.open();
            book.take(result);
            book.news()
        });
        if self.failed.is_none() && (self.ledger.is_some() || !self.is_enough()) {
            self.printed += 1;
            self.failed = self.write(result, &news).err();
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

    /// In one piece: a reader never sees half a scan.
    fn write(&self, result: &AggregatedResult, news: &[News]) -> io::Result<()> {
        let mut text = Vec::new();
        match self.format {
            Format::Jsonl => serde_json::to_writer(&mut text, result)?,
            Format::Text => self.write_text(result, news, &mut text)?,
        }
        text.push(b'\n');
        let mut out = io::stdout().lock();
        out.write_all(&text)?;
        out.flush()
    }

    fn write_text(&self, result: &AggregatedResult, news: &[News], out: &mut Vec<u8>) -> io::Result<()> {
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
            news: &news.iter().map(told).collect::<Vec<_>>(),
        };
        report.write(out, self.color)
    }
}

/// A label and what there is to say.
fn told(news: &News) -> (&'static str, String) {
    match news {
        News::Killed(id) => ("chaos", format!("killed {id}")),
        News::Stopped(id) => ("chaos", format!("stopped {id}")),
        News::WentOn(id) => ("chaos", format!("let {id} go on")),
        News::Silent(id) => ("silent", format!("{id}: killed")),
        News::Moved { from, to: Some(to), parts } => ("moved", format!("{parts} of {from} to {to}")),
        News::Moved { from, to: None, parts } => {
            ("moved", format!("{parts} of {from}: waiting for somebody who can"))
        }
        News::Back { collector, after } => ("back", format!("{collector} after {after:.0?}")),
        News::GivenUp(id) => ("back", format!("{id} not any more: it ended too often")),
    }
}

/// Whether to write colours there: on a terminal, unless the user set `NO_COLOR`.
pub(crate) fn has_colors(to: &impl IsTerminal) -> bool {
    to.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
}
