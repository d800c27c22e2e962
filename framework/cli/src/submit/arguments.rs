//! What is written on the command line, understood.

use stook_types::Value;
use stook_types::units::Span;

/// More of a payload is not shown in front of a mistake in it, and not behind.
const AROUND: usize = 40;

/// A time that is not over at once.
pub(super) fn timeout(text: &str) -> Result<Span, String> {
    match text.parse::<Span>()? {
        Span(none) if none.is_zero() => {
            Err("a task without time fails at once; leave it out, or give some".into())
        }
        some => Ok(some),
    }
}

/// The payload; or what is wrong with it, and where.
pub(super) fn payload(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| {
        let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or("");
        // Columns count bytes, from 1; that of an unexpected end is the last byte there is.
        let bytes = error.column().saturating_sub(usize::from(!error.is_eof())).min(line.len());
        let column = line.char_indices().take_while(|(at, _)| *at < bytes).count();
        let (shown, caret) = excerpt(line, column);
        // The line goes without saying if there is but one.
        let why = error.to_string();
        let why = match why.split_once(" at line ") {
            Some((why, _)) if text.lines().count() < 2 => format!("{why} at column {}", column + 1),
            _ => why,
        };
        format!("{why}\n  {shown}\n  {:caret$}^", "")
    })
}

/// What stands around this column, and where in it the column is.
fn excerpt(line: &str, column: usize) -> (String, usize) {
    let from = column.saturating_sub(AROUND);
    let length = line.chars().count();
    let to = (column + AROUND).min(length);
    let shown = line.chars().skip(from).take(to - from).map(|c| if c.is_control() { ' ' } else { c });
    let (before, after) = (if from > 0 { "…" } else { "" }, if to < length { "…" } else { "" });
    (format!("{before}{}{after}", shown.collect::<String>()), column - from + before.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(payload: &str, says: &str) {
        assert_eq!(super::payload(payload).unwrap_err(), says.trim_start_matches('\n'));
    }

    #[test]
    fn a_bad_payload_says_where() {
        check("{\"pid\": }", "expected value at column 9\n  {\"pid\": }\n          ^");
        check("{\"é\": nul}", "expected ident at column 10\n  {\"é\": nul}\n           ^");
        check("[1, 2", "EOF while parsing a list at column 6\n  [1, 2\n       ^");
        check("", "EOF while parsing a value at column 1\n  \n  ^");
        check("{\n  \"a\": 1,\n}", "trailing comma at line 3 column 1\n  }\n  ^");
        check(
            "[9999999999999999999]",
            "9999999999999999999 is an integer outside 64 signed bits; send it as text at column 20\n  [9999999999999999999]\n                     ^",
        );
    }

    #[test]
    fn of_a_long_payload_only_what_is_around_is_shown() {
        let text = format!("[{} x, {}]", "1, ".repeat(100), "2, ".repeat(100));
        let says = payload(&text).unwrap_err();
        let lines: Vec<_> = says.lines().collect();
        assert!(lines[1].starts_with("  …") && lines[1].ends_with('…') && lines[1].len() < 100, "{says}");
        let caret = lines[2].chars().count() - 1;
        assert_eq!(lines[1].chars().nth(caret), Some('x'), "{says}");
    }

    #[test]
    fn a_task_has_some_time() {
        assert_eq!(timeout("30s").unwrap().to_string(), "30s");
        assert!(timeout("0s").is_err() && timeout("30").is_err());
    }
}
