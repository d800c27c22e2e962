//! The collectors that the host starts: one task per child, which owns it from spawn to reap.

mod group;
mod output;

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use stook_plugin::Exit;
use stook_proto::transport::{ENDPOINT_VARIABLE, Endpoint};
use stook_types::CollectorId;
use tokio::process::Command;
use tokio::sync::{mpsc, watch};
use tokio::time::{Duration, Instant, sleep_until, timeout_at};

use crate::control::Message;
use crate::hub::Hub;
use group::Group;
pub(crate) use output::{LastLines, Lines};

/// What a child is started with.
pub(crate) struct Plan {
    pub(crate) id: CollectorId,
    /// Program and arguments.
    pub(crate) command: Vec<String>,
    /// What it shows to prove that we started it.
    pub(crate) secret: String,
    /// Where the last of its lines are kept.
    pub(crate) last_lines: LastLines,
}

/// What is asked of the task of a child.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// Kill it now, with all that it has started.
    Kill,
    /// It was told to leave. Close its standard input now, and kill it at this time if it is still there.
    End(Instant),
}

/// A child's task, as control sees it.
pub(crate) struct Supervised {
    pub(crate) orders: mpsc::Sender<Order>,
    /// Becomes true when the process has ended and is reaped.
    pub(crate) exited: watch::Receiver<bool>,
}

/// How a child ended.
#[derive(Clone, Debug)]
pub(crate) struct ChildEnd {
    /// In words.
    pub(crate) how: String,
    pub(crate) exit: Exit,
    /// Why no other start could end better.
    pub(crate) hopeless: Option<String>,
}

/// After the exit: how long output is read that a grandchild may hold open.
const AFTER_EXIT: Duration = Duration::from_millis(100);

/// Starts a child and the task that owns it. A child that cannot be started is reported as one that has ended.
pub(crate) fn start(hub: &Arc<Hub>, endpoint: &Endpoint, plan: Plan) -> Supervised {
    let (orders, inbox) = mpsc::channel(4);
    let (ended, exited) = watch::channel(false);
    let command = command(endpoint, &plan);
    let control = hub.control.clone();
    tokio::spawn(async move {
        let id = plan.id.clone();
        let end = own(plan, command, inbox, ended).await;
        // Control waits for this before it ends.
        let _ = control.send(Message::ChildEnded { collector: id, end }).await;
    });
    Supervised { orders, exited }
}

fn command(endpoint: &Endpoint, plan: &Plan) -> Command {
    let mut command = Command::new(&plan.command[0]);
    command
        .args(&plan.command[1..])
        .env(ENDPOINT_VARIABLE, endpoint.directory())
        .env("STOOK_COLLECTOR_ID", plan.id.as_str())
        .env("STOOK_TOKEN", &plan.secret)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs a child to its end, and says how that was.
async fn own(
    plan: Plan,
    mut command: Command,
    mut orders: mpsc::Receiver<Order>,
    ended: watch::Sender<bool>,
) -> ChildEnd {
    let Plan { id, last_lines, .. } = plan;
    let mut group = match Group::spawn(&mut command) {
        Ok(group) => group,
        Err(error) => {
            ended.send_replace(true);
            let program = command.as_std().get_program().to_string_lossy().into_owned();
            return not_started(&program, &error);
        }
    };
    tracing::debug!(collector = %id, pid = group.child.id(), "spawned");
    let child = &mut group.child;
    let drain = |stream| (id.clone(), stream, last_lines.clone());
    let stdout = child.stdout.take().map(|from| {
        let (id, stream, last) = drain("stdout");
        tokio::spawn(output::drain(id, stream, last, from))
    });
    let stderr = child.stderr.take().map(|from| {
        let (id, stream, last) = drain("stderr");
        tokio::spawn(output::drain(id, stream, last, from))
    });
    let status = wait(&mut group, &mut orders).await;
    // Before the output is read to its end, which somebody else may hold open: its session waits to know.
    ended.send_replace(true);
    let until = Instant::now() + AFTER_EXIT;
    for mut reader in [stdout, stderr].into_iter().flatten() {
        if timeout_at(until, &mut reader).await.is_err() {
            reader.abort();
        }
    }
    match status {
        Ok(status) => {
            let exit = if status.success() { Exit::Success } else { Exit::Failure };
            ChildEnd { how: describe(status), exit, hopeless: None }
        }
        Err(error) => {
            ChildEnd { how: format!("failed to wait for it: {error}"), exit: Exit::Failure, hopeless: None }
        }
    }
}

/// A program that does not exist, or may not be run, will not be there the next time either.
fn not_started(program: &str, error: &io::Error) -> ChildEnd {
    use io::ErrorKind::{InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied};
    let how = format!("failed to start `{program}`: {error}");
    let for_ever =
        matches!(error.kind(), NotFound | PermissionDenied | InvalidInput | IsADirectory | NotADirectory);
    ChildEnd { hopeless: for_ever.then(|| how.clone()), how, exit: Exit::NotStarted }
}

async fn wait(group: &mut Group, orders: &mut mpsc::Receiver<Order>) -> io::Result<ExitStatus> {
    // `Child::wait` would close standard input, which is a message of its own.
    let mut stdin = group.child.stdin.take();
    let mut kill_at = None;
    loop {
        tokio::select! {
            status = group.wait() => return status,
            // Until it is killed: what could be asked after that?
            order = orders.recv(), if stdin.is_some() || kill_at.is_some() => match order {
                Some(Order::End(at)) => {
                    stdin = None;
                    kill_at = Some(at);
                }
                // Without orders the host is gone: its run was dropped.
                Some(Order::Kill) | None => {
                    (stdin, kill_at) = (None, None);
                    group.kill();
                }
            },
            () = sleep_until(kill_at.unwrap_or_else(Instant::now)), if kill_at.is_some() => {
                kill_at = None;
                group.kill();
            }
        }
    }
}

#[cfg(unix)]
fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => status.to_string(),
    }
}

#[cfg(not(unix))]
fn describe(status: ExitStatus) -> String {
    status.code().map_or_else(|| status.to_string(), |code| format!("exit code {code}"))
}
