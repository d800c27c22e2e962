//! Whether an ended collector is started again, and when.

#[cfg(feature = "restart-backoff")]
mod backoff;
#[cfg(feature = "restart-immediate")]
mod immediate;
#[cfg(feature = "restart-intensity")]
mod intensity;
#[cfg(feature = "restart-never")]
mod never;

#[cfg(feature = "restart-backoff")]
pub use backoff::{Backoff, BackoffOptions};
#[cfg(feature = "restart-immediate")]
pub use immediate::{Immediate, ImmediateOptions};
#[cfg(feature = "restart-intensity")]
pub use intensity::{Intensity, IntensityOptions};
#[cfg(feature = "restart-never")]
pub use never::Never;

#[cfg(test)]
mod testing;
