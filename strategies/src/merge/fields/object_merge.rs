//! `object-merge`: objects, united all the way down.
//!
//! A field that they give differently keeps its first value and is a conflict, as with `join` and with fields that have no
//! rule. (That the last wins would be as good a rule, but not one that says the same in both places.) Objects inside are
//! united in the same way; arrays are values like any other.

use std::collections::btree_map::Entry;
use std::mem::take;

use stook_plugin::{Algebra, ConflictKind, Conflicts, MemoryBound, NoOptions};
use stook_types::{CollectorId, Object, Value};

use super::rule::{Dissent, Fold, Origin, Rule};

pub(super) struct ObjectMerge {
    united: Option<Object>,
    dissent: Vec<Dissent>,
}

impl Rule for ObjectMerge {
    const NAME: &'static str = "object-merge";
    /// Not associative: what comes after a text in the place of an object differs from it, but not from the object
    /// before it.
    const ALGEBRA: Algebra =
        Algebra { commutative: false, associative: false, idempotent: true, memory: MemoryBound::Fields };
    const ORIGIN: Origin = Origin::Taken;
    type Options = NoOptions;

    fn begin(_: &NoOptions) -> Self {
        Self { united: None, dissent: Vec::new() }
    }
}

impl Fold for ObjectMerge {
    fn push(&mut self, value: Value, from: &CollectorId) -> Result<(), ConflictKind> {
        let Value::Object(fields) = value else { return Err(ConflictKind::Type) };
        match &mut self.united {
            None => self.united = Some(fields),
            Some(united) => unite(united, fields, &mut Vec::new(), from, &mut self.dissent),
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<Value>, ConflictKind> {
        Ok(self.united.take().map(Value::Object))
    }

    fn dissent(&mut self) -> Vec<Dissent> {
        take(&mut self.dissent)
    }
}

/// Adds fields, which stand at `inside`; what is there already, stays.
fn unite(
    united: &mut Object,
    fields: Object,
    inside: &mut Vec<String>,
    from: &CollectorId,
    dissent: &mut Vec<Dissent>,
) {
    for (name, value) in fields {
        let there = match united.entry(name) {
            Entry::Vacant(field) => {
                field.insert(value);
                continue;
            }
            Entry::Occupied(field) => field,
        };
        let name = there.key().clone();
        match (there.into_mut(), value) {
            (Value::Object(united), Value::Object(fields)) => {
                inside.push(name);
                unite(united, fields, inside, from, dissent);
                inside.pop();
            }
            (first, value) if *first == value => {}
            // More would not be kept anyway.
            _ if dissent.len() > Conflicts::MAX => {}
            _ => {
                let inside = inside.iter().cloned().chain([name]).collect();
                dissent.push(Dissent { inside, from: from.clone() });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{absent, check};

    #[test]
    fn unites_objects_all_the_way_down() {
        check(
            "object-merge",
            &[r#"{"a":1,"o":{"x":[1]}}"#, r#"{"b":null,"o":{"y":{"z":2}}}"#, r#"{"o":{"y":{"v":3}}}"#],
            r#"{"a":1,"b":null,"o":{"x":[1],"y":{"z":2,"v":3}}}"#,
            &[],
        );
        check("object-merge", &["{}"], "{}", &[]);
        check("object-merge", &[r#"{"a.b":1}"#, r#"{"a":{"b":2}}"#], r#"{"a.b":1,"a":{"b":2}}"#, &[]);
    }

    #[test]
    fn what_is_given_differently_keeps_its_first_value() {
        check(
            "object-merge",
            &[r#"{"a":1,"o":{"x":1,"y":[1]}}"#, r#"{"a":1.0,"o":{"x":1,"y":[2]}}"#, r#"{"o":null,"a":1}"#],
            r#"{"a":1,"o":{"x":1,"y":[1]}}"#,
            &["n/a disagree p1", "n/o/y disagree p1", "n/o disagree p2"],
        );
        check("object-merge", &[r#"{"a":null}"#, r#"{"a":{}}"#], r#"{"a":null}"#, &["n/a disagree p1"]);
    }

    #[test]
    fn what_is_no_object_is_skipped() {
        check(
            "object-merge",
            &["[]", r#"{"a":1}"#, "null"],
            r#"{"a":1}"#,
            &["n type p0 array", "n type p2 null"],
        );
        absent("object-merge", &["7"], &["n type p0 int"]);
    }
}
