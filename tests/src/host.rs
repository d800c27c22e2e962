//! A host in this process, with everything around it that a test wants to see.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use stook::config::{Config, Source};
use stook::{
    Endpoint, Event, Handle, Host, HostError, HostLimits, Registry, Submission, Submitted, Summary,
    link_plugins,
};
use stook_collector::{Collector, Options, RunError};
use stook_plugin::{AggregatedResult, BuildContext};
use stook_types::CollectorId;
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::{PATIENCE, soon, until};

/// What may have happened before a test looks. More than that, and it misses some.
const UNSEEN: usize = 65_536;

/// A host that runs in a directory of its own.
pub struct TestHost {
    directory: TempDir,
    endpoint: Endpoint,
    handle: Handle,
    running: JoinHandle<Result<Summary, HostError>>,
    results: mpsc::Receiver<AggregatedResult>,
    events: mpsc::Receiver<Event>,
    /// Processes that had a session.
    pids: BTreeSet<u32>,
}

/// A host that is about to run.
#[must_use]
pub struct TestHostBuilder {
    directory: TempDir,
    config: String,
    limits: HostLimits,
    grace: Duration,
    registration: Option<Duration>,
}

/// A collector that runs in this process until it is told to stop, or leaves.
pub struct Running {
    stop: oneshot::Sender<()>,
    outcome: JoinHandle<Result<(), RunError>>,
}

/// A config of TOML, understood. `@here` stands for the given directory.
///
/// # Panics
/// If it is wrong; the report says how.
pub fn config(text: &str, here: &Path) -> Config {
    let text = text.replace("@here", &in_toml(&here.display().to_string()));
    let source = Source::toml("test.toml", &text).unwrap_or_else(|wrong| panic!("{wrong}"));
    let registry = Registry::linked(link_plugins!(stook_strategies)).expect("no collision");
    let (config, _warnings) =
        Config::load(&source, &registry, &BuildContext::new(7)).unwrap_or_else(|wrong| panic!("{wrong}"));
    config
}

fn in_toml(path: &str) -> String {
    path.replace('\\', "\\\\")
}

// === impl TestHost ===

impl TestHost {
    /// A host of this config. `collector` is the program that `@collector` stands for in it, `@here` a directory
    /// that vanishes with the host.
    pub fn builder(config: &str, collector: &str) -> TestHostBuilder {
        let directory = tempfile::Builder::new().prefix("stook").tempdir().expect("a directory");
        TestHostBuilder {
            config: config.replace("@collector", &in_toml(collector)),
            directory,
            limits: HostLimits::default(),
            grace: Duration::from_secs(5),
            registration: None,
        }
    }

    /// Where it listens.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// `@here`.
    pub fn here(&self) -> &Path {
        self.directory.path()
    }

    /// What acts on it.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Runs a collector in this process.
    pub fn run(&self, id: &str, collector: impl Collector) -> Running {
        let id = Some(CollectorId::new(id).expect("valid"));
        let options = Options { id, ..Options::new(self.endpoint.clone()) };
        let (stop, stopped) = oneshot::channel();
        let outcome = tokio::spawn(stook_collector::run_until(collector, options, async {
            if stopped.await.is_err() {
                std::future::pending::<()>().await;
            }
        }));
        Running { stop, outcome }
    }

    /// The next released set.
    pub async fn result(&mut self) -> AggregatedResult {
        soon(self.results.recv()).await.expect("the host runs")
    }

    /// The next released set of which this holds.
    pub async fn result_where(&mut self, wanted: impl Fn(&AggregatedResult) -> bool) -> AggregatedResult {
        loop {
            let result = self.result().await;
            if wanted(&result) {
                return result;
            }
        }
    }

    /// The sets that were released until now and not yet looked at.
    pub fn results_so_far(&mut self) -> Vec<AggregatedResult> {
        std::iter::from_fn(|| self.results.try_recv().ok()).collect()
    }

    /// What the wanted one of the next events says; those before it are forgotten.
    pub async fn event<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> T {
        loop {
            let event = soon(self.events.recv()).await.expect("the host runs");
            if let Event::CollectorConnected { pid: Some(pid), .. } = &event {
                self.pids.insert(*pid);
            }
            if let Some(found) = wanted(&event) {
                return found;
            }
        }
    }

    /// Waits until this collector has a session; gives its process.
    pub async fn connected(&mut self, id: &str) -> u32 {
        self.event(|event| match event {
            Event::CollectorConnected { collector, pid, .. } if collector.as_str() == id => *pid,
            _ => None,
        })
        .await
    }

    /// Has a task run, and gives what was said of it at once.
    pub async fn submit(&self, submission: Submission) -> Submitted {
        soon(self.handle.submit(submission)).await.unwrap_or_else(|refused| panic!("{refused}"))
    }

    /// How things stand, as JSON.
    pub async fn status(&self) -> serde_json::Value {
        let status = soon(self.handle.status()).await.expect("the host runs");
        serde_json::to_value(&status).expect("a value is one")
    }

