//! The three collectors: each asks one gatherer of this crate's library and records its rows.

mod connections;
mod integrity;
mod processes;

use std::io;
use std::process::ExitCode;
use std::time::SystemTime;

use stook_collector::{Record, Recorder, TaskError, Value};

use crate::args::What;

/// Is one of them, for the host that the environment names.
pub(crate) fn run(what: What) -> ExitCode {
    match what {
        What::Processes => stook_collector::run(processes::Procmond),
        What::Integrity => stook_collector::run(integrity::Procmond::default()),
        What::Connections => stook_collector::run(connections::Netmond),
    }
}

/// Rows in one result. More go into several, so that none is too large for the host, however busy the machine.
const ROWS: usize = 1_000;

/// Gathers where it may block, and records what comes of it.
async fn answer<Row: Into<Value> + Send + 'static>(
    results: &Recorder,
    topic: &str,
    gather: impl FnOnce() -> io::Result<Vec<Row>> + Send + 'static,
) -> Result<(), TaskError> {
    let at = SystemTime::now();
    let mut rows = tokio::task::spawn_blocking(gather).await??.into_iter().map(Into::into).peekable();
    while rows.peek().is_some() {
        let rows: Value = rows.by_ref().take(ROWS).collect();
        results.record_value(Record::new().at(at), topic, &rows).await?;
    }
    Ok(())
}
