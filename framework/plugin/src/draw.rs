//! Random choices that can be repeated: the engine draws no ambient randomness, and neither do policies.

/// A small generator of random choices from a seed. Not for secrets.
///
/// SplitMix64 (Steele, Lea and Flood, *Fast Splittable Pseudorandom Number Generators*, OOPSLA 2014): one
/// addition and three multiplications a draw, every seed is a good one.
#[derive(Clone, Debug)]
pub struct Draw(u64);

impl Draw {
    /// Choices that this seed determines.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`, each about equally likely (the bias is below n / 2⁶⁴); 0 if `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        // The high half of a product, as D. Lemire, *Fast Random Integer Generation in an Interval* (2019).
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }

    /// A number from 0 up to and not including 1.
    pub fn unit(&mut self) -> f64 {
        // The 53 bits that a float holds.
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_repeatable_and_even() {
        assert_eq!(Draw::new(7).bits(), Draw::new(7).bits());
        let mut draw = Draw::new(1);
        let mut counts = [0_u32; 5];
        for _ in 0..50_000 {
            counts[draw.below(5)] += 1;
            assert!((0.0..1.0).contains(&draw.unit()));
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
        assert_eq!(draw.below(0), 0);
        assert_eq!(draw.below(1), 0);
    }
}
