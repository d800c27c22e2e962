//! `array`: every value, each an element of its own.

use stook_plugin::{Algebra, ConflictKind, MemoryBound, NoOptions};
use stook_types::Value;

use super::rule::{Fold, Rule};

pub(super) struct Array(Vec<Value>);

impl Rule for Array {
    const NAME: &'static str = "array";
    const ALGEBRA: Algebra =
        Algebra { commutative: false, associative: false, idempotent: false, memory: MemoryBound::Input };
    type Options = NoOptions;

    fn begin(_: &NoOptions) -> Self {
        Self(Vec::new())
    }
}

impl Fold for Array {
    fn push(&mut self, value: Value) -> Result<(), ConflictKind> {
        self.0.push(value);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Option<Value>, ConflictKind> {
        Ok(Some(Value::Array(self.0)))
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
}
