//! What is looked at, for people.

use stook::Set;
use stook_types::Outcome;

use crate::look::{Look, many, time};
use crate::output::{Paint, Style, clean};

/// A released set in one line.
pub(super) fn set(set: &Set, paint: Paint) -> String {
    let look = Look::at(set.as_value());
    let style = if set.outcome() == Some(Outcome::Complete) { Style::Green } else { Style::Yellow };
    let mut text = format!(
        "{}  {} ({}) in {}  {}  {}",
        paint.paint(Style::Bold, &clean(set.aggregate())),
        paint.paint(style, &look.field("outcome").shown()),
        clean(set.reason()),
        time(look.field("latency_us").count()),
        look.field("correlation_id").shown(),
        many(look.field("results").count(), "result"),
    );
    for (name, usual) in [("generation", 1), ("revision", 1), ("duplicates", 0)] {
        let number = look.field(name).count();
        if number > usual {
            text += &format!(
                ", {}",
                if usual == 0 { format!("{number} {name}") } else { format!("{name} {number}") }
            );
        }
    }
    let missing: Vec<_> =
        set.missing().map(|(who, why)| format!("{} ({})", clean(who), clean(why))).collect();
    if !missing.is_empty() {
        text += &paint.paint(Style::Yellow, &format!(", missing {}", missing.join(" ")));
    }
    let conflicts = look.field("conflicts").list().len() as i64;
    if conflicts > 0 {
        text += &paint.paint(Style::Yellow, &format!(", {}", many(conflicts, "conflict")));
    }
    if let Some(why) = set.omitted() {
        text += &paint.paint(Style::Yellow, &format!(", without its value: {}", clean(why)));
    }
    text + "\n"
}

/// Sets that did not come.
pub(super) fn skipped(sets: u64) -> String {
    let (sets, were) =
        (many(i64::try_from(sets).unwrap_or(i64::MAX), "set"), if sets == 1 { "was" } else { "were" });
    format!("stook: {sets} {were} skipped: they came faster than they are printed\n")
}
