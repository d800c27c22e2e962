//! Sums of numbers, shared by the rules that add, and what becomes of one that its type cannot hold.

use stook_plugin::{ConflictKind, choice, options};
use stook_types::Value;

use super::exact::{Exact, Scaled, Term};

options! {
    /// Options of the rules whose value may not fit its type.
    pub struct OverflowOptions {
        /// What becomes of a value that its type cannot hold.
        overflow: Overflow = Overflow::Conflict,
    }
}

choice! {
    /// What becomes of a value that its type cannot hold.
    pub enum Overflow {
        /// The field is absent, and a conflict says so.
        Conflict = "conflict",
        /// The nearest number that the type can hold.
        Saturate = "saturate",
        /// A float, rounded or infinite.
        Float = "float",
    }
}

/// A sum without rounding: an int if all its terms are, else a float. Ints are added in 128 bits, which no set can
/// overflow.
#[derive(Default)]
pub(super) struct Total {
    whole: Option<i128>,
    floats: Option<Floats>,
}

struct Floats {
    finite: Exact,
    /// The sum of the infinite ones, or zero.
    infinite: f64,
}

impl Total {
    /// Adds a number; `NaN` is none, as text is none.
    pub(super) fn add(&mut self, value: &Value) -> Result<(), ConflictKind> {
        match *value {
            Value::Int(number) => self.add_int(number.into()),
            Value::Float(number) if !number.is_nan() => self.add_float(number),
            _ => return Err(ConflictKind::Type),
        }
        Ok(())
    }

    /// The difference of two numbers.
    pub(super) fn difference(from: &Value, less: &Value) -> Result<Self, ConflictKind> {
        let mut total = Self::default();
        total.add(from)?;
        match *less {
            Value::Int(number) => total.add_int(-i128::from(number)),
            Value::Float(number) if !number.is_nan() => total.add_float(-number),
            _ => return Err(ConflictKind::Type),
        }
        Ok(total)
    }

    fn add_int(&mut self, number: i128) {
        *self.whole.get_or_insert(0) += number;
    }

    fn add_float(&mut self, number: f64) {
        let floats = self.floats.get_or_insert_with(|| Floats { finite: Exact::new(), infinite: 0.0 });
        if number.is_finite() {
            floats.finite.add(Term::float(number));
        } else {
            floats.infinite += number;
        }
    }

    /// The sum in its type; `None` if nothing was added.
    pub(super) fn value(&self, overflow: Overflow) -> Result<Option<Value>, ConflictKind> {
        match (&self.floats, self.whole) {
            (None, None) => Ok(None),
            (None, Some(whole)) => fit_int(whole, overflow).map(Some),
            (Some(_), _) => fit_float(self.mean(1).unwrap_or(f64::NAN), overflow).map(Some),
        }
    }

    /// The sum over this many, as a float; `None` if it is not a number.
    pub(super) fn mean(&self, count: u64) -> Option<f64> {
        let whole = self.whole.map(Term::int);
        let total: Scaled = match &self.floats {
            Some(floats) if floats.infinite == 0.0 => {
                let mut sum = floats.finite.clone();
                whole.into_iter().for_each(|whole| sum.add(whole));
                sum.total()
            }
            Some(floats) => return Some(floats.infinite).filter(|infinite| !infinite.is_nan()),
            None => return self.whole.map(|whole| whole as f64 / count as f64),
        };
        Some(total.divided_by(count as f64).to_f64())
    }

    /// Bytes on the heap.
    pub(super) fn bytes(&self) -> usize {
        self.floats.as_ref().map_or(0, |floats| floats.finite.bytes())
    }
}

fn fit_int(whole: i128, overflow: Overflow) -> Result<Value, ConflictKind> {
    match (i64::try_from(whole), overflow) {
        (Ok(whole), _) => Ok(Value::Int(whole)),
        (Err(_), Overflow::Conflict) => Err(ConflictKind::Overflow),
        (Err(_), Overflow::Saturate) => Ok(Value::Int(if whole < 0 { i64::MIN } else { i64::MAX })),
        (Err(_), Overflow::Float) => Ok(Value::Float(whole as f64)),
    }
}

/// Opposite infinities have no sum, whatever was asked for.
fn fit_float(float: f64, overflow: Overflow) -> Result<Value, ConflictKind> {
    match overflow {
        _ if float.is_finite() => Ok(Value::Float(float)),
        Overflow::Float if !float.is_nan() => Ok(Value::Float(float)),
        Overflow::Saturate if !float.is_nan() => Ok(Value::Float(float.clamp(f64::MIN, f64::MAX))),
        _ => Err(ConflictKind::Overflow),
    }
}
