//! What the source of a crate says, so that no text is without a page.

use std::path::Path;

/// A file of Rust source, but for what is compiled for tests only.
pub struct Source {
    path: String,
    /// Without comments, and with the number of its text in each pair of quotes.
    code: String,
    texts: Vec<Text>,
}

/// What stands between quotes.
struct Text {
    text: String,
    line: usize,
    /// Where its quotes begin in `code`.
    at: usize,
}

/// Pages to look for texts on; there are none by default.
#[derive(Default)]
pub struct Pages(String);

/// The files of Rust below a folder, in order, but for files and folders of tests.
///
/// # Panics
/// If the folder cannot be read.
pub fn sources(folder: &Path) -> Vec<Source> {
    const OF_TESTS: &[&str] = &["tests", "testing", "sim", "messages", "conformance"];
    let mut paths = Vec::new();
    files(folder, "rs", &mut paths);
    paths.sort();
    let name = |path: &Path| {
        let below = path.strip_prefix(folder).expect("it was found there").with_extension("");
        let mut parts = below.iter().filter_map(|part| part.to_str());
        let of_tests = parts.any(|part| OF_TESTS.contains(&part) || part.ends_with("_tests"));
        (!of_tests).then(|| below.to_string_lossy().replace('\\', "/") + ".rs")
    };
    let read = |path: &Path| std::fs::read_to_string(path).expect("source is text");
    paths.iter().filter_map(|path| Some(Source::new(&name(path)?, &read(path)))).collect()
}

fn files(folder: &Path, extension: &str, into: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            files(&path, extension, into);
        } else if path.extension().is_some_and(|is| is == extension) {
            into.push(path);
        }
    }
}

// === impl Source ===

impl Source {
    fn new(path: &str, text: &str) -> Self {
        // A module of tests in a file of its own does not end this one.
        let is_here = |at: &usize| {
            let item = text[*at..].lines().nth(1).unwrap_or_default();
            item == "#[test]" || item.starts_with("mod ") && item.ends_with('{')
        };
        let tests = text.match_indices("#[cfg(test)]\n").map(|(at, _)| at).find(is_here);
        let end = tests.unwrap_or(text.len());
        let mut source = Self { path: path.to_owned(), code: String::new(), texts: Vec::new() };
        source.read(&text[..end]);
        source
    }

    fn read(&mut self, text: &str) {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let length = if rest.starts_with("//") {
                rest.find('\n').unwrap_or(rest.len())
            } else if let Some((said, length)) = quoted(rest, &self.code) {
                let line = text[..text.len() - rest.len()].matches('\n').count() + 1;
                let at = self.code.len();
                self.code += &format!("\"{}\"", self.texts.len());
                self.texts.push(Text { text: said, line, at });
                length
            } else if let Some(length) = character(rest) {
                length
            } else {
                self.code.push(c);
                c.len_utf8()
            };
            rest = &rest[length..];
        }
    }

    /// Where it stands, below the folder that was read.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What it logs, a line for each call: level, message, and the names of its fields.
    #[must_use]
    pub fn log_lines(&self) -> Vec<String> {
        let line = |(level, arguments): (&str, Vec<&str>)| self.log_line(level, &arguments);
        self.log_calls().into_iter().map(line).map(|line| format!("{:24} {line}", self.path)).collect()
    }

    /// Level and arguments of each call, as they follow each other.
    fn log_calls(&self) -> Vec<(&'static str, Vec<&str>)> {
        let mut calls = Vec::new();
        for level in ["error", "warn", "info", "debug", "trace"] {
            for (at, call) in self.code.match_indices(&format!("tracing::{level}!(")) {
                calls.push((at, level, arguments(&self.code[at + call.len()..])));
            }
        }
        calls.sort();
        calls.into_iter().map(|(_, level, arguments)| (level, arguments)).collect()
    }

    fn log_line(&self, level: &str, arguments: &[&str]) -> String {
        let (mut message, mut fields) = (String::new(), String::new());
        for argument in arguments {
            match argument.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
                Some(index) => {
                    message.clone_from(&self.texts[index.parse::<usize>().expect("a number")].text)
                }
                None if argument.starts_with("target:") => {}
                None => {
                    let name = argument.split('=').next().unwrap_or_default().trim();
                    fields += &format!(" {}=…", name.trim_start_matches(['%', '?']));
                }
            }
        }
        format!("{:5} {message}{fields}", level.to_uppercase())
    }

    /// What it says in several words, as it stands there, under its path: but for what is logged, and for errors of which
    /// each has a sample on a page.
    #[must_use]
    pub fn texts(&self) -> String {
        let calls = self.log_calls();
        let logged = |text: &Text| {
            let at = self.code[text.at..].split_inclusive('"').take(2).collect::<String>();
            calls.iter().any(|(_, arguments)| arguments.contains(&at.as_str()))
        };
        let an_error = |text: &Text| self.code[..text.at].trim_end().ends_with("#[error(");
        let texts = self.said().filter(|text| !logged(text) && !an_error(text));
        let texts = texts.filter(|text| !parts(&text.text).is_empty());
        let texts: String = texts.map(|text| format!("  {}\n", one_line(&text.text))).collect();
        if texts.is_empty() { texts } else { format!("{}\n{texts}\n", self.path) }
    }

    /// What it says in several words that is on none of these pages, each with its place.
    #[must_use]
    pub fn unread(&self, pages: &Pages) -> Vec<(String, String)> {
        let parts = self.said().flat_map(|text| {
            parts(&text.text).into_iter().map(|part| (format!("{}:{}", self.path, text.line), part))
        });
        parts.filter(|(_, part)| !pages.0.contains(part)).collect()
    }

    /// What users may read. No page needs what nobody but a mistake in stook itself can show, and what documents a plugin,
    /// which has pages of its own.
    fn said(&self) -> impl Iterator<Item = &Text> {
        const NO_MESSAGE: &[&str] = &["expect(", "unreachable!(", "reason =", "DOCS: &'static str ="];
        let is_said = |text: &&Text| {
            let before = self.code[..text.at].trim_end();
            !NO_MESSAGE.iter().any(|end| before.ends_with(end))
        };
        self.texts.iter().filter(is_said)
    }
}

