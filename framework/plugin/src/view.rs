//! What plugins are shown of a set and its results.

use std::sync::Arc;
use std::time::Duration;

use stook_types::{CollectorId, Incarnation, Missing, MonoTime, Payload, SessionEpoch, Topic, Value};

/// Where a result came from: one session of one incarnation of one collector. Shared by all its results.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Source {
    /// The collector's configured name.
    pub collector: CollectorId,
    /// Its kind, as declared (`procmond`).
    pub kind: Arc<str>,
    /// The start of its process.
    pub incarnation: Incarnation,
    /// The connection; later sessions compare greater.
    pub epoch: SessionEpoch,
    /// Its process id, where the platform or the collector told it. For people: a PID proves nothing.
    pub pid: Option<u32>,
}

/// One accepted result inside a set.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Contribution {
    /// Who sent it.
    pub source: Arc<Source>,
    /// On which topic.
    pub topic: Topic,
    /// Its number within the incarnation; unique there, and not necessarily arriving in order.
    pub sequence: u64,
    /// The collector's own time of the observation, in microseconds since 1970-01-01 UTC, if it gave one.
    pub timestamp: Option<i64>,
    /// Whether the collector flagged it as its last of this set.
    pub last: bool,
    /// Its place in the order of arrival, counted from 0 in its set.
    pub arrival: u32,
    /// What it says, still encoded.
    pub payload: Payload,
    /// How often it was seen, if dedup counts that ([`DedupMemory::counting`](crate::DedupMemory::counting)) and it came
    /// more than once. Boxed: few do, and all pay for the size.
    pub repeats: Option<Box<Repeats>>,
}

/// Equal results that came to one set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repeats {
    /// How many, with the one that stayed.
    pub count: u64,
    /// When the first of them came.
    pub first: MonoTime,
    /// When the last of them came.
    pub last: MonoTime,
    /// Which other collectors sent one too, sorted.
    pub also_from: Vec<CollectorId>,
}

/// One collector as a set sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Member {
    /// The collector.
    pub collector: CollectorId,
    /// Whether the set waits for it.
    pub expected: bool,
    /// Whether it has answered: its task finished, if a task announced it, else its first result arrived
    /// (a duplicate is an answer too), or the one that it flags as its last, where a policy
    /// [awaits](crate::CompletionPolicy::awaits_last) that.
    pub answered: bool,
    /// Whether a result or duplicate of it was flagged as its last of this set.
    pub last: bool,
    /// Tasks of this set that it has not finished; 0 if it was announced without a task.
    pub open_tasks: u32,
    /// Tasks of this set that it has finished or failed.
    pub ended_tasks: u32,
    /// Whether it is expected as itself, and not only as the holder of tasks that others may take over.
    pub announced: bool,
    /// Whether a task of this set was taken from it, and it has none left: what it still sends is refused as
    /// `stale-epoch`.
    pub withdrawn: bool,
    /// Whether one of its tasks of this set has failed, and in what way. It is missing for that once it has ended them
    /// all: what the others find is waited for.
    pub failed: Option<Missing>,
    /// Whether something that it sent for this set was refused.
    pub refused: bool,
    /// Why it will not answer any more, if that is known.
    pub missing: Option<Missing>,
}

/// An open set, as a completion policy sees it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SetView<'a> {
    /// The aggregate's name.
    pub aggregate: &'a str,
    /// The accepted results, in order of arrival.
    pub results: &'a [Contribution],
    /// Every collector that is expected or was heard.
    pub members: &'a [Member],
    /// Tasks of this set that no collector has: they wait for a free place, or will not get one any more. A set that
    /// waits for everybody waits for their answers too.
    pub unassigned: u32,
    /// Payload bytes of all results.
    pub bytes: usize,
    /// Time since the set was opened.
    pub age: Duration,
    /// The result that has just entered, if that is what happened; it is one of `results`.
    pub arrived: Option<&'a Contribution>,
    /// The fields that a policy [reads](crate::CompletionPolicy::reads_value) of the merged value so far: an object. `None`
    /// where no policy of the aggregate reads any.
    pub value: Option<&'a Value>,
}

// === impl Source ===

impl Source {
    /// A source. The PID is for people only.
    pub fn new(
        collector: CollectorId,
        kind: impl Into<Arc<str>>,
        incarnation: Incarnation,
        epoch: SessionEpoch,
        pid: Option<u32>,
    ) -> Self {
        Self { collector, kind: kind.into(), incarnation, epoch, pid }
    }
}

// === impl Repeats ===

impl Repeats {
    /// One result that came a second time.
    pub const fn twice(first: MonoTime, last: MonoTime) -> Self {
        Self { count: 2, first, last, also_from: Vec::new() }
    }
}

// === impl Contribution ===

impl Contribution {
    /// A result as it arrives: without timestamp, not flagged as last, at place 0.
    pub const fn new(source: Arc<Source>, topic: Topic, sequence: u64, payload: Payload) -> Self {
        Self { source, topic, sequence, timestamp: None, last: false, arrival: 0, payload, repeats: None }
    }
}

// === impl Member ===

impl Member {
    /// A collector that has not answered yet.
    pub const fn new(collector: CollectorId, expected: bool) -> Self {
        Self {
            collector,
            expected,
            answered: false,
            last: false,
            open_tasks: 0,
            ended_tasks: 0,
            announced: expected,
            withdrawn: false,
            failed: None,
            refused: false,
            missing: None,
        }
    }

    /// Whether the set could still get an answer that it has not got.
    pub const fn is_awaited(&self) -> bool {
        self.expected && !self.answered && self.missing.is_none()
    }
}

// === impl SetView ===

impl<'a> SetView<'a> {
    /// A view of a set of this age.
    pub const fn new(
        aggregate: &'a str,
        results: &'a [Contribution],
        members: &'a [Member],
        bytes: usize,
        age: Duration,
    ) -> Self {
        Self { aggregate, results, members, unassigned: 0, bytes, age, arrived: None, value: None }
    }

    /// The members that the set waits for.
    pub fn expected(&self) -> impl Iterator<Item = &'a Member> {
        self.members.iter().filter(|member| member.expected)
    }

    /// How many distinct collectors have answered.
    pub fn answers(&self) -> usize {
        self.members.iter().filter(|member| member.answered).count()
    }
}
