//! A host and its collectors, with what the benchmarks do to them.

use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use stook::{Endpoint, Event, FanOut, Handle, Host, HostBuilder, Submission};
use stook_plugin::AggregatedResult;
use stook_proto::payload;
use stook_proto::transport::ENDPOINT_VARIABLE;
use stook_types::{Capability, CollectorId, Value};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use super::collector::REPORT;
use super::{Bench, Halt};

/// A host on a thread of its own, in a directory of its own. Dropped, it takes all of it along.
pub(super) struct Fixture {
    /// Goes with the fixture; nobody is left then who has something in it.
    _directory: TempDir,
    endpoint: Endpoint,
    handle: Handle,
    running: Option<JoinHandle<Result<(), String>>>,
    reports: Receiver<AggregatedResult>,
    /// Collectors that the host did not start.
    others: Children,
    /// What asks the host.
    runtime: Runtime,
}

/// Processes that end with this.
#[derive(Default)]
pub(super) struct Children(Vec<Child>);

/// What a collector was given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given {
    /// How many tasks.
    pub(super) started: i64,
    /// When the last one came, on the common clock.
    pub(super) last: i64,
}

/// How long anything may take that is not measured.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// How long a host may take to end.
const GRACE: Duration = Duration::from_millis(200);

/// What every config of these has: where tasks answer, and where collectors report. A task's timeout must not come
/// up; no set is ever merged.
const AGGREGATES: &str = r#"
[aggregate.work]
topics   = ["bench.work"]
complete = { use = "expected" }
timeout  = "10m"

[aggregate.report]
topics   = ["bench.report"]
complete = { use = "expected" }
timeout  = "10m"
merge    = { use = "first" }
"#;

impl Fixture {
    /// Starts a host with these collectors and this `[dispatch]`; `@collect` in it starts this program as a collector:
    /// `command = [@collect, "work:5"]`.
    pub(super) fn start(config: &str, on_event: impl FnMut(&Event) + Send + 'static) -> Result<Self, Halt> {
        Self::built(config, on_event, |host| host)
    }

    /// Starts a host that calls back with each released set of one aggregate.
    pub(super) fn with_sink(
        config: &str,
        on_event: impl FnMut(&Event) + Send + 'static,
        aggregate: &str,
        sink: impl FnMut(&AggregatedResult) + Send + 'static,
    ) -> Result<Self, Halt> {
        Self::built(config, on_event, |host| host.on_complete(aggregate, sink))
    }

    fn built(
        config: &str,
        mut on_event: impl FnMut(&Event) + Send + 'static,
        more: impl FnOnce(HostBuilder) -> HostBuilder,
    ) -> Result<Self, Halt> {
        let program = std::env::current_exe().map_err(Halt::failed)?;
        let program = program.to_str().ok_or_else(|| Halt::failed("the path of this program is no text"))?;
        let collect = format!("{program:?}, \"collect\"");
        let directory = tempfile::Builder::new().prefix("stook").tempdir().map_err(Halt::failed)?;
        let config = format!("{AGGREGATES}{}", config.replace("@collect", &collect));
        let config = crate::host::config(&config, directory.path());
        let endpoint = Endpoint::in_directory(directory.path().join("host"));
        let (listening, listens) = channel();
        let (to_reports, reports) = channel();
        let host = more(Host::builder(config))
            .endpoint(endpoint.clone())
            .grace(GRACE)
            .on_event(move |event| {
                if matches!(event, Event::Listening) {
                    let _ = listening.send(());
                }
                on_event(event);
            })
            .on_complete("report", move |result| _ = to_reports.send(result.clone()))
            .build()
            .map_err(Halt::failed)?;
        let handle = host.handle();
        let running = std::thread::spawn(move || run(host));
        let runtime = Builder::new_current_thread().enable_all().build().map_err(Halt::failed)?;
        let running = Some(running);
        let fixture = Self {
            _directory: directory,
            endpoint,
            handle,
            running,
            reports,
            others: Children::default(),
            runtime,
        };
        listens.recv_timeout(PATIENCE).map_err(|_| Halt::failed("the host does not listen"))?;
        Ok(fixture)
    }

    /// Starts a collector with these capabilities that the host does not own.
    pub(super) fn join(&mut self, id: &str, capabilities: &[String]) -> Result<(), Halt> {
        let words: Vec<_> =
            std::iter::once("collect".to_owned()).chain(capabilities.iter().cloned()).collect();
        self.add(id, &words)
    }

