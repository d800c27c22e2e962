//! `stook submit`.

mod arguments;
mod text;

use stook::{Client, FanOut, Submission, TaskOutcome, exit, told_to_stop};
use stook_types::units::Span;
use stook_types::{Capability, CollectorId, CorrelationId, Value};

use crate::host::{HostArg, failure};
use crate::look::Look;
use crate::output::{Failure, Paint, StreamFormat, print, print_json, say};
use text::{Ended, Set, Taken};

/// Have a host run a task now, and say what becomes of it.
///
/// The exit code is 0 when the task was taken or, with --wait, when it was done; 1 when it was refused or ended
/// otherwise; 69 when no host can be reached, and 76 when it speaks another protocol.
#[derive(clap::Args)]
#[command(override_usage = "stook submit <CAPABILITY>... [OPTIONS]")]
pub(crate) struct Args {
    /// What to ask collectors for, under one correlation ID.
    #[arg(value_name = "CAPABILITY", required = true)]
    capabilities: Vec<Capability>,
    /// Ask every collector that has one of the capabilities.
    #[arg(long, group = "fan_out")]
    each: bool,
    /// Ask the best collector for each capability, and another one if that is lost or stalls; the default.
    #[arg(long, group = "fan_out")]
    one: bool,
    /// Ask these collectors.
    #[arg(long, group = "fan_out", value_name = "ID", num_args = 1.., value_delimiter = ',')]
    on: Vec<CollectorId>,
    /// The arguments of the task, as JSON.
    #[arg(long, value_name = "JSON")]
    payload: Option<String>,
    /// Aggregates that gather the answers: they are told whom to expect, and --wait waits for their sets.
    #[arg(long, value_name = "AGGREGATE", num_args = 1.., value_delimiter = ',')]
    into: Vec<String>,
    /// Of two that wait for the same place, that with the higher priority goes first.
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    priority: i32,
    /// When the host gives up, like `30s`; without it when the last of its sets times out, or after `60s`.
    #[arg(long, value_name = "SPAN", value_parser = arguments::timeout)]
    timeout: Option<Span>,
    /// Under which results meet: a UUID or up to 64 bytes of text; without it the host makes one up.
    #[arg(long, value_name = "ID")]
    correlation_id: Option<CorrelationId>,
    /// Print each set that is released for it, and how it ends. Ctrl-C leaves; the task goes on.
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    host: HostArg,
    /// How to print what is said. In `jsonl` a released set is a line as sinks write it, the rest one with the
    /// field `submitted` or `ended`.
    #[arg(long, value_enum, default_value_t)]
    format: StreamFormat,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let submission = args.submission()?;
    args.host.ask(|mut client| async move {
        let told = told_to_stop();
        let submitted = client.submit(submission).await.map_err(failure)?;
        args.print(&submitted, |paint| Taken(Look::at(&submitted).field("submitted")).text(paint))?;
        if !args.wait {
            return Ok(());
        }
        if args.into.is_empty() {
            say("stook: without --into no set is waited for, only the end of the task\n");
        }
        tokio::select! {
            ended = args.follow(&mut client) => ended,
            () = told => {
                say("stook: nobody waits any more; the task goes on\n");
                Err(Failure::Said(exit::FAILURE))
            }
        }
    })
}

impl Args {
    fn submission(&self) -> Result<Submission, Failure> {
        let payload = self.payload.as_deref().map_or(Ok(Value::Null), arguments::payload);
        let payload = payload.and_then(|value| stook::payload(&value).map_err(|error| error.to_string()));
        let fan_out = match (self.each, self.on.is_empty()) {
            (true, _) => FanOut::Each,
            (_, false) => FanOut::Ids(self.on.clone()),
            _ => FanOut::One,
        };
        Ok(Submission {
            capabilities: self.capabilities.clone(),
            fan_out,
            payload: payload.map_err(|why| Failure::Usage(format!("bad --payload: {why}")))?,
            priority: self.priority,
            timeout: self.timeout.map(|Span(timeout)| timeout),
            into: self.into.clone(),
            correlation_id: self.correlation_id.clone(),
            wait: self.wait,
        })
    }

    /// Prints what comes of the task, to its end.
    async fn follow(&self, client: &mut Client) -> Result<(), Failure> {
        loop {
            let said = client.next().await.map_err(failure)?;
            let look = Look::at(&said);
            if let Some(set) = said.as_object().and_then(|fields| fields.get("result")) {
                self.print(&stook::Set::from(set.clone()), |paint| Set(look.field("result")).text(paint))?;
            } else if let Some(outcome) = look.field("ended").field("outcome").text() {
                self.print(&said, |paint| Ended(look.field("ended")).text(paint))?;
                let done = outcome == TaskOutcome::Done.as_str();
                return if done { Ok(()) } else { Err(Failure::Said(exit::FAILURE)) };
            }
        }
    }

    fn print(&self, data: &impl serde::Serialize, text: impl FnOnce(Paint) -> String) -> Result<(), Failure> {
        match self.format {
            StreamFormat::Text => print(&text(Paint::stdout())),
            StreamFormat::Jsonl => print_json(data),
        }
    }
}
