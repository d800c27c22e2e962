//! What a released set becomes. Field names and words are the published JSON format, so a new field is a change
//! of the format: the two records that the engine builds are deliberately not `#[non_exhaustive]`.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::ser::Serializer;
use stook_types::{CollectorId, EmissionId, Incarnation, Missing, MonoTime, Outcome, Topic, WallTime};

use crate::{Merged, Repeats, SetKey};

/// A released set: the merged value, who contributed, who is missing and why.
#[derive(Clone, Debug, Serialize)]
pub struct AggregatedResult {
    /// The aggregate's name.
    pub aggregate: Arc<str>,
    /// The correlation ID, or the array of key values.
    pub correlation_id: SetKey,
    /// Derived from aggregate, key, generation and revision: a repeat has the same.
    pub emission_id: EmissionId,
    /// Counts the sets of this key, from 1.
    pub generation: u64,
    /// Counts the emissions of this set, from 1.
    pub revision: u64,
    /// Complete or partial.
    pub outcome: Outcome,
    /// What ended the set.
    pub reason: Reason,
    /// Why the merge strategy failed, in at most 1 KiB of text; only where the reason is `merge-failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What the results became together.
    pub value: Merged,
    /// Who gave which part of the value; empty unless the merge was asked for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub provenance: Vec<Provenance>,
    /// Accepted results.
    pub results: u64,
    /// Duplicates that were dropped: retransmits and what `dedup` found.
    pub duplicates: u64,
    /// Results that came more than once; empty unless dedup was asked to count them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub repeats: Vec<Repeat>,
    /// Who sent them.
    pub contributors: Vec<Contributor>,
    /// Who did not answer. Complete sets list them too, where a quorum left somebody out.
    pub missing: Vec<MissingCollector>,
    /// What could not be merged faithfully.
    pub conflicts: Vec<Conflict>,
    /// When the set was opened.
    pub opened_at: WallTime,
    /// When it was released.
    pub released_at: WallTime,
    /// Microseconds between the two, on the monotonic clock.
    pub latency_us: u64,
}

impl AggregatedResult {
    /// The same with its value [readable](Merged::readable): with that it can be written whatever the payloads are.
    pub fn readable(&self) -> Self {
        Self { value: self.value.readable(), ..self.clone() }
    }
}

/// One incarnation of a collector that contributed to a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Contributor {
    /// Its name.
    pub collector: CollectorId,
    /// Its process start.
    pub incarnation: Incarnation,
    /// Its process id, if known.
    pub pid: Option<u32>,
    /// The topics of its results, sorted.
    pub topics: Vec<Topic>,
    /// How many results of it are in the set.
    pub results: u64,
    /// Their sequence numbers, as inclusive ranges.
    pub sequences: Vec<(u64, u64)>,
}

/// Who gave one field of the merged value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Provenance {
    /// The path of the field.
    pub field: Vec<String>,
    /// The collectors whose values are in it, or whose value it is; sorted.
    pub collectors: Vec<CollectorId>,
}

/// A result that came more than once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Repeat {
    /// Who sent the one that stayed.
    pub collector: CollectorId,
    /// Its number.
    pub sequence: u64,
    /// How often it came, the one that stayed included.
    pub count: u64,
    /// When it came first.
    pub first_seen: WallTime,
    /// When it came last.
    pub last_seen: WallTime,
    /// Which other collectors sent it too, sorted.
    pub also_from: Vec<CollectorId>,
}

/// A collector that did not answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MissingCollector {
    /// Its name.
    pub collector: CollectorId,
    /// Why.
    pub reason: Missing,
}

/// Something that could not be merged faithfully.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Conflict {
    /// The path of the field; empty for the payload as a whole.
    pub field: Vec<String>,
    /// What happened.
    pub kind: ConflictKind,
    /// Whose value it was.
    pub collector: CollectorId,
    /// What was there instead: the type, for `type`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub got: Option<String>,
}

crate::choice! {
    /// What kind of conflict.
    #[derive(PartialOrd, Ord)]
    #[non_exhaustive]
    pub enum ConflictKind {
        /// A value of a type that the rule cannot take; it was skipped.
        Type = "type",
        /// A number that does not fit; the field is absent.
        Overflow = "overflow",
        /// Values that should be equal differ.
        Disagree = "disagree",
        /// A payload that cannot be decoded; it was skipped.
        Decode = "decode",
    }
}

/// What ended a set.
///
/// `Completed` makes the outcome complete, all others make it partial. Deliberately not `#[non_exhaustive]`: the words
/// are the published JSON format, and a sink that tells them apart is to learn of a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The completion policy of this name said so.
    Completed(&'static str),
    /// `timeout` after the set was opened.
    Timeout,
    /// `idle` after the last result.
    Idle,
    /// A limit needed its room.
    Evicted,
    /// An operator asked for it.
    Forced,
    /// Every missing collector is known to be dead.
    CollectorsLost,
    /// The host stops.
    Shutdown,
    /// The merge strategy failed; the value is the list of payloads.
    MergeFailed,
}

// === impl Reason ===

impl Reason {
    /// The word in JSON: a policy's name, or one of `timeout idle evicted forced collectors-lost shutdown
    /// merge-failed`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed(policy) => policy,
            Self::Timeout => "timeout",
            Self::Idle => "idle",
            Self::Evicted => "evicted",
            Self::Forced => "forced",
            Self::CollectorsLost => "collectors-lost",
            Self::Shutdown => "shutdown",
            Self::MergeFailed => "merge-failed",
        }
    }

    /// Whether the set is all that was asked for.
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::Completed(_) => Outcome::Complete,
            _ => Outcome::Partial,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

// === impl Conflict ===

impl Conflict {
    /// A conflict of this kind about a value of this collector at this path.
    pub fn new<S: Into<String>>(
        field: impl IntoIterator<Item = S>,
        kind: ConflictKind,
        collector: &CollectorId,
    ) -> Self {
        Self {
            field: field.into_iter().map(Into::into).collect(),
            kind,
            collector: collector.clone(),
            got: None,
        }
    }

    /// A conflict about a payload as a whole.
    pub fn of_payload(kind: ConflictKind, collector: &CollectorId) -> Self {
        Self::new::<String>([], kind, collector)
    }

    /// The conflict, with what was there instead.
    #[must_use]
    pub fn got(mut self, got: impl Into<String>) -> Self {
        self.got = Some(got.into());
        self
    }
}

// === impl Provenance ===

impl Provenance {
    /// The field at this path has what these collectors gave.
    pub fn new(field: Vec<String>, collectors: Vec<CollectorId>) -> Self {
        Self { field, collectors }
    }
}

// === impl Repeat ===

impl Repeat {
    /// This result of this collector came more than once. `wall` says what its times are by the wall clock.
    pub fn new(
        collector: CollectorId,
        sequence: u64,
        repeats: &Repeats,
        wall: impl Fn(MonoTime) -> WallTime,
    ) -> Self {
        Self {
            collector,
            sequence,
            count: repeats.count,
            first_seen: wall(repeats.first),
            last_seen: wall(repeats.last),
            also_from: repeats.also_from.clone(),
        }
    }
}

// === impl MissingCollector ===

impl MissingCollector {
    /// This collector is missing for this reason.
    pub const fn new(collector: CollectorId, reason: Missing) -> Self {
        Self { collector, reason }
    }
}
