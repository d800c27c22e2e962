//! What a policy author sees: the contracts of stook's plugins, the views they are given, and the registry in
//! which a host finds them.
//!
//! A plugin is a type that implements [`Plugin`] (its name, docs, options and constructor) and one contract:
//!
//! | contract | decides | where it runs |
//! | --- | --- | --- |
//! | [`CompletionPolicy`] | when a set is complete | under the set's own mutex |
//! | [`DedupStrategy`] | when two results are the same | before a result enters its set |
//! | [`OrderStrategy`] | in which order results are merged | on an owned, released set |
//! | [`MergeStrategy`] | what the results become together | on an owned, released set |
//! | [`ScoringPolicy`] | which collector gets a task | on the task that dispatches |
//! | [`FailureDetector`] | when a silent collector is given up | on the task that dispatches |
//! | [`RestartPolicy`] | whether an ended collector is started again | on the task that dispatches |
//! | [`Sink`] | where a finished result goes | on a thread of its own |
//!
//! [`register!`] makes it known to every host that links its crate:
//!
//! ```
//! use stook_plugin::{Algebra, Conflicts, MergeError, MergeInput, MergeStrategy, Merged};
//! use stook_plugin::{BuildContext, BuildError, Plugin, options, register};
//!
//! options! {
//!     /// Options of `acme/nth`.
//!     pub struct NthOptions {
//!         /// Which result to take, counted from 0 in effective order.
//!         index: usize = 0,
//!     }
//! }
//!
//! /// Takes the n-th payload.
//! pub struct Nth(usize);
//!
//! impl Plugin for Nth {
//!     const NAME: &'static str = "acme/nth";
//!     const DOCS: &'static str = "Takes the n-th payload, in effective order.";
//!     type Options = NthOptions;
//!
//!     fn build(options: NthOptions, _: &BuildContext) -> Result<Self, BuildError> {
//!         Ok(Self(options.index))
//!     }
//! }
//!
//! impl MergeStrategy for Nth {
//!     fn algebra(&self) -> Algebra {
//!         Algebra::default()
//!     }
//!
//!     fn merge(&self, input: &MergeInput<'_>, _: &mut Conflicts) -> Result<Merged, MergeError> {
//!         let nth = input.results.get(self.0).ok_or_else(|| MergeError::new("the set is too small"))?;
//!         Ok(Merged::Payload(nth.payload.clone()))
//!     }
//! }
//!
//! register!(merge: Nth);
//! # fn main() {}
//! ```
//!
//! [`conformance`] holds a policy to its contract in a test of one line.
//!
//! # Stability
//!
//! Traits gain methods only with defaults; the views and errors are `#[non_exhaustive]`.

mod completion;
pub mod conformance;
mod dedup;
mod detection;
mod draw;
mod key;
mod merge;
#[cfg(test)]
mod messages;
mod options;
mod order;
mod plugin;
mod registry;
mod restart;
mod result;
mod scoring;
mod sink;
mod view;

pub use completion::{Admission, CompletionPolicy, Decision, Roster, RosterEntry, Unexpected};
pub use dedup::{DedupMemory, DedupStrategy, Identity, Keep, Scope};
pub use detection::{FailureDetector, Watch};
pub use draw::Draw;
pub use key::SetKey;
pub use merge::{
    Algebra, Conflicts, MemoryBound, MergeError, MergeInput, MergeStrategy, Merged, MindsOrder, RunningMerge,
};
#[doc(hidden)]
pub use options::unknown_word;
pub use options::{NoOptions, OptionSpec, OptionType, Options, TypeSpec};
pub use order::OrderStrategy;
#[doc(hidden)]
pub use plugin::crate_of;
pub use plugin::{
    BuildContext, BuildError, Factory, Plugin, PluginKind, PluginType, Registration, Stability,
};
#[doc(hidden)]
pub use registry::near;
pub use registry::{Linked, Registry, RegistryBuilder, RegistryError, UnknownPlugin};
pub use restart::{Ending, Exit, REMEMBERED, Restart, RestartPolicy, SETTLED};
pub use result::{
    AggregatedResult, Conflict, ConflictKind, Contributor, MissingCollector, Provenance, Reason, Repeat,
};
pub use scoring::{Candidate, LoadHints, Pool, ScoringPolicy, lowest};
pub use sink::{Sink, SinkError};
pub use view::{Contribution, Member, Repeats, SetView, Source};

// So that the macros' paths hold inside this crate too.
extern crate self as stook_plugin;

pub use erased_serde::Deserializer as OptionsDeserializer;
#[doc(inline)]
pub use stook_types as types;

/// Plumbing of the macros. Not public API.
#[doc(hidden)]
pub mod __private {
    pub use inventory;
    pub use serde;
}
