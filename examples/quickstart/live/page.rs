//! Each line of the view, in so many columns. What matters most comes first: the rest may be cut.

use std::time::Duration;

use stook_types::Outcome;

use super::line::{Line, Style};
use super::machine::Seat;
use super::model::{Found, Model, Scan};
use super::progress::{Part, Progress, State};

/// A model on lines of this width.
pub(super) struct Page<'a> {
    model: &'a Model,
    columns: usize,
    /// Of the first column.
    label: usize,
}

/// Tasks in flight that are shown.
const RUNNING: usize = 3;
/// Scans that are shown where there is room for more.
const SCANS: usize = 8;
/// Findings, and news.
const FINDINGS: usize = 4;
const NEWS: usize = 8;
/// Narrower than this, nothing is aligned, and what matters less is left out.
const WIDE: usize = 70;
/// Cells of a progress bar.
const CELLS: usize = 20;

impl<'a> Page<'a> {
    pub(super) fn of(model: &'a Model, columns: usize) -> Self {
        let longest = model.machine.collectors.iter().map(|seat| seat.id.len()).max();
        Self { model, columns, label: longest.unwrap_or_default().clamp(8, 20) }
    }

    fn is_narrow(&self) -> bool {
        self.columns < WIDE
    }

    fn line(&self, style: Style, label: &str) -> Line {
        let line = Line::new(self.columns);
        match self.is_narrow() {
            true if label.is_empty() => line,
            true => line.with(style, label).with(Style::Plain, " "),
            false => line.with(Style::Plain, "  ").column(style, label, self.label),
        }
    }

    pub(super) fn header(&self) -> Line {
        let Model { host, machine, seed, ending, .. } = self.model;
        let line = Line::new(self.columns).with(Style::Bold, host);
        let line = line.with(Style::Plain, &format!("  up {}", clock(machine.uptime)));
        let line = ending.iter().fold(line, |line, what| line.with(Style::Bold, &format!(", {what}")));
        let chaos = |line: Line, seed| line.with(Style::Yellow, &format!(", chaos with --seed {seed}"));
        let line = seed.iter().fold(line, chaos);
        let memory = format!(", memory {} of {}", size(machine.memory_used), size(machine.memory_limit));
        if self.is_narrow() { line } else { line.with(Style::Dim, &memory) }
    }

    /// Instead of the header, at the end.
    pub(super) fn ran(&self) -> Line {
        let ran = format!("  ran {}", clock(self.model.machine.uptime));
        Line::new(self.columns).with(Style::Bold, &self.model.host).with(Style::Plain, &ran)
    }

    pub(super) fn seats(&self) -> Vec<Line> {
        self.model.machine.collectors.iter().map(|seat| self.seat(seat)).collect()
    }

    fn seat(&self, seat: &Seat) -> Line {
        let style = if seat.is_connected() { Style::Green } else { Style::Yellow };
        let line = self.line(Style::Plain, &seat.id);
        let line = match self.is_narrow() {
            true => line.with(style, &seat.state).with(Style::Plain, " "),
            false => line.column(style, &seat.state, 11),
        };
        if !seat.is_connected() {
            return line.with(Style::Dim, seat.why.as_deref().unwrap_or_default());
        }
        let line = line.with(Style::Plain, &format!("{} of {} busy", seat.in_flight, seat.slots()));
        let takes = seat.latency().map(|latency| format!(", takes {latency:.1?}"));
        line.with(Style::Dim, &takes.unwrap_or_default())
    }

    /// All collectors in one line.
    pub(super) fn crowd(&self) -> Line {
        let seats = &self.model.machine.collectors;
        let there = seats.iter().filter(|seat| seat.is_connected());
        let (busy, slots) =
            there.clone().fold((0, 0), |(busy, slots), seat| (busy + seat.in_flight, slots + seat.slots()));
        let there = there.count();
        let style = if there == seats.len() { Style::Green } else { Style::Yellow };
        let line = self.line(Style::Plain, "all");
        let line = line.with(style, &format!("{there} of {} connected", seats.len()));
        let line = line.with(Style::Plain, &format!(", {busy} of {slots} busy"));
        let away = seats.iter().filter(|seat| !seat.is_connected());
        away.fold(line, |line, seat| line.with(Style::Yellow, &format!(", {} {}", seat.id, seat.state)))
    }

    /// What is in flight, or what was last.
    pub(super) fn progress(&self, now: Duration) -> Vec<Line> {
        match (&self.model.running, &self.model.last) {
            (running, _) if !running.is_empty() => {
                running.iter().take(RUNNING).map(|task| self.in_flight(now, task)).collect()
            }
            (_, Some(last)) => vec![self.over(now, last)],
            (_, None) => vec![self.line(Style::Dim, "waits").with(Style::Dim, "no task has begun")],
        }
    }

    fn in_flight(&self, now: Duration, task: &Progress) -> Line {
        let queued: Vec<_> = self.model.queued(task).collect();
        let named = |collector: Option<&str>, capability: &str| match collector {
            Some(collector) if self.is_narrow() => collector.to_owned(),
            Some(collector) => format!("{collector} ({capability})"),
            None => format!("somebody with {capability}"),
        };
        let open = task.parts.iter().filter(|part| part.is_open());
        let open = open.map(|part| named(part.collector.as_deref(), &part.capability));
        let waits: Vec<_> = open.chain(queued.iter().map(|(id, skill)| named(Some(id), skill))).collect();
        let waits = match &*waits {
            [] => ", waits for its set".to_owned(),
            waits => format!(", waits for {}", waits.join(", ")),
        };
        let (settled, all) = (task.settled(), task.parts.len() + queued.len());
        let count = if self.is_narrow() { String::new() } else { format!("{settled} of {all} in ") };
        let since = clock(now.saturating_sub(task.began));
        let line = self.line(Style::Bold, &task.task).with(Style::Bold, &bar(&task.parts, queued.len()));
        let line = line.with(Style::Plain, &format!(" {count}{since}")).with(Style::Yellow, &waits);
        match answers(task) {
            (0, _) => line,
            (_, answers) => line.with(Style::Dim, &format!("; answered: {answers}")),
        }
    }

