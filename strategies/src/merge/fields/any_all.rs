//! `any` and `all`: whether one of the bools is true, or every one. Absent without bools: of nothing, neither is known.

use stook_plugin::{Algebra, ConflictKind, MemoryBound, NoOptions};
use stook_types::{CollectorId, Value};

use super::rule::{Fold, Origin, Rule};

pub(super) struct Any(Option<bool>);
pub(super) struct All(Option<bool>);

macro_rules! over_bools {
    ($rule:ident, $name:literal, $decides:literal) => {
        impl Rule for $rule {
            const NAME: &'static str = $name;
            const ALGEBRA: Algebra = Algebra {
                commutative: true,
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
                let Value::Bool(value) = value else { return Err(ConflictKind::Type) };
                if self.0 != Some($decides) {
                    self.0 = Some(value);
                }
                Ok(())
            }

            fn finish(&mut self) -> Result<Option<Value>, ConflictKind> {
                Ok(self.0.map(Value::Bool))
            }
        }
    };
}
over_bools!(Any, "any", true);
over_bools!(All, "all", false);

#[cfg(test)]
mod tests {
    use super::super::testing::{absent, check, permuted};

    #[test]
    fn one_decides() {
        for values in permuted(&["true", "false", "false"]) {
            check("any", &values, "true", &[]);
            check("all", &values, "false", &[]);
        }
        check("any", &["false"], "false", &[]);
        check("all", &["true", "true"], "true", &[]);
    }

    #[test]
    fn what_is_no_bool_is_skipped() {
        check("any", &["1", "false"], "false", &["n type p0 int"]);
        absent("all", &["null", r#""true""#], &["n type p0 null", "n type p1 string"]);
    }
}
