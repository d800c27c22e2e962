//! `last`: the last value, null included.

use stook_plugin::{Algebra, ConflictKind, MemoryBound, NoOptions};
use stook_types::Value;

use super::rule::{Fold, Rule};

pub(super) struct Last(Option<Value>);

impl Rule for Last {
    const NAME: &'static str = "last";
    /// Not idempotent: an early value that comes again at the end would be the last.
    const ALGEBRA: Algebra =
        Algebra { commutative: false, associative: true, idempotent: false, memory: MemoryBound::Constant };
    type Options = NoOptions;

    fn begin(_: &NoOptions) -> Self {
        Self(None)
    }
}

impl Fold for Last {
    fn push(&mut self, value: Value) -> Result<(), ConflictKind> {
        self.0 = Some(value);
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
    fn takes_the_last_value() {
        check("last", &[r#""foo""#, r#""bar""#], r#""bar""#, &[]);
        check("last", &[r#""a""#, "null"], "null", &[]);
    }
}
