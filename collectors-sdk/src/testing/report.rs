//! What a test gets to see.

use stook_types::{CorrelationId, TaskId, Value, WallTime};

/// A result as the host has it: decoded, and once, however often it came.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TestResult {
    /// Its topic.
    pub topic: String,
    /// What it belongs to.
    pub correlation_id: CorrelationId,
    /// What it says.
    pub value: Value,
    /// Counts from 1 over the life of the collector.
    pub sequence: u64,
    /// When it was so, as the collector says.
    pub timestamp: Option<WallTime>,
    /// Whether it is the collector's last for its correlation ID.
    pub last: bool,
    /// The task that it answers.
    pub task: Option<TaskId>,
    /// How often it came: more than once after a reconnect before which it was not acknowledged.
    pub arrivals: u32,
}

/// How a task has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskEnd {
    /// It is done.
    Done,
    /// It failed or was cancelled, and why.
    Failed(String),
    /// The collector leaves and gave it back, and why.
    Returned(String),
    /// The connection ended before it did. A host gives such a task to somebody else.
    Lost,
}

/// A result that the host did not take.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TestRefusal {
    /// Its topic.
    pub topic: String,
    /// Counts from 1 over the life of the collector.
    pub sequence: u64,
    /// Why, in a word: `too-large`, `stale-epoch` or `decode`.
    pub reason: String,
    /// The task that it answers.
    pub task: Option<TaskId>,
}

/// What came of a task.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// How it ended.
    pub end: TaskEnd,
    /// Its results, in the order in which they were recorded. What a task records under another correlation ID is not among
    /// them, for it is no answer to it: see [`TestHost::results`](super::TestHost::results).
    pub results: Vec<TestResult>,
    /// Results of it that the host refused.
    pub refused: Vec<TestRefusal>,
}

impl Report {
    /// The results of a task that is done.
    ///
    /// # Panics
    /// If it has ended in another way, or if the host refused some of its results.
    #[track_caller]
    pub fn expect_done(self) -> Vec<TestResult> {
        assert_eq!(self.end, TaskEnd::Done, "the task should be done; its results: {:?}", self.results);
        assert!(self.refused.is_empty(), "the host refused results of the task: {:?}", self.refused);
        self.results
    }

    /// Why a task failed.
    ///
    /// # Panics
    /// If it has ended in another way.
    #[track_caller]
    pub fn expect_failed(self) -> String {
        match self.end {
            TaskEnd::Failed(why) => why,
            other => panic!("the task should fail, and is {other:?}; its results: {:?}", self.results),
        }
    }
}
