//! The contract of merging.

use std::collections::BTreeMap;
use std::fmt;

use serde::ser::{Serialize, Serializer};
use stook_types::{DecodeError, Payload, Value};

use crate::{Conflict, ConflictKind, Contribution, Provenance};

/// Makes one value of the results of a released set.
///
/// # Contract
///
/// * **Who calls, when.** The host, once per released set and once more per correction of it.
/// * **Where.** On whichever thread released the set, on owned results, under no lock. It may take a while
///   (other sets proceed on other threads), but it holds up its caller's session: no I/O, no blocking. Calls that
///   take long are counted and named.
/// * **Input.** The accepted results in effective order (see [`OrderStrategy`](crate::OrderStrategy)); possibly
///   none, for a set that was announced and never answered.
/// * **An error or a panic** releases the set as partial with reason `merge-failed` and its payloads as a list;
///   nothing is lost, and no other set notices.
/// * **Payloads come from outside**: any of them may fail to decode or have an unexpected type. That is a
///   [`Conflict`], not an error of the merge.
///
/// # The wrong way
///
/// Decoding in order to hand on: a strategy that only arranges payloads returns [`Merged::Payload`], which stays
/// encoded until a sink writes it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no merge strategy",
    note = "`register!(merge: …)` takes a type that implements `MergeStrategy`"
)]
pub trait MergeStrategy: Send + Sync + 'static {
    /// What this strategy, with these options, promises about itself. The conformance kit tests it.
    fn algebra(&self) -> Algebra;

    /// Merges the results; what could not be merged faithfully is pushed to `conflicts`.
    ///
    /// # Errors
    /// If there is no faithful value at all.
    fn merge(&self, input: &MergeInput<'_>, conflicts: &mut Conflicts) -> Result<Merged, MergeError>;

    /// Who gave what is in the merged value, if these options ask for that. Called after the merge, with the same input.
    fn provenance(&self, input: &MergeInput<'_>) -> Vec<Provenance> {
        let _ = input;
        Vec::new()
    }

    /// Whether it weighs what different collectors say by how many say so. Config refuses that beside a dedup which would
    /// drop the second of two equal answers: their agreement could not be seen.
    fn compares_collectors(&self) -> bool {
        false
    }

    /// Which of these options makes the value depend on the order of the results, if it is one and not the strategy as a
    /// whole: for the warning that says so. The default names none.
    fn minds_order(&self) -> Option<MindsOrder> {
        None
    }

    /// Follows some fields of the merged value while their set is open, for completion policies that
    /// [read](crate::CompletionPolicy::reads_value) them. Asked once at start-up, to see whether it can, and once for each
    /// set. The default cannot.
    ///
    /// # Errors
    /// If one of these fields cannot be followed, like one that depends on the order of the results: a fragment that
    /// says which and why.
    fn running(&self, paths: &[Vec<String>]) -> Result<Box<dyn RunningMerge>, MergeError> {
        let _ = paths;
        Err(MergeError::new("its value is not known before the set is released"))
    }
}

/// An option of a merge that makes its value depend on the order of the results.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MindsOrder {
    /// Which, as a fragment: "rule `concat` of `name`".
    pub what: String,
    /// The word that says so in the config, where it says so.
    pub word: &'static str,
}

/// Some fields of the merged value of one open set.
///
/// Both methods are called under the set's mutex: no I/O, no blocking, and time proportional to one result.
pub trait RunningMerge: Send {
    /// Takes a result that has entered the set. What cannot be merged faithfully is skipped, as the merge will.
    fn push(&mut self, result: &Contribution);

    /// The fields so far: an object, with those that have a value.
    fn value(&self) -> Value;

    /// How many bytes it holds beyond itself, roughly: charged to the memory budget.
    fn bytes(&self) -> usize {
        0
    }
}

/// A released set, as a merge strategy sees it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MergeInput<'a> {
    /// The aggregate's name.
    pub aggregate: &'a str,
    /// The accepted results in effective order.
    pub results: &'a [Contribution],
}

/// A merged value: a tree whose leaves may still be encoded.
#[derive(Clone)]
#[non_exhaustive]
pub enum Merged {
    /// A decoded value.
    Value(Value),
    /// One payload as it came.
    Payload(Payload),
    /// A list.
    Array(Vec<Merged>),
    /// Named parts.
    Object(BTreeMap<String, Merged>),
}

/// Collects what could not be merged faithfully. Bounded: past [`Conflicts::MAX`] they are only counted.
#[derive(Debug, Default)]
pub struct Conflicts {
    list: Vec<Conflict>,
    dropped: usize,
}

