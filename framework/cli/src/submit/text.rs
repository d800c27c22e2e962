//! What becomes of a task, for people.

use std::fmt::Write;

use stook::TaskOutcome;
use stook_types::Outcome;

use crate::look::{Look, many, time};
use crate::output::{Paint, Style};

/// The host has taken the task.
pub(super) struct Taken<'a>(pub(super) Look<'a>);

/// A set was released.
pub(super) struct Set<'a>(pub(super) Look<'a>);

/// The task has ended.
pub(super) struct Ended<'a>(pub(super) Look<'a>);

/// A longer value is cut: it is there to be seen, not to be read whole.
const VALUE: usize = 1_000;

// === impl Taken ===

impl Taken<'_> {
    pub(super) fn text(&self, paint: Paint) -> String {
        let taken = self.0;
        let (task, id) = (taken.field("task").shown(), taken.field("correlation_id").shown());
        let mut text =
            format!("{}  correlation ID {id}\n", paint.paint(Style::Bold, &format!("task {task}")));
        let mut line = |style, label: &str, what: String| {
            let _ = writeln!(text, "  {}  {what}", paint.paint(style, &format!("{label:<8}")));
        };
        let count = |name: &str| Some(taken.field(name).count()).filter(|count| *count > 0);
        if let Some(assigned) = count("assigned") {
            line(Style::Dim, "assigned", assigned.to_string());
        }
        let unknown: Vec<_> = taken.field("unknown").list().map(Look::shown).collect();
        // Whoever has a capability may come: that part waits as well.
        let waiting = taken.field("waiting").count() - unknown.len() as i64;
        if waiting > 0 {
            line(
                Style::Yellow,
                "waiting",
                format!(
                    "{waiting} for a free place; who has come back gets its places by and by (`slow_start`)"
                ),
            );
        }
        if let Some(missing) = count("missing") {
            line(Style::Yellow, "missing", format!("{}, not connected", many(missing, "collector")));
        }
        if !unknown.is_empty() {
            let what = format!("has {} so far; it waits for one until its timeout", unknown.join(", "));
            line(Style::Yellow, "nobody", what);
        }
        text
    }
}

// === impl Set ===

impl Set<'_> {
    pub(super) fn text(&self, paint: Paint) -> String {
        let set = self.0;
        let outcome = set.field("outcome").shown();
        let style = if outcome == Outcome::Complete.as_str() { Style::Green } else { Style::Yellow };
        let again = match set.field("revision").count() {
            ..=1 => String::new(),
            revision => format!(", revision {revision}"),
        };
        let mut text = format!(
            "{}  {} ({}) in {}{again}\n",
            paint.paint(Style::Bold, &set.field("aggregate").shown()),
            paint.paint(style, &outcome),
            set.field("reason").shown(),
            time(set.field("latency_us").count()),
        );
        let mut line = |style, label: &str, what: String| {
            let _ = writeln!(text, "  {}  {what}", paint.paint(style, &format!("{label:<8}")));
        };
        let from = set.field("contributors").list().map(|contributor| {
            format!("{} ({})", contributor.field("collector").shown(), contributor.field("results").shown())
        });
        line(Style::Dim, "from", or_nobody(from));
        if let Some(error) = set.field("error").text() {
            line(Style::Yellow, "error", error);
        }
        if set.field("missing").list().len() > 0 {
            line(Style::Yellow, "missing", or_nobody(set.field("missing").list().map(who_and_why)));
        }
        if set.field("conflicts").list().len() > 0 {
            line(Style::Yellow, "conflict", or_nobody(set.field("conflicts").list().map(conflict)));
        }
        line(Style::Dim, "value", cut(set.field("value").shown()));
        text
    }
}

fn conflict(conflict: Look<'_>) -> String {
    let path: Vec<_> = conflict.field("field").list().map(Look::shown).collect();
    let field = if path.is_empty() { "payload".to_owned() } else { path.join(".") };
    format!("{field} ({}, {})", conflict.field("kind").shown(), conflict.field("collector").shown())
}

fn cut(text: String) -> String {
    match text.char_indices().nth(VALUE) {
        None => text,
        Some((end, _)) => {
            format!("{}… ({} more bytes; --format jsonl has it whole)", &text[..end], text.len() - end)
        }
    }
}

// === impl Ended ===

