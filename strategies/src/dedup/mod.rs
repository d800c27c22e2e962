//! When two results are the same.

#[cfg(feature = "dedup-content")]
mod content;
#[cfg(feature = "dedup-none")]
mod none;

#[cfg(feature = "dedup-content")]
pub use content::{Content, ContentOptions};
#[cfg(feature = "dedup-none")]
pub use none::None;
