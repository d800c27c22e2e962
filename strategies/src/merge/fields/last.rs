//! `last` and `last-non-null`: the value that comes last in effective order.

use stook_plugin::{Algebra, ConflictKind, MemoryBound, NoOptions};
use stook_types::{CollectorId, Value};

use super::rule::{Fold, Origin, Rule};

/// The last value, null included.
pub(super) struct Last(Option<Value>);

/// The last value that is not null; null if nobody gave any other.
pub(super) struct LastNonNull(Option<Value>);

/// Not idempotent: an early value that comes again at the end would be the last.
const ALGEBRA: Algebra =
    Algebra { commutative: false, associative: true, idempotent: false, memory: MemoryBound::Constant };

impl Rule for Last {
    const NAME: &'static str = "last";
    const ALGEBRA: Algebra = ALGEBRA;
    const ORIGIN: Origin = Origin::Chosen;
    type Options = NoOptions;

    fn begin(_: &NoOptions) -> Self {
        Self(None)
    }
}

impl Fold for Last {
    fn push(&mut self, value: Value, _: &CollectorId) -> Result<(), ConflictKind> {
        self.0 = Some(value);
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<Value>, ConflictKind> {
        Ok(self.0.take())
    }
}

impl Rule for LastNonNull {
    const NAME: &'static str = "last-non-null";
    const ALGEBRA: Algebra = ALGEBRA;
    const ORIGIN: Origin = Origin::Chosen;
    type Options = NoOptions;

    fn begin(_: &NoOptions) -> Self {
        Self(None)
    }
}

impl Fold for LastNonNull {
    fn push(&mut self, value: Value, _: &CollectorId) -> Result<(), ConflictKind> {
        if self.0.is_none() || value != Value::Null {
            self.0 = Some(value);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<Value>, ConflictKind> {
        Ok(self.0.take())
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

    #[test]
    fn takes_the_last_that_is_not_null() {
        check("last-non-null", &[r#""a""#, r#""b""#, "null"], r#""b""#, &[]);
        check("last-non-null", &["null", "null"], "null", &[]);
    }
}
