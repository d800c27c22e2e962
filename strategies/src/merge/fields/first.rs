//! `first` and `first-non-null`: the value that comes first in effective order.

use stook_plugin::{Algebra, ConflictKind, MemoryBound, NoOptions};
use stook_types::{CollectorId, Value};

use super::rule::{Fold, Origin, Rule};

/// The first value, null included.
pub(super) struct First(Option<Value>);

/// The first value that is not null; null if nobody gave any other.
pub(super) struct FirstNonNull(Option<Value>);

const ALGEBRA: Algebra =
    Algebra { commutative: false, associative: true, idempotent: true, memory: MemoryBound::Constant };

impl Rule for First {
    const NAME: &'static str = "first";
    const ALGEBRA: Algebra = ALGEBRA;
    const ORIGIN: Origin = Origin::Chosen;
    type Options = NoOptions;

    fn begin(_: &NoOptions) -> Self {
        Self(None)
    }
}

impl Fold for First {
    fn push(&mut self, value: Value, _: &CollectorId) -> Result<(), ConflictKind> {
        self.0.get_or_insert(value);
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<Value>, ConflictKind> {
        Ok(self.0.take())
    }
}

impl Rule for FirstNonNull {
    const NAME: &'static str = "first-non-null";
    const ALGEBRA: Algebra = ALGEBRA;
    const ORIGIN: Origin = Origin::Chosen;
    type Options = NoOptions;

    fn begin(_: &NoOptions) -> Self {
        Self(None)
    }
}

impl Fold for FirstNonNull {
    fn push(&mut self, value: Value, _: &CollectorId) -> Result<(), ConflictKind> {
        if matches!(self.0, None | Some(Value::Null)) {
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
    fn takes_the_first_value() {
        check("first", &[r#""foo""#, r#""bar""#], r#""foo""#, &[]);
        check("first", &["null", "1"], "null", &[]);
        check("first", &[r#"{"a":1}"#, r#"{"b":2}"#], r#"{"a":1}"#, &[]);
    }

    #[test]
    fn takes_the_first_that_is_not_null() {
        check("first-non-null", &["null", "1", "2"], "1", &[]);
        check("first-non-null", &["false", "null"], "false", &[]);
        check("first-non-null", &["null", "null"], "null", &[]);
    }
}
