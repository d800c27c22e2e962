//! The quickstart as a child process, in a runtime directory of its own.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;
use stook_examples::gather::processes::Processes;
use tempfile::TempDir;

/// Nothing takes longer, however slow the machine: a scan of an unoptimized build hashes slowly.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// Killed when dropped.
pub(crate) struct Quickstart {
    process: Child,
    lines: Receiver<String>,
    errors: Option<JoinHandle<String>>,
    directory: TempDir,
}

/// How it ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) errors: String,
}

impl Quickstart {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut command = command(&directory, arguments);
        // As a shell does, so that Ctrl-C can be sent to it and its collectors and to nobody else.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut process = command.spawn().unwrap();
        let (stdout, mut stderr) = (process.stdout.take().unwrap(), process.stderr.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            let lines = BufReader::new(stdout).lines();
            lines.map_while(|line| sender.send(line.unwrap()).ok()).for_each(drop);
        });
        let errors = thread::spawn(move || {
            let mut text = Vec::new();
            stderr.read_to_end(&mut text).unwrap();
            String::from_utf8_lossy(&text).into_owned()
        });
        Self { process, lines, errors: Some(errors), directory }
    }

    /// Runs another beside it, which would be the same host, to its end.
    pub(crate) fn run_a_twin(&self) -> Ended {
        let output = command(&self.directory, &["--scans", "1"]).output().unwrap();
        Ended { status: output.status, errors: String::from_utf8(output.stderr).unwrap() }
    }

    /// The next line of its output; none at the end.
    pub(crate) fn line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(DEADLINE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no line within {DEADLINE:?}: {}", self.kill()),
        }
    }

    /// Its output up to the end.
    pub(crate) fn lines(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.line()).collect()
    }

    /// Its output up to the end, each line as JSON.
    pub(crate) fn answers(&mut self) -> Vec<Value> {
        self.lines().iter().map(|line| json(line)).collect()
    }

    /// Closes the pipe of its output, once one more line has come.
    pub(crate) fn stop_reading(&mut self) {
        self.lines = channel().1;
    }

    /// As Ctrl-C in a terminal does it: the host and its collectors get the signal.
    #[cfg(unix)]
    pub(crate) fn ctrl_c(&self) {
        use rustix::process::{Signal, kill_process_group};
        kill_process_group(self.pid(), Signal::INT).unwrap();
    }

    /// As `kill` does it.
    #[cfg(unix)]
    pub(crate) fn terminate(&self) {
        use rustix::process::{Signal, kill_process};
        kill_process(self.pid(), Signal::TERM).unwrap();
    }

    /// Waits for its end, and sees that it leaves nothing behind in its runtime directory.
    pub(crate) fn end(mut self) -> Ended {
        let Some(status) = self.wait(DEADLINE) else {
            panic!("not ended within {DEADLINE:?}: {}", self.kill())
        };
        // None if it never came so far.
        let left: Vec<_> = runtime(&self.directory).read_dir().into_iter().flatten().collect();
        assert!(left.is_empty(), "left behind: {left:?}");
        Ended { status, errors: self.errors() }
    }

    /// How it ended, if it does within this time.
    pub(crate) fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            match self.process.try_wait().unwrap() {
                None if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
                ended => return ended,
            }
        }
    }

    #[cfg(unix)]
    fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.process)
    }

    /// What it has to say for itself.
    fn kill(&mut self) -> String {
        let _ = self.process.kill(); // it may have ended by itself
        let _ = self.process.wait();
        self.errors()
    }

    fn errors(&mut self) -> String {
        self.errors.take().map_or_else(String::new, |errors| errors.join().unwrap())
    }
}

impl Drop for Quickstart {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Ended {
    /// As asked, and without a word, unless it is that a policy is slow: on a loaded machine each may be.
    pub(crate) fn quietly(&self) {
        let mut words = self.errors.lines().filter(|line| !line.contains(" has taken 50 ms or more "));
        assert_eq!((self.status.code(), words.next()), (Some(0), None), "{}", self.errors);
    }
}

/// The host makes it, for this user only.
pub(crate) fn runtime(directory: &TempDir) -> PathBuf {
    directory.path().join("run")
}

pub(crate) fn command(directory: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quickstart"));
    command
        .args(arguments)
        .env("STOOK_RUNTIME_DIR", runtime(directory))
        .env_remove("STOOK_LOG")
        .current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(crate) fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"))
}

/// Sees that no collector of this answer is left.
pub(crate) fn assert_gone(answer: &Value) {
    let running = Processes::new().unwrap().scan().unwrap();
    for contributor in answer["contributors"].as_array().unwrap() {
        let left = running.iter().find(|process| {
            contributor["pid"] == process.pid
                && process.exe.as_deref() == Some(env!("CARGO_BIN_EXE_quickstart").as_ref())
        });
        assert_eq!(left, None);
    }
}
