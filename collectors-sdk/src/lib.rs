//! Write a stook collector in about twenty lines.
//!
//! ```no_run
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
//! fn main() -> std::process::ExitCode {
//!     stook_collector::run(Uptime)
//! }
//! ```
//!
//! [`run`] does the rest: it finds the host, introduces the collector, sends heartbeats with its load, runs the
//! tasks that come, keeps results until the host has acknowledged them, connects again with backoff and sends
//! them again, drains on request or on SIGTERM, and maps errors to exit codes. An error or a panic in
//! [`Collector::task`] fails that task, with its text, and the collector lives on.
//!
//! | environment | meaning |
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
mod error;
mod link;
mod load;
mod options;
mod recorder;
mod run;
mod runner;
mod signal;
mod tasks;
#[cfg(feature = "testing")]
pub mod testing;

pub use blocking::{Blocking, BlockingCollector, BlockingRecorder};
pub use collector::{Collector, Description, Task, TaskError};
pub use error::{FlushError, RecordError, RunError, TryRecordError, exit};
pub use options::Options;
pub use recorder::{Encoded, Record, Recorder};
pub use run::{run, run_async, run_until, run_with};
pub use stook_proto::Token;
pub use stook_proto::collector::ReplayLimits;
pub use stook_proto::transport::Endpoint;
pub use stook_types::{
    Capability, CollectorId, CorrelationId, Object, SerializeError, TaskId, Value, to_value,
};
