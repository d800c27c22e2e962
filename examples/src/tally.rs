//! How much a scan saw.

use std::collections::BTreeSet;

use stook_types::Value;

/// Counts over one joined answer. `None`: no collector said anything about it, which is not the same as none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Processes.
    pub processes: Option<usize>,
    /// Different executables whose hash is known.
    pub executables: Option<usize>,
    /// Sockets; one that several processes share counts once for each.
    pub sockets: Option<usize>,
}

impl Tally {
    /// Counts an array of objects with the fields of [`gather`](crate::gather). Anything else counts nothing.
    pub fn of(joined: &Value) -> Self {
        let rows: Vec<_> =
            joined.as_array().unwrap_or_default().iter().filter_map(Value::as_object).collect();
        let all = |field: &str| {
            let values: Vec<_> = rows.iter().filter_map(|row| row.get(field)).collect();
            (!values.is_empty()).then_some(values)
        };
        Self {
            processes: all("name").map(|names| names.len()),
            executables: all("sha256")
                .map(|hashes| hashes.iter().filter_map(|hash| hash.as_str()).collect::<BTreeSet<_>>().len()),
            sockets: all("sockets")
                .map(|lists| lists.iter().filter_map(|list| list.as_array()).map(<[_]>::len).sum()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(fields: &[(&str, Value)]) -> Value {
        Value::Object(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    #[test]
    fn counts_what_is_there() {
        let sockets = Value::Array(vec![row(&[]), row(&[])]);
        let joined = Value::Array(vec![
            row(&[("name", "a".into()), ("sha256", "00".into()), ("sockets", sockets)]),
            row(&[("name", "b".into()), ("sha256", "00".into())]),
            row(&[("name", "c".into()), ("sha256", Value::Null)]),
        ]);

        let expected = Tally { processes: Some(3), executables: Some(1), sockets: Some(2) };
        assert_eq!(Tally::of(&joined), expected);
    }

    #[test]
    fn a_collector_that_is_missing_is_not_zero() {
        let joined = Value::Array(vec![row(&[("sha256", Value::Null)])]);

        assert_eq!(Tally::of(&joined), Tally { processes: None, executables: Some(0), sockets: None });
        assert_eq!(Tally::of(&Value::Null), Tally::default());
    }
}
