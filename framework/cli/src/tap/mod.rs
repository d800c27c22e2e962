//! `stook tap`.

mod lines;
mod text;

use serde::Serialize;
use stook::{Client, Seen, Tap, exit, told_to_stop};

use crate::host::{HostArg, failure};
use crate::output::{Failure, Paint, StreamFormat, clean, say};
use lines::{Lines, Reader};

/// Print the sets that a host releases, from now on, as they come.
///
/// Looking on holds up nobody: what comes faster than it can be printed is skipped, and how much that was is said in its
/// place. Ends with 0 on Ctrl-C, when nobody reads its output any more, and when the host stops; with 1 if it stops before
/// --count sets have come; with 69 when no host can be reached or its connection breaks, and with 76 when it speaks another
/// protocol.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The aggregates to look at; without one, all.
    #[arg(value_name = "AGGREGATE")]
    aggregates: Vec<String>,
    /// End when so many sets have come.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    #[command(flatten)]
    host: HostArg,
    /// How to print. In `jsonl` a set is a line as sinks write it, and skipped ones are a line with the field `skipped`.
    #[arg(long, value_enum, default_value_t)]
    format: StreamFormat,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    args.host.ask(|client| async move {
        let told = told_to_stop();
        tokio::select! {
            ended = args.look_on(client) => ended,
            () = told => Ok(()),
        }
    })
}

impl Args {
    async fn look_on(&self, client: Client) -> Result<(), Failure> {
        let mut tap = client.tap(&self.aggregates).await.map_err(failure)?;
        say(&format!("stook: looking at {}\n", clean(&tap.aggregates().join(", "))));
        let mut lines = Lines::start()?;
        let ended = self.print(&mut tap, &mut lines).await;
        lines.finish().await?;
        ended
    }

    async fn print(&self, tap: &mut Tap, lines: &mut Lines) -> Result<(), Failure> {
        let mut left = self.count;
        while left != Some(0) {
            let reader = match tap.next().await.map_err(failure)? {
                Some(Seen::Set(set)) => {
                    left = left.map(|left| left - 1);
                    lines.print(match self.format {
                        StreamFormat::Text => text::set(&set, Paint::stdout()),
                        StreamFormat::Jsonl => line(&set)?,
                    })
                }
                Some(Seen::Skipped(sets)) => match self.format {
                    StreamFormat::Text => {
                        say(&text::skipped(sets));
                        continue;
                    }
                    StreamFormat::Jsonl => lines.print(line(&Skipped { skipped: sets })?),
                },
                Some(_) => continue,
                None => {
                    say("stook: the host stops\n");
                    return if left.is_some() { Err(Failure::Said(exit::FAILURE)) } else { Ok(()) };
                }
            };
            if reader.await == Reader::Gone {
                break;
            }
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct Skipped {
    skipped: u64,
}

fn line(what: &impl Serialize) -> Result<String, Failure> {
    let json = serde_json::to_string(what);
    json.map(|json| json + "\n").map_err(|error| Failure::Other(format!("failed to write as JSON: {error}")))
}
