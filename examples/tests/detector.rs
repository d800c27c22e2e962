//! The detector beside a real host with the collectors of the quickstart.
#![cfg(target_os = "linux")]

#[path = "../src/gather/testing.rs"]
mod testing;

use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write, pipe};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use stook::config::{Config, Source};
use stook::{BuildContext, Endpoint, Handle, Host, Registry, Summary, link_plugins};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// No test waits longer for anything: a scan of an unoptimized build hashes slowly.
const PATIENCE: Duration = Duration::from_secs(120);
/// What a pipe of this system holds.
const PIPE: usize = 64 * 1024;

/// Where all that is released is written too.
const FILE: &str = "all.jsonl";

const CONFIG: &str = include_str!("../detector/stook.toml");

/// The host of the example, in this process, in a directory of its own.
struct Running {
    directory: TempDir,
    handle: Handle,
    ended: JoinHandle<Summary>,
}

/// The detector at work. Killed when dropped.
struct Detector {
    process: Child,
    lines: Receiver<String>,
}

impl Running {
    fn start(every: &str) -> Self {
        let text = CONFIG.replace("\"quickstart\"", &format!("{:?}", env!("CARGO_BIN_EXE_quickstart")));
        let text = text.replace("every        = \"2s\"", &format!("every = \"{every}\""));
        let text = text.replace("deliver  = [\"detector\"]", "deliver = [\"detector\", \"file\"]");
        let directory = tempfile::Builder::new().prefix("stook").tempdir().unwrap();
        let file = directory.path().join(FILE);
        let text = format!("{text}\n[sink.file]\nuse = \"jsonl\"\npath = {file:?}");
        let source = Source::toml("stook.toml", &text).unwrap();
        let registry = Registry::linked(link_plugins!(stook_strategies)).unwrap();
        let (config, _) = Config::load(&source, &registry, &BuildContext::new(7)).unwrap();
        let endpoint = Endpoint::in_directory(directory.path().join("host"));
        let host = Host::builder(config).endpoint(endpoint).build().unwrap();
        let handle = host.handle();
        let ended = tokio::spawn(async move { host.run().await.unwrap() });
        Self { directory, handle, ended }
    }

    fn detector(&self) -> Detector {
        self.detector_into(pipe().unwrap())
    }

    fn detector_into(&self, (out, into): (PipeReader, PipeWriter)) -> Detector {
        let mut command = Command::new(env!("CARGO_BIN_EXE_detector"));
        command.env("STOOK_ENDPOINT", self.directory.path().join("host"));
        command.stdin(Stdio::null()).stdout(into).stderr(Stdio::null());
        let process = command.spawn().unwrap();
        let (to, lines) = channel();
        std::thread::spawn(move || {
            BufReader::new(out).lines().map_while(|line| to.send(line.ok()?).ok()).for_each(drop);
        });
        Detector { process, lines }
    }

    /// The status when this holds of it.
    async fn status_where(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let status = serde_json::to_value(self.handle.status().await.expect("it runs")).unwrap();
            if wanted(&status) {
                return status;
            }
            assert!(tokio::time::Instant::now() < until, "{status:#}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The emission IDs of all scans up to this one, as a sink that nothing happens to has them. It may be later than the
    /// detector.
    async fn released_up_to(&self, scan: &str) -> Vec<String> {
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let sets = std::fs::read_to_string(self.directory.path().join(FILE)).unwrap();
            let sets = sets.split_inclusive('\n').filter(|set| set.ends_with('\n'));
            let sets = sets.map(|set| serde_json::from_str::<Value>(set).unwrap());
            let released = Vec::from_iter(sets.map(|set| set["emission_id"].as_str().unwrap().to_owned()));
            if released.iter().any(|id| id == scan) {
                return released;
            }
            assert!(tokio::time::Instant::now() < until, "{scan} is not among {released:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn stop(self) -> Summary {
        self.handle.stop();
        tokio::time::timeout(PATIENCE, self.ended).await.expect("in time").expect("it ends well")
    }
}

impl Detector {
    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("it goes on")
    }

    /// The emission IDs of the scans that it tells of: three, and those that it has acknowledged meanwhile.
    fn three_scans_and_what_it_says_until_it_is_killed(mut self) -> Vec<String> {
        let scan = |line: String| Some(line.strip_prefix("scan ")?.split_once(' ')?.0.to_owned());
        let mut scans = Vec::new();
        while scans.len() < 3 {
            scans.extend(scan(self.line()));
        }
        self.kill();
        // To the end of its output.
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            scans.extend(scan(line));
        }
        scans
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Detector {
    /// By SIGKILL.
    fn drop(&mut self) {
        self.kill();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_finds_what_is_odd_in_what_three_collectors_say() {
    let child = testing::Child::start();
    std::fs::remove_file(child.exe()).unwrap();
    let host = Running::start("1h");
    let detector = host.detector();
    let (exe, pid, at) = (child.exe().display(), child.pid(), child.listens());
    let says = format!("(pid {pid}) listens on {at} while {exe} is gone from disk");
    loop {
        let line = detector.line();
        if line.starts_with("  deleted-listener: ") && line.ends_with(&says) {
            break;
        }
    }
    // Then it acknowledges.
    host.status_where(|status| status["results"]["pending"] == 0).await;
    let counters = host.stop().await.counters;
    assert_eq!((counters.received > 0, counters.delivered), (true, counters.received));
    drop(detector);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_before_it_acknowledges_it_is_told_again() {
    let host = Running::start("500ms");
    // Nobody reads its output, and there is no room for more: it has the scan, and cannot print it.
    let (unread, mut into) = pipe().unwrap();
    into.write_all(&[b'\n'; PIPE]).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_detector"));
    command.env("STOOK_ENDPOINT", host.directory.path().join("host"));
    let mut blocked = command.stdin(Stdio::null()).stdout(into).spawn().unwrap();
    let status = host.status_where(|status| consumer(status)["unacknowledged"].as_u64() >= Some(2)).await;
    assert_eq!(consumer(&status)["pid"], blocked.id());
    assert_eq!(status["results"]["delivered"], 0, "no collector was told to forget anything: {status:#}");
    blocked.kill().unwrap();
    blocked.wait().unwrap();
    drop(unread);

    // The next is told of all of them, in order, and goes on; so is one after that, if the next is killed somewhere.
    let told = [(); 2].map(|()| host.detector().three_scans_and_what_it_says_until_it_is_killed());
    let released = host.released_up_to(told[1].last().expect("three at least")).await;
    assert_eq!(told[0], released[..told[0].len()]);
    let goes_on = released.iter().position(|scan| *scan == told[1][0]).expect("it was released");
    assert!(goes_on <= told[0].len(), "nothing is lost in between: {told:?} of {released:?}");
    assert_eq!(told[1], released[goes_on..goes_on + told[1].len()]);
    let takes_the_rest = host.detector();
    host.status_where(|status| consumer(status)["pid"] == takes_the_rest.process.id()).await;
    let counters = host.stop().await.counters;
    assert_eq!((counters.pending, counters.delivered), (0, counters.received));
}

/// What the status says of the detector.
fn consumer(status: &Value) -> &Value {
    let mut sinks = status["sinks"].as_array().unwrap().iter();
    &sinks.find(|sink| sink["name"] == "detector").unwrap()["consumer"]
}
