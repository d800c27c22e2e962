//! A collector as text: in a line, and at length.

use std::fmt::Write;

use crate::look::{Look, many, time};
use crate::output::{Paint, Style};
use crate::table::{Cell, Table};

use super::text::{age, by_reason, equation};

/// One collector with all that is known of it.
pub(super) struct Text<'a>(pub(super) Look<'a>);

/// What all capabilities of a collector come to.
#[derive(Default)]
struct Sum {
    in_flight: i64,
    slots: i64,
    ended: i64,
    /// Each capability counts by what was finished, …
    latency: f64,
    timed: i64,
    /// … or by its ends.
    success: f64,
}

/// More of a last exit is not shown in a table.
const EXIT: usize = 24;

impl Text<'_> {
    pub(super) fn whole(&self, paint: Paint) -> String {
        let Self(collector) = *self;
        let kind = collector.field("kind").text().map_or_else(String::new, |kind| format!("  kind {kind}"));
        let title = format!("collector {}", collector.field("id").shown());
        let mut text = format!("{}{kind}\n", paint.paint(Style::Bold, &title));
        let mut row = |name: &str, what: String| {
            let _ = writeln!(text, "  {name:<12} {what}");
        };
        row(
            "state",
            format!("{}{}", paint.paint(style(collector), &collector.field("state").shown()), why(collector)),
        );
        if let Some(pid) = collector.field("pid").int() {
            row("process", format!("{pid}, incarnation {}", collector.field("incarnation").shown()));
        }
        let failures = match collector.field("failures").count() {
            0 => String::new(),
            some => format!(", {some} in a row without lasting service"),
        };
        row("restarts", format!("{}{failures}", collector.field("restarts").count()));
        row("last exit", collector.field("last_exit").shown());
        if let Some(why) = collector.field("last_rejection").text() {
            row("not let in", why);
        }
        for topic in collector.field("topics").list() {
            let refused = topic.field("refused").text();
            let refused = refused.map_or_else(String::new, |why| format!(": refused, {why}"));
            row("topic", format!("{}{refused}", topic.field("topic").shown()));
        }
        let results = collector.field("results");
        row(
            "results",
            equation(results, "received", &["accepted", "duplicate", "late", "refused", "discarded"]),
        );
        by_reason(results).for_each(|line| row("", line));
        if let Some(parked) = parked(collector) {
            row("parked", parked);
        }
        let mut table =
            Table::of(&["CAPABILITY", "IN FLIGHT", "LATENCY", "SUCCESS", "SUCCEEDED", "REFUSED", "FAILED"]);
        for capability in collector.field("capabilities").list() {
            let sum = Sum::of(std::iter::once(capability));
            table.row([
                Cell::text(capability.field("name").shown()),
                Cell::number(sum.load()),
                Cell::number(sum.latency()),
                Cell::number(sum.success()),
                Cell::number(capability.field("succeeded").count()),
                Cell::number(capability.field("refused").count()),
                Cell::number(capability.field("failed").count()),
            ]);
        }
        if collector.field("capabilities").list().len() > 0 {
            let _ = write!(text, "\n{}", table.lines(paint));
        }
        self.output(&mut text, paint);
        text
    }

    fn output(&self, text: &mut String, paint: Paint) {
        let output = self.0.field("output");
        if output.field("lines").list().len() == 0 {
            return;
        }
        let before = match output.field("dropped").count() {
            0 => String::new(),
            dropped => format!(" (and {dropped} before)"),
        };
        let _ = writeln!(text, "\n{}{before}", paint.paint(Style::Bold, "its last lines"));
        for line in output.field("lines").list() {
            let _ = writeln!(text, "{}", format!("  {}", line.shown()).trim_end());
        }
    }
}

/// All collectors, a line for each.
pub(super) fn table<'a>(collectors: impl Iterator<Item = Look<'a>>, paint: Paint) -> String {
    let mut table = Table::of(&[
        "ID",
        "KIND",
        "STATE",
        "PID",
        "IN FLIGHT",
        "LATENCY",
        "SUCCESS",
        "RESTARTS",
        "LAST EXIT",
        "WHY",
    ]);
    for collector in collectors {
        let sum = Sum::of(collector.field("capabilities").list());
        table.row([
            Cell::text(collector.field("id").shown()),
            Cell::text(collector.field("kind").shown()),
            Cell::text(collector.field("state").shown()).styled(style(collector)),
            Cell::number(collector.field("pid").shown()),
            Cell::number(sum.load()),
            Cell::number(sum.latency()),
            Cell::number(sum.success()),
            Cell::number(collector.field("restarts").count()),
            Cell::text(clipped(collector.field("last_exit").shown())),
            Cell::text(why(collector).trim_start_matches([',', ' '])),
        ]);
    }
    table.lines(paint)
}

/// What of it waits for room, if anything does.
pub(super) fn parked(collector: Look<'_>) -> Option<String> {
    let count = collector.field("parked").count();
    let since = age(collector.field("parked_ms"));
    (count > 0).then(|| format!("{} of it wait for room, for {since}", many(count, "message")))
}

/// A long one would push everything else away; it stands whole under the collector's own status.
fn clipped(text: String) -> String {
    match text.char_indices().nth(EXIT) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

fn style(collector: Look<'_>) -> Style {
    match collector.field("state").text().as_deref() {
        Some("connected") if collector.field("ejected").is_true() => Style::Yellow,
        Some("connected") => Style::Green,
        Some("lost" | "quarantined") => Style::Red,
        _ => Style::Yellow,
    }
}

/// What there is to add to the state, each after a comma.
fn why(collector: Look<'_>) -> String {
    let overdue = collector.field("overdue").count();
    let overdue = (overdue > 0).then(|| format!("{} overdue", many(overdue, "task")));
    let ejected = collector.field("ejected").is_true().then(|| "ejected for its failures".to_owned());
    let adopted = collector.field("adopted").is_true().then(|| "taken over from an earlier host".to_owned());
    let slow = collector.field("slow_start").is_true().then(|| "slow start".to_owned());
    let all = [collector.field("why").text(), adopted, ejected, overdue, slow];
    all.into_iter().flatten().map(|why| format!(", {why}")).collect()
}

impl Sum {
    fn of<'a>(capabilities: impl Iterator<Item = Look<'a>>) -> Self {
        let mut sum = Self::default();
        for capability in capabilities {
            let count = |name: &str| capability.field(name).count();
            sum.in_flight += count("in_flight");
            sum.slots += count("concurrency");
            let finished = count("succeeded") + count("refused");
            let ended = finished + count("failed");
            if let Some(latency) = capability.field("latency_us").float() {
                sum.latency += latency * finished as f64;
                sum.timed += finished;
            }
            sum.success += capability.field("success_rate").float().unwrap_or(0.0) * ended as f64;
            sum.ended += ended;
        }
        sum
    }

    fn load(&self) -> String {
        format!("{}/{}", self.in_flight, self.slots)
    }

    fn latency(&self) -> String {
        if self.timed > 0 { time((self.latency / self.timed as f64) as i64) } else { "-".to_owned() }
    }

    fn success(&self) -> String {
        if self.ended > 0 {
            format!("{:.0}%", 100.0 * self.success / self.ended as f64)
        } else {
            "-".to_owned()
        }
    }
}
