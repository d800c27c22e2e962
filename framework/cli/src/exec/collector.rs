//! The collector that a program becomes.

use std::ffi::OsString;
use std::future::pending;
use std::time::Duration;

use stook_collector::{Collector, Description, Recorder, Task, TaskError};
use stook_types::{Capability, CorrelationId, Topic};
use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::time::{MissedTickBehavior, interval};

use super::lines::{Line, Lines};
use super::process::{Exit, Keeper, Process};
use super::read::Reader;
use super::record::{Recording, Run};
use crate::output::clean;

/// A program, and when to run it.
pub(super) struct Exec {
    pub(super) kind: String,
    pub(super) mode: Mode,
    pub(super) command: Vec<OsString>,
    /// That of all results, if they have one.
    pub(super) id: Option<CorrelationId>,
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
        // One that is cancelled is dropped: nothing that it says is wanted any more.
        let run = Run { id: task.correlation_id.clone(), marks_last: false };
        self.run(Some(payload), results, &run, pending()).await
    }

    async fn stream(&self, results: Recorder) -> Result<(), TaskError> {
        match &self.mode {
            Mode::Tasks { .. } => pending().await,
            Mode::Once => {
                let run = Run { id: self.new_id(), marks_last: false };
                self.run(None, &results, &run, results.leaving()).await
            }
            Mode::Every(period) => {
                let mut due = interval(*period);
                due.set_missed_tick_behavior(MissedTickBehavior::Skip);
                loop {
                    tokio::select! {
                        _ = due.tick() => {}
                        () = results.leaving() => return Ok(()),
                    }
                    // Which line is the last of an ID that lines say is not known.
                    let run = Run { id: self.new_id(), marks_last: self.reader.id_field.is_none() };
                    if let Err(error) = self.run(None, &results, &run, results.leaving()).await {
                        tracing::warn!(%error, "a run failed");
                    }
                }
            }
        }
    }
}

impl Exec {
    fn new_id(&self) -> CorrelationId {
        self.id.clone().unwrap_or_else(CorrelationId::random)
    }

    /// Runs the program to its end. When it is to `stop` it is told so, and what it still says is taken.
    async fn run(
        &self,
        input: Option<Vec<u8>>,
        results: &Recorder,
        run: &Run,
        stop: impl Future<Output = ()>,
    ) -> Result<(), TaskError> {
        let program = self.command[0].to_string_lossy();
        let process = self.keeper.spawn(&self.command, input.is_some());
        let process =
            process.map_err(|error| TaskError::new(format!("failed to start `{program}`: {error}")))?;
        let Process { stdin, stdout, stderr, mut exit, wanted } = process;
        let [out, err, fed] = [exit.clone(), exit.clone(), exit.clone()];
        let to_its_end = async {
            tokio::join!(self.record(stdout, out, results, run), log(stderr, err), feed(stdin, input, fed))
        };
        tokio::pin!(to_its_end);
        let (recorded, last_words, ()) = tokio::select! {
            ended = &mut to_its_end => ended,
            () = stop => {
                drop(wanted);
                let (recorded, ..) = to_its_end.await;
                // How it ends now is not its choice.
                return recorded;
            }
        };
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
        run: &Run,
    ) -> Result<(), TaskError> {
        let mut lines = Lines::new(stdout, self.reader.limit);
        let mut recording = Recording::new(&self.reader, results, run);
        while let Some(line) = exit.or_nothing(lines.next()).await? {
            recording.line(line).await?;
        }
        Ok(recording.end().await?)
    }
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
