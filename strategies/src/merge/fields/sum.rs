//! `sum`: numbers, added.

use stook_plugin::{Algebra, ConflictKind, MemoryBound};
use stook_types::{CollectorId, Value};

use super::rule::{Fold, Origin, Rule};
use super::total::{Overflow, OverflowOptions, Total};

/// The sum of all numbers, rounded once: an int if all are, else a float.
pub(super) struct Sum {
    total: Total,
    overflow: Overflow,
}

impl Rule for Sum {
    const NAME: &'static str = "sum";
    /// Not associative: a sum of parts is rounded, or overflows, once per part.
    const ALGEBRA: Algebra =
        Algebra { commutative: true, associative: false, idempotent: false, memory: MemoryBound::Constant };
    const ORIGIN: Origin = Origin::Taken;
    type Options = OverflowOptions;

    fn begin(options: &OverflowOptions) -> Self {
        Self { total: Total::default(), overflow: options.overflow }
    }
}

impl Fold for Sum {
    fn push(&mut self, value: Value, _: &CollectorId) -> Result<(), ConflictKind> {
        self.total.add(&value)
    }

    fn finish(&mut self) -> Result<Option<Value>, ConflictKind> {
        self.total.value(self.overflow)
    }

    fn bytes(&self) -> usize {
        self.total.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{absent, check, permuted};

    const MAX: &str = "9223372036854775807";
    const MIN: &str = "-9223372036854775808";

    #[test]
    fn an_int_and_a_float_are_a_float() {
        check("sum", &["21", "21"], "42", &[]);
        check("sum", &["21", "21.0"], "42.0", &[]);
        check("sum", &["21.0", "21"], "42.0", &[]);
        check("sum", &["2.1", "2.1"], "4.2", &[]);
        check("sum", &["7"], "7", &[]);
    }

    #[test]
    fn an_overflow_that_cancels_is_none() {
        for values in permuted(&[MAX, "1", "-1"]) {
            check("sum", &values, MAX, &[]);
        }
        for values in permuted(&["1e308", "1e308", "-1e308"]) {
            check("sum", &values, "1e308", &[]);
        }
        // Neither is lost in the other.
        check("sum", &["9007199254740993", "0.5", "-9007199254740992"], "1.5", &[]);
    }

    #[test]
    fn an_overflow_is_a_conflict_or_what_was_asked_for() {
        absent("sum", &[MAX, "1"], &["n overflow p1"]);
        let rule = |overflow| format!(r#"{{"use":"sum","overflow":"{overflow}"}}"#);
        absent(&rule("conflict"), &[MIN, "-1", "\"x\""], &["n type p2 string", "n overflow p1"]);
        check(&rule("saturate"), &[MAX, "1"], MAX, &[]);
        check(&rule("saturate"), &["-1", MIN], MIN, &[]);
        check(&rule("float"), &[MAX, "1"], "9223372036854775808.0", &[]);
        absent("sum", &["1e308", "1e308"], &["n overflow p1"]);
        check(&rule("saturate"), &["-1e308", "-1e308"], "-1.7976931348623157e308", &[]);
    }

    #[test]
    fn what_is_no_number_is_skipped() {
        check(
            "sum",
            &["1", "\"2\"", "null", "true", "2"],
            "3",
            &["n type p1 string", "n type p2 null", "n type p3 bool"],
        );
        absent("sum", &["[1]", "{}"], &["n type p0 array", "n type p1 object"]);
    }
}
