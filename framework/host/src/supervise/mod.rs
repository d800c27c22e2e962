//! The collectors that the host starts: one task per child, which owns it from spawn to reap.

mod output;

use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use stook_proto::transport::{ENDPOINT_VARIABLE, Endpoint};
use stook_types::CollectorId;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio::time::{Duration, Instant, sleep_until, timeout_at};

use crate::control::Message;
use crate::hub::Hub;

/// What a child is started with.
pub(crate) struct Plan {
    pub(crate) id: CollectorId,
    /// Program and arguments.
    pub(crate) command: Vec<String>,
    /// What it shows to prove that we started it.
    pub(crate) secret: String,
}

/// What is asked of the task of a child.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// Kill it now.
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

/// After the exit: how long output is read that a grandchild may hold open.
const AFTER_EXIT: Duration = Duration::from_millis(100);

/// Starts a child and the task that owns it. A child that cannot be started is reported as one that has ended.
pub(crate) fn start(hub: &Arc<Hub>, endpoint: &Endpoint, plan: Plan) -> Supervised {
    let (orders, inbox) = mpsc::channel(4);
    let (ended, exited) = watch::channel(false);
    let command = command(endpoint, &plan);
    let id = plan.id;
    let control = hub.control.clone();
    tokio::spawn(async move {
        let how = own(&id, command, inbox, ended).await;
        // Control waits for this before it ends.
        let _ = control.send(Message::ChildEnded { collector: id, how }).await;
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
    id: &CollectorId,
    mut command: Command,
    mut orders: mpsc::Receiver<Order>,
    ended: watch::Sender<bool>,
) -> String {
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            ended.send_replace(true);
            let program = command.as_std().get_program().to_string_lossy().into_owned();
            return format!("failed to start `{program}`: {error}");
        }
    };
    tracing::debug!(collector = %id, pid = child.id(), "spawned");
    let stdout = child.stdout.take().map(|stream| tokio::spawn(output::drain(id.clone(), "stdout", stream)));
    let stderr = child.stderr.take().map(|stream| tokio::spawn(output::drain(id.clone(), "stderr", stream)));
    let status = wait(&mut child, &mut orders).await;
    // Before the output is read to its end, which somebody else may hold open: its session waits to know.
    ended.send_replace(true);
    let until = Instant::now() + AFTER_EXIT;
    for mut reader in [stdout, stderr].into_iter().flatten() {
        if timeout_at(until, &mut reader).await.is_err() {
            reader.abort();
        }
    }
    match status {
        Ok(status) => describe(status),
        Err(error) => format!("failed to wait for it: {error}"),
    }
}

async fn wait(child: &mut Child, orders: &mut mpsc::Receiver<Order>) -> std::io::Result<ExitStatus> {
    // `Child::wait` would close standard input, which is a message of its own.
    let mut stdin = child.stdin.take();
    let mut kill_at = None;
    loop {
        tokio::select! {
            status = child.wait() => return status,
            // Until it is killed: what could be asked after that?
            order = orders.recv(), if stdin.is_some() || kill_at.is_some() => match order {
                Some(Order::End(at)) => {
                    stdin = None;
                    kill_at = Some(at);
                }
                // Without orders the host is gone: its run was dropped.
                Some(Order::Kill) | None => {
                    (stdin, kill_at) = (None, None);
                    child.start_kill()?;
                }
            },
            () = sleep_until(kill_at.unwrap_or_else(Instant::now)), if kill_at.is_some() => {
                kill_at = None;
                child.start_kill()?;
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
