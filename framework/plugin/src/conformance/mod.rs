//! What a contract asks of every policy and strategy, as a test of one line.
//!
//! ```
//! # use stook_plugin::{Candidate, Pool, ScoringPolicy};
//! struct FewestOfAll;
//!
//! impl ScoringPolicy for FewestOfAll {
//!     fn cost(&self, candidate: &Candidate, _: &Pool<'_>) -> f64 {
//!         candidate.busy.into()
//!     }
//! }
//!
//! // In your crate this is the body of a test.
//! stook_plugin::conformance::scoring(|| FewestOfAll);
//! ```
//!
//! Each function asks the policy thousands of questions, some of them hostile, and panics at the first answer that
//! its contract does not allow, with what was violated and with which input. The questions come from fixed seeds, so
//! that a violation is found again by running the test again; the seed is in the message. A policy with several
//! settings is tested in each that behaves differently.
//!
//! There is one function for each contract, and [`plugin`] for what is the same for all: its name, its docs, its options
//! and their defaults.
//!
//! What is *good* is not asked. That needs a load, and a policy may have reasons.

mod completion;
mod dedup;
mod detection;
mod given;
mod merge;
mod order;
mod plugin;
mod restart;
mod results;
mod scoring;
mod sent;
mod sink;

pub use completion::{completion, completion_of};
pub use dedup::{dedup, dedup_of};
pub use detection::detection;
pub use merge::{merge, merge_of};
pub use order::order;
pub use plugin::{plugin, unregistered};
pub use restart::restart;
pub use scoring::scoring;
pub use sink::{sink, sink_of};

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::Draw;

/// What the plugin answers, with the input in the message if it panics instead.
#[track_caller]
fn answer<T>(to: impl Display, ask: impl FnOnce() -> T) -> T {
    // Whatever the panic left behind is not looked at again.
    match catch_unwind(AssertUnwindSafe(ask)) {
        Ok(answer) => answer,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            panic!("a plugin must not panic, whatever it is given: it did, with `{text}`, at {to}");
        }
    }
}

/// A text of which nobody would read more.
fn brief(text: &impl Display) -> String {
    cut(text, 2_000)
}

/// The first so many bytes of a text, and how many there are more.
fn cut(text: &impl Display, enough: usize) -> String {
    let mut text = text.to_string();
    if text.len() > enough {
        let end = text.floor_char_boundary(enough);
        let more = text.len() - end;
        text.truncate(end);
        text += &format!("… ({more} bytes more)");
    }
    text
}

/// One of these.
fn one_of<T: Copy>(these: &[T], draw: &mut Draw) -> T {
    these[draw.below(these.len())]
}

#[cfg(test)]
mod testing {
    use super::*;

    /// That this ends in a panic, the message of which says so.
    pub(super) fn violates(saying: &str, test: impl FnOnce()) {
        let Err(panic) = catch_unwind(AssertUnwindSafe(test)) else { panic!("passed, without `{saying}`") };
        let message = panic.downcast_ref::<String>().expect("a message with its input");
        assert!(message.contains(saying), "{message}");
    }
}
