//! What is no CEL at all, in words.

use std::ops::Range;

use cel::parser::ParseErrors;

use super::compile::Fault;

/// The first error: the others are often of its making.
pub(super) fn fault(source: &str, errors: &ParseErrors) -> Fault {
    let Some(error) = errors.errors.first() else { return Fault::of_all(source, "it is no CEL") };
    let at = place(source, error.pos);
    if let Some(fault) = unclosed(source, at.start).or_else(|| name(source, at.start)) {
        return fault;
    }
    let message = match error.msg.trim_start_matches("Syntax error: ") {
        _ if &source[at.clone()] == "=" => "unexpected '='; to compare, write ==".to_owned(),
        message => in_words(message)
            .replace("unexpected '<EOF>'", "unexpected end; something is missing behind this")
            .replace("'<EOF>'", "the end"),
    };
    Fault { message, at }
}

/// A quotation mark is an error only if no other one closes it.
fn unclosed(source: &str, start: usize) -> Option<Fault> {
    let quoted = source[start..].starts_with(['"', '\'']);
    quoted.then(|| Fault { message: "the text is not closed".to_owned(), at: start..source.len() })
}

/// A name after a dot with letters that CEL does not take for such.
fn name(source: &str, start: usize) -> Option<Fault> {
    let (before, rest) = source.split_at(start);
    rest.starts_with(|char: char| char.is_alphabetic() && !char.is_ascii()).then_some(())?;
    let is_part = |char: char| char.is_alphanumeric() || char == '_';
    let from = before.trim_end_matches(is_part).len();
    let to = source.len() - rest.trim_start_matches(is_part).len();
    before[..from].ends_with('.').then_some(())?;
    let name = &source[from..to];
    let message = format!("only a to z, digits and _ can follow a dot: write [\"{name}\"] without one");
    Some(Fault { message, at: from..to })
}

/// What the parser says, without the list of all tokens that there are: it helps nobody.
fn in_words(message: &str) -> String {
    let message = message.split_once(" expecting ").map_or(message, |(message, _)| message);
    let unexpected = [
        "mismatched input ",
        "extraneous input ",
        "no viable alternative at input ",
        "token recognition error at: ",
    ];
    let input = unexpected.iter().find_map(|prefix| message.strip_prefix(prefix));
    input.map_or_else(|| message.to_owned(), |input| format!("unexpected {input}"))
}

/// The character at a line and column from 1, columns in characters.
fn place(source: &str, (line, column): (isize, isize)) -> Range<usize> {
    let at = |number: isize| usize::try_from(number - 1).unwrap_or(0);
    let before: usize = source.split_inclusive('\n').take(at(line)).map(str::len).sum();
    let rest = &source[before..];
    let start = rest.char_indices().nth(at(column)).map_or(rest.len(), |(start, _)| start);
    let width = rest[start..].chars().next().map_or(0, char::len_utf8);
    before + start..before + start + width
}