    fn over(&self, now: Duration, task: &Progress) -> Line {
        let ended = task.ended.unwrap_or(now);
        let (done, answers) = answers(task);
        let (took, ago) = (ended.saturating_sub(task.began), clock(now.saturating_sub(ended)));
        let line = self.line(Style::Dim, &task.task).with(Style::Plain, &bar(&task.parts, 0));
        let line = line.with(Style::Plain, &format!(" {done} of {} in {took:.1?}", task.parts.len()));
        let line = line.with(Style::Dim, &format!(", {ago} ago"));
        if done == 0 { line } else { line.with(Style::Dim, &format!(": {answers}")) }
    }

    pub(super) fn so_far(&self) -> Line {
        let Model { complete, partial, machine, counts, .. } = self.model;
        let line = self.line(Style::Plain, "so far");
        let line = line.with(Style::Plain, &format!("{complete} complete, {partial} partial"));
        let line = match &*self.model.lost() {
            [] => line.with(Style::Green, ", nothing lost"),
            lost => line.with(Style::Red, &format!(", lost: {}", lost.join(", "))),
        };
        let (kills, stops) = counts.as_ref().map_or((0, 0), |counts| (counts.kills, counts.stops));
        let others = [(kills, "killed"), (stops, "stopped"), (machine.moved, "moved")];
        let others = others.into_iter().chain([(machine.restarts(), "restarted")]);
        let add = |line: Line, (count, what)| line.with(Style::Plain, &format!(", {count} {what}"));
        others.filter(|(count, _)| *count > 0).fold(line, add)
    }

    /// Until there is something else to look at.
    pub(super) fn hint(&self) -> Line {
        let hint = "the first scan hashes every running executable, which may take a moment";
        self.line(Style::Dim, "").with(Style::Dim, hint)
    }

    pub(super) fn scans(&self) -> Vec<Line> {
        self.model.scans.iter().take(SCANS).map(|scan| self.scan(scan)).collect()
    }

    fn scan(&self, scan: &Scan) -> Line {
        let line = self.line(Style::Bold, &format!("scan {}", scan.number));
        let line = match scan.outcome {
            Outcome::Complete => line.with(Style::Green, "complete"),
            Outcome::Partial => line.with(Style::Yellow, "partial"),
        };
        let missing: Vec<_> = scan.missing.iter().map(|(who, why)| format!("{who} ({why})")).collect();
        let missing =
            if missing.is_empty() { String::new() } else { format!(" without {}", missing.join(", ")) };
        let reason = format!(" ({})", scan.reason);
        let line = match self.is_narrow() {
            true => line.with(Style::Yellow, &missing),
            false => line.with(Style::Plain, &reason).with(Style::Yellow, &missing),
        };
        let rows = scan.rows.map(|rows| format!(", {rows} rows")).unwrap_or_default();
        line.with(Style::Plain, &format!(" in {:.1?}", scan.latency)).with(Style::Dim, &rows)
    }

    pub(super) fn findings(&self) -> Vec<Line> {
        let findings = &self.model.findings;
        let line = |found: &Found| {
            let text = format!("{}: {}", found.finding.rule, found.finding.text);
            self.line(Style::Red, "finding").with(Style::Plain, &text)
        };
        let mut lines: Vec<_> = findings.iter().take(FINDINGS).map(line).collect();
        if let Some(more @ 1..) = findings.len().checked_sub(FINDINGS) {
            lines.push(self.line(Style::Dim, "").with(Style::Dim, &format!("and {more} more findings")));
        }
        lines
    }

    pub(super) fn news(&self) -> Vec<Line> {
        let news = self.model.news.iter().take(NEWS);
        news.map(|(label, text)| self.line(Style::Yellow, label).with(Style::Plain, text)).collect()
    }
}

/// How many parts are done; by whom, and how long each took.
fn answers(task: &Progress) -> (usize, String) {
    let done = task.parts.iter().filter_map(|part| match part.state {
        State::Done(took) => Some(format!("{} {took:.1?}", part.collector.as_deref().unwrap_or("?"))),
        _ => None,
    });
    let done: Vec<_> = done.collect();
    (done.len(), done.join(", "))
}

/// One cell for each part, or a share of them if there are many: done `#`, failed `x`, at work `-`, waiting `.`.
fn bar(parts: &[Part], queued: usize) -> String {
    let count = |is_it: fn(&State) -> bool| parts.iter().filter(|part| is_it(&part.state)).count();
    let done = count(|state| matches!(state, State::Done(_)));
    let failed = count(|state| *state == State::Failed);
    let runs = count(|state| *state == State::Runs);
    let (all, mut upto, mut cells) = (parts.len() + queued, 0, String::new());
    let width = all.min(CELLS);
    for (cell, parts) in [('#', done), ('x', failed), ('-', runs), ('.', all - done - failed - runs)] {
        upto += parts;
        let end = (upto * width).checked_div(all).unwrap_or_default();
        cells.extend(std::iter::repeat_n(cell, end - cells.len()));
    }
    format!("[{cells}]")
}

/// To a tenth of a second: it is looked at while it passes.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{:.1}s", time.as_secs_f64()),
        60..3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3_600, seconds / 60 % 60),
    }
}

/// To a tenth of the unit: it is looked at while it changes.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1_024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}
