//! `join`: rows of several collectors about the same things.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use stook_plugin::{
    Algebra, BuildContext, BuildError, Conflict, ConflictKind, Conflicts, MemoryBound, MergeError,
    MergeInput, MergeStrategy, Merged, Plugin, Provenance, options, register,
};
use stook_types::{CollectorId, Object, Value};

use crate::options::Path;

options! {
    /// Options of `join`.
    pub struct JoinOptions {
        /// What says that two rows are about the same thing: a field name or an array of names. Typed: `1` is not
        /// `"1"`.
        on: Path,
        /// Whether the released set says who gave what: for each field of the rows the collectors that gave a value of
        /// it that is in one. Costs decoding every payload once more.
        provenance: bool = false,
    }
}

/// Unites rows that are about the same thing.
pub struct Join {
    on: Path,
    provenance: bool,
}

impl Plugin for Join {
    const NAME: &'static str = "join";
    const DOCS: &'static str = "Each payload is a row (an object) or an array of rows; rows with an equal `on` are united, and the \
        value is the array of united rows in the order in which each `on` was first seen. A field that rows give \
        differently keeps its first value and is recorded in `conflicts`; so is what is no row or has no `on`.";
    type Options = JoinOptions;

    fn build(options: JoinOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self { on: options.on, provenance: options.provenance })
    }
}

impl MergeStrategy for Join {
    fn algebra(&self) -> Algebra {
        Algebra { commutative: false, associative: true, idempotent: true, memory: MemoryBound::Fields }
    }

    fn merge(&self, input: &MergeInput<'_>, conflicts: &mut Conflicts) -> Result<Merged, MergeError> {
        let table = Table::of(&self.on, input, conflicts);
        Ok(Merged::Value(table.rows.into_iter().map(Value::Object).collect()))
    }

    fn provenance(&self, input: &MergeInput<'_>) -> Vec<Provenance> {
        if !self.provenance {
            return Vec::new();
        }
        let table = Table::of(&self.on, input, &mut Conflicts::default());
        let field = |(name, collectors): (String, BTreeSet<&CollectorId>)| {
            Provenance::new(vec![name], collectors.into_iter().cloned().collect())
        };
        table.columns.into_iter().map(field).collect()
    }
}

struct Table<'a> {
    on: &'a Path,
    rows: Vec<Object>,
    /// Where the row of a key stands in `rows`.
    places: HashMap<Value, usize>,
    /// Whose values of a field are in the rows.
    columns: BTreeMap<String, BTreeSet<&'a CollectorId>>,
}

impl<'a> Table<'a> {
    fn of(on: &'a Path, input: &MergeInput<'a>, conflicts: &mut Conflicts) -> Self {
        let mut table = Self { on, rows: Vec::new(), places: HashMap::new(), columns: BTreeMap::new() };
        for result in input.results {
            let collector = &result.source.collector;
            match conflicts.decode(result) {
                None => {}
                Some(Value::Array(rows)) => {
                    rows.into_iter().for_each(|row| table.add(row, collector, conflicts));
                }
                Some(row) => table.add(row, collector, conflicts),
            }
        }
        table
    }

    fn add(&mut self, row: Value, collector: &'a CollectorId, conflicts: &mut Conflicts) {
        let Value::Object(_) = row else {
            return conflicts.push(Conflict::of_payload(ConflictKind::Type, collector).got(row.type_name()));
        };
        let Some(key) = self.on.of(&row).cloned() else {
            let missing = Conflict::new(self.on.names(), ConflictKind::Type, collector).got("missing");
            return conflicts.push(missing);
        };
        let Value::Object(fields) = row else { return };
        let place = *self.places.entry(key).or_insert(self.rows.len());
        if place == self.rows.len() {
            self.rows.push(Object::new());
        }
        for (name, value) in fields {
            self.put(place, name, value, collector, conflicts);
        }
    }

    /// Adds a field to a row; what the row has already, it keeps.
    fn put(
        &mut self,
        place: usize,
        name: String,
        value: Value,
        from: &'a CollectorId,
        conflicts: &mut Conflicts,
    ) {
        let row = &mut self.rows[place];
        let first = row.get(&name);
        if first.is_some_and(|first| *first != value) {
            return conflicts.push(Conflict::new([name], ConflictKind::Disagree, from));
        }
        match self.columns.get_mut(&name) {
            Some(collectors) => drop(collectors.insert(from)),
            None => drop(self.columns.insert(name.clone(), BTreeSet::from([from]))),
        }
        if first.is_none() {
            row.insert(name, value);
        }
    }
}

register!(merge: Join);

#[cfg(test)]
mod tests {
    use stook_plugin::conformance;

    use super::*;
    use crate::testing::{id, json, lines, made, merge, results};

    const ON_PID: &str = r#"{"on":"pid"}"#;