    /// Waits until the status says so.
    ///
    /// # Panics
    /// If it does not come to.
    pub async fn status_where(
        &self,
        what: &str,
        wanted: impl Fn(&serde_json::Value) -> bool,
    ) -> serde_json::Value {
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            let status = self.status().await;
            if wanted(&status) {
                return status;
            }
            assert!(tokio::time::Instant::now() < end, "{what}: {status:#}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until this collector is given a task.
    pub async fn assigned(&mut self, id: &str) {
        self.event(|event| match event {
            Event::TaskAssigned { collector, .. } if collector.as_str() == id => Some(()),
            _ => None,
        })
        .await;
    }

    /// Why the next one is not let in.
    pub async fn refused(&mut self) -> String {
        self.event(|event| match event {
            Event::ConnectionRefused { why, .. } => Some(why.clone()),
            _ => None,
        })
        .await
    }

    /// Stops the host as it should stop, and checks what must hold after every test: results add up, nothing is
    /// pending, no process, socket or file is left.
    pub async fn stop(self) -> Summary {
        let (ended, _) = self.end().await;
        ended.expect("the host ends well")
    }

    /// Drops the host's run, as an embedder can.
    pub async fn abort(self) {
        self.running.abort();
        assert!(soon(self.running).await.is_err_and(|error| error.is_cancelled()));
    }

    /// Stops the host however it ends; gives also the sets that were released meanwhile.
    pub async fn end(mut self) -> (Result<Summary, HostError>, Vec<AggregatedResult>) {
        self.handle.stop();
        let ended = soon(&mut self.running).await.expect("the host does not panic");
        while let Ok(event) = self.events.try_recv() {
            if let Event::CollectorConnected { pid: Some(pid), .. } = event {
                self.pids.insert(pid);
            }
        }
        for pid in self.pids.iter().filter(|pid| **pid != std::process::id()) {
            until("a collector's process ends and is reaped", || !is_alive(*pid)).await;
        }
        until("no process of this host is left", || processes_of(&self.endpoint).is_empty()).await;
        assert!(!self.endpoint.directory().exists(), "the host's directory is gone");
        if let Ok(summary) = &ended {
            assert_eq!(summary.counters.accounted(), summary.counters.received, "{summary:?}");
            assert_eq!(summary.counters.pending, 0, "{summary:?}");
        }
        let released = self.results_so_far();
        (ended, released)
    }
}

// === impl TestHostBuilder ===

impl TestHostBuilder {
    /// `@here`.
    pub fn here(&self) -> &Path {
        self.directory.path()
    }

    /// What one connection may cost.
    pub fn limits(self, limits: HostLimits) -> Self {
        Self { limits, ..self }
    }

    /// How long it takes to stop at most.
    pub fn grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// How long a collector has to register.
    pub fn registration(self, deadline: Duration) -> Self {
        Self { registration: Some(deadline), ..self }
    }

    /// Starts it; returns when it listens.
    pub async fn start(self) -> TestHost {
        let Self { directory, config: text, limits, grace, registration } = self;
        let endpoint = Endpoint::in_directory(directory.path().join("host"));
        let config = config(&text, directory.path());
        let names: Vec<Arc<str>> =
            config.aggregates.iter().map(|aggregate| aggregate.spec.name.clone()).collect();
        let (to_results, results) = mpsc::channel(UNSEEN);
        let (to_events, events) = mpsc::channel(UNSEEN);
        let mut builder = Host::builder(config)
            .endpoint(endpoint.clone())
            .limits(limits)
            .grace(grace)
            .on_event(move |event| _ = to_events.try_send(event.clone()));
        if let Some(deadline) = registration {
            builder = builder.registration(deadline);
        }
        for name in names {
            let to_results = to_results.clone();
            builder = builder.on_complete(&*name, move |result| _ = to_results.try_send(result.clone()));
        }
        let host = builder.build().expect("the aggregates are those of the config");
        let handle = host.handle();
        let running = tokio::spawn(host.run());
        let mut host =
            TestHost { directory, endpoint, handle, running, results, events, pids: BTreeSet::new() };
        host.event(|event| matches!(event, Event::Listening).then_some(())).await;
        host
    }
}

// === impl Running ===

impl Running {
    /// Asks the collector to leave, and waits until it has.
    pub async fn stop(self) -> Result<(), RunError> {
        // It may have left already.
        let _ = self.stop.send(());
        soon(self.outcome).await.expect("the SDK does not panic")
    }

    /// Waits until it leaves by itself.
    pub async fn ended(self) -> Result<(), RunError> {
        let Self { stop, outcome } = self;
        let ended = tokio::time::timeout(PATIENCE, outcome).await.expect("it ends in time");
        drop(stop);
        ended.expect("the SDK does not panic")
    }
}

/// A task for the best of those who can run it, into these aggregates.
pub fn one(capability: &str, argument: &str, into: &[&str]) -> Submission {
    let task = Submission::of(capability.parse().expect("valid"));
    into.iter().fold(task, |task, name| task.into_aggregate(*name)).arguments(&argument.into()).expect("flat")
}

/// Sends a signal to a collector's process, which is there.
///
/// # Panics
/// If it is not.
#[cfg(unix)]
pub fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = pid.try_into().ok().and_then(rustix::process::Pid::from_raw).expect("a process");
    rustix::process::kill_process(pid, signal).expect("it is there");
}

/// Whether there is such a process, be it a zombie.
#[cfg(unix)]
pub fn is_alive(pid: u32) -> bool {
    let pid = pid.try_into().ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
}

/// Cannot be told here without more of the system.
#[cfg(not(unix))]
pub fn is_alive(_pid: u32) -> bool {
    false
}

/// The processes that were started with this host in their environment, by it or by those that it started.
#[cfg(target_os = "linux")]
pub fn processes_of(endpoint: &Endpoint) -> Vec<u32> {
    let variable =
        format!("{}={}\0", stook_proto::transport::ENDPOINT_VARIABLE, endpoint.directory().display());
    let is_of = |pid: &u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.windows(variable.len()).any(|bytes| bytes == variable.as_bytes())
    };
    let processes = std::fs::read_dir("/proc").expect("readable");
    let pid = |entry: std::io::Result<std::fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse().ok();
    processes.filter_map(pid).filter(is_of).collect()
}

/// Cannot be told here without more of the system.
#[cfg(not(target_os = "linux"))]
pub fn processes_of(_endpoint: &Endpoint) -> Vec<u32> {
    Vec::new()
}
