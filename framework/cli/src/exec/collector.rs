//! The collector that a program becomes.

use std::ffi::OsString;
use std::time::{Duration, SystemTime};

use stook_collector::{Collector, Description, Record, RecordError, Recorder, Task, TaskError};
use stook_types::{Capability, CorrelationId, Topic};
use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::time::{MissedTickBehavior, interval};

use super::lines::{Line, Lines};
use super::process::{Exit, Keeper, Process};
use super::read::Reader;
use crate::output::clean;

/// A program, and when to run it.
pub(super) struct Exec {
    pub(super) kind: String,
    pub(super) mode: Mode,
    pub(super) command: Vec<OsString>,
    pub(super) reader: Reader,
    pub(super) keeper: Keeper,
}

/// When a program is run.
pub(super) enum Mode {
    /// Once, and with it the collector ends.
    Once,
    /// Once per period.
    Every(Duration),
    /// For each task.
    Tasks {
        /// Of this kind.
        capability: Capability,
        /// At once.
        concurrency: u32,
    },
}

/// Of lines that are no results, these are logged, for each run; all are counted.
const COMPLAINTS: u64 = 10;

/// Longest line of standard error that is logged.
const LOGGED: usize = 4096;

impl Collector for Exec {
    fn describe(&self) -> Description {
        let description = Description::of_kind(&self.kind);
        let mut topics = self.reader.topics.iter().map(Topic::as_str);
        match &self.mode {
            Mode::Once | Mode::Every(_) => topics.fold(description, Description::topic),
            Mode::Tasks { capability, concurrency } => {
                description.capability(capability.as_str(), *concurrency, &mut topics)
            }
        }
    }

    async fn task(&self, task: Task, results: &Recorder) -> Result<(), TaskError> {
        let payload = serde_json::to_vec(&task.arguments()?)?;
        self.run(Some(payload), results, &task.correlation_id).await
    }

    async fn stream(&self, results: Recorder) -> Result<(), TaskError> {
        match &self.mode {
            Mode::Tasks { .. } => std::future::pending().await,
            Mode::Once => self.run(None, &results, &CorrelationId::random()).await,
            Mode::Every(period) => {
                let mut due = interval(*period);
                due.set_missed_tick_behavior(MissedTickBehavior::Skip);
                loop {
                    due.tick().await;
                    if let Err(error) = self.run(None, &results, &CorrelationId::random()).await {
                        tracing::warn!(%error, "a run failed");
                    }
                }
            }
        }
    }
}

impl Exec {
    /// Runs the program to its end. Its results have this ID, unless they say one.
    async fn run(
        &self,
        input: Option<Vec<u8>>,
        results: &Recorder,
        id: &CorrelationId,
    ) -> Result<(), TaskError> {
        let program = self.command[0].to_string_lossy();
        let process = self.keeper.spawn(&self.command, input.is_some());
        let process =
            process.map_err(|error| TaskError::new(format!("failed to start `{program}`: {error}")))?;
        let Process { stdin, stdout, stderr, mut exit, wanted: _wanted } = process;
        let (recorded, last_words, ()) = tokio::join!(
            self.record(stdout, exit.clone(), results, id),
            log(stderr, exit.clone()),
            feed(stdin, input, exit.clone()),
        );
        recorded?;
        let status = exit.status().await.map_err(TaskError::new)?;
        if status.success() {
            return Ok(());
        }
        let last_words = last_words.map_or_else(String::new, |words| format!("; it last said: {words}"));
        Err(TaskError::new(format!("`{program}` ended with {status}{last_words}")))
    }

    /// Records what the program prints, line by line.
    async fn record(
        &self,
        stdout: ChildStdout,
        mut exit: Exit,
        results: &Recorder,
        id: &CorrelationId,
    ) -> Result<(), TaskError> {
        let mut lines = Lines::new(stdout, self.reader.limit);
        let (mut taken, mut bad) = (0_u64, 0_u64);
        while let Some(Line { number, text }) = exit.or_nothing(lines.next()).await? {
            match self.line(text, results, id).await {
                Ok(true) => taken += 1,
                Ok(false) => {}
                Err(Wrong::Line(why)) => {
                    bad += 1;
                    if bad <= COMPLAINTS {
                        tracing::warn!(line = number, why = clean(&why), "a line is no result");
                    }
                }
                Err(Wrong::Over(error)) => return Err(error.into()),
            }
        }
        if bad > 0 {
            tracing::warn!(results = taken, bad, "lines of this run were no results");
        }
        Ok(())
    }

    /// Records one line. Says whether there was something in it.
    async fn line(
        &self,
        text: Option<Vec<u8>>,
        results: &Recorder,
        id: &CorrelationId,
    ) -> Result<bool, Wrong> {
        let limit = self.reader.limit;
        let text = text.ok_or_else(|| Wrong::Line(format!("it is longer than {limit} bytes")))?;
        if text.trim_ascii().is_empty() {
            return Ok(false);
        }
        let read = self.reader.read(&text).map_err(Wrong::Line)?;
        let how = Record::new().correlation_id(read.id.unwrap_or_else(|| id.clone())).at(SystemTime::now());
        match results.record_value(how, read.topic.as_str(), &read.value).await {
            Ok(()) => Ok(true),
            Err(error @ RecordError::Over) => Err(Wrong::Over(error)),
            Err(error) => Err(Wrong::Line(error.to_string())),
        }
    }
}

/// Why a line was not recorded.
enum Wrong {
    /// It is none.
    Line(String),
    /// Nobody wants any more.
    Over(RecordError),
}

/// Writes what the program says on standard error to the log. Gives the last line.
async fn log(stderr: ChildStderr, mut exit: Exit) -> Option<String> {
    let mut lines = Lines::new(stderr, LOGGED);
    let mut last = None;
    while let Ok(Some(Line { number, text })) = exit.or_nothing(lines.next()).await {
        let text = text.map_or_else(
            || format!("(line {number} is longer than {LOGGED} bytes)"),
            |text| clean(&String::from_utf8_lossy(&text)),
        );
        tracing::info!(target: "stook::exec::stderr", "{text}");
        last = Some(text).filter(|text| !text.trim().is_empty()).or(last);
    }
    last
}

/// Gives the program its input, as far as it wants it.
async fn feed(stdin: Option<ChildStdin>, input: Option<Vec<u8>>, mut exit: Exit) {
    let (Some(mut stdin), Some(input)) = (stdin, input) else { return };
    // A program may end without having read it all.
    let _ = exit.or_nothing(async { stdin.write_all(&input).await.map(|()| Some(())) }).await;
}
