//! `first`: the first value, null included.

use stook_plugin::{Algebra, ConflictKind, MemoryBound, NoOptions};
use stook_types::Value;

use super::rule::{Fold, Rule};

pub(super) struct First(Option<Value>);

impl Rule for First {
    const NAME: &'static str = "first";
    const ALGEBRA: Algebra =
        Algebra { commutative: false, associative: true, idempotent: true, memory: MemoryBound::Constant };
    type Options = NoOptions;

    fn begin(_: &NoOptions) -> Self {
        Self(None)
    }
}

impl Fold for First {
    fn push(&mut self, value: Value) -> Result<(), ConflictKind> {
        self.0.get_or_insert(value);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Option<Value>, ConflictKind> {
        Ok(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn takes_the_first_value() {
        check("first", &[r#""foo""#, r#""bar""#], r#""foo""#, &[]);
        check("first", &["null", "1"], "null", &[]);
        check("first", &[r#"{"a":1}"#, r#"{"b":2}"#], r#"{"a":1}"#, &[]);
    }
}
