//! One scan for a person at a terminal: at most eight lines, and what else happened.

use std::io::{self, Write};
use std::time::Duration;

use stook_types::Outcome;

use crate::detect::Finding;
use crate::tally::Tally;
use stook_types::harmless::clean;

/// Findings that are shown; the rest is counted.
const SHOWN: usize = 3;
/// News that are told; the rest is counted.
const TOLD: usize = 12;

/// What there is to say about one scan.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// Its number, from 1.
    pub scan: u64,
    /// Whether everybody answered.
    pub outcome: Outcome,
    /// Why its set was released.
    pub reason: &'a str,
    /// From its first result to its release.
    pub latency: Duration,
    /// Who answered, and with how many results.
    pub contributors: &'a [(&'a str, u64)],
    /// Who did not, and why.
    pub missing: &'a [(&'a str, &'a str)],
    /// How much was seen.
    pub tally: Tally,
    /// What was odd.
    pub findings: &'a [Finding],
    /// What else happened since the last scan: a label of at most 7 characters and a text.
    pub news: &'a [(&'static str, String)],
}

impl Report<'_> {
    /// Writes the block. Control characters in names, which a process may choose freely, are replaced, so that
    /// none of them reaches the terminal.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write(&self, out: &mut impl Write, color: bool) -> io::Result<()> {
        let paint = |style, text: &str| match color {
            true => format!("\x1b[{style}m{text}\x1b[0m"),
            false => text.to_owned(),
        };
        let outcome = match self.outcome {
            Outcome::Complete => paint(GREEN, "complete"),
            Outcome::Partial => paint(YELLOW, "partial"),
        };
        let scan = format!("scan {}", self.scan);
        writeln!(out, "{}  {outcome} ({}) in {:.1?}", paint(BOLD, &scan), clean(self.reason), self.latency)?;

        let mut line = |style, label, text: String| {
            writeln!(out, "  {}  {}", paint(style, &format!("{label:<7}")), clean(&text))
        };
        let contributors = self.contributors.iter().map(|(name, results)| format!("{name} ({results})"));
        line(DIM, "from", or_none(contributors))?;
        if !self.missing.is_empty() {
            let missing = self.missing.iter().map(|(name, reason)| format!("{name} ({reason})"));
            line(YELLOW, "missing", or_none(missing))?;
        }
        line(DIM, "seen", seen(&self.tally))?;
        for finding in self.findings.iter().take(SHOWN) {
            line(RED, "finding", format!("{}: {}", finding.rule, finding.text))?;
        }
        match self.findings.len() {
            0 => line(DIM, "finding", "none".to_owned())?,
            1..=SHOWN => {}
            all => line(DIM, "", format!("and {} more", all - SHOWN))?,
        }
        for (label, text) in self.news.iter().take(TOLD) {
            line(YELLOW, label, text.clone())?;
        }
        match self.news.len() {
            0..=TOLD => Ok(()),
            all => line(DIM, "", format!("and {} more", all - TOLD)),
        }
    }
}

fn or_none(items: impl Iterator<Item = String>) -> String {
    let items: Vec<_> = items.collect();
    if items.is_empty() { "nobody".to_owned() } else { items.join(", ") }
}

fn seen(tally: &Tally) -> String {
    let count = |n: Option<usize>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
    format!(
        "{} processes, {} executables hashed, {} sockets",
        count(tally.processes),
        count(tally.executables),
        count(tally.sockets),
    )
}

