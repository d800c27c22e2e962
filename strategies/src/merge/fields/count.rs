//! `count` and `count-distinct`: how many values, or how many different ones, there are. Null is one; a field that is
//! missing has none. A field that a rule names counts 0 where nobody gives it.

use std::collections::HashSet;

use stook_plugin::{Algebra, ConflictKind, MemoryBound, NoOptions};
use stook_types::{CollectorId, Value};

use super::rule::{Fold, Origin, Rule};

pub(super) struct Count(i64);

pub(super) struct CountDistinct {
    /// Typed, as everywhere: `1`, `1.0` and `"1"` are three.
    values: HashSet<Value>,
    heap_bytes: usize,
}

impl Rule for Count {
    const NAME: &'static str = "count";
    /// Not associative: a count is one value.
    const ALGEBRA: Algebra =
        Algebra { commutative: true, associative: false, idempotent: false, memory: MemoryBound::Constant };
    const ORIGIN: Origin = Origin::Taken;
    type Options = NoOptions;

    fn begin(_: &NoOptions) -> Self {
        Self(0)
    }
}

impl Fold for Count {
    fn push(&mut self, _: Value, _: &CollectorId) -> Result<(), ConflictKind> {
        self.0 += 1;
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<Value>, ConflictKind> {
        Ok(Some(Value::Int(self.0)))
    }
}

impl Rule for CountDistinct {
    const NAME: &'static str = "count-distinct";
    const ALGEBRA: Algebra =
        Algebra { commutative: true, associative: false, idempotent: true, memory: MemoryBound::Constant };
    const ORIGIN: Origin = Origin::Taken;
    type Options = NoOptions;

    fn begin(_: &NoOptions) -> Self {
        Self { values: HashSet::new(), heap_bytes: 0 }
    }
}

impl Fold for CountDistinct {
    fn push(&mut self, value: Value, _: &CollectorId) -> Result<(), ConflictKind> {
        let heap_bytes = value.heap_bytes();
        if self.values.insert(value) {
            self.heap_bytes += heap_bytes;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<Value>, ConflictKind> {
        Ok(Some(Value::Int(self.values.len() as i64)))
    }

    fn bytes(&self) -> usize {
        self.values.capacity() * size_of::<Value>() + self.heap_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, fields};

    #[test]
    fn whatever_is_there_counts() {
        check("count", &["1", "null", "[]", "1"], "4", &[]);
        check("count-distinct", &["1", "1.0", r#""1""#, "1", "null", "null"], "4", &[]);
        check("count-distinct", &[r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#], "1", &[]);
    }

    #[test]
    fn a_field_that_a_rule_names_counts_from_nothing() {
        let named = r#"{"rules":{"n":"count","d":"count-distinct","s":"sum","l":"array"},
            "paths":[{"path":["o","n"],"use":"count"},{"path":["o","s"],"use":"sum"},{"path":["q","s"],"use":"sum"}]}"#;
        fields(named, &[], r#"{"n":0,"d":0,"o":{"n":0}}"#, &[]);
        fields(named, &[("p1", "{}")], r#"{"n":0,"d":0,"o":{"n":0}}"#, &[]);
        fields(named, &[("p1", r#"{"o":7}"#)], r#"{"n":0,"d":0,"o":{"n":0}}"#, &["o type p1 int"]);
        // The default has no names.
        fields(r#"{"default":"count"}"#, &[], "{}", &[]);
        fields(r#"{"default":"count"}"#, &[("p1", r#"{"n":null}"#), ("p2", "{}")], r#"{"n":1}"#, &[]);
    }
}
