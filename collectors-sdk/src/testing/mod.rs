//! A host in memory, so that a collector's tests are a few lines (feature `testing`).
//!
//! ```
//! use stook_collector::testing::TestHost;
//! use stook_collector::{Collector, Description, Recorder, Task, TaskError};
//!
//! struct Uptime;
//!
//! impl Collector for Uptime {
//!     fn describe(&self) -> Description {
//!         Description::of_kind("uptime").capability("uptime.read", 1, ["events.host.uptime"])
//!     }
//!
//!     async fn task(&self, _: Task, results: &Recorder) -> Result<(), TaskError> {
//!         Ok(results.record("events.host.uptime", &42).await?)
//!     }
//! }
//!
//! #[tokio::test(start_paused = true)]
//! async fn says_how_long() {
//!     let host = TestHost::start(Uptime).await;
//!     let done = host.task("uptime.read", ()).await;
//!     assert_eq!(done.results[0].topic, "events.host.uptime");
//! }
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
//! # runtime.block_on(async {
//! #     let done = TestHost::start(Uptime).await.task("uptime.read", ()).await;
//! #     assert_eq!(done.results[0].topic, "events.host.uptime");
//! #     assert_eq!(done.results[0].value, 42.into());
//! # });
//! ```
//!
//! [`TestHost`] is no mock: the collector runs as it does in its process, and at the other end of a pipe is the host's own
//! end of a session, with its codec and its rules. Only what a host decides is decided by the test: which
//! [task](TestHost::task) it gives, and what goes wrong.
//!
//! | fault | what happens |
//! | --- | --- |
//! | [`drop_ack`](TestHost::drop_ack) | an acknowledgement does not arrive: the results come again after a reconnect |
//! | [`disconnect`](TestHost::disconnect) | the connection breaks; the collector comes back by itself |
//! | [`stall`](TestHost::stall) | the host reads and says nothing until it [goes on](TestHost::resume) |
//! | [`reject`](TestHost::reject) | the host ends the session and says why |
//!
//! With `start_paused` the clock stands still while anybody has something to do, and jumps to the next moment for which
//! somebody waits: a backoff, a heartbeat, your own `sleep`. So hours pass in no time, and equal tests end equally. It needs
//! `tokio` with its features `macros`, `rt` and `test-util` among the dev-dependencies.
//!
//! `std::time::SystemTime` and `std::time::Instant` stand outside of that: they go on as ever. A collector that asks them what
//! time it is is tested in real time, or is given the time by whoever makes it, as here:
//!
//! ```
//! # use std::time::{Duration, SystemTime};
//! use stook_collector::testing::TestHost;
//! use stook_collector::{Collector, CorrelationId, Description, Record, Recorder, TaskError};
//!
//! /// Says every 10 s how it is. All who do so at one time mean one answer: they agree on its correlation ID by the clock.
//! struct Load<C>(C);
//!
//! const EVERY: Duration = Duration::from_secs(10);
//!
//! impl<C: Fn() -> SystemTime + Send + Sync + 'static> Collector for Load<C> {
//!     fn describe(&self) -> Description {
//!         Description::of_kind("load").topic("events.host.load")
//!     }
//!
//!     async fn stream(&self, results: Recorder) -> Result<(), TaskError> {
//!         loop {
//!             let now = self.0().duration_since(SystemTime::UNIX_EPOCH)?;
//!             let bucket = now.as_secs() / EVERY.as_secs();
//!             let id = CorrelationId::new(&format!("load-{bucket}"))?;
//!             results.record_as(Record::new().correlation_id(id).last(), "events.host.load", &0.5).await?;
//!             // To the beginning of the next one, and a little into it: clocks differ.
//!             let next = EVERY * u32::try_from(bucket + 1)? + Duration::from_millis(100);
//!             tokio::time::sleep(next - now).await;
//!         }
//!     }
//! }
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
//! # runtime.block_on(async {
//! // In its process: `run(Load(SystemTime::now))`. Here its clock is the one that the test turns.
//! let begin = tokio::time::Instant::now();
//! let host = TestHost::start(Load(move || SystemTime::UNIX_EPOCH + begin.elapsed())).await;
//! let results = host.wait_for_results(3).await;
//! let ids: Vec<_> = results.iter().map(|result| result.correlation_id.to_string()).collect();
//! assert_eq!(ids, ["load-0", "load-1", "load-2"]);
//! # });
//! ```
//!
//! (The aggregate for it: `complete = { use = "marker" }`, or `expected` with the collectors that are meant, and a `timeout`
//! that is shorter than the time between two.)
//!
//! [`conformance!`](crate::conformance) expands to tests of what every collector must do.
//!
//! Nothing is waited for longer than [`Builder::patience`]; then the test fails and says what had come until then.
//!
//! The host of a test keeps to what a collector declares, as a host does, but does not know better: it takes results on all
//! topics that the collector declares, and gives tasks of all its capabilities, as many at once as the test likes. A collector
//! fails what it has no capability or no place for.

mod book;
mod builder;
mod conformance;
mod host;
mod pipe;
mod report;
mod server;
mod suite;
mod task;
mod watched;

pub use builder::Builder;
pub use host::TestHost;
pub use report::{Report, TaskEnd, TestRefusal, TestResult};
pub use stook_proto::host::HostLimits;
pub use stook_proto::{CollectorHeartbeat, Credit, Hello, RejectReason};
pub use suite::Suite;
pub use task::TestTask;
