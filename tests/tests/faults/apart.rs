//! A host that can be killed and stopped.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};

use stook_proto::transport::Endpoint;

/// A host in a process of its own, whose events are read as they come.
pub(super) struct Apart {
    pub(super) host: Child,
    events: Receiver<String>,
}

impl Apart {
    pub(super) fn start(config: &Path, endpoint: &Endpoint) -> Self {
        let mut host = Command::new(env!("CARGO_BIN_EXE_stook-test-host"));
        host.args([config, endpoint.directory()]);
        Self::of(host)
    }

    pub(super) fn of(mut host: Command) -> Self {
        let mut host = host.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let (to, events) = sync_channel(10_000);
        let lines = BufReader::new(host.stderr.take().expect("piped")).lines();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| to.send(line)));
        Self { host, events }
    }

    /// The next event that begins like this.
    pub(super) fn event(&self, begins: &str) -> String {
        loop {
            let event = self.events.recv_timeout(stook_tests::PATIENCE).expect("it happens in time");
            if event.starts_with(begins) {
                return event;
            }
        }
    }

    /// What has happened so far and was not looked at.
    pub(super) fn so_far(&self) -> Vec<String> {
        self.events.try_iter().collect()
    }

    pub(super) fn stop(mut self) {
        drop(self.host.stdin.take());
        assert!(self.host.wait().expect("a child of ours").success());
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        let _ = self.host.kill();
        let _ = self.host.wait();
    }
}