/// What a strategy promises: its algebra, so that hosts can warn of results that depend on scheduling and the
/// conformance kit can test the promise. The default promises nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Algebra {
    /// Any order of the results gives the same value.
    pub commutative: bool,
    /// Merging parts first and their values then gives the same value.
    pub associative: bool,
    /// A result that comes twice changes nothing.
    pub idempotent: bool,
    /// How the merged value grows.
    pub memory: MemoryBound,
}

crate::choice! {
    /// How a merged value grows with its input.
    #[derive(Default)]
    pub enum MemoryBound {
        /// Not beyond the largest payload.
        Constant = "constant",
        /// With the number of distinct fields or keys.
        Fields = "fields",
        /// With all the input.
        #[default]
        Input = "input",
    }
}

/// Why a set has no merged value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
#[non_exhaustive]
pub struct MergeError(pub String);

// === impl MergeError ===

impl MergeError {
    /// An error with this text, a lower-case fragment that fits after "failed to merge: ".
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl From<DecodeError> for MergeError {
    fn from(error: DecodeError) -> Self {
        Self(error.to_string())
    }
}

// === impl MindsOrder ===

impl MindsOrder {
    /// This does, for this word.
    pub fn new(what: impl Into<String>, word: &'static str) -> Self {
        Self { what: what.into(), word }
    }
}

// === impl MergeInput ===

impl<'a> MergeInput<'a> {
    /// These results of a set of this aggregate.
    pub const fn new(aggregate: &'a str, results: &'a [Contribution]) -> Self {
        Self { aggregate, results }
    }

    /// The payloads in effective order, as they came: what `list` returns, and what a set falls back to when its
    /// own strategy fails.
    pub fn list(&self) -> Merged {
        Merged::Array(self.results.iter().map(|result| Merged::Payload(result.payload.clone())).collect())
    }
}

// === impl Merged ===

impl Merged {
    /// The whole tree, decoded.
    ///
    /// # Errors
    /// If a payload in it is not what its encoding promises.
    pub fn to_value(&self) -> Result<Value, DecodeError> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::Payload(payload) => payload.decode(),
            Self::Array(parts) => parts.iter().map(Self::to_value).collect(),
            Self::Object(parts) => {
                let field = |(name, part): (&String, &Self)| Ok((name.clone(), part.to_value()?));
                parts.iter().map(field).collect::<Result<_, _>>().map(Value::Object)
            }
        }
    }

    /// The same with each payload that cannot be decoded replaced by what can be said of it: why (`undecodable`),
    /// its `content_type` and its `bytes`. For sinks, which would have nothing to write otherwise.
    pub fn readable(&self) -> Self {
        match self {
            Self::Payload(payload) => {
                Self::Value(payload.decode().unwrap_or_else(|error| undecodable(payload, error)))
            }
            Self::Array(parts) => Self::Array(parts.iter().map(Self::readable).collect()),
            Self::Object(parts) => {
                Self::Object(parts.iter().map(|(name, part)| (name.clone(), part.readable())).collect())
            }
            Self::Value(value) => Self::Value(value.clone()),
        }
    }
}

/// As the value that it is; of long payloads only their size.
impl fmt::Debug for Merged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => value.fmt(f),
            Self::Payload(payload) => payload.fmt(f),
            Self::Array(parts) => parts.fmt(f),
            Self::Object(parts) => parts.fmt(f),
        }
    }
}

fn undecodable(payload: &Payload, error: DecodeError) -> Value {
    Value::from([
        ("undecodable", Value::from(error.why)),
        ("content_type", error.content_type.into()),
        ("bytes", Value::Bytes(payload.bytes().to_vec())),
    ])
}

impl Serialize for Merged {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(to),
            Self::Payload(payload) => payload.serialize(to),
            Self::Array(parts) => parts.serialize(to),
            Self::Object(parts) => parts.serialize(to),
        }
    }
}

// === impl Conflicts ===

impl Conflicts {
    /// How many conflicts of one set are kept; a hostile set could have millions.
    pub const MAX: usize = 1_000;

    /// Records a conflict.
    pub fn push(&mut self, conflict: Conflict) {
        if self.list.len() < Self::MAX {
            self.list.push(conflict);
        } else {
            self.dropped += 1;
        }
    }

    /// The payload of this result, decoded; or `None`, and a conflict says why. One at a time: all payloads of a set
    /// decoded at once would be a multiple of what its limits allow.
    pub fn decode(&mut self, result: &Contribution) -> Option<Value> {
        let conflict = || Conflict::of_payload(ConflictKind::Decode, &result.source.collector);
        result.payload.decode().map_err(|error| self.push(conflict().got(error.why))).ok()
    }

    /// How many conflicts there were beyond those kept.
    pub const fn dropped(&self) -> usize {
        self.dropped
    }

    /// The conflicts that were kept, in the order in which they were found.
    pub fn into_list(self) -> Vec<Conflict> {
        self.list
    }
}
