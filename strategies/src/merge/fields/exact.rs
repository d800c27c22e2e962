//! Exact sums of numbers, whatever their order and size.

/// The sum of any numbers so far, without any rounding: one long fixed-point number that holds every bit that a float,
/// or the square of one, can have (a "superaccumulator": U. Kulisch, *Computer Arithmetic and Validity*, 2013). So sums
/// do not depend on the order of their terms, and what overflows on the way comes back.
#[derive(Clone)]
pub(super) struct Exact {
    /// Digits of 32 bits, the least first, with room for carries that have not been passed on.
    digits: Box<[i64]>,
    /// What a unit of the first digit is, as a power of two.
    unit: i32,
    /// How many terms were added since carries were passed on.
    pending: u32,
}

/// A finite term: its magnitude, as a whole number times a power of two, and its sign.
#[derive(Clone, Copy)]
pub(super) struct Term {
    negative: bool,
    magnitude: u128,
    exponent: i32,
}

/// A number far beyond the range of floats, with their precision.
#[derive(Clone, Copy)]
pub(super) struct Scaled {
    mantissa: f64,
    exponent: i32,
}

/// The least and the greatest exponent of two that a bit of a float can have.
const LEAST: i32 = -1_074;
const GREATEST: i32 = 1_023;
/// How far a sum may exceed its greatest term.
const CARRY_BITS: i32 = 64;
/// Terms that a digit can take before its carry must be passed on: each adds less than 2³².
const UNTIL_CARRY: u32 = 1 << 30;

// === impl Term ===

impl Term {
    pub(super) const fn int(number: i128) -> Self {
        Self { negative: number < 0, magnitude: number.unsigned_abs(), exponent: 0 }
    }

    /// This float, which is finite.
    pub(super) const fn float(number: f64) -> Self {
        let bits = number.to_bits();
        let fraction = bits & ((1 << 52) - 1);
        let (magnitude, exponent) = match (bits >> 52) & 0x7ff {
            0 => (fraction, LEAST),
            biased => (fraction | (1 << 52), LEAST + biased as i32 - 1),
        };
        Self { negative: number.is_sign_negative(), magnitude: magnitude as u128, exponent }
    }

    /// The square of a term that was made of 64 bits.
    pub(super) const fn squared(self) -> Self {
        Self { negative: false, magnitude: self.magnitude * self.magnitude, exponent: 2 * self.exponent }
    }
}

// === impl Exact ===

impl Exact {
    /// A sum of floats and ints.
    pub(super) fn new() -> Self {
        Self::of_powers(1)
    }

    /// A sum of their squares.
    pub(super) fn of_squares() -> Self {
        Self::of_powers(2)
    }

    fn of_powers(power: i32) -> Self {
        let bits = power * (GREATEST + 1 - LEAST) + CARRY_BITS;
        Self { digits: vec![0; bits as usize / 32 + 1].into(), unit: power * LEAST, pending: 0 }
    }

    pub(super) fn add(&mut self, term: Term) {
        if self.pending == UNTIL_CARRY {
            self.carry();
        }
        self.pending += 1;
        let position = (term.exponent - self.unit) as usize;
        let (mut digit, shift) = (position / 32, position % 32);
        let mut put = |bits: u32| {
            self.digits[digit] += if term.negative { -i64::from(bits) } else { i64::from(bits) };
            digit += 1;
        };
        put((term.magnitude as u32) << shift);
        let mut rest = term.magnitude >> (32 - shift);
        while rest != 0 {
            put(rest as u32);
            rest >>= 32;
        }
    }

    /// Bytes on the heap.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.digits)
    }

    /// Passes carries on, so that every digit is one of 32 bits, but for the last, which has the sign.
    fn carry(&mut self) {
        let mut carry = 0;
        let (last, digits) = self.digits.split_last_mut().expect("a sum has digits");
        for digit in digits {
            *digit += carry;
            carry = *digit >> 32;
            *digit &= 0xffff_ffff;
        }
        *last += carry;
        self.pending = 0;
    }

    /// Whether it is negative, and the digits of its magnitude.
    fn magnitude(&self) -> (bool, Vec<u32>) {
        let mut sum = self.clone();
        sum.carry();
        let negative = sum.digits.last() < Some(&0);
        if negative {
            sum.digits.iter_mut().for_each(|digit| *digit = -*digit);
            sum.carry();
        }
        (negative, sum.digits.iter().map(|digit| *digit as u32).collect())
    }

    /// The sum, rounded once.
    pub(super) fn total(&self) -> Scaled {
        let (negative, digits) = self.magnitude();
        let sum = Scaled::of(&digits, self.unit);
        Scaled { mantissa: if negative { -sum.mantissa } else { sum.mantissa }, ..sum }
    }
}

/// `n * squares - sum²`, exactly, then rounded: `n (n - 1)` times the sample variance of the `n` terms of both sums.
/// It cannot be negative.
pub(super) fn spread(n: u64, sum: &Exact, squares: &Exact) -> Scaled {
    let sum = sum.magnitude().1;
    let mut difference = product(&[n as u32, (n >> 32) as u32], &squares.magnitude().1);
    let mut borrow = 0;
    let mut square = product(&sum, &sum);
    let digits = difference.len().max(square.len());
    difference.resize(digits, 0);
    square.resize(digits, 0);
    for (digit, less) in difference.iter_mut().zip(square) {
        let rest = i64::from(*digit) - i64::from(less) + borrow;
        *digit = rest as u32;
        borrow = rest >> 32;
    }
    Scaled::of(&difference, squares.unit)
}

