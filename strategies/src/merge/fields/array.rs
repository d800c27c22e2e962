//! `array` and `array-concat`: every value, in effective order.

use std::mem::take;

use stook_plugin::{Algebra, ConflictKind, MemoryBound, NoOptions};
use stook_types::{CollectorId, Value};

use super::rule::{Fold, Origin, Rule};

/// Each value as an element of its own, arrays too.
pub(super) struct Array(Vec<Value>);

/// The elements of the arrays, one array after the other; what is no array is an element.
pub(super) struct ArrayConcat(Option<Vec<Value>>);

impl Rule for Array {
    const NAME: &'static str = "array";
    const ALGEBRA: Algebra =
        Algebra { commutative: false, associative: false, idempotent: false, memory: MemoryBound::Input };
    const ORIGIN: Origin = Origin::Taken;
    type Options = NoOptions;

    fn begin(_: &NoOptions) -> Self {
        Self(Vec::new())
    }
}

impl Fold for Array {
    fn push(&mut self, value: Value, _: &CollectorId) -> Result<(), ConflictKind> {
        self.0.push(value);
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<Value>, ConflictKind> {
        Ok((!self.0.is_empty()).then(|| Value::Array(take(&mut self.0))))
    }
}

impl Rule for ArrayConcat {
    const NAME: &'static str = "array-concat";
    const ALGEBRA: Algebra =
        Algebra { commutative: false, associative: true, idempotent: false, memory: MemoryBound::Input };
    const ORIGIN: Origin = Origin::Taken;
    type Options = NoOptions;

    fn begin(_: &NoOptions) -> Self {
        Self(None)
    }
}

impl Fold for ArrayConcat {
    fn push(&mut self, value: Value, _: &CollectorId) -> Result<(), ConflictKind> {
        let array = self.0.get_or_insert_default();
        match value {
            Value::Array(elements) => array.extend(elements),
            element => array.push(element),
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<Value>, ConflictKind> {
        Ok(self.0.take().map(Value::Array))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn wraps_every_value() {
        check("array", &["[1,3]", "[5,7]", r#""done""#], r#"[[1,3],[5,7],"done"]"#, &[]);
        check("array", &["null", "[]", "1", "1"], "[null,[],1,1]", &[]);
    }

    #[test]
    fn flattens_one_level() {
        check("array-concat", &["[1,3]", "[5,7]", r#""done""#], r#"[1,3,5,7,"done"]"#, &[]);
        check("array-concat", &["[]", "42"], "[42]", &[]);
        check("array-concat", &["[[1],2]", "null", "[]"], "[[1],2,null]", &[]);
        check("array-concat", &["[]"], "[]", &[]);
    }
}
