//! The contract of deduplication.

use std::time::Duration;

use stook_types::DecodeError;

use crate::Contribution;

/// Says when two results are the same. *Remembering* is the engine's work, so that every strategy gets it right:
/// an identity counts as seen once its result is pending or delivered, not when it was refused.
///
/// Retransmits (same collector, incarnation and sequence) never reach a strategy; they are always dropped.
///
/// # Contract
///
/// * **Who calls, when.** The engine calls [`identity`](Self::identity) once for each result that is no
///   retransmit, before it enters its set; [`memory`](Self::memory) once, at start-up.
/// * **State.** None: the same result has the same identity at any time, and for every instance of one seed. The memory is
///   the same at any time too; its window and capacity are not zero.
/// * **Where.** On the thread that brought the result, under no lock. No blocking, no I/O.
/// * **An error** is for payloads that cannot be decoded, and refuses the result with `decode`; **a panic** is caught, counted, and refuses it likewise.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no dedup",
    note = "`register!(dedup: …)` takes a type that implements `DedupStrategy`"
)]
pub trait DedupStrategy: Send + Sync + 'static {
    /// The identity of a result, or `None` if it is never the same as any other.
    ///
    /// # Errors
    /// If the payload must be decoded for it and cannot be.
    fn identity(&self, result: &Contribution) -> Result<Option<Identity>, DecodeError>;

    /// What the engine shall remember, and for how long.
    fn memory(&self) -> DedupMemory;
}

/// 128 bits that are equal for equal results. Use a keyed hash (the key comes with
/// [`BuildContext::seed`](crate::BuildContext)): payloads may be hostile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity(pub u128);

/// What is remembered of identities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DedupMemory {
    /// Among which results duplicates are looked for.
    pub scope: Scope,
    /// How long an identity is remembered, from when it was first seen, or last if it is refreshed.
    pub window: Duration,
    /// How many identities are remembered; past it the one not met for the longest time is forgotten.
    pub capacity: usize,
    /// Which of two equal results stays.
    pub keep: Keep,
    /// Whether the window starts again each time that an identity is met.
    pub refresh: bool,
    /// Whether each result shall know how often it was seen in its set
    /// ([`Contribution::repeats`](crate::Contribution)).
    pub counting: bool,
}

crate::choice! {
    /// Among which results duplicates are looked for.
    pub enum Scope {
        /// Within one set.
        Set = "set",
        /// Within all sets of the aggregate.
        Aggregate = "aggregate",
        /// Within the results of one collector, in all sets of the aggregate.
        Collector = "collector",
    }
}

crate::choice! {
    /// Which of two equal results stays.
    pub enum Keep {
        /// The earlier one.
        First = "first",
        /// The later one, as long as the earlier is pending in the same set; it takes over its place.
        Last = "last",
    }
}

impl DedupMemory {
    /// Remembers nothing but what is pending in the same set.
    pub const fn of_set() -> Self {
        Self::bounded(Scope::Set, Duration::MAX, usize::MAX, Keep::First)
    }

    /// A memory with these bounds, which neither refreshes nor counts.
    #[must_use]
    pub const fn bounded(scope: Scope, window: Duration, capacity: usize, keep: Keep) -> Self {
        Self { scope, window, capacity, keep, refresh: false, counting: false }
    }

    /// The memory, with the window starting again each time that an identity is met.
    #[must_use]
    pub const fn refreshing(mut self, refresh: bool) -> Self {
        self.refresh = refresh;
        self
    }

    /// The memory, with each result knowing how often it was seen.
    #[must_use]
    pub const fn counting(mut self, counting: bool) -> Self {
        self.counting = counting;
        self
    }
}