fn product(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut product = vec![0; a.len() + b.len()];
    // Most digits of most sums are zero.
    for (place, a) in a.iter().enumerate().filter(|(_, digit)| **digit != 0) {
        let mut carry = 0;
        for (digit, b) in product[place..].iter_mut().zip(b) {
            let sum = u64::from(*digit) + u64::from(*a) * u64::from(*b) + carry;
            *digit = sum as u32;
            carry = sum >> 32;
        }
        product[place + b.len()] = carry as u32;
    }
    product
}

// === impl Scaled ===

impl Scaled {
    /// These digits, rounded to the nearest.
    fn of(digits: &[u32], unit: i32) -> Self {
        let Some(top) = digits.iter().rposition(|digit| *digit != 0) else {
            return Self { mantissa: 0.0, exponent: 0 };
        };
        let digit = |place: Option<usize>| place.map_or(0, |place| u128::from(digits[place]));
        let below = |n| digit(top.checked_sub(n));
        let leading = digits[top].leading_zeros();
        let bits = (digit(Some(top)) << 64 | below(1) << 32 | below(2)) << leading;
        // More bits than a float has, and one that says whether any follows, so that a tie is one.
        let follow = bits as u32 != 0 || digits[..top.saturating_sub(2)].iter().any(|digit| *digit != 0);
        let mantissa = (bits >> 32) as u64 | u64::from(follow);
        Self { mantissa: mantissa as f64, exponent: unit + 32 * (top as i32 - 1) - leading as i32 }
    }

    pub(super) fn divided_by(self, divisor: f64) -> Self {
        Self { mantissa: self.mantissa / divisor, ..self }
    }

    pub(super) fn sqrt(self) -> Self {
        let odd = self.exponent.rem_euclid(2);
        let mantissa = if odd == 0 { self.mantissa } else { self.mantissa * 2.0 };
        Self { mantissa: mantissa.sqrt(), exponent: (self.exponent - odd) / 2 }
    }

    /// The float; infinite if it is out of range.
    pub(super) fn to_f64(self) -> f64 {
        const STEP: i32 = 1_000;
        let power = |exponent: i32| f64::from_bits(((exponent + GREATEST) as u64) << 52);
        let (mut float, mut exponent) = (self.mantissa, self.exponent);
        while exponent.abs() > STEP {
            let step = exponent.clamp(-STEP, STEP);
            float *= power(step);
            exponent -= step;
        }
        float * power(exponent)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(terms: &[f64]) -> f64 {
        let mut sum = Exact::new();
        terms.iter().for_each(|term| sum.add(Term::float(*term)));
        sum.total().to_f64()
    }

    #[test]
    fn nothing_is_lost_on_the_way() {
        assert_eq!(sum(&[]), 0.0);
        assert_eq!(sum(&[0.1, 0.2]), 0.1 + 0.2);
        assert_eq!(sum(&[0.1; 10]), 1.0);
        assert_eq!(sum(&[1e308, 1e308, -1e308]), 1e308);
        assert_eq!(sum(&[1e308, 1e308]), f64::INFINITY);
        assert_eq!(sum(&[1e300, 1.0, -1e300]), 1.0);
        assert_eq!(sum(&[1.0, 1e-300, -1.0]), 1e-300);
        assert_eq!(sum(&[f64::MIN_POSITIVE, -5e-324]), f64::MIN_POSITIVE - 5e-324);
        // A tie goes to the even neighbour, and the least bit beyond it decides.
        let half = 2_f64.powi(-53);
        assert_eq!(sum(&[1.0, half]), 1.0);
        assert_eq!(sum(&[1.0, half, 5e-324]), 1.0 + f64::EPSILON);
        assert_eq!(sum(&[-1.0, -half, -5e-324]), -1.0 - f64::EPSILON);
    }

    #[test]
    fn carries_are_passed_on_in_time() {
        let mut sum = Exact::new();
        for term in [i128::MAX, -i128::MAX] {
            sum.pending = UNTIL_CARRY - 1;
            (0..3).for_each(|_| sum.add(Term::int(term)));
        }
        sum.add(Term::int(7));
        assert_eq!(sum.total().to_f64(), 7.0);
    }

    #[test]
    fn the_spread_is_exact() {
        let of = |terms: &[Term]| {
            let (mut sum, mut squares) = (Exact::new(), Exact::of_squares());
            for term in terms {
                sum.add(*term);
                squares.add(term.squared());
            }
            spread(terms.len() as u64, &sum, &squares)
        };
        // n Σx² - (Σx)² of 1 and 3: 2 * 10 - 16.
        assert_eq!(of(&[Term::int(1), Term::int(3)]).to_f64(), 4.0);
        // The squares of these are equal as floats.
        let far = 1_i128 << 62;
        assert_eq!(of(&[Term::int(far), Term::int(far + 1)]).to_f64(), 1.0);
        let ends = |float: f64| of(&[Term::float(float), Term::float(-float)]);
        assert_eq!(of(&[Term::float(f64::MAX), Term::float(f64::MAX)]).to_f64(), 0.0);
        assert_eq!(ends(f64::MAX).sqrt().to_f64(), f64::INFINITY);
        assert_eq!(ends(f64::MAX).divided_by(4.0).sqrt().to_f64(), f64::MAX);
        assert_eq!(ends(5e-324).sqrt().to_f64(), 1e-323);
    }

    proptest! {
        #[test]
        fn one_or_two_terms_are_as_the_processor_has_them(
            a in proptest::num::f64::ANY.prop_filter("finite", |float| float.is_finite()),
            b in proptest::num::f64::ANY.prop_filter("finite", |float| float.is_finite()),
            int in any::<i64>(),
        ) {
            prop_assert_eq!(sum(&[a]), a);
            prop_assert_eq!(sum(&[a, b]), a + b);
            let mut ints = Exact::new();
            ints.add(Term::int(int.into()));
            prop_assert_eq!(ints.total().to_f64(), int as f64);
        }
    }
}
