//! Standard output on a thread of its own: it may block, and Ctrl-C is heard all the same.

use std::io::{self, ErrorKind, Write};

use tokio::sync::{mpsc, oneshot};

use crate::output::Failure;

/// Prints line by line.
pub(super) struct Lines {
    to: mpsc::Sender<String>,
    ended: oneshot::Receiver<io::Result<()>>,
}

/// Whether anybody reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    Reads,
    Gone,
}

/// Lines that wait to be printed. Few: what is not printed is better skipped by the host, which says so.
const WAITING: usize = 16;

impl Lines {
    pub(super) fn start() -> Result<Self, Failure> {
        let (to, lines) = mpsc::channel(WAITING);
        let (end, ended) = oneshot::channel();
        let print = move || _ = end.send(print(lines));
        let thread = std::thread::Builder::new().name("output".into()).spawn(print);
        thread.map_err(|error| Failure::Other(format!("failed to start a thread: {error}")))?;
        Ok(Self { to, ended })
    }

    pub(super) async fn print(&self, line: String) -> Reader {
        match self.to.send(line).await {
            Ok(()) => Reader::Reads,
            Err(_) => Reader::Gone,
        }
    }

    /// Waits until everything is printed. A reader who has seen enough and closed the pipe is no failure.
    pub(super) async fn finish(self) -> Result<(), Failure> {
        drop(self.to);
        match self.ended.await {
            Ok(Err(error)) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Failure::Other(format!("failed to write to standard output: {error}")))
            }
            _ => Ok(()),
        }
    }
}

fn print(mut lines: mpsc::Receiver<String>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    while let Some(line) = lines.blocking_recv() {
        out.write_all(line.as_bytes())?;
        out.flush()?;
    }
    Ok(())
}
