//! `mean`, `variance` and `stdev`: of the numbers that are there, as floats. From exact sums, rounded at the end, so that
//! neither the order of the results nor numbers that almost cancel show.

use stook_plugin::{Algebra, ConflictKind, MemoryBound, NoOptions};
use stook_types::{CollectorId, Value};

use super::exact::{self, Exact, Scaled, Term};
use super::rule::{Fold, Origin, Rule};
use super::total::Total;

/// The arithmetic mean. Infinite numbers have none: a conflict.
pub(super) struct Mean {
    total: Total,
    count: u64,
}

/// The sample variance: the sum of the squared distances from the mean, over one less than there are numbers. Absent for
/// fewer than two; a conflict where it is out of range, or a number is infinite.
pub(super) struct Variance(Moments);

/// The square root of the variance.
pub(super) struct Stdev(Moments);

const ALGEBRA: Algebra =
    Algebra { commutative: true, associative: false, idempotent: false, memory: MemoryBound::Constant };

impl Rule for Mean {
    const NAME: &'static str = "mean";
    const ALGEBRA: Algebra = ALGEBRA;
    const ORIGIN: Origin = Origin::Taken;
    type Options = NoOptions;

    fn begin(_: &NoOptions) -> Self {
        Self { total: Total::default(), count: 0 }
    }
}

impl Fold for Mean {
    fn push(&mut self, value: Value, _: &CollectorId) -> Result<(), ConflictKind> {
        self.total.add(&value)?;
        self.count += 1;
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<Value>, ConflictKind> {
        match self.count {
            0 => Ok(None),
            count => in_range(self.total.mean(count)).map(Some),
        }
    }

    fn bytes(&self) -> usize {
        self.total.bytes()
    }
}

macro_rules! spread {
    ($rule:ident, $name:literal, |$variance:ident| $value:expr) => {
        impl Rule for $rule {
            const NAME: &'static str = $name;
            const ALGEBRA: Algebra = ALGEBRA;
            const ORIGIN: Origin = Origin::Taken;
            type Options = NoOptions;

            fn begin(_: &NoOptions) -> Self {
                Self(Moments::default())
            }
        }

        impl Fold for $rule {
            fn push(&mut self, value: Value, _: &CollectorId) -> Result<(), ConflictKind> {
                self.0.add(&value)
            }

            fn finish(&mut self) -> Result<Option<Value>, ConflictKind> {
                let variance = self.0.variance()?;
                variance.map(|$variance| in_range(Some($value.to_f64()))).transpose()
            }

            fn bytes(&self) -> usize {
                self.0.bytes()
            }
        }
    };
}
spread!(Variance, "variance", |variance| variance);
spread!(Stdev, "stdev", |variance| variance.sqrt());

fn in_range(float: Option<f64>) -> Result<Value, ConflictKind> {
    float.filter(|float| float.is_finite()).map(Value::Float).ok_or(ConflictKind::Overflow)
}

/// How many numbers there are, their sum, and the sum of their squares.
#[derive(Default)]
struct Moments {
    count: u64,
    sums: Option<Sums>,
    infinite: bool,
}

struct Sums {
    numbers: Exact,
    squares: Exact,
}

impl Moments {
    fn add(&mut self, value: &Value) -> Result<(), ConflictKind> {
        let term = match *value {
            Value::Int(number) => Term::int(number.into()),
            Value::Float(number) if number.is_finite() => Term::float(number),
            Value::Float(number) if number.is_infinite() => {
                self.infinite = true;
                return Ok(());
            }
            _ => return Err(ConflictKind::Type),
        };
        let sums = || Sums { numbers: Exact::new(), squares: Exact::of_squares() };
        let sums = self.sums.get_or_insert_with(sums);
        sums.numbers.add(term);
        sums.squares.add(term.squared());
        self.count += 1;
        Ok(())
    }

    fn variance(&self) -> Result<Option<Scaled>, ConflictKind> {
        match &self.sums {
            _ if self.infinite => Err(ConflictKind::Overflow),
            Some(sums) if self.count > 1 => {
                let spread = exact::spread(self.count, &sums.numbers, &sums.squares);
                Ok(Some(spread.divided_by(self.count as f64).divided_by((self.count - 1) as f64)))
            }
            _ => Ok(None),
        }
    }

    fn bytes(&self) -> usize {
        self.sums.as_ref().map_or(0, |sums| sums.numbers.bytes() + sums.squares.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{absent, check, permuted};

    const MAX: &str = "9223372036854775807";

    #[test]
    fn of_a_few_numbers() {
        check("mean", &["1", "3"], "2.0", &[]);
        check("variance", &["1", "3"], "2.0", &[]);
        check("stdev", &["1", "3"], "1.4142135623730951", &[]);
        check("mean", &["1", "2", "2.5", "4.5"], "2.5", &[]);
        check("variance", &["2", "4", "4", "4", "5", "5", "7", "9"], "4.571428571428571", &[]);
        check("stdev", &["-2.5", "-2.5"], "0.0", &[]);
    }

    #[test]
    fn of_one_number_or_none() {
        check("mean", &["7"], "7.0", &[]);
        absent("variance", &["7"], &[]);
        absent("stdev", &["7", "null"], &["n type p1 null"]);
        absent("mean", &["\"7\""], &["n type p0 string"]);
    }

    #[test]
    fn numbers_that_almost_cancel_keep_their_bits() {
        check("variance", &["1e9", "1000000001", "1000000002"], "1.0", &[]);
        check("variance", &["9007199254740993", "9007199254740994"], "0.5", &[]);
        for values in permuted(&["1e300", "1.0", "-1e300", "3"]) {
            check("mean", &values, "1.0", &[]);
        }
    }

    #[test]
    fn what_is_on_the_way_may_be_out_of_range() {
        check("mean", &["1e308", "1e308"], "1e308", &[]);
        check("mean", &[MAX, MAX], "9.223372036854775807e18", &[]);
        check("stdev", &["1e200", "-1e200", "0.0"], "1e200", &[]);
        absent("variance", &["1e200", "-1e200"], &["n overflow p1"]);
    }
}
