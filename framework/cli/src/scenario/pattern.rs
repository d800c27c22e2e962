//! What must come out, field by field, against what did.

use stook_types::{Object, Value};

/// Something that came out: an emission as its JSON says it (with `at`, and `id` for `correlation_id`), or a refusal.
pub(super) type Record = Object;

/// The fields that somebody cares about, in the order in which they are shown.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub(super) fields: Vec<(&'static str, Want)>,
}

/// What a field must be.
#[derive(Clone, Debug)]
pub(super) enum Want {
    /// Exactly this; typed, so that 1 is not 1.0.
    Exactly(Value),
    /// As many parts as these, and each has at least these fields.
    Parts(Vec<Object>),
    /// Exactly these collectors, by id; with these reasons where one is given.
    Missing(Vec<(String, Option<String>)>),
}

/// A field that is not as it must be, as text.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(super) struct FieldDiff {
    pub(super) field: &'static str,
    pub(super) expected: String,
    pub(super) actual: String,
}

// === impl Pattern ===

impl Pattern {
    pub(super) fn matches(&self, record: &Record) -> bool {
        self.fields.iter().all(|(field, want)| want.matches(record.get(*field)))
    }

    /// The fields that differ.
    pub(super) fn differences(&self, record: &Record) -> Vec<FieldDiff> {
        let differs = self.fields.iter().filter(|(field, want)| !want.matches(record.get(*field)));
        differs
            .map(|(field, want)| FieldDiff {
                field,
                expected: want.show(),
                actual: record
                    .get(*field)
                    .map_or_else(|| "nothing".to_owned(), |actual| want.show_actual(actual)),
            })
            .collect()
    }
}

/// As a table of the scenario file.
impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fields: Vec<_> =
            self.fields.iter().map(|(field, want)| format!("{field} = {}", want.show())).collect();
        write!(f, "{{ {} }}", fields.join(", "))
    }
}

// === impl Want ===

impl Want {
    fn matches(&self, actual: Option<&Value>) -> bool {
        match (self, actual) {
            // What may be left out is left out when it is empty.
            (Self::Parts(parts), None) => parts.is_empty(),
            (_, None) => false,
            (Self::Exactly(value), Some(actual)) => value == actual,
            (Self::Parts(parts), Some(actual)) => {
                let actual = actual.as_array().unwrap_or_default();
                parts.len() == actual.len()
                    && parts.iter().zip(actual).all(|(part, actual)| has(actual, part))
            }
            (Self::Missing(missing), Some(actual)) => {
                let actual = actual.as_array().unwrap_or_default();
                let is = |(id, why): &(String, Option<String>), actual: &Value| {
                    text(actual, "collector") == Some(id)
                        && why.as_deref().is_none_or(|why| text(actual, "reason") == Some(why))
                };
                missing.len() == actual.len()
                    && missing.iter().zip(actual).all(|(want, actual)| is(want, actual))
            }
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Exactly(value) => show(value),
            Self::Parts(parts) => show(&parts.iter().cloned().map(Value::Object).collect()),
            Self::Missing(missing) if missing.iter().all(|(_, why)| why.is_none()) => {
                show(&missing.iter().map(|(id, _)| Value::String(id.clone())).collect())
            }
            Self::Missing(missing) => {
                let reason = |(id, why): &(String, Option<String>)| {
                    (id.clone(), Value::String(why.clone().unwrap_or_else(|| "any reason".to_owned())))
                };
                show(&Value::Object(missing.iter().map(reason).collect()))
            }
        }
    }

    /// What there is instead, said in the same way.
    fn show_actual(&self, actual: &Value) -> String {
        match self {
            Self::Exactly(_) | Self::Parts(_) => show(actual),
            Self::Missing(missing) => {
                let with_reasons = missing.iter().any(|(_, why)| why.is_some());
                let missing = actual.as_array().unwrap_or_default().iter().map(|actual| {
                    let part = |field| text(actual, field).unwrap_or_default().to_owned();
                    (part("collector"), with_reasons.then(|| part("reason")))
                });
                Self::Missing(missing.collect()).show()
            }
        }
    }
}

fn has(actual: &Value, part: &Object) -> bool {
    actual.as_object().is_some_and(|actual| part.iter().all(|(name, value)| actual.get(name) == Some(value)))
}

fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.as_object()?.get(field)?.as_str()
}

/// A value as TOML has it, and as JSON where TOML has no word (null).
pub(super) fn show(value: &Value) -> String {
    let all = |parts: Vec<String>, [open, close]: [&str; 2]| match parts.len() {
        0 => format!("{}{}", open.trim(), close.trim()),
        _ => format!("{open}{}{close}", parts.join(", ")),
    };
    match value {
        Value::Array(elements) => all(elements.iter().map(show).collect(), ["[", "]"]),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| format!("{} = {}", show_key(name), show(value));
            all(fields.iter().map(field).collect(), ["{ ", " }"])
        }
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}

fn show_key(name: &str) -> String {
    let bare =
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if bare { name.to_owned() } else { show(&Value::String(name.to_owned())) }
}