    fn check(options: &str, sent: &[(&str, &str)], value: &str, conflicts: &[&str]) {
        let (merged, found) = merge::<Join>(options, &results(sent));
        assert_eq!(merged, json(value), "{sent:?}");
        assert_eq!(lines(&found), conflicts, "{sent:?}");
    }

    #[test]
    fn unites_rows_in_the_order_of_first_sight() {
        check(
            ON_PID,
            &[
                ("proc", r#"[{"pid":7,"name":"sh"},{"pid":3,"name":"init"}]"#),
                ("hash", r#"[{"pid":3,"sha":"aa"},{"pid":9,"sha":"bb"}]"#),
                ("net", r#"{"pid":7,"ports":[80]}"#),
            ],
            r#"[{"pid":7,"name":"sh","ports":[80]},{"pid":3,"name":"init","sha":"aa"},{"pid":9,"sha":"bb"}]"#,
            &[],
        );
        check(ON_PID, &[], "[]", &[]);
        check(ON_PID, &[("p1", "[]")], "[]", &[]);
    }

    #[test]
    fn a_field_given_differently_keeps_its_first_value() {
        check(
            ON_PID,
            &[("p1", r#"{"pid":1,"n":1,"m":2}"#), ("p2", r#"{"pid":1,"n":1.0,"m":2}"#)],
            r#"[{"pid":1,"n":1,"m":2}]"#,
            &["n disagree p2"],
        );
        check(
            ON_PID,
            &[("p1", r#"[{"pid":1,"n":null},{"pid":1,"n":2}]"#)],
            r#"[{"pid":1,"n":null}]"#,
            &["n disagree p1"],
        );
    }

    #[test]
    fn the_key_is_typed() {
        let rows = r#"[{"pid":1},{"pid":"1"},{"pid":1.0},{"pid":null},{"pid":null,"x":1}]"#;
        check(ON_PID, &[("p1", rows)], r#"[{"pid":1},{"pid":"1"},{"pid":1.0},{"pid":null,"x":1}]"#, &[]);
    }

    #[test]
    fn the_key_may_be_nested_and_is_not_split_on_dots() {
        let sent =
            [("p1", r#"{"o":{"id":1},"a":1}"#), ("p2", r#"{"o":{"id":1},"b":2}"#), ("p3", r#"{"o":1}"#)];
        check(r#"{"on":["o","id"]}"#, &sent, r#"[{"o":{"id":1},"a":1,"b":2}]"#, &["o/id type p3 missing"]);
        check(r#"{"on":"o.id"}"#, &sent[..1], "[]", &["o.id type p1 missing"]);
    }

    #[test]
    fn what_is_no_row_is_skipped_and_recorded() {
        check(
            ON_PID,
            &[
                ("p1", "7"),
                ("p2", r#"[{"pid":1},[{"pid":2}],{"x":1}]"#),
                ("p3", "{"),
                ("p4", r#"{"pid":1,"y":2}"#),
            ],
            r#"[{"pid":1,"y":2}]"#,
            &[
                " type p1 int",
                " type p2 array",
                "pid type p2 missing",
                " decode p3 EOF while parsing an object at line 1 column 1",
            ],
        );
    }

    #[test]
    fn provenance_says_who_gave_which_fields() {
        let sent = [
            ("p2", r#"[{"pid":1,"n":1},{"pid":2,"n":2}]"#),
            ("p1", r#"[{"pid":1,"n":2,"m":3},{"x":4}]"#),
            ("p3", r#"{"pid":1,"n":1}"#),
        ];
        let check = |options: &str, expected: &[(&str, &str)]| {
            let given = made::<Join>(options).provenance(&MergeInput::new("a", &results(&sent)));
            let expected: Vec<_> = expected
                .iter()
                .map(|(field, by)| Provenance::new(vec![(*field).into()], by.split(' ').map(id).collect()))
                .collect();
            assert_eq!(given, expected);
        };
        check(ON_PID, &[]);
        check(r#"{"on":"pid","provenance":true}"#, &[("m", "p1"), ("n", "p2 p3"), ("pid", "p1 p2 p3")]);
    }

    #[test]
    fn keeps_its_promises() {
        let payloads = [
            json(r#"[{"n":1,"a":1},{"n":2}]"#),
            json(r#"{"n":1,"a":2,"b":3}"#),
            json(r#"[{"n":2,"a":null},{"n":"1","b":4},{"b":5}]"#),
        ];
        for options in [r#"{"on":"n","provenance":true}"#, r#"{"on":["n","x"]}"#] {
            conformance::merge_of(|| made::<Join>(options), &payloads, &[]);
        }
    }

    #[test]
    fn options_are_checked() {
        conformance::plugin::<Join>(&[("on", "pid".into())]);
    }
}
