//! Numbers of the document, each beside the name of the constant that it is.
//!
//! A row ends with `| value | [`NAME`](file) |`. The file has `const NAME: … = value;` or `NAME: value` with that value.

use std::path::Path;
use std::time::Duration;

/// One number.
#[derive(Debug)]
pub(crate) struct Row {
    value: String,
    name: String,
    file: String,
}

/// All that a text has.
pub(crate) fn rows(text: &str) -> Vec<Row> {
    text.lines().filter_map(row).collect()
}

fn row(line: &str) -> Option<Row> {
    let (rest, link) = line.strip_suffix(") |")?.rsplit_once(" | [`")?;
    let (name, file) = link.split_once("`](")?;
    let (_, value) = rest.rsplit_once("| ")?;
    Some(Row { value: value.to_owned(), name: name.to_owned(), file: file.to_owned() })
}

/// Whether the code says the same.
pub(crate) fn check(root: &Path, row: &Row) -> Result<(), String> {
    let Row { value, name, file } = row;
    let source = std::fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"))?;
    let said = said(value).ok_or_else(|| format!("`{value}` of {name} is no number of the document"))?;
    let is = constant(&source, name).ok_or_else(|| format!("{file} has no value of {name}"))?;
    if said == is { Ok(()) } else { Err(format!("{name} of {file} is {is}, and the document says {value}")) }
}

/// What a cell says: a number as it is, bytes, or a span in nanoseconds.
fn said(cell: &str) -> Option<u128> {
    let (number, unit) = cell.split_once(' ').unwrap_or((cell, ""));
    let number: u128 = number.replace(',', "").parse().ok()?;
    Some(number * unit_of(unit)?)
}

fn unit_of(unit: &str) -> Option<u128> {
    Some(match unit {
        "" | "bytes" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "ms" => Duration::from_millis(1).as_nanos(),
        "s" => Duration::from_secs(1).as_nanos(),
        _ => return None,
    })
}

/// The first value that the source gives to this name.
fn constant(source: &str, name: &str) -> Option<u128> {
    source.match_indices(name).find_map(|(at, _)| {
        let before = source[..at].chars().next_back()?;
        let rest = source[at + name.len()..].strip_prefix(": ")?;
        (!before.is_alphanumeric() && before != '_').then_some(())?;
        let end = rest.find([';', ',', '}', '\n']).unwrap_or(rest.len());
        let expression = rest[..end].split_once(" = ").map_or(&rest[..end], |(_, value)| value);
        evaluate(source, expression.trim())
    })
}

/// As much of Rust as constants are written in.
fn evaluate(source: &str, expression: &str) -> Option<u128> {
    let inside = |call: &str| expression.strip_prefix(call)?.strip_suffix(')');
    if let Some(span) = inside("Span(") {
        return evaluate(source, span);
    }
    for (call, unit) in [("Duration::from_secs(", "s"), ("Duration::from_millis(", "ms")] {
        if let Some(number) = inside(call) {
            return Some(evaluate(source, number)? * unit_of(unit)?);
        }
    }
    if let Some((left, right)) = expression.split_once(" - ") {
        return evaluate(source, left)?.checked_sub(evaluate(source, right)?);
    }
    if let Some((left, right)) = expression.split_once(" * ") {
        return Some(evaluate(source, left)? * evaluate(source, right)?);
    }
    expression.replace('_', "").parse().ok().or_else(|| {
        let name = !expression.is_empty() && expression.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        name.then(|| constant(source, expression))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_another_one_is_noticed() {
        let here = tempfile::tempdir().expect("a directory");
        std::fs::write(
            here.path().join("a.rs"),
            "const MAX: u32 = 4 * 1024;\nlet it = It { wait: Duration::from_secs(5), a: 1 }",
        )
        .expect("a file");
        let check = |line: &str| check(here.path(), &row(line).expect("a row"));
        assert_eq!(check("| x | 4 KiB | [`MAX`](a.rs) |"), Ok(()));
        assert_eq!(check("| x | 5 s | [`wait`](a.rs) |"), Ok(()));
        for wrong in
            ["| x | 4 | [`MAX`](a.rs) |", "| x | 5 s | [`ait`](a.rs) |", "| x | 5 h | [`wait`](a.rs) |"]
        {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }
}
