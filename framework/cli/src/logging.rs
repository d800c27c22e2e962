//! The log of a verb that runs for long, on standard error.

use tracing_subscriber::EnvFilter;

use crate::output::has_colors;

/// Starts to log, at `STOOK_LOG` (like `debug`, or `stook=trace,info`), else at `info`.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_env("STOOK_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let to = std::io::stderr;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(has_colors(&to())).with_writer(to);
    // Not even if nobody reads it: the complaint would go to standard error too, and panic there.
    log.log_internal_errors(false).init();
}
