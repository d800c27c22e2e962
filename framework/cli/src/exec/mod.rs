//! `stook exec`: a collector made of any program that prints lines of JSON.

mod collector;
mod lines;
mod process;
mod read;
mod record;
#[cfg(all(test, unix))]
mod tests;

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use stook_collector::{Options, RunError, run_with};
use stook_types::units::{ByteSize, Span};
use stook_types::{Capability, CollectorId, CorrelationId, Topic};

use crate::host::HostArg;
use crate::logging::LogArgs;
use crate::output::{Failure, say};
use collector::{Exec, Mode};
use process::Keeper;
use read::Reader;

/// Make a collector of a program that prints lines of JSON: each line is a result.
///
/// Without --every and --capability the command runs once, for as long as it likes; the collector ends with it, and fails if
/// it failed. To start it again is the host's work: name `stook exec …` as the `command` of a collector in its config.
///
/// What the command writes to standard error goes to the log. A line that is no JSON, or too long, is counted and logged, and
/// harms nothing else. When the collector is to leave, the command gets SIGTERM, is read to its end, and after --grace is killed.
///
/// Most programs write to a pipe in blocks, and nothing is seen of a line until its block is full. Make them write each line:
/// `stdbuf -oL PROGRAM`, `mawk -W interactive`, `grep --line-buffered`, `jq --unbuffered`, `python3 -u`.
///
/// The lines of one run have one correlation ID. With --every the last of them is marked as the last (`complete = { use =
/// "marker" }` takes the set as complete then); of a task the end is known (`complete = { use = "expected" }`); a command that
/// runs for long says it by --last-field, and which lines belong together by --id-field.
#[derive(clap::Args)]
#[command(override_usage = "stook exec [OPTIONS] -- <COMMAND>...")]
pub(crate) struct Args {
    /// The program and its arguments. No shell: for a pipe say `sh -c '…'`.
    #[arg(value_name = "COMMAND", last = true, required = true)]
    command: Vec<OsString>,
    /// Run the command once per period, like `10s`: not before the last run has ended. A run that fails is logged.
    #[arg(long, value_name = "SPAN", value_parser = some_time, conflicts_with = "capability")]
    every: Option<Span>,
    /// Run the command for each task of this kind, with the task's payload as JSON on standard input. The task fails if the
    /// command does.
    #[arg(long, value_name = "NAME")]
    capability: Option<Capability>,
    /// How many tasks run at once.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "capability")]
    concurrency: u32,
    /// The topic of the results; `events.KIND` without this. May be said several times, with --topic-field.
    #[arg(long, value_name = "TOPIC")]
    topic: Vec<Topic>,
    /// The field that says the topic of a line: one of those of --topic, and the first if a line has none.
    #[arg(long, value_name = "FIELD")]
    topic_field: Option<String>,
    /// The field that says which results belong together. Without it, all results of one run do.
    #[arg(long, value_name = "FIELD", conflicts_with = "capability")]
    id_field: Option<String>,
    /// The correlation ID of all results. Their set must begin again after it was released: `late = { use = "reopen" }`.
    #[arg(long, value_name = "ID", conflicts_with_all = ["capability", "id_field"])]
    correlation_id: Option<CorrelationId>,
    /// The field that says, by true, that a line is the last of its correlation ID.
    #[arg(long, value_name = "FIELD", conflicts_with = "capability")]
    last_field: Option<String>,
    /// The collector's id; what the host says, or KIND-1, without this.
    #[arg(long, value_name = "ID")]
    id: Option<CollectorId>,
    /// The collector's kind; the name of the command, if it can be one, without this.
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Longest line. A host takes results of nearly 1 MiB.
    #[arg(long, value_name = "SIZE", default_value = "256KiB")]
    max_line: ByteSize,
    /// Time between SIGTERM and the end.
    #[arg(long, value_name = "SPAN", default_value = "2s")]
    grace: Span,
    #[command(flatten)]
    host: HostArg,
    #[command(flatten)]
    log: LogArgs,
}

/// What a kind is where the name of the command can be none.
const KIND: &str = "exec";

fn some_time(text: &str) -> Result<Span, String> {
    match text.parse::<Span>()? {
        Span(Duration::ZERO) => {
            Err("the command would run without a pause; write a period like `10s`".into())
        }
        some => Ok(some),
    }
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    args.log.start().map_err(Failure::Usage)?;
    let mut options = Options::from_env().map_err(ended)?;
    options.endpoint = args.host.endpoint().map_err(|error| crate::host::unreachable(&error))?;
    options.id = args.id.clone().or(options.id);
    // Four fifths of it are for what still runs.
    options.drain_grace = options.drain_grace.max(args.grace.0.saturating_mul(2));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Other(format!("failed to start: {error}")))?;
    runtime.block_on(async {
        let (keeper, gone) = Keeper::new(args.grace.0);
        let done = run_with(args.collector(keeper), options).await;
        gone.wait().await;
        done.map_err(ended)
    })
}

fn ended(error: RunError) -> Failure {
    match error {
        RunError::NoHost { source, .. } => crate::host::unreachable(&source),
        error => {
            say(&format!("stook: {error}\n"));
            Failure::Said(error.exit_code())
        }
    }
}

impl Args {
    fn collector(self, keeper: Keeper) -> Exec {
        let kind = self.kind.unwrap_or_else(|| kind_of(&self.command[0]));
        let mut topics = self.topic;
        if topics.is_empty() {
            // The host refuses a kind that can be no part of an id, and says so.
            topics.push(topic_of(&kind).unwrap_or_else(|| topic_of(KIND).expect("valid")));
        }
        let mode = match (self.capability, self.every) {
            (Some(capability), _) => Mode::Tasks { capability, concurrency: self.concurrency },
            (None, Some(Span(period))) => Mode::Every(period),
            (None, None) => Mode::Once,
        };
        let limit = usize::try_from(self.max_line.0).unwrap_or(usize::MAX);
        let reader = Reader {
            topics,
            topic_field: self.topic_field,
            id_field: self.id_field,
            last_field: self.last_field,
            limit,
        };
        Exec { kind, mode, command: self.command, id: self.correlation_id, reader, keeper }
    }
}

fn kind_of(command: &OsString) -> String {
    let name = Path::new(command).file_stem().and_then(|name| name.to_str());
    let name = name.filter(|name| topic_of(name).is_some() && CollectorId::new(&format!("{name}-1")).is_ok());
    name.unwrap_or(KIND).to_owned()
}

fn topic_of(kind: &str) -> Option<Topic> {
    Topic::new(&format!("events.{kind}")).ok()
}
