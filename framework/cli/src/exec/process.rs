//! A process that is not left behind.

use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

/// Starts processes, and sees to their end.
pub(super) struct Keeper {
    /// Between SIGTERM and the end.
    grace: Duration,
    /// Whoever keeps a process has a clone.
    keeping: mpsc::Sender<()>,
}

/// Waits for the end of all that keepers have started.
pub(super) struct Gone(mpsc::Receiver<()>);

/// A process that runs.
pub(super) struct Process {
    pub(super) stdin: Option<ChildStdin>,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
    pub(super) exit: Exit,
    /// Dropped before the process has ended, it is told to end.
    pub(super) wanted: oneshot::Sender<()>,
}

/// How a process ends, for as many as want to know.
#[derive(Clone)]
pub(super) struct Exit(watch::Receiver<Option<Result<ExitStatus, String>>>);

/// How long the output of a process is waited for that has ended: something that it started may hold its pipes.
const HELD: Duration = Duration::from_millis(100);

impl Keeper {
    pub(super) fn new(grace: Duration) -> (Self, Gone) {
        let (keeping, gone) = mpsc::channel(1);
        (Self { grace, keeping }, Gone(gone))
    }

    /// Starts a command, with a standard input if it is to be given something.
    pub(super) fn spawn(&self, command: &[OsString], input: bool) -> io::Result<Process> {
        let mut child = Command::new(&command[0])
            .args(&command[1..])
            .stdin(if input { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // What proves this collector to the host is nobody else's business.
            .env_remove("STOOK_TOKEN")
            .kill_on_drop(true)
            .spawn()?;
        let piped = "standard streams are pipes";
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (wanted, unwanted) = oneshot::channel();
        let (ended, exit) = watch::channel(None);
        let (grace, keeping) = (self.grace, self.keeping.clone());
        tokio::spawn(async move {
            let status = keep(child, unwanted, grace).await;
            ended.send_replace(Some(status.map_err(|error| error.to_string())));
            drop(keeping);
        });
        Ok(Process {
            stdin,
            stdout: stdout.expect(piped),
            stderr: stderr.expect(piped),
            exit: Exit(exit),
            wanted,
        })
    }
}

/// Waits for the end of a process, and brings it about when nobody wants it any more.
async fn keep(mut child: Child, unwanted: oneshot::Receiver<()>, grace: Duration) -> io::Result<ExitStatus> {
    tokio::select! {
        status = child.wait() => return status,
        _ = unwanted => {}
    }
    terminate(&child);
    if let Ok(status) = timeout(grace, child.wait()).await {
        return status;
    }
    tracing::warn!(?grace, "the command did not end when it was told to, and is killed");
    child.kill().await?;
    child.wait().await
}

#[cfg(unix)]
fn terminate(child: &Child) {
    use rustix::process::{Pid, Signal, kill_process};
    // It is not reaped yet: its number is its own.
    if let Some(process) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
        // Gone already.
        let _ = kill_process(process, Signal::TERM);
    }
}

/// Nobody can be asked to end here.
#[cfg(not(unix))]
fn terminate(_: &Child) {}

impl Gone {
    /// All that nobody wants has ended. To be called when the keeper is dropped.
    pub(super) async fn wait(mut self) {
        while self.0.recv().await.is_some() {}
    }
}

impl Exit {
    /// Waits for the end.
    pub(super) async fn status(&mut self) -> Result<ExitStatus, String> {
        match self.0.wait_for(Option::is_some).await {
            Ok(status) => status.clone().expect("this was waited for"),
            Err(_) => Err("nobody waits for it any more".into()),
        }
    }

    /// What comes of this; nothing if the process has ended and nothing comes for a moment.
    pub(super) async fn or_nothing<T>(
        &mut self,
        what: impl Future<Output = io::Result<Option<T>>>,
    ) -> io::Result<Option<T>> {
        tokio::select! {
            biased;
            got = what => got,
            () = async { _ = self.status().await; sleep(HELD).await } => Ok(None),
        }
    }
}
