//! When to try again.

use std::time::Duration;

use stook_types::Incarnation;

/// Exponential, with full jitter: collectors that lost the same host do not come back as one.
#[derive(Debug)]
pub(crate) struct Backoff {
    attempt: u32,
    random: u64,
    longest: Duration,
}

const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(2);
/// The same, while another process has the name.
const PATIENT: Duration = Duration::from_secs(30);

impl Backoff {
    /// The incarnation is random already; nothing else here needs to be.
    pub(crate) fn new(seed: Incarnation) -> Self {
        let (high, low) = seed.0.as_u64_pair();
        Self { attempt: 0, random: high ^ low, longest: LONGEST }
    }

    /// It worked: begin again with short waits.
    pub(crate) fn reset(&mut self) {
        self.attempt = 0;
        self.longest = LONGEST;
    }

    /// Whether nothing is likely to change soon.
    pub(crate) fn patient(&mut self, patient: bool) {
        self.longest = if patient { PATIENT } else { LONGEST };
    }

    /// How long to wait before the next attempt: anything up to a bound that doubles.
    pub(crate) fn next(&mut self) -> Duration {
        let bound = FIRST.saturating_mul(1 << self.attempt.min(16)).min(self.longest);
        self.attempt += 1;
        // SplitMix64 (Steele, Lea, Flood 2014).
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        bound.mul_f64((mixed >> 11) as f64 / (1u64 << 53) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_jitters_and_stays_bounded() {
        let mut backoff = Backoff::new(Incarnation::random());
        let waits: Vec<_> = (0..200).map(|_| backoff.next()).collect();
        assert!(waits[0] <= FIRST);
        assert!(waits.iter().all(|wait| *wait <= LONGEST));
        assert!(waits.iter().skip(20).any(|wait| *wait > LONGEST / 2));
        assert!(waits.iter().skip(20).any(|wait| *wait < LONGEST / 2));
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }

    #[test]
    fn patience_ends_when_it_worked() {
        let mut backoff = Backoff::new(Incarnation::random());
        backoff.patient(true);
        assert!((0..200).any(|_| backoff.next() > LONGEST));
        backoff.reset();
        assert!((0..200).all(|_| backoff.next() <= LONGEST));
    }
}