// === styles, as ANSI numbers them ===

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Rule;

    const COMPLETE: Report<'_> = Report {
        scan: 1,
        outcome: Outcome::Complete,
        reason: "expected",
        latency: Duration::from_micros(41_230),
        contributors: &[("procmond-1", 1), ("procmond-2", 1), ("netmond-1", 1)],
        missing: &[],
        tally: Tally { processes: Some(212), executables: Some(96), sockets: Some(46) },
        findings: &[],
        news: &[],
    };

    fn finding(text: &str) -> Finding {
        Finding { pid: 7, rule: Rule::DeletedListener, text: text.to_owned() }
    }

    fn check(report: &Report<'_>, color: bool, expected: &str) {
        let mut out = Vec::new();
        report.write(&mut out, color).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn complete() {
        check(
            &COMPLETE,
            false,
            "\
scan 1  complete (expected) in 41.2ms
  from     procmond-1 (1), procmond-2 (1), netmond-1 (1)
  seen     212 processes, 96 executables hashed, 46 sockets
  finding  none
",
        );
    }

    #[test]
    fn partial_with_more_findings_than_fit() {
        let findings = [
            finding("web (pid 7) listens on [::]:80 while /tmp/web is gone from disk"),
            finding("b"),
            finding("c"),
            finding("d"),
            finding("e"),
        ];
        let report = Report {
            scan: 2,
            outcome: Outcome::Partial,
            reason: "collectors-lost",
            latency: Duration::from_micros(412),
            contributors: &COMPLETE.contributors[..2],
            missing: &[("netmond-1", "exited")],
            tally: Tally { sockets: None, ..COMPLETE.tally },
            findings: &findings,
            news: &[],
        };
        check(
            &report,
            false,
            "\
scan 2  partial (collectors-lost) in 412.0µs
  from     procmond-1 (1), procmond-2 (1)
  missing  netmond-1 (exited)
  seen     212 processes, 96 executables hashed, ? sockets
  finding  deleted-listener: web (pid 7) listens on [::]:80 while /tmp/web is gone from disk
  finding  deleted-listener: b
  finding  deleted-listener: c
           and 2 more
",
        );
    }

    #[test]
    fn nobody_answered() {
        let report = Report {
            outcome: Outcome::Partial,
            reason: "timeout",
            latency: Duration::from_secs(30),
            contributors: &[],
            missing: &[("procmond-1", "timeout"), ("netmond-1", "never-connected")],
            tally: Tally::default(),
            ..COMPLETE
        };
        check(
            &report,
            false,
            "\
scan 1  partial (timeout) in 30.0s
  from     nobody
  missing  procmond-1 (timeout), netmond-1 (never-connected)
  seen     ? processes, ? executables hashed, ? sockets
  finding  none
",
        );
    }

    #[test]
    fn news_come_last_and_are_cut_short() {
        let news: Vec<_> = (1..=14).map(|n| ("moved", format!("{n} of procmond-1 to procmond-2"))).collect();
        let mut out = Vec::new();
        Report { news: &news, ..COMPLETE }.write(&mut out, false).unwrap();

        let text = String::from_utf8(out).unwrap();
        let lines: Vec<_> = text.lines().skip(4).collect();
        assert_eq!(lines.len(), 13);
        assert_eq!(lines[0], "  moved    1 of procmond-1 to procmond-2");
        assert_eq!(lines[12], "           and 2 more");
    }

    #[test]
    fn colour_only_if_asked() {
        let findings = [finding("web")];
        check(
            &Report { findings: &findings, ..COMPLETE },
            true,
            "\
\x1b[1mscan 1\x1b[0m  \x1b[32mcomplete\x1b[0m (expected) in 41.2ms
  \x1b[2mfrom   \x1b[0m  procmond-1 (1), procmond-2 (1), netmond-1 (1)
  \x1b[2mseen   \x1b[0m  212 processes, 96 executables hashed, 46 sockets
  \x1b[31mfinding\x1b[0m  deleted-listener: web
",
        );
    }

    #[test]
    fn a_process_cannot_write_to_the_terminal_by_its_name() {
        let findings = [finding("\x1b[2J\nscan 9 \u{202e}lla")];
        check(
            &Report { findings: &findings, ..COMPLETE },
            false,
            "\
scan 1  complete (expected) in 41.2ms
  from     procmond-1 (1), procmond-2 (1), netmond-1 (1)
  seen     212 processes, 96 executables hashed, 46 sockets
  finding  deleted-listener: \u{fffd}[2J\u{fffd}scan 9 \u{fffd}lla
",
        );
    }
}
