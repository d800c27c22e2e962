//! What is said of many measurements.

/// Measurements of one thing, all in one unit.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples(Vec<f64>);

impl Samples {
    /// Those of which there are some yet to come.
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// One more.
    pub(super) fn push(&mut self, sample: f64) {
        self.0.push(sample);
    }

    /// Each of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = f64> {
        self.0.iter().copied()
    }

    /// How many.
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Half of them are below.
    pub(super) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// 99 of 100 are not above. With fewer than 100 it is the greatest.
    pub(super) fn p99(&self) -> f64 {
        self.quantile(0.99)
    }

    /// The least sample that this share of all does not exceed (nearest rank); `NaN` if there is none.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        let mut samples = self.0.clone();
        let rank = (share * samples.len() as f64).ceil() as usize;
        match samples.len() {
            0 => f64::NAN,
            all => *samples.select_nth_unstable_by(rank.clamp(1, all) - 1, f64::total_cmp).1,
        }
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(samples: I) -> Self {
        Self(samples.into_iter().collect())
    }
}

impl Extend<f64> for Samples {
    fn extend<I: IntoIterator<Item = f64>>(&mut self, samples: I) {
        self.0.extend(samples);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_samples() {
        let samples: Samples = (1..=200).rev().map(f64::from).collect();
        assert_eq!((samples.median(), samples.p99(), samples.len()), (100.0, 198.0, 200));
        let few: Samples = [3.0, 1.0, 2.0].into_iter().collect();
        assert_eq!((few.median(), few.p99(), few.quantile(0.0)), (2.0, 3.0, 1.0));
        assert!(Samples::new().median().is_nan());
    }
}
