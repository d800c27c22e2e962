//! What a collector's author writes.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use stook_types::{Capability, CorrelationId, Payload, TaskId, Value};

use crate::cancellation::{Cancellation, Heed};
use crate::{Description, Recorder};

/// A collector: it answers tasks, or streams on its own, or both.
///
/// Methods are called on the runtime's threads, many at once if a capability's concurrency says so. Work that
/// blocks belongs into `tokio::task::spawn_blocking`; a collector that only blocks is a
/// [`BlockingCollector`](crate::BlockingCollector).
pub trait Collector: Send + Sync + 'static {
    /// What it is and what it can do. Called once, before anything else.
    fn describe(&self) -> Description;

    /// Runs one task. What it records through `results` belongs to the task's correlation ID.
    ///
    /// The task has failed if this returns an error or panics; the host learns the text.
    ///
    /// It is dropped at its next await when the host cancels the task, or when the collector leaves and the time for that
    /// is over. A task that has asked to be told, by [`Task::cancelled`] or [`Task::is_cancelled`], is not dropped then but
    /// has [`Options::cancel_grace`](crate::Options::cancel_grace) to end by itself. When the connection is lost it is
    /// dropped in any case: another collector may have the task by then.
    ///
    /// Never called for a collector without capabilities.
    fn task(&self, task: Task, results: &Recorder) -> impl Future<Output = Result<(), TaskError>> + Send {
        let _ = (task, results);
        std::future::ready(Err(TaskError::new("this collector runs no tasks")))
    }

    /// Streams results that no task asks for. Called once, from the start of the process to its end; dropped at
    /// its next await when the collector drains.
    ///
    /// If it returns, a collector without capabilities is done, and leaves. If it fails or panics, the
    /// collector leaves with an error.
    ///
    /// No task says here which results belong together: each names its correlation ID.
    ///
    /// ```
    /// # use std::io::{BufRead, stdin};
    /// use stook_collector::{Collector, CorrelationId, Description, Record, Recorder, TaskError};
    ///
    /// struct Jobs;
    ///
    /// impl Collector for Jobs {
    ///     fn describe(&self) -> Description {
    ///         Description::of_kind("jobs").topic("events.job.done")
    ///     }
    ///
    ///     async fn stream(&self, results: Recorder) -> Result<(), TaskError> {
    ///         loop {
    ///             let (job, seen) = self.next().await?;
    ///             results.record_as(Record::new().correlation_id(job), "events.job.done", &seen).await?;
    ///         }
    ///     }
    /// }
    /// # impl Jobs {
    /// #     async fn next(&self) -> Result<(CorrelationId, String), TaskError> {
    /// #         let job = stdin().lock().lines().next().ok_or_else(|| TaskError::new("no more jobs"))??;
    /// #         Ok((CorrelationId::new(&job)?, job))
    /// #     }
    /// # }
    /// ```
    fn stream(&self, results: Recorder) -> impl Future<Output = Result<(), TaskError>> + Send {
        let _ = results;
        std::future::pending()
    }
}

/// A unit of work from the host.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Task {
    /// The same in every attempt.
    pub id: TaskId,
    /// Which of the collector's capabilities it is for.
    pub capability: Capability,
    /// What the results belong to.
    pub correlation_id: CorrelationId,
    /// Time from the assignment until the host gives up on it.
    pub timeout: Option<Duration>,
    pub(crate) payload: Payload,
    pub(crate) cancellation: Cancellation,
}

/// Why a task failed, as text for the host. Made by `?` from any error.
pub struct TaskError(String);

// === impl Task ===

impl Task {
    /// The task's arguments.
    ///
    /// # Errors
    /// If the host sent something else than it promised.
    pub fn arguments(&self) -> Result<Value, TaskError> {
        Ok(self.payload.decode()?)
    }

    /// Completes when the host wants no more of this task. Nothing that is recorded for it from then on is taken.
    ///
    /// Who has called this, or [`is_cancelled`](Self::is_cancelled), is not dropped when the task is cancelled, but has
    /// [`Options::cancel_grace`](crate::Options::cancel_grace) to clean up and return. What it returns is told to the host.
    ///
    /// ```
    /// # use stook_collector::{Recorder, Task, TaskError};
    /// # async fn scan(_: &Recorder) -> Result<(), TaskError> { Ok(()) }
    /// # async fn detach() {}
    /// async fn task(task: Task, results: &Recorder) -> Result<(), TaskError> {
    ///     tokio::select! {
    ///         done = scan(results) => done,
    ///         () = task.cancelled() => {
    ///             detach().await;
    ///             Err(TaskError::new("detached, as the host asked"))
    ///         }
    ///     }
    /// }
    /// ```
    pub async fn cancelled(&self) {
        self.cancellation.will(Heed::Asked);
        self.cancellation.wait().await;
    }

    /// Whether [`cancelled`](Self::cancelled) would complete at once: for loops, and for threads that have a clone of the
    /// task.
    pub fn is_cancelled(&self) -> bool {
        self.cancellation.will(Heed::Asked);
        self.cancellation.is_set()
    }
}

// === impl TaskError ===

impl TaskError {
    /// A failure with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

/// With the causes, so that the host's log says all.
impl<E: std::error::Error> From<E> for TaskError {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !text.contains(&cause_text) {
                text.push_str(": ");
                text.push_str(&cause_text);
            }
            source = cause.source();
        }
        Self(text)
    }
}

impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
