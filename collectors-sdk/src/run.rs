//! From a collector to a process.

use std::future::Future;
use std::io::Write;
use std::process::ExitCode;

use crate::runner::Runner;
use crate::{Collector, Options, RunError, exit, signal};

/// Runs a collector to its end, as the environment says, and gives the process's exit code: all of `main`.
///
/// Starts a runtime of its own. What went wrong is said on standard error.
pub fn run(collector: impl Collector) -> ExitCode {
    // One more than there are cores: a collector that blocks its threads does not silence its heartbeats.
    let threads = std::thread::available_parallelism().map_or(2, usize::from) + 1;
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(RunError::Runtime)
        .and_then(|runtime| {
            let outcome = runtime.block_on(run_async(collector));
            // A blocking call that does not end must not keep the process alive.
            runtime.shutdown_background();
            outcome
        });
    match outcome {
        Ok(()) => ExitCode::from(exit::OK),
        Err(error) => {
            // Not `eprintln!`, which panics where standard error is closed.
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Runs a collector to its end, as the environment says, in the runtime that there is.
///
/// Must be a multi-threaded runtime if the collector blocks its threads, or heartbeats stop.
///
/// # Errors
/// If no host can be reached or it does not take this collector.
pub async fn run_async(collector: impl Collector) -> Result<(), RunError> {
    run_with(collector, Options::from_env()?).await
}

/// As [`run_async`], with options of your own. Signals end it as they end [`run`].
///
/// # Errors
/// As [`run_async`].
pub async fn run_with(collector: impl Collector, options: Options) -> Result<(), RunError> {
    let stop = signal::asked_to_stop(options.supervised);
    run_until(collector, options, stop).await
}

/// Runs a collector until `stop` completes and it has drained, or to another end. For tests and embedding.
///
/// # Errors
/// As [`run_async`].
pub async fn run_until(
    collector: impl Collector,
    options: Options,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    let endpoint = options.endpoint.clone();
    Runner::new(collector, options)?.run(endpoint, std::pin::pin!(stop)).await
}
