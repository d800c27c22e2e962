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
//! [`conformance!`](crate::conformance) expands to tests of what every collector must do.
//!
//! Nothing is waited for longer than [`Builder::patience`]; then the test fails and says what had come until then.

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
pub use report::{Report, TaskEnd, TestResult};
pub use stook_proto::host::HostLimits;
pub use stook_proto::{CollectorHeartbeat, Credit, Hello, RejectReason};
pub use suite::Suite;
pub use task::TestTask;
