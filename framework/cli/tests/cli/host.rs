//! A host in this process, for the verbs that ask one.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use stook::config::{Config, Source};
use stook::{BuildContext, Endpoint, Event, Handle, Host, Registry, link_plugins};
use stook_collector::{Collector, Description, Options, Recorder, Task, TaskError, Value};
use stook_types::CollectorId;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::{Ran, ran};

/// No test waits longer than this for anything.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A host with collectors, all in this process.
pub(super) struct TestHost {
    directory: TempDir,
    endpoint: Endpoint,
    handle: Handle,
    events: Receiver<Event>,
    running: JoinHandle<()>,
    runtime: Runtime,
}

/// A collector that does what the payload of a task says.
struct Obedient {
    capability: &'static str,
    topic: &'static str,
}

impl TestHost {
    /// A host that listens. `@me` in its config is this program, as a collector.
    pub(super) fn start(config: &str) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let directory = tempfile::Builder::new().prefix("stook").tempdir().unwrap();
        let endpoint = Endpoint::in_directory(directory.path().join("host"));
        let (to_events, events) = channel();
        let host = Host::builder(understood(config))
            .endpoint(endpoint.clone())
            .on_event(move |event| _ = to_events.send(event.clone()))
            .build()
            .unwrap();
        let handle = host.handle();
        let running = runtime.spawn(async move { _ = host.run().await.unwrap() });
        let host = Self { directory, endpoint, handle, events, running, runtime };
        host.event(|event| matches!(event, Event::Listening));
        host
    }

    /// Waits for something to happen; what happened before it is forgotten.
    pub(super) fn event(&self, wanted: impl Fn(&Event) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !wanted(
            &self
                .events
                .recv_timeout(end.saturating_duration_since(Instant::now()))
                .expect("it happens in time"),
        ) {}
    }

    /// Waits until this collector has a session.
    pub(super) fn connected(&self, id: &str) {
        self.event(
            |event| matches!(event, Event::CollectorConnected { collector, .. } if collector.as_str() == id),
        );
    }

    /// Runs a collector until the test ends.
    pub(super) fn collector(&self, id: &str, capability: &'static str, topic: &'static str) {
        let options =
            Options { id: Some(CollectorId::new(id).unwrap()), ..Options::new(self.endpoint.clone()) };
        let run = stook_collector::run_until(Obedient { capability, topic }, options, std::future::pending());
        self.runtime.spawn(run);
        self.connected(id);
    }

    /// Runs `stook` to its end, with this host as the one to ask.
    pub(super) fn stook(&self, args: &[&str]) -> Ran {
        ran(self.command(args))
    }

    /// Starts `stook`; its output can be read.
    pub(super) fn spawn(&self, args: &[&str]) -> std::process::Child {
        use std::process::Stdio;

        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = command(args);
        command.env("STOOK_ENDPOINT", self.endpoint.directory());
        command
    }

    /// What `stook status --format json` says.
    pub(super) fn status(&self) -> serde_json::Value {
        self.stook(&["status", "--format", "json"]).json()
    }

    /// What it says when this holds of it; it is asked again when something has happened, or after a moment: not
    /// everything is told.
    pub(super) fn status_where(&self, wanted: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let status = self.status();
            if wanted(&status) {
                return status;
            }
            assert!(Instant::now() < end, "it comes to hold in time: {status}");
            let _ = self.events.recv_timeout(Duration::from_millis(20));
        }
    }

    /// Stops the host although it cannot deliver what it has: it says so.
    #[cfg(target_os = "linux")]
    pub(super) fn abandon(self) {
        self.handle.stop();
        let ended =
            self.runtime.block_on(async { tokio::time::timeout(PATIENCE, self.running).await }).unwrap();
        assert!(ended.unwrap_err().is_panic(), "not everything was delivered");
    }

    /// Stops the host as it should stop.
    pub(super) fn stop(self) {
        self.handle.stop();
        self.runtime.block_on(async { tokio::time::timeout(PATIENCE, self.running).await }).unwrap().unwrap();
        assert!(!self.endpoint.directory().exists(), "its directory is gone");
        drop(self.directory);
    }
}

/// `stook` with these arguments, and without what the environment says about hosts.
pub(super) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stook"));
    command.args(args).env_remove("STOOK_HOST").env_remove("STOOK_ENDPOINT");
    command
}

/// `stook` in a world where hosts live in this directory.
pub(super) fn command_in(runtime: &Path, args: &[&str]) -> Command {
    let mut command = command(args);
    command.env("STOOK_RUNTIME_DIR", runtime);
    command
}

fn understood(config: &str) -> Config {
    let me = std::env::current_exe().unwrap();
    let me = format!("{:?}, \"host::this_program_as_a_collector\", \"--exact\"", me.to_str().unwrap());
    let source =
        Source::toml("test.toml", &config.replace("@me", &me)).unwrap_or_else(|wrong| panic!("{wrong}"));
    let registry = Registry::linked(link_plugins!(stook_strategies)).unwrap();
    let config = Config::load(&source, &registry, &BuildContext::new(7));
    config.unwrap_or_else(|wrong| panic!("{wrong}")).0
}

/// Not a test: what a host of a test starts. Nothing if nobody has.
#[test]
fn this_program_as_a_collector() {
    if std::env::var_os("STOOK_TOKEN").is_some() {
        // Not by a macro: that the harness of the tests would keep to itself.
        let _ = std::io::stderr().write_all(b"obedient\x1b[31m\n");
        let _ = stook_collector::run(Obedient { capability: "test.work", topic: "t.a" });
    }
}

impl Collector for Obedient {
    fn describe(&self) -> Description {
        Description::of_kind("test").capability(self.capability, 1, [self.topic])
    }

    /// Answers with the payload. `{"fail": true}` fails without an answer, and `{"hold": true}` never ends.
    async fn task(&self, task: Task, results: &Recorder) -> Result<(), TaskError> {
        let payload = task.arguments()?;
        let says = |word| payload.at(&[word]) == Some(&Value::Bool(true));
        if says("fail") {
            return Err(TaskError::new("as it was told"));
        }
        results.record(self.topic, &payload).await?;
        if says("hold") { std::future::pending().await } else { Ok(()) }
    }
}
