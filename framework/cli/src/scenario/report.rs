//! How scenarios ended, for people and for programs.

use std::fmt::{self, Display, Formatter};

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::compare::Difference;
use super::pattern::{FieldDiff, Record, show};

/// How a scenario ended.
///
/// `Display` is text for people, empty if it passed; [`colored`](Self::colored) is the same with colours.
/// Serialised it is an object: `file`, `line`, `scenario`, `passed`, and the `failures` as text.
#[derive(Clone, Debug)]
pub struct Report {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) failures: Vec<Failure>,
}

/// One thing that is not as the scenario says.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// The config was refused.
    Config {
        errors: String,
    },
    /// The config was to be refused with this text.
    Error {
        expected: String,
        actual: Option<String>,
    },
    /// Something in it makes no sense with its config, or cannot be done.
    At {
        line: usize,
        column: usize,
        message: String,
    },
    Emission(Difference),
    Refusal(Difference),
    Counters {
        fields: Vec<FieldDiff>,
    },
    /// The engine lost count of a result.
    Unaccounted {
        received: u64,
        accounted: u64,
    },
}

/// How many passed and failed. `Display` is the line that closes a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Scenarios that did as they say.
    pub passed: usize,
    /// Scenarios that did not.
    pub failed: usize,
}

// === impl Report ===

impl Report {
    /// Whether everything was as the scenario says.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }

    /// The name of the scenario.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text that `Display` gives, with terminal colours.
    pub fn colored(&self) -> impl Display {
        fmt::from_fn(|f| self.write(f, &COLORS))
    }

    fn write(&self, f: &mut Formatter<'_>, paint: &Paint) -> fmt::Result {
        if self.passed() {
            return Ok(());
        }
        let Self { file, line, name, failures } = self;
        writeln!(f, "{}FAILED{} {name}\n  at {file}:{line}", paint.actual, paint.reset)?;
        failures.iter().try_for_each(|failure| failure.write(f, file, paint))
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write(f, &PLAIN)
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let text = |failure: &Failure| {
            fmt::from_fn(|f| failure.write(f, &self.file, &PLAIN)).to_string().trim().to_owned()
        };
        let failures: Vec<_> = self.failures.iter().map(text).collect();
        let mut object = to.serialize_struct("Report", 5)?;
        object.serialize_field("file", &self.file)?;
        object.serialize_field("line", &self.line)?;
        object.serialize_field("scenario", &self.name)?;
        object.serialize_field("passed", &self.passed())?;
        object.serialize_field("failures", &failures)?;
        object.end()
    }
}

// === impl Summary ===

impl Summary {
    /// Counts one more.
    pub fn add(&mut self, report: &Report) {
        if report.passed() {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
    }
}

impl Display for Summary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

// === impl Failure ===

impl Failure {
    fn write(&self, f: &mut Formatter<'_>, file: &str, paint: &Paint) -> fmt::Result {
        let Paint { expected: green, reset, .. } = paint;
        match self {
            Self::Config { errors } => {
                writeln!(f, "  the config is refused:")?;
                indented(f, errors)
            }
            Self::Error { expected, actual: None } => {
                writeln!(f, "  the config is taken, and should be refused with\n    {green}{expected}{reset}")
            }
            Self::Error { expected, actual: Some(actual) } => {
                writeln!(
                    f,
                    "  the config is refused, but not with\n    {green}{expected}{reset}\n  but with"
                )?;
                indented(f, actual)
            }
            Self::At { line, column, message } => writeln!(f, "  {file}:{line}:{column}: {message}"),
            Self::Emission(difference) => difference.write(f, "emission", paint),
            Self::Refusal(difference) => difference.write(f, "refusal", paint),
            Self::Counters { fields } => {
                writeln!(f, "  the counters differ")?;
                write_fields(f, fields, paint)
            }
            Self::Unaccounted { received, accounted } => {
                writeln!(f, "  the counters do not add up: {received} received, {accounted} accounted for")
            }
        }
    }
}

impl Difference {
    fn write(&self, f: &mut Formatter<'_>, what: &str, paint: &Paint) -> fmt::Result {
        let Paint { expected: green, actual: red, reset } = paint;
        match self {
            Self::Differs { place, record, fields } => {
                writeln!(f, "  {what} {place} differs ({})", about(record, fields))?;
                write_fields(f, fields, paint)
            }
            Self::Absent { place, pattern } => {
                writeln!(f, "  {what} {place} is absent\n    {green}expected {pattern}{reset}")
            }
            Self::Extra { record } => {
                writeln!(f, "  one {what} too many\n    {red}actual   {}{reset}", whole(record))
            }
        }
    }
}

fn write_fields(f: &mut Formatter<'_>, fields: &[FieldDiff], paint: &Paint) -> fmt::Result {
    let Paint { expected: green, actual: red, reset } = paint;
    let width = fields.iter().map(|diff| diff.field.len()).max().unwrap_or(0);
    for FieldDiff { field, expected, actual } in fields {
        writeln!(f, "    {field:width$}  {green}expected {expected}{reset}")?;
        writeln!(f, "    {:width$}  {red}actual   {actual}{reset}", "")?;
    }
    Ok(())
}

/// Which record it is, by the fields that do not differ anyway.
fn about(record: &Record, differing: &[FieldDiff]) -> String {
    let known = ["at", "aggregate", "id", "from", "reason", "error"]
        .into_iter()
        .filter(|field| differing.iter().all(|diff| diff.field != *field))
        .filter_map(|field| Some(format!("{field} = {}", show(record.get(field)?))));
    known.collect::<Vec<_>>().join(", ")
}

/// A record as the scenario would expect it: what is always of interest, and the rest where it says something.
fn whole(record: &Record) -> String {
    let always =
        ["at", "aggregate", "id", "from", "topic", "outcome", "reason", "value", "results", "missing"];
    let quiet = |field: &str| match field {
        "duplicates" => record.get(field).is_some_and(|count| count.as_int() == Some(0)),
        "generation" | "revision" => record.get(field).is_some_and(|count| count.as_int() == Some(1)),
        _ => record.get(field).is_some_and(|list| list.as_array().is_some_and(<[_]>::is_empty)),
    };
    let sometimes = ["duplicates", "repeats", "generation", "revision", "conflicts", "provenance"];
    let fields = always.into_iter().chain(sometimes.into_iter().filter(|field| !quiet(field)));
    let fields = fields.filter_map(|field| Some(format!("{field} = {}", show(record.get(field)?))));
    format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
}

fn indented(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    text.lines().try_for_each(|line| writeln!(f, "    {line}"))
}

struct Paint {
    expected: &'static str,
    actual: &'static str,
    reset: &'static str,
}

const PLAIN: Paint = Paint { expected: "", actual: "", reset: "" };
const COLORS: Paint = Paint { expected: "\x1b[32m", actual: "\x1b[31m", reset: "\x1b[0m" };