/// The text that this begins with, if it does, and how long it is with its quotes. What stands before it tells whether
/// an `r` is the end of a word.
fn quoted(source: &str, before: &str) -> Option<(String, usize)> {
    if let Some(inside) = source.strip_prefix('"') {
        let mut escaped = false;
        let ends = |c| {
            c == '"' && !escaped || {
                escaped = c == '\\' && !escaped;
                false
            }
        };
        let end = inside.find(ends).expect("a text ends");
        return Some((unescaped(&inside[..end]), end + 2));
    }
    let hashes = source.strip_prefix('r')?;
    let inside = hashes.trim_start_matches('#').strip_prefix('"')?;
    if before.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let end = format!("\"{}", "#".repeat(hashes.len() - inside.len() - 1));
    let length = inside.find(&end).expect("a text ends");
    Some((inside[..length].to_owned(), source.len() - inside.len() + length + end.len()))
}

fn unescaped(text: &str) -> String {
    let (mut plain, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('\\') {
        plain += before;
        let escaped = after.chars().next().expect("something is escaped");
        rest = &after[escaped.len_utf8()..];
        match escaped {
            '\n' => rest = rest.trim_start(),
            'n' => plain.push('\n'),
            'u' => rest = rest.split_once('}').map_or(rest, |(_, after)| after),
            escaped => plain.push(escaped),
        }
    }
    plain + rest
}

/// How long the character between quotes is that this begins with; a lifetime is none.
fn character(source: &str) -> Option<usize> {
    let inside = source.strip_prefix('\'')?;
    let first = inside.chars().next()?;
    let end = if first == '\\' { 2 + inside[2..].find('\'')? } else { first.len_utf8() };
    inside[end..].starts_with('\'').then_some(end + 2)
}

/// What stands between here and the bracket that closes it, split at commas.
fn arguments(code: &str) -> Vec<&str> {
    let (mut found, mut from, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ',' | ')' if depth == 0 => {
                found.push(code[from..at].trim());
                from = at + 1;
                if c == ')' {
                    break;
                }
            }
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
    }
    found.retain(|argument| !argument.is_empty());
    found
}

/// What a text says around its placeholders, where that is several words.
fn parts(text: &str) -> Vec<String> {
    let text = text.replace("{{", "\u{1}").replace("}}", "\u{2}");
    let parts = text.split('{').enumerate().map(|(index, part)| match part.split_once('}') {
        Some((_, after)) if index > 0 => after,
        _ => part,
    });
    let parts = parts.map(|part| one_line(&part.replace('\u{1}', "{").replace('\u{2}', "}")));
    let words = |part: &str| part.split(' ').filter(|word| word.contains(char::is_alphabetic)).count();
    parts.filter(|part| words(part) > 1).collect()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

// === impl Pages ===

impl Pages {
    /// Every `messages/*.txt` below these folders.
    ///
    /// # Panics
    /// If one cannot be read.
    pub fn below<'a>(folders: impl IntoIterator<Item = &'a Path>) -> Self {
        let mut paths = Vec::new();
        folders.into_iter().for_each(|folder| files(folder, "txt", &mut paths));
        paths.retain(|path| path.parent().is_some_and(|folder| folder.ends_with("messages")));
        let texts = paths.iter().map(|path| std::fs::read_to_string(path).expect("a page is text"));
        Self(one_line(&texts.collect::<Vec<_>>().join("\n")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r##"
//! "in a comment"
fn f<'a>(it: &'a str) {
    let quote = ['"', '\'', '('];
    tracing::warn!(target: "t", %it, again_in = ?pause(1, 2), "it \"fails\", and \
        comes again");
    say(r#"a raw "text""#, "of {n} words {}; no more");
    it.expect("nobody reads this");
}
#[cfg(test)]
mod tests {
    const X: &str = "only in tests";
}
"##;

    fn unread(page: &str) -> Vec<String> {
        let unread = Source::new("f.rs", SOURCE).unread(&Pages(page.to_owned()));
        unread.into_iter().map(|(place, text)| format!("{place} {text}")).collect()
    }

    #[test]
    fn what_is_logged_is_listed() {
        let lines = Source::new("f.rs", SOURCE).log_lines();
        assert_eq!(lines, ["f.rs                     WARN  it \"fails\", and comes again it=… again_in=…"]);
    }

    #[test]
    fn texts_are_listed_but_for_what_is_logged() {
        let texts = Source::new("f.rs", SOURCE).texts();
        assert_eq!(texts, "f.rs\n  a raw \"text\"\n  of {n} words {}; no more\n\n");
    }

    #[test]
    fn texts_without_a_page_are_found() {
        let all = ["f.rs:5 it \"fails\", and comes again", "f.rs:7 a raw \"text\"", "f.rs:7 ; no more"];
        assert_eq!(unread(""), all);
        assert_eq!(unread("a raw \"text\" ; no more"), all[..1]);
    }
}
