//! `shortest-array` and `longest-array`: the array with the fewest, or the most, elements; the first of several.

use stook_plugin::{Algebra, ConflictKind, MemoryBound, NoOptions};
use stook_types::{CollectorId, Value};

use super::rule::{Fold, Origin, Rule};

pub(super) struct Shortest(Option<Vec<Value>>);
pub(super) struct Longest(Option<Vec<Value>>);

macro_rules! by_length {
    ($rule:ident, $name:literal, $better:tt) => {
        impl Rule for $rule {
            const NAME: &'static str = $name;
            const ALGEBRA: Algebra = Algebra {
                commutative: false,
                associative: true,
                idempotent: true,
                memory: MemoryBound::Constant,
            };
            const ORIGIN: Origin = Origin::Chosen;
            type Options = NoOptions;

            fn begin(_: &NoOptions) -> Self {
                Self(None)
            }
        }

        impl Fold for $rule {
            fn push(&mut self, value: Value, _: &CollectorId) -> Result<(), ConflictKind> {
                let Value::Array(array) = value else { return Err(ConflictKind::Type) };
                if self.0.as_ref().is_none_or(|best| array.len() $better best.len()) {
                    self.0 = Some(array);
                }
                Ok(())
            }

            fn finish(&mut self) -> Result<Option<Value>, ConflictKind> {
                Ok(self.0.take().map(Value::Array))
            }
        }
    };
}
by_length!(Shortest, "shortest-array", <);
by_length!(Longest, "longest-array", >);

#[cfg(test)]
mod tests {
    use super::super::testing::{absent, check};

    #[test]
    fn counts_elements_and_keeps_the_first_of_equals() {
        check("shortest-array", &["[34]", "[42,43]"], "[34]", &[]);
        check("longest-array", &["[34]", "[42,43]"], "[42,43]", &[]);
        for rule in ["shortest-array", "longest-array"] {
            check(rule, &["[1]", "[2]"], "[1]", &[]);
        }
        check("shortest-array", &["[1]", "[]"], "[]", &[]);
    }

    #[test]
    fn what_is_no_array_is_skipped() {
        check("longest-array", &[r#""long""#, "[]", "null"], "[]", &["n type p0 string", "n type p2 null"]);
        absent("shortest-array", &["7"], &["n type p0 int"]);
    }
}
