//! `stook restart`.

use stook_types::{CollectorId, Value};

use crate::host::{HostArg, failure};
use crate::look::Look;
use crate::output::{Failure, print};

/// Have the host end a collector that it has started, and start it again.
///
/// Whatever the collector did before is forgotten: one that was given up is taken out of quarantine. The exit code is
/// 1 when it is refused, 69 when no host can be reached, and 76 when it speaks another protocol.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Its ID.
    #[arg(value_name = "COLLECTOR")]
    collector: CollectorId,
    #[command(flatten)]
    host: HostArg,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    args.host.ask(|mut client| async move {
        // As it is before: what is done depends on it.
        let status = client.status().await.map_err(failure)?;
        client.restart(args.collector.clone()).await.map_err(failure)?;
        print(&format!("{}: {}\n", args.collector, done(&status, args.collector.as_str())))
    })
}

/// What a restart means for a collector of which this was true.
fn done(status: &Value, id: &str) -> String {
    let mut collectors = Look::at(status).field("collectors").list();
    let before = collectors.find(|collector| collector.field("id").text().as_deref() == Some(id));
    let state = before.and_then(|before| before.field("state").text()).unwrap_or_default();
    let why = before.and_then(|before| before.field("why").text());
    let pid = before.and_then(|before| before.field("pid").int());
    let adopted = before.is_some_and(|before| before.field("adopted").is_true());
    match (state.as_str(), why, pid) {
        (_, _, Some(pid)) if adopted => {
            format!(
                "another process takes its place; process {pid}, which an earlier host started, is told to exit"
            )
        }
        ("connected" | "draining", _, Some(pid)) => {
            format!("process {pid} is asked to leave, and started again when it has ended")
        }
        ("starting", ..) => "its process is ended before it has registered, and started again".to_owned(),
        // What comes behind is when it would have been tried without this.
        ("quarantined", Some(why), _) => {
            let why = why.split_once("; ").map_or(why.as_str(), |(why, _)| why);
            format!("taken out of quarantine ({why}) and started")
        }
        ("left", ..) => "started again; it had left".to_owned(),
        _ => format!("started again; it was {state}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(collector: Value, says: &str) {
        let status = Value::from([("collectors", Value::from(vec![collector]))]);
        assert_eq!(done(&status, "p-1"), says);
    }

    #[test]
    fn it_says_what_it_did() {
        let of = |state: &str, why: Option<&str>, pid: Option<i64>| {
            Value::from([
                ("id", Value::from("p-1")),
                ("state", state.into()),
                ("why", why.into()),
                ("pid", pid.into()),
            ])
        };
        check(
            of("connected", None, Some(4711)),
            "process 4711 is asked to leave, and started again when it has ended",
        );
        let Value::Object(mut adopted) = of("connected", None, Some(4711)) else { panic!("an object") };
        adopted.insert("adopted".to_owned(), true.into());
        check(
            Value::Object(adopted),
            "another process takes its place; process 4711, which an earlier host started, is told to exit",
        );
        check(of("starting", None, None), "its process is ended before it has registered, and started again");
        check(
            of("quarantined", Some("5 restarts within 60s; tried again in 42 s"), None),
            "taken out of quarantine (5 restarts within 60s) and started",
        );
        check(of("lost", Some("exited"), None), "started again; it was lost");
        check(
            of("left", Some("exit code 0; its restart policy leaves it"), None),
            "started again; it had left",
        );
    }
}