    /// Starts this program as a collector that the host does not own, with these words.
    pub(super) fn add(&mut self, id: &str, words: &[String]) -> Result<(), Halt> {
        let child = program(&self.endpoint, id, words).and_then(|mut program| program.spawn());
        self.others.add(child.map_err(Halt::failed)?);
        Ok(())
    }

    /// Submits so many tasks of a capability that any collector may run.
    pub(super) fn submit(&self, capability: &str, count: usize) -> Result<(), Halt> {
        let submission = submission(capability, FanOut::One, "work");
        self.runtime.block_on(async {
            let mut all = JoinSet::new();
            for _ in 0..count {
                let (handle, submission) = (self.handle.clone(), submission.clone());
                all.spawn(async move { handle.submit(submission).await });
            }
            while let Some(submitted) = all.join_next().await {
                submitted.map_err(Halt::failed)?.map_err(Halt::failed)?;
            }
            Ok(())
        })
    }

    /// Asks a collector what it was given so far.
    pub(super) fn report(&self, id: &str) -> Result<Given, Halt> {
        let id = CollectorId::new(id).map_err(Halt::failed)?;
        let submission = submission(REPORT, FanOut::Ids(vec![id]), "report");
        self.runtime.block_on(self.handle.submit(submission)).map_err(Halt::failed)?;
        let report = self.reports.recv_timeout(PATIENCE).map_err(Halt::failed)?;
        let report = report.value.to_value().map_err(Halt::failed)?;
        let field = |name| report.as_object().and_then(|object| object.get(name)).and_then(Value::as_int);
        match (field("started"), field("last")) {
            (Some(started), Some(last)) => Ok(Given { started, last }),
            _ => Err(Halt::failed(format!("a strange report: {report:?}"))),
        }
    }

    /// Asks these collectors again and again until they were given so many together. Gives when the last one came.
    pub(super) fn all_given(&self, bench: &mut Bench, ids: &[&str], count: usize) -> Result<i64, Halt> {
        let end = Instant::now() + PATIENCE;
        loop {
            bench.goes_on(|| format!("until {} tasks have reached {}", count, ids.join(", ")))?;
            let given: Vec<_> = ids.iter().map(|id| self.report(id)).collect::<Result<_, _>>()?;
            let started: i64 = given.iter().map(|given| given.started).sum();
            if usize::try_from(started) == Ok(count) {
                return Ok(given.iter().map(|given| given.last).max().unwrap_or_default());
            }
            if Instant::now() > end {
                return Err(Halt::failed(format!(
                    "{started} of {count} tasks have reached {}",
                    ids.join(", ")
                )));
            }
        }
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.handle.stop();
        self.others = Children::default();
        if let Some(running) = self.running.take() {
            // It has done its part; what becomes of it after that is not measured.
            let _ = running.join();
        }
    }
}

impl Children {
    pub(super) fn add(&mut self, child: Child) {
        self.0.push(child);
    }

    /// They are not ended any more.
    pub(super) fn take(&mut self) -> Vec<Child> {
        std::mem::take(&mut self.0)
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// This program once more, in a role that these words name. Not yet started.
pub(super) fn program(endpoint: &Endpoint, id: &str, words: &[String]) -> std::io::Result<Command> {
    let mut program = Command::new(std::env::current_exe()?);
    program
        .args(words)
        .env(ENDPOINT_VARIABLE, endpoint.directory())
        .env("STOOK_COLLECTOR_ID", id)
        .env_remove("STOOK_TOKEN")
        // It ends when this closes, however we end.
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Ok(program)
}

/// Sends a signal to a collector of a host in this process: to a child of ours, which the host has not reaped.
pub(super) fn signal(pid: u32, signal: Signal) -> Result<(), Halt> {
    let pid = Pid::from_raw(pid.cast_signed()).ok_or_else(|| Halt::failed("no process has that number"))?;
    kill_process(pid, signal).map_err(Halt::failed)
}

fn run(host: Host) -> Result<(), String> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    runtime.block_on(host.run()).map(drop).map_err(|error| error.to_string())
}

fn submission(capability: &str, fan_out: FanOut, into: &str) -> Submission {
    Submission {
        capabilities: vec![Capability::new(capability).expect("one of ours")],
        fan_out,
        payload: payload(&Value::Null).expect("flat"),
        priority: 0,
        timeout: None,
        into: vec![into.to_owned()],
        correlation_id: None,
        wait: false,
    }
}
