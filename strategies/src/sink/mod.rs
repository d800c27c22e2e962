//! Where finished results go.

#[cfg(feature = "sink-jsonl")]
mod jsonl;

#[cfg(feature = "sink-jsonl")]
pub use jsonl::{Jsonl, JsonlOptions};
