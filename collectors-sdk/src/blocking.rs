//! Collectors that cannot be async.

use std::collections::HashMap;
use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use stook_types::Capability;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::cancellation::{Cancellation, Heed};
use crate::{
    Collector, Description, DescriptionError, FlushError, Record, RecordError, Recorder, Task, TaskError,
    TryRecordError,
};

/// A collector whose tasks block: each runs on a thread of its own, while heartbeats go on.
///
/// ```
/// use stook_collector::{Blocking, BlockingCollector, BlockingRecorder, Description, Task, TaskError};
///
/// struct Hostname;
///
/// impl BlockingCollector for Hostname {
///     fn describe(&self) -> Description {
///         Description::of_kind("hostname").capability("host.name", 1, ["events.host.name"])
///     }
///
///     fn task(&self, _: Task, results: &BlockingRecorder) -> Result<(), TaskError> {
///         let name = std::fs::read_to_string("/proc/sys/kernel/hostname")?;
///         Ok(results.record("events.host.name", name.trim())?)
///     }
/// }
///
/// # if false {
/// stook_collector::run(Blocking::new(Hostname)); // all of `main`
/// # }
/// # #[cfg(target_os = "linux")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// #     let host = stook_collector::testing::TestHost::start(Blocking::new(Hostname)).await;
/// #     assert_eq!(host.task("host.name", ()).await.expect_done().len(), 1);
/// # });
/// ```
pub trait BlockingCollector: Send + Sync + 'static {
    /// What it is and what it can do. Called once, before anything else. The concurrencies of its capabilities are the
    /// number of threads that it has at most: together 256.
    fn describe(&self) -> Description;

    /// Runs one task, on a thread of its own. What it records through `results` belongs to the task's correlation ID.
    ///
    /// The task has failed if this returns an error or panics; the host learns the text.
    ///
    /// Nobody can stop a thread: look at [`Task::is_cancelled`] where it runs for long. Until it returns, its place is taken,
    /// also when the connection was lost meanwhile. Never called for a collector without capabilities.
    ///
    /// # Errors
    /// If the task fails.
    fn task(&self, task: Task, results: &BlockingRecorder) -> Result<(), TaskError> {
        let _ = (task, results);
        Err(TaskError::new("this collector runs no tasks"))
    }

    /// Streams results that no task asks for. Called once, on a thread of its own. Should return when
    /// [`BlockingRecorder::is_cancelled`]: the collector leaves then.
    ///
    /// If it returns, a collector without capabilities is done, and leaves. If it fails or panics, the collector leaves
    /// with an error.
    ///
    /// # Errors
    /// If it cannot go on.
    fn stream(&self, results: BlockingRecorder) -> Result<(), TaskError> {
        let _ = results;
        Ok(())
    }
}

/// A [`Collector`] that runs a [`BlockingCollector`].
///
/// [`run`](crate::run) ends its process whatever threads still do. A runtime of your own waits for them when it is dropped,
/// unless you shut it down in the background.
///
/// In tests with a paused clock time stands still while a thread runs, also while it waits.
#[derive(Debug)]
pub struct Blocking<C> {
    collector: Arc<C>,
    description: Description,
    /// Threads that may still be started, by capability.
    places: HashMap<Capability, Arc<Semaphore>>,
}

/// Records results, from a thread that may wait. Cheap to clone; every clone is the same.
#[derive(Clone, Debug)]
pub struct BlockingRecorder {
    recorder: Recorder,
    runtime: Handle,
    cancellation: Cancellation,
}

/// Fewer than the 512 threads for blocking work that a runtime of tokio has: nothing waits for a thread in there.
const MAX_THREADS: u32 = 256;

// === impl Blocking ===

impl<C: BlockingCollector> Blocking<C> {
    /// Makes it a collector.
    pub fn new(collector: C) -> Self {
        let mut description = collector.describe();
        let threads =
            description.capabilities.iter().fold(0, |sum: u32, one| sum.saturating_add(one.concurrency));
        if threads > MAX_THREADS {
            let why = DescriptionError::Threads { needed: threads, limit: MAX_THREADS };
            description = description.mistaken(why);
        }
        let place = |concurrency: u32| Arc::new(Semaphore::new(concurrency as usize));
        let places = description.capabilities.iter().map(|one| (one.name.clone(), place(one.concurrency)));
        Self { places: places.collect(), collector: Arc::new(collector), description }
    }
}

