//! `sum`: numbers, added.

use stook_plugin::{Algebra, ConflictKind, MemoryBound, choice, options};
use stook_types::Value;

use super::rule::{Fold, Rule};

options! {
    /// Options of `sum`.
    pub struct SumOptions {
        /// What becomes of a sum that its type cannot hold.
        overflow: Overflow = Overflow::Conflict,
    }
}

choice! {
    /// What becomes of a sum that its type cannot hold.
    pub enum Overflow {
        /// The field is absent, and a conflict says so.
        Conflict = "conflict",
        /// The nearest number that the type can hold.
        Saturate = "saturate",
        /// A float, rounded or infinite.
        Float = "float",
    }
}

/// Whole numbers are added exactly, in 128 bits, which no set can overflow. Floats are added in ascending order,
/// so that the order of the results does not show in the rounding; with a float among them the sum is a float.
pub(super) struct Sum {
    overflow: Overflow,
    whole: Option<i128>,
    floats: Vec<f64>,
}

impl Rule for Sum {
    const NAME: &'static str = "sum";
    /// Not associative: a sum of parts is rounded, or overflows, once per part.
    const ALGEBRA: Algebra =
        Algebra { commutative: true, associative: false, idempotent: false, memory: MemoryBound::Constant };
    type Options = SumOptions;

    fn begin(options: &SumOptions) -> Self {
        Self { overflow: options.overflow, whole: None, floats: Vec::new() }
    }
}

impl Fold for Sum {
    fn push(&mut self, value: Value) -> Result<(), ConflictKind> {
        match value {
            Value::Int(number) => *self.whole.get_or_insert(0) += i128::from(number),
            // One `NaN` would make the whole sum one: it is no number, as text is none.
            Value::Float(number) if !number.is_nan() => self.floats.push(number),
            _ => return Err(ConflictKind::Type),
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Option<Value>, ConflictKind> {
        if !self.floats.is_empty() {
            self.floats.extend(self.whole.map(|whole| whole as f64));
            self.floats.sort_by(f64::total_cmp);
            return self.float(self.floats.iter().sum()).map(Some);
        }
        self.whole.map(|whole| self.int(whole)).transpose()
    }
}

impl Sum {
    fn int(&self, sum: i128) -> Result<Value, ConflictKind> {
        match (i64::try_from(sum), self.overflow) {
            (Ok(sum), _) => Ok(Value::Int(sum)),
            (Err(_), Overflow::Conflict) => Err(ConflictKind::Overflow),
            (Err(_), Overflow::Saturate) => Ok(Value::Int(if sum < 0 { i64::MIN } else { i64::MAX })),
            (Err(_), Overflow::Float) => Ok(Value::Float(sum as f64)),
        }
    }

    fn float(&self, sum: f64) -> Result<Value, ConflictKind> {
        match self.overflow {
            _ if sum.is_finite() => Ok(Value::Float(sum)),
            Overflow::Float => Ok(Value::Float(sum)),
            Overflow::Saturate if !sum.is_nan() => Ok(Value::Float(sum.clamp(f64::MIN, f64::MAX))),
            _ => Err(ConflictKind::Overflow),
        }
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
    }

    #[test]
    fn an_overflow_that_cancels_is_none() {
        for values in permuted(&[MAX, "1", "-1"]) {
            check("sum", &values, MAX, &[]);
        }
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
