//! What is wrong with a config, shown where it stands.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::node::Place;

/// Everything that was found in one config: errors if it was refused, else warnings. Sorted by place.
///
/// `Display` is plain text for people; [`colored`](Self::colored) is the same with colours:
///
/// ```text
/// stook.toml:3:1: unknown key `topcis`
///   |
/// 3 | topcis = ["events.#"]
///   | ^^^^^^
///   = did you mean `topics`? …
/// ```
#[derive(Clone, Default)]
pub struct Diagnostics {
    file: String,
    text: Option<Arc<str>>,
    list: Vec<Diagnostic>,
}

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// Whether it stops the host from starting.
    pub severity: Severity,
    /// What is wrong: a lower-case fragment.
    pub message: String,
    /// What would be valid, if there is more to say than the message.
    pub help: Option<String>,
    place: Place,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The config is refused.
    Error,
    /// The config is taken; somebody should look.
    Warning,
}

impl Diagnostics {
    pub(super) fn new(file: &str, text: Option<Arc<str>>, mut list: Vec<Diagnostic>) -> Self {
        list.sort_by_key(|diagnostic| match &diagnostic.place {
            Place::Text(bytes) => bytes.start,
            _ => 0,
        });
        Self { file: file.to_owned(), text, list }
    }

    /// Adds those that were found in the same config.
    pub(crate) fn append(&mut self, others: Self) {
        let mut list = std::mem::take(&mut self.list);
        list.extend(others.list);
        *self = Self::new(&others.file, others.text, list);
    }

    /// Each of them, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The line and column at which `diagnostic` stands, both from 1; columns count characters.
    pub fn line_and_column(&self, diagnostic: &Diagnostic) -> Option<(usize, usize)> {
        self.shown(diagnostic).map(|shown| (shown.line, shown.column))
    }

    /// The text that `Display` gives, with terminal colours.
    pub fn colored(&self) -> impl fmt::Display {
        fmt::from_fn(|f| self.write(f, &COLORS))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, paint: &Paint) -> fmt::Result {
        for (index, diagnostic) in self.list.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            self.write_one(f, diagnostic, paint)?;
        }
        Ok(())
    }

    fn write_one(&self, f: &mut fmt::Formatter<'_>, diagnostic: &Diagnostic, paint: &Paint) -> fmt::Result {
        self.write_headline(f, diagnostic, paint)?;
        writeln!(f)?;
        let Some(shown) = self.shown(diagnostic) else {
            return diagnostic.help.iter().try_for_each(|help| writeln!(f, "  = {help}"));
        };
        let color = paint.color(diagnostic.severity);
        let gutter = shown.line.to_string().len();
        writeln!(f, "{:gutter$} |", "")?;
        writeln!(f, "{} | {}", shown.line, shown.text)?;
        writeln!(f, "{:gutter$} | {}{color}{}{}", "", shown.indent(), "^".repeat(shown.width), paint.reset)?;
        diagnostic.help.iter().try_for_each(|help| writeln!(f, "{:gutter$} = {help}", ""))
    }

    /// Where it stands, and what is wrong.
    fn write_headline(
        &self,
        f: &mut fmt::Formatter<'_>,
        diagnostic: &Diagnostic,
        paint: &Paint,
    ) -> fmt::Result {
        f.write_str(&self.file)?;
        match (self.shown(diagnostic), &diagnostic.place) {
            (Some(shown), _) => write!(f, ":{}:{}: ", shown.line, shown.column)?,
            (None, Place::Path(path)) => write!(f, ": {path}: ")?,
            (None, _) => f.write_str(": ")?,
        }
        let prefix = match diagnostic.severity {
            Severity::Error => "",
            Severity::Warning => "warning: ",
        };
        write!(f, "{}{prefix}{}{}", paint.color(diagnostic.severity), diagnostic.message, paint.reset)
    }

    /// Finds the line of a place. What spans several lines is shown on its first.
    fn shown(&self, diagnostic: &Diagnostic) -> Option<Shown<'_>> {
        let text = self.text.as_deref()?;
        let Place::Text(Range { start, end }) = diagnostic.place else { return None };
        let before = text.get(..start)?;
        let from = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = text[from..].lines().next().unwrap_or_default();
        let offset = start - from;
        let underlined = line.get(offset..(end - from).min(line.len())).unwrap_or_default();
        Some(Shown {
            line: before.matches('\n').count() + 1,
            column: text[from..start].chars().count() + 1,
            text: line,
            width: underlined.chars().count().max(1),
        })
    }
}

/// A line with what to underline in it; line and column count from 1.
struct Shown<'a> {
    line: usize,
    column: usize,
    text: &'a str,
    width: usize,
}

impl Shown<'_> {
    /// Blanks as wide as what stands before the column: tabs stay tabs.
    fn indent(&self) -> String {
        self.text.chars().take(self.column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect()
    }
}

struct Paint {
    error: &'static str,
    warning: &'static str,
    reset: &'static str,
}

const PLAIN: Paint = Paint { error: "", warning: "", reset: "" };
const COLORS: Paint = Paint { error: "\x1b[1;31m", warning: "\x1b[1;33m", reset: "\x1b[0m" };

impl Paint {
    const fn color(&self, severity: Severity) -> &'static str {
        match severity {
            Severity::Error => self.error,
            Severity::Warning => self.warning,
        }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, &PLAIN)
    }
}

/// As text: this is what a `main` that returns it, and an `expect`, print.
impl fmt::Debug for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Diagnostics {}

/// As a list of objects: `severity`, `file`, `line`, `column`, `message`, `help`.
impl Serialize for Diagnostics {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.list.iter().map(|diagnostic| Located { of: self, diagnostic }))
    }
}

struct Located<'a> {
    of: &'a Diagnostics,
    diagnostic: &'a Diagnostic,
}

impl Serialize for Located<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let (line, column) = self.of.line_and_column(self.diagnostic).unzip();
        let mut object = to.serialize_struct("Diagnostic", 6)?;
        object.serialize_field("severity", self.diagnostic.severity.as_str())?;
        object.serialize_field("file", &self.of.file)?;
        object.serialize_field("line", &line)?;
        object.serialize_field("column", &column)?;
        object.serialize_field("message", &self.diagnostic.message)?;
        object.serialize_field("help", &self.diagnostic.help)?;
        object.end()
    }
}

// === impl Diagnostic ===

impl Diagnostic {
    pub(super) fn error(place: &Place, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, message: message.into(), help: None, place: place.clone() }
    }

    pub(super) fn warning(place: &Place, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(place, message) }
    }

    #[must_use]
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl Severity {
    /// `error` or `warning`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}
