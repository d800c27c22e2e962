//! The collectors: each asks the gatherers of this crate's library and records their rows.

mod connections;
mod integrity;
mod processes;
mod shard;

use std::io;
use std::process::ExitCode;
use std::time::SystemTime;

use stook_collector::{Record, Recorder, TaskError, Value};

use crate::args::What;

/// Is one of them, for the host that the environment names.
pub(crate) fn run(what: What) -> ExitCode {
    match what {
        What::Processes { shards: None } => stook_collector::run(processes::Procmond),
        What::Processes { shards: Some(shards) } => stook_collector::run(shard::Procmond::of(shards)),
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
    record(results, topic, at, tokio::task::spawn_blocking(gather).await??).await
}

/// Records rows that were gathered at this time.
async fn record<Row: Into<Value>>(
    results: &Recorder,
    topic: &str,
    at: SystemTime,
    rows: Vec<Row>,
) -> Result<(), TaskError> {
    let mut rows = rows.into_iter().map(Into::into).peekable();
    while rows.peek().is_some() {
        let rows: Value = rows.by_ref().take(ROWS).collect();
        results.record_value(Record::new().at(at), topic, &rows).await?;
    }
    Ok(())
}
