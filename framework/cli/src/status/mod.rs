//! `stook status`.

mod collector;
#[cfg(test)]
mod tests;
mod text;

use stook_types::{CollectorId, Value, nearest};

use crate::host::{HostArg, failure};
use crate::look::Look;
use crate::output::{Failure, Format, Paint, print, print_json};

/// Show how things stand at a host.
///
/// The exit code is 1 when the host has no such collector, 69 when no host can be reached, and 76 when it speaks
/// another protocol.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this collector, with the last lines of its output.
    #[arg(value_name = "COLLECTOR")]
    collector: Option<CollectorId>,
    #[command(flatten)]
    host: HostArg,
    /// How to print it; `json` is what the host says, whole: book/operating.md tells its fields.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    args.host.ask(|mut client| async move {
        let status = client.status().await.map_err(failure)?;
        match (&args.collector, args.format) {
            (None, Format::Json) => print_json(&status),
            (None, Format::Text) => print(
                &text::Text { status: Look::at(&status), host: &args.host.flag() }.whole(Paint::stdout()),
            ),
            (Some(id), Format::Json) => print_json(find(&status, id)?),
            (Some(id), Format::Text) => {
                print(&collector::Text(Look::at(find(&status, id)?)).whole(Paint::stdout()))
            }
        }
    })
}

fn find<'a>(status: &'a Value, id: &CollectorId) -> Result<&'a Value, Failure> {
    let collectors = status.at(&["collectors"]).and_then(Value::as_array).unwrap_or_default();
    let name = |collector: &'a Value| collector.at(&["id"]).and_then(Value::as_str);
    collectors.iter().find(|collector| name(collector) == Some(id.as_str())).ok_or_else(|| {
        let names: Vec<_> = collectors.iter().filter_map(name).collect();
        let near = nearest(id.as_str(), names.iter().copied());
        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        Failure::Other(format!("no collector `{id}` is configured{near}\nthere is {there}"))
    })
}
