//! A process to look at: this very test binary under another name, with a listening socket. The tests of the
//! quickstart have this file too.

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::time::{Duration, Instant};

/// Set in the child: play the process to look at.
const ROLE: &str = "STOOK_EXAMPLES_TEST_CHILD";

/// The test that plays it, after the name of the crate.
const CHILD: &str = concat!(module_path!(), "::child");

/// What the child prints before the address that it listens on.
const LISTENING: &str = "listening on ";

/// Runs from a file of its own, until dropped. Ends by itself if this process dies: its standard input closes.
pub(crate) struct Child {
    process: process::Child,
    exe: PathBuf,
    listens: String,
    _dir: tempfile::TempDir,
}

impl Child {
    pub(crate) fn start() -> Self {
        Self::start_as("stook-test-child")
    }

    pub(crate) fn start_as(name: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let dir_path = dir.path().canonicalize().unwrap();
        let exe = dir_path.join(name).with_extension(std::env::consts::EXE_EXTENSION);
        fs::copy(std::env::current_exe().unwrap(), &exe).unwrap();

        let mut process = spawn(&exe);
        let said = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let listens = said.filter_map(|line| Some(line.split_once(LISTENING)?.1.to_owned())).next();
        Self { process, exe, listens: listens.expect("the child listens"), _dir: dir }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn exe(&self) -> &Path {
        &self.exe
    }

    /// The address of its listening TCP socket.
    pub(crate) fn listens(&self) -> &str {
        &self.listens
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it may have ended by itself
        let _ = self.process.wait();
    }
}

fn spawn(exe: &Path) -> process::Child {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let spawned = Command::new(exe)
            .args(["--exact", CHILD.split_once("::").unwrap().1, "--nocapture"])
            .env(ROLE, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        match spawned {
            // Another test forked while the copy was still open for writing; its exec will close it.
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && Instant::now() < deadline => {
                std::thread::yield_now();
            }
            spawned => return spawned.unwrap(),
        }
    }
}

/// The life of the child. As a test of its own it has nothing to do.
#[test]
fn child() {
    if std::env::var_os(ROLE).is_some() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        println!("{LISTENING}{}", listener.local_addr().unwrap());
        let _ = io::stdin().read(&mut [0]); // until the parent lets go
    }
}
