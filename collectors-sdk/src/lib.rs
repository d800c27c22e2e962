//! Write a stook collector in about twenty lines.
//!
//! ```
//! use stook_collector::{Collector, Description, Recorder, Task, TaskError, Value};
//!
//! struct Uptime;
//!
//! impl Collector for Uptime {
//!     fn describe(&self) -> Description {
//!         Description::of_kind("uptimed").capability("uptime.read", 1, ["events.host.uptime"])
//!     }
//!
//!     async fn task(&self, _task: Task, results: &Recorder) -> Result<(), TaskError> {
//!         let text = std::fs::read_to_string("/proc/uptime")?;
//!         let seconds: f64 = text.split(' ').next().unwrap_or_default().parse()?;
//!         results.record("events.host.uptime", &Value::from([("seconds", seconds)])).await?;
//!         Ok(())
//!     }
//! }
//!
//! # #[cfg(any())]
//! fn main() -> std::process::ExitCode {
//!     stook_collector::run(Uptime)
//! }
//! # // The example is run with a host in memory.
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! #     let host = stook_collector::testing::TestHost::start(Uptime).await;
//! #     let report = host.task("uptime.read", ()).await;
//! #     assert_eq!(report.results.len(), usize::from(cfg!(target_os = "linux")));
//! # }
//! ```
//!
//! [`run`] does the rest: it finds the host, introduces the collector, sends heartbeats with its load, runs the
//! tasks that come, keeps results until the host has acknowledged them, connects again with backoff and sends
//! them again, drains on request or on SIGTERM, and maps errors to exit codes. An error or a panic in
//! [`Collector::task`] fails that task, with its text, and the collector lives on.
//!
//! # Without being asked
//!
//! A collector that sees things happen implements [`Collector::stream`]. No task says there which results belong together:
//! each names its correlation ID. [`record`](Recorder::record) waits while the host is behind; where nothing may wait,
//! [`try_record`](Recorder::try_record) gives the result back.
//!
//! ```
//! use stook_collector::{
//!     Collector, CorrelationId, Description, Record, Recorder, TaskError, TryRecordError,
//! };
//! # use std::time::Duration;
//!
//! struct Jobs;
//!
//! impl Collector for Jobs {
//!     fn describe(&self) -> Description {
//!         Description::of_kind("jobs").topic("events.job.done").topic("events.job.progress")
//!     }
//!
//!     async fn stream(&self, results: Recorder) -> Result<(), TaskError> {
//!         for job in ["backup", "index"] {
//!             let id = Record::new().correlation_id(CorrelationId::new(job)?);
//!             match results.try_record_as(id.clone(), "events.job.progress", &0.5) {
//!                 // The next says more than this one.
//!                 Ok(()) | Err(TryRecordError::Full(_)) => {}
//!                 Err(error) => return Err(error.into()),
//!             }
//!             results.record_as(id.last(), "events.job.done", "well").await?;
//!         }
//!         // Before something is forgotten that could be read again:
//!         results.flush(Duration::from_secs(5)).await?;
//!         Ok(())
//!     }
//! }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! #     let host = stook_collector::testing::TestHost::start(Jobs).await;
//! #     host.wait_for_results(4).await;
//! #     host.end().await.unwrap();
//! # }
//! ```
//!
//! # Where work blocks
//!
//! A [`BlockingCollector`] has a thread for each task, as many as it declares, and heartbeats go on. Nobody can stop a
//! thread: it looks whether anybody still wants it.
//!
//! ```
//! use stook_collector::{Blocking, BlockingCollector, BlockingRecorder, Description, Task, TaskError};
//!
//! struct Sizes;
//!
//! impl BlockingCollector for Sizes {
//!     fn describe(&self) -> Description {
//!         Description::of_kind("sizes").capability("file.sizes", 2, ["events.file.size"])
//!     }
//!
//!     fn task(&self, task: Task, results: &BlockingRecorder) -> Result<(), TaskError> {
//!         for entry in std::fs::read_dir("/")? {
//!             if task.is_cancelled() {
//!                 return Err(TaskError::new("the host wants no more"));
//!             }
//!             results.record("events.file.size", &entry?.metadata()?.len())?;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! # #[cfg(any())]
//! fn main() -> std::process::ExitCode {
//!     stook_collector::run(Blocking::new(Sizes))
//! }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! #     let host = stook_collector::testing::TestHost::start(Blocking::new(Sizes)).await;
//! #     assert!(!host.task("file.sizes", ()).await.expect_done().is_empty());
//! # }
//! ```
//!
//! An async task is dropped at its next await when it is cancelled. One that has something to clean up asks to be told, by
//! [`Task::cancelled`], and is given time for it.
//!
//! # Tests
//!
//! With the feature `testing` there is a host in memory, in the module `testing`, and `conformance!`, which is all that every
//! collector must pass:
//!
//! ```
//! # use stook_collector::{Collector, Description, Recorder, Task, TaskError};
//! # struct Uptime;
//! # impl Collector for Uptime {
//! #     fn describe(&self) -> Description {
//! #         Description::of_kind("uptimed").capability("uptime.read", 1, ["events.host.uptime"])
//! #     }
//! #     async fn task(&self, _task: Task, results: &Recorder) -> Result<(), TaskError> {
//! #         Ok(results.record("events.host.uptime", &1).await?)
//! #     }
//! # }
//! use stook_collector::testing::TestHost;
//!
//! # #[cfg(any())]
//! stook_collector::conformance!(Uptime);
//!
//! # #[cfg(any())]
//! #[tokio::test(start_paused = true)]
//! async fn says_how_long() {
//!     let host = TestHost::start(Uptime).await;
//!     let done = host.task("uptime.read", ()).await;
//!     assert_eq!(done.results[0].topic, "events.host.uptime");
//! }
//! # fn main() {
//! #     stook_collector::testing::Suite::virtual_time(|| Uptime).answers_each_capability();
//! #     let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
//! #     runtime.block_on(async {
//! #         let host = TestHost::start(Uptime).await;
//! #         let done = host.task("uptime.read", ()).await;
//! #         assert_eq!(done.results[0].topic, "events.host.uptime");
//! #     });
//! # }
//! ```
//!
//! # What it says about itself
//!
//! A collector logs with [`tracing`](https://docs.rs/tracing). Where its process has set up no subscriber, what somebody has
//! to know goes to standard error, in lines that begin with `stook:` and never more than a few a minute: that there is no
//! session and why, that the host refuses results (on which topic, for which reason, and what to do about it; once for each,
//! and then when there are ten times as many), that a task failed. For all of it, set up a subscriber, like
//! `tracing_subscriber::fmt::init()`. Whose stream ends when the host has refused every result ends with
//! [`RunError::AllRefused`].
//!
//! A result that the host cannot take because of its size is told to whoever records it
//! ([`RecordError::TooLarge`]), once there was a session and its limit is known; before, it is refused like any other.
//!
//! # The environment
//!
//! | variable | meaning |
//! | --- | --- |
//! | `STOOK_ENDPOINT` | the directory of the host to connect to; a host sets it for the collectors it spawns |
//! | `STOOK_HOST` | else the name of the host, `stook` if unset |
//! | `STOOK_COLLECTOR_ID` | this collector's id, its kind and `-1` if unset |
//! | `STOOK_TOKEN` | the secret that a host gives to the collectors it spawns: such a collector is *supervised* |
//!
//! A supervised collector leaves Ctrl-C to its host, and exits when the host is gone for longer than
//! [`Options::orphan_grace`]. That its standard input is closed means nothing to it: `Drain` comes first.

mod backoff;
mod blocking;
mod cancellation;
mod collector;
mod core;
mod description;
mod error;
mod link;
mod load;
#[cfg(test)]
mod messages;
mod notices;
mod options;
mod recorder;
mod run;
mod runner;
mod signal;
mod tasks;
#[cfg(feature = "testing")]
pub mod testing;

pub use blocking::{Blocking, BlockingCollector, BlockingRecorder};
pub use collector::{Collector, Task, TaskError};
pub use description::Description;
pub use error::{DescriptionError, FlushError, RecordError, RunError, TryRecordError, exit};
pub use options::Options;
pub use recorder::{Encoded, Record, Recorder};
pub use run::{run, run_async, run_until, run_with};
pub use stook_proto::Token;
pub use stook_proto::collector::ReplayLimits;
pub use stook_proto::transport::Endpoint;
pub use stook_types::{
    Capability, CollectorId, CorrelationId, Object, SerializeError, TaskId, Value, to_value,
};
