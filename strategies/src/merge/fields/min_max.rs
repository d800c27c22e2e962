//! `min` and `max`: the least and the greatest number, with the type that it came in.

use std::cmp::Ordering;

use stook_plugin::{Algebra, ConflictKind, MemoryBound, NoOptions};
use stook_types::{CollectorId, Value};

use super::rule::{Fold, Origin, Rule};

pub(super) struct Min(Option<Value>);
pub(super) struct Max(Option<Value>);

macro_rules! extreme {
    ($rule:ident, $name:literal, $wanted:ident) => {
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
                keep(&mut self.0, value, Ordering::$wanted)
            }

            fn finish(&mut self) -> Result<Option<Value>, ConflictKind> {
                Ok(self.0.clone())
            }
        }
    };
}
extreme!(Min, "min", Less);
extreme!(Max, "max", Greater);

/// Keeps the better of two numbers.
pub(super) fn keep(best: &mut Option<Value>, value: Value, wanted: Ordering) -> Result<(), ConflictKind> {
    let value = number(value)?;
    if best.as_ref().is_none_or(|best| compare(&value, best) == Some(wanted)) {
        *best = Some(value);
    }
    Ok(())
}

/// The value, if it is a number. `NaN` is none.
pub(super) fn number(value: Value) -> Result<Value, ConflictKind> {
    match value {
        Value::Int(_) => Ok(value),
        Value::Float(float) if !float.is_nan() => Ok(value),
        _ => Err(ConflictKind::Type),
    }
}

/// A total order of numbers: by what they are, exactly; an int before the float that is equal to it and `-0.0`
/// before `0.0`, so that the order of the results does not show in the type of the winner.
fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b).map(|order| order.then(a.total_cmp(b))),
        (Value::Int(a), Value::Float(b)) if !b.is_nan() => Some(int_to_float(*a, *b).then(Ordering::Less)),
        (Value::Float(_), Value::Int(_)) => compare(b, a).map(Ordering::reverse),
        _ => None,
    }
}

/// Compares without rounding the int, as a cast to `f64` would. The float is not `NaN`.
fn int_to_float(int: i64, float: f64) -> Ordering {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    if float >= TWO_TO_63 {
        Ordering::Less
    } else if float < -TWO_TO_63 {
        Ordering::Greater
    } else {
        let whole = float.trunc();
        int.cmp(&(whole as i64)).then_with(|| whole.total_cmp(&float))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use stook_types::Value;

    use super::super::testing::{absent, check, permuted};
    use super::*;

    #[test]
    fn the_winner_keeps_its_type() {
        check("min", &["5.1", "9", "5.2"], "5.1", &[]);
        check("max", &["3.3", "7.2", "6"], "7.2", &[]);
        check("min", &["5", "9.1", "5"], "5", &[]);
        check("max", &["3", "7", "6.2"], "7", &[]);
    }

    #[test]
    fn ints_and_floats_compare_exactly() {
        // As floats these two are equal.
        check("max", &["9007199254740993", "9007199254740992.0"], "9007199254740993", &[]);
        check("min", &["9223372036854775807", "9223372036854775808.0"], "9223372036854775807", &[]);
        check("max", &["-1", "-1.5"], "-1", &[]);
        check("min", &["-9223372036854775808", "-1e300"], "-1e300", &[]);
        for values in permuted(&["5", "5.0", "5"]) {
            check("min", &values, "5", &[]);
            check("max", &values, "5.0", &[]);
        }
    }

    #[test]
    fn what_is_no_number_is_skipped() {
        check("max", &["2", "\"9\"", "3", "null"], "3", &["n type p1 string", "n type p3 null"]);
        absent("min", &["\"a\"", "\"b\""], &["n type p0 string", "n type p1 string"]);
    }

    proptest! {
        #[test]
        fn the_comparison_is_a_total_order(
            ints in proptest::collection::vec(any::<i64>(), 2),
            floats in proptest::collection::vec(proptest::num::f64::ANY, 2),
            near in -2..3_i64,
        ) {
            let mut values: Vec<Value> = ints.iter().copied().map(Value::Int).collect();
            values.extend(floats.iter().copied().map(Value::Float));
            values.push(Value::Float(ints[0] as f64 + near as f64));
            values.retain(|value| compare(value, value).is_some());
            for a in &values {
                for b in &values {
                    prop_assert_eq!(compare(a, b), compare(b, a).map(Ordering::reverse));
                    for c in &values {
                        if compare(a, b) == Some(Ordering::Less) && compare(b, c) == Some(Ordering::Less) {
                            prop_assert_eq!(compare(a, c), Some(Ordering::Less));
                        }
                    }
                }
            }
        }
    }
}
