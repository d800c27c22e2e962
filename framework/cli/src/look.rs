//! A value that a host has sent, looked into. What an older host does not say is absent, and no mistake.

use stook_types::Value;

use crate::output::clean;

/// A place in a value, be there something or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look<'a>(Option<&'a Value>);

impl<'a> Look<'a> {
    pub(crate) const fn at(value: &'a Value) -> Self {
        Self(Some(value))
    }

    /// The field of this name.
    pub(crate) fn field(self, name: &str) -> Self {
        Self(self.0.and_then(|value| value.as_object()?.get(name)))
    }

    /// The elements, if it is a list.
    pub(crate) fn list(self) -> impl ExactSizeIterator<Item = Look<'a>> + Clone {
        self.0.and_then(Value::as_array).unwrap_or_default().iter().map(Look::at)
    }

    /// The names and numbers, if it is an object of such.
    pub(crate) fn counts(self) -> impl Iterator<Item = (String, i64)> + Clone {
        let fields = self.0.and_then(Value::as_object).into_iter().flatten();
        fields.map(|(name, count)| (clean(name), count.as_int().unwrap_or(0)))
    }

    /// The whole number; 0 if there is none.
    pub(crate) fn count(self) -> i64 {
        self.int().unwrap_or(0)
    }

    /// The whole number.
    pub(crate) fn int(self) -> Option<i64> {
        self.0.and_then(Value::as_int)
    }

    /// The number.
    pub(crate) fn float(self) -> Option<f64> {
        match self.0 {
            Some(Value::Float(number)) => Some(*number),
            Some(Value::Int(number)) => Some(*number as f64),
            _ => None,
        }
    }

    /// The text, clean.
    pub(crate) fn text(self) -> Option<String> {
        self.0.and_then(Value::as_str).map(clean)
    }

    /// It, if there is something.
    pub(crate) fn some(self) -> Option<Self> {
        self.0.filter(|value| **value != Value::Null).map(Self::at)
    }

    /// Whether it says yes.
    pub(crate) fn is_true(self) -> bool {
        matches!(self.0, Some(Value::Bool(true)))
    }

    /// It as text: texts bare, anything else as JSON, nothing as `-`.
    pub(crate) fn shown(self) -> String {
        match self.0 {
            None | Some(Value::Null) => "-".to_owned(),
            Some(Value::String(text)) => clean(text),
            Some(other) => json(other),
        }
    }
}

/// A value as one line of JSON.
pub(crate) fn json(value: &Value) -> String {
    serde_json::to_string(value).map_or_else(|_| "?".to_owned(), |json| clean(&json))
}

/// How long something took, at a glance: `740us`, `12.3ms`, `4.2s`, `3m 12s`, `2h 5m`, `3d 4h`.
pub(crate) fn time(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    if micros < 1_000 {
        format!("{micros}us")
    } else if seconds < 1 {
        format!("{:.1}ms", micros as f64 / 1e3)
    } else if seconds < 60 {
        format!("{:.1}s", micros as f64 / 1e6)
    } else if seconds < 3_600 {
        format!("{}m {}s", seconds / 60, seconds % 60)
    } else if seconds < 86_400 {
        format!("{}h {}m", seconds / 3_600, seconds / 60 % 60)
    } else {
        format!("{}d {}h", seconds / 86_400, seconds / 3_600 % 24)
    }
}

/// A size at a glance: `0B`, `1.5MiB`, `512MiB`.
pub(crate) fn size(bytes: i64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(size, _)| bytes >= *size) {
        Some((size, unit)) if bytes % size == 0 => format!("{}{unit}", bytes / size),
        Some((size, unit)) => format!("{:.1}{unit}", bytes as f64 / size as f64),
        None => format!("{bytes}B"),
    }
}

/// So many of something: `1 task`, `2 tasks`.
pub(crate) fn many(count: i64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_no_mistake() {
        let value = Value::from([("a", Value::from([("b", 1)])), ("c", "x\u{1b}[2J".into())]);
        let look = Look::at(&value);
        assert_eq!(look.field("a").field("b").int(), Some(1));
        assert_eq!((look.field("b").field("b").count(), look.field("b").shown().as_str()), (0, "-"));
        assert_eq!(look.field("c").text().as_deref(), Some("x\u{fffd}[2J"));
        assert_eq!(look.field("c").list().len(), 0);
    }

    #[test]
    fn times_and_sizes_are_told_at_a_glance() {
        let times = [0, 999, 1_000, 12_340, 4_200_000, 192_000_000, 7_500_000_000, 273_600_000_000];
        assert_eq!(
            times.map(time),
            ["0us", "999us", "1.0ms", "12.3ms", "4.2s", "3m 12s", "2h 5m", "3d 4h"].map(String::from)
        );
        assert_eq!([0, 1 << 20, 1_572_864, 1023].map(size), ["0B", "1MiB", "1.5MiB", "1023B"]);
    }
}
