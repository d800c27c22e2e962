//! What is wrong with a scenario file, shown where it stands.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Everything that is wrong with one scenario file, sorted by place.
///
/// ```text
/// scan.toml:12:3: unknown key `form`
///    |
/// 12 |   { at = "0ms", form = "p1" },
///    |                 ^^^^
///    = did you mean `from`?
/// ```
#[derive(Clone, Debug)]
pub struct Mistakes {
    file: Arc<str>,
    /// Absent if the file could not be read.
    text: Option<Arc<str>>,
    list: Vec<Mistake>,
}

#[derive(Clone, Debug)]
pub(super) struct Mistake {
    pub(super) at: Range<usize>,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl Mistakes {
    pub(super) fn new(file: Arc<str>, text: Arc<str>, mut list: Vec<Mistake>) -> Self {
        list.sort_by_key(|mistake| mistake.at.start);
        Self { file, text: Some(text), list }
    }

    /// The file could not be read at all.
    pub(super) fn unreadable(file: Arc<str>, error: &std::io::Error) -> Self {
        let message = format!("the scenario file cannot be read: {error}");
        Self { file, text: None, list: vec![Mistake { at: 0..0, message, help: None }] }
    }
}

impl std::error::Error for Mistakes {}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.list.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            match &self.text {
                Some(text) => mistake.write(f, &self.file, text)?,
                None => writeln!(f, "{}: {}", self.file, mistake.message)?,
            }
        }
        Ok(())
    }
}

impl Mistake {
    fn write(&self, f: &mut fmt::Formatter<'_>, file: &str, text: &str) -> fmt::Result {
        let (line, column) = line_and_column(text, self.at.start);
        let shown = text.lines().nth(line - 1).unwrap_or_default();
        // What spans several lines is underlined on its first.
        let rest = shown.chars().count().saturating_sub(column - 1);
        let width = text.get(self.at.clone()).map_or(1, |under| under.chars().count()).clamp(1, rest.max(1));
        let indent: String =
            shown.chars().take(column - 1).map(|c| if c == '\t' { c } else { ' ' }).collect();
        let gutter = line.to_string().len();
        writeln!(f, "{file}:{line}:{column}: {}", self.message)?;
        writeln!(f, "{:gutter$} |", "")?;
        writeln!(f, "{line} | {shown}")?;
        writeln!(f, "{:gutter$} | {indent}{}", "", "^".repeat(width))?;
        self.help.iter().try_for_each(|help| writeln!(f, "{:gutter$} = {help}", ""))
    }
}

/// Both from 1; columns count characters.
pub(super) fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}