impl Ended<'_> {
    pub(super) fn text(&self, paint: Paint) -> String {
        let outcome = self.0.field("outcome").shown();
        let style = match outcome.parse() {
            Ok(TaskOutcome::Done) => Style::Green,
            Ok(TaskOutcome::Partial) => Style::Yellow,
            _ => Style::Red,
        };
        let failures: Vec<_> = self.0.field("failures").list().map(who_and_why).collect();
        let why = if failures.is_empty() { String::new() } else { format!(": {}", failures.join(", ")) };
        let mut text = format!("{}{why}\n", paint.paint(style, &outcome));
        for failure in self.0.field("failures").list() {
            if let Some(said) = failure.field("text").text() {
                let who = failure.field("collector").text().unwrap_or_else(|| "nobody".to_owned());
                let _ = writeln!(text, "  {who}: {}", cut(said));
            }
        }
        text
    }
}

fn who_and_why(missing: Look<'_>) -> String {
    let who = missing.field("collector").text().unwrap_or_else(|| "nobody took it".to_owned());
    format!("{who} ({})", missing.field("reason").shown())
}

fn or_nobody(items: impl Iterator<Item = String>) -> String {
    let items: Vec<_> = items.collect();
    if items.is_empty() { "nobody".to_owned() } else { items.join(", ") }
}

#[cfg(test)]
mod tests {
    use stook_types::Value;

    use super::*;

    fn value(json: &str) -> Value {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_became_of_it_so_far() {
        let taken = value(
            r#"{"task": "0f0e0d0c-0b0a-4908-8706-050403020100", "correlation_id": "mine", "sets": 1, "assigned": 2,
                "waiting": 3, "missing": 1, "unknown": ["process.list"]}"#,
        );
        assert_eq!(
            Taken(Look::at(&taken)).text(Paint::NONE),
            "\
task 0f0e0d0c-0b0a-4908-8706-050403020100  correlation ID mine
  assigned  2
  waiting   2 for a free place; who has come back gets its places by and by (`slow_start`)
  missing   1 collector, not connected
  nobody    has process.list so far; it waits for one until its timeout
"
        );
    }

    #[test]
    fn a_set_with_all_that_can_be_wrong_with_it() {
        let set = value(
            r#"{"aggregate": "scan", "outcome": "partial", "reason": "merge-failed", "latency_us": 18904,
                "error": "no 2 agree", "revision": 2, "value": [{"pid": 1, "name": "in\u001bit"}],
                "contributors": [{"collector": "p-1", "results": 1}, {"collector": "p-2", "results": 2}],
                "missing": [{"collector": "n-1", "reason": "exited"}],
                "conflicts": [{"field": ["pid"], "kind": "type", "collector": "p-2", "got": "string"},
                              {"field": [], "kind": "decode", "collector": "p-1"}]}"#,
        );
        assert_eq!(
            Set(Look::at(&set)).text(Paint::NONE),
            "\
scan  partial (merge-failed) in 18.9ms, revision 2
  from      p-1 (1), p-2 (2)
  error     no 2 agree
  missing   n-1 (exited)
  conflict  pid (type, p-2), payload (decode, p-1)
  value     [{\"name\":\"in\\u001bit\",\"pid\":1}]
"
        );
    }

    #[test]
    fn a_long_value_is_cut() {
        let set = Value::from([("value", "é".repeat(1_500))]);
        let text = Set(Look::at(&set)).text(Paint::NONE);
        assert!(text.ends_with("é… (1000 more bytes; --format jsonl has it whole)\n"), "{text}");
    }

    #[test]
    fn how_it_ended() {
        let ended = value(r#"{"outcome": "failed", "failures": [{"collector": null, "reason": "timeout"}]}"#);
        assert_eq!(Ended(Look::at(&ended)).text(Paint::NONE), "failed: nobody took it (timeout)\n");
        let ended = value(
            r#"{"outcome": "partial", "failures": [{"collector": "p-1", "reason": "task-failed", "text": "no\u001b such\ndisk"}]}"#,
        );
        let said = "partial: p-1 (task-failed)\n  p-1: no\u{fffd} such\u{fffd}disk\n";
        assert_eq!(Ended(Look::at(&ended)).text(Paint::NONE), said);
        let ended = value(r#"{"outcome": "done", "failures": []}"#);
        assert_eq!(Ended(Look::at(&ended)).text(Paint::NONE), "done\n");
    }
}
