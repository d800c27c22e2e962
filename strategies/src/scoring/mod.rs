//! Which collector gets a task.

#[cfg(feature = "scoring-hot-cold")]
mod hot_cold;
#[cfg(feature = "scoring-least-outstanding")]
mod least_outstanding;
#[cfg(feature = "scoring-p2c")]
mod p2c;
#[cfg(feature = "scoring-peak-ewma")]
mod peak_ewma;
#[cfg(feature = "scoring-random")]
mod random;
#[cfg(feature = "scoring-round-robin")]
mod round_robin;
#[cfg(feature = "scoring-seed-weighted")]
mod seed_weighted;

#[cfg(feature = "scoring-hot-cold")]
pub use hot_cold::{HotCold, HotColdOptions};
#[cfg(feature = "scoring-least-outstanding")]
pub use least_outstanding::LeastOutstanding;
#[cfg(feature = "scoring-p2c")]
pub use p2c::P2c;
#[cfg(feature = "scoring-peak-ewma")]
pub use peak_ewma::{PeakEwma, PeakEwmaOptions};
#[cfg(feature = "scoring-random")]
pub use random::Random;
#[cfg(feature = "scoring-round-robin")]
pub use round_robin::RoundRobin;
#[cfg(feature = "scoring-seed-weighted")]
pub use seed_weighted::{SeedWeighted, SeedWeightedOptions};

#[cfg(test)]
mod testing;
