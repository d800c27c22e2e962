//! `range` and `diff`: how far two of the numbers are apart. An int if both are; what its type cannot hold is a matter of
//! `overflow`, as with `sum`.

use std::cmp::Ordering;

use stook_plugin::{Algebra, ConflictKind, MemoryBound};
use stook_types::{CollectorId, Value};

use super::min_max::{keep, number};
use super::rule::{Fold, Origin, Rule};
use super::total::{Overflow, OverflowOptions, Total};

/// The greatest number less the least.
pub(super) struct Range {
    least: Option<Value>,
    greatest: Option<Value>,
    overflow: Overflow,
}

/// The last number less the first.
pub(super) struct Diff {
    first: Option<Value>,
    last: Option<Value>,
    overflow: Overflow,
}

impl Rule for Range {
    const NAME: &'static str = "range";
    const ALGEBRA: Algebra =
        Algebra { commutative: true, associative: false, idempotent: true, memory: MemoryBound::Constant };
    const ORIGIN: Origin = Origin::Taken;
    type Options = OverflowOptions;

    fn begin(options: &OverflowOptions) -> Self {
        Self { least: None, greatest: None, overflow: options.overflow }
    }
}

impl Fold for Range {
    fn push(&mut self, value: Value, _: &CollectorId) -> Result<(), ConflictKind> {
        keep(&mut self.least, value.clone(), Ordering::Less)?;
        keep(&mut self.greatest, value, Ordering::Greater)
    }

    fn finish(&mut self) -> Result<Option<Value>, ConflictKind> {
        difference(&self.greatest, &self.least, self.overflow)
    }
}

impl Rule for Diff {
    const NAME: &'static str = "diff";
    const ALGEBRA: Algebra =
        Algebra { commutative: false, associative: false, idempotent: false, memory: MemoryBound::Constant };
    const ORIGIN: Origin = Origin::Taken;
    type Options = OverflowOptions;

    fn begin(options: &OverflowOptions) -> Self {
        Self { first: None, last: None, overflow: options.overflow }
    }
}

impl Fold for Diff {
    fn push(&mut self, value: Value, _: &CollectorId) -> Result<(), ConflictKind> {
        let value = number(value)?;
        self.first.get_or_insert_with(|| value.clone());
        self.last = Some(value);
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<Value>, ConflictKind> {
        difference(&self.last, &self.first, self.overflow)
    }
}

fn difference(
    from: &Option<Value>,
    less: &Option<Value>,
    overflow: Overflow,
) -> Result<Option<Value>, ConflictKind> {
    match (from, less) {
        (Some(from), Some(less)) => Total::difference(from, less)?.value(overflow),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{absent, check, permuted};

    const MAX: &str = "9223372036854775807";

    #[test]
    fn of_ints_an_int_and_else_a_float() {
        check("diff", &["1", "9", "3"], "2", &[]);
        check("diff", &["3", "1.5"], "-1.5", &[]);
        for values in permuted(&["1", "9", "3"]) {
            check("range", &values, "8", &[]);
        }
        for values in permuted(&["5", "5.0", "7"]) {
            // The int is the least of the two that are equal, as with `min`.
            check("range", &values, "2", &[]);
        }
        check("range", &["-0.5", "9007199254740993"], "9007199254740994.0", &[]);
    }

    #[test]
    fn of_one_number_or_none() {
        check("diff", &["7"], "0", &[]);
        check("range", &["null", "2.5"], "0.0", &["n type p0 null"]);
        absent("range", &["\"a\""], &["n type p0 string"]);
        absent("diff", &["true"], &["n type p0 bool"]);
    }

    #[test]
    fn what_does_not_fit_is_a_conflict_or_what_was_asked_for() {
        for rule in ["range", "diff"] {
            absent(rule, &["-1", MAX], &["n overflow p1"]);
            absent(rule, &["-1e308", "1e308"], &["n overflow p1"]);
            let with = |overflow| format!(r#"{{"use":"{rule}","overflow":"{overflow}"}}"#);
            check(&with("saturate"), &["-1", MAX], MAX, &[]);
            check(&with("float"), &["-1", MAX], "9223372036854775808.0", &[]);
        }
    }
}