impl<C: BlockingCollector> Collector for Blocking<C> {
    fn describe(&self) -> Description {
        self.description.clone()
    }

    async fn task(&self, task: Task, results: &Recorder) -> Result<(), TaskError> {
        // A thread of a connection that was lost may still have it.
        let places = self.places.get(&task.capability).cloned();
        let places = places.ok_or_else(|| TaskError::new("the collector has no such capability"))?;
        let place = places.acquire_owned().await?;
        let cancellation = task.cancellation.clone();
        cancellation.will(Heed::Thread);
        let results = BlockingRecorder::new(results.clone(), cancellation);
        let collector = Arc::clone(&self.collector);
        on_a_thread(move || {
            let _place = place;
            collector.task(task, &results)
        })
        .await
    }

    async fn stream(&self, results: Recorder) -> Result<(), TaskError> {
        let over = SetOnDrop(Cancellation::new());
        let results = BlockingRecorder::new(results, over.0.clone());
        let collector = Arc::clone(&self.collector);
        on_a_thread(move || collector.stream(results)).await
    }
}

async fn on_a_thread(work: impl FnOnce() -> Result<(), TaskError> + Send + 'static) -> Result<(), TaskError> {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(error) => Err(error.into()),
        },
    }
}

/// The stream's future is dropped when the collector leaves; so its thread learns it.
struct SetOnDrop(Cancellation);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.set();
    }
}

// === impl BlockingRecorder ===

impl BlockingRecorder {
    fn new(recorder: Recorder, cancellation: Cancellation) -> Self {
        Self { recorder, runtime: Handle::current(), cancellation }
    }

    /// As [`Recorder::record`], on a thread that waits. The wait ends when the task is cancelled.
    ///
    /// # Errors
    /// As [`Recorder::record`]; also once this [is cancelled](Self::is_cancelled).
    ///
    /// # Panics
    /// If it is called from async code, which must not wait.
    pub fn record<T: Serialize + ?Sized>(&self, topic: &str, value: &T) -> Result<(), RecordError> {
        self.record_as(Record::default(), topic, value)
    }

    /// As [`Recorder::record_as`], on a thread that waits.
    ///
    /// # Errors
    /// As [`Recorder::record_as`].
    ///
    /// # Panics
    /// As [`record`](Self::record).
    pub fn record_as<T: Serialize + ?Sized>(
        &self,
        how: Record,
        topic: &str,
        value: &T,
    ) -> Result<(), RecordError> {
        self.check()?;
        let result = self.recorder.encode(how, topic, value)?;
        // Nearly always there is room, and nobody to wait for.
        if self.recorder.try_record_encoded(&result)? {
            return Ok(());
        }
        self.wait(async {
            tokio::select! {
                recorded = self.recorder.record_encoded(&result) => recorded,
                () = self.cancellation.wait() => Err(RecordError::Over),
            }
        })
    }

    /// As [`Recorder::try_record`].
    ///
    /// # Errors
    /// As [`Recorder::try_record`].
    pub fn try_record<T: Serialize + ?Sized>(&self, topic: &str, value: &T) -> Result<(), TryRecordError> {
        self.try_record_as(Record::default(), topic, value)
    }

    /// As [`Recorder::try_record_as`].
    ///
    /// # Errors
    /// As [`Recorder::try_record_as`].
    pub fn try_record_as<T: Serialize + ?Sized>(
        &self,
        how: Record,
        topic: &str,
        value: &T,
    ) -> Result<(), TryRecordError> {
        self.check()?;
        self.recorder.try_record_as(how, topic, value)
    }

    /// As [`Recorder::flush`], on a thread that waits.
    ///
    /// # Errors
    /// As [`Recorder::flush`].
    ///
    /// # Panics
    /// As [`record`](Self::record).
    pub fn flush(&self, within: Duration) -> Result<(), FlushError> {
        self.wait(self.recorder.flush(within))
    }

    /// As [`Recorder::progress`].
    pub fn progress(&self) {
        self.recorder.progress();
    }

    /// Whether nobody wants more of this: the task was cancelled, or the collector leaves.
    pub fn is_cancelled(&self) -> bool {
        self.cancellation.is_set()
    }

    /// A thread that looks at nothing else still learns it here.
    fn check(&self) -> Result<(), RecordError> {
        if self.is_cancelled() { Err(RecordError::Over) } else { Ok(()) }
    }

    fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }
}
