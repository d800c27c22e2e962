//! The collector of `examples/python` at a real host. Where there is no Python 3.10 with `protobuf`, each test says so
//! and passes.
#![cfg(unix)]

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::{BufMut, BytesMut};
use prost::Message;
use stook::{Event, HostLimits, Submission};
use stook_plugin::AggregatedResult;
use stook_proto::transport::ENDPOINT_VARIABLE;
use stook_proto::wire::frame::Body;
use stook_proto::{Credit, Decoder, wire};
use stook_tests::host::{TestHostBuilder, config, is_alive, one};
use stook_tests::raw::framed;
use stook_tests::{TIMEOUT, TestHost, soon, until};
use stook_types::{CollectorId, FanOut, Outcome};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::OwnedReadHalf;
use tokio::net::{UnixListener, UnixStream};

/// A collector whose tasks do what their argument says.
const WORKER: &str = r#"
import asyncio, sys
sys.path.insert(0, "@examples")
from stook_collector import Collector

collector = Collector("worker")

@collector.task("work", topics=["t.x"], concurrency=2)
async def work(task):
    if task.arguments == "hang":
        await asyncio.Event().wait()
    if task.arguments == "fail":
        raise RuntimeError("as it was told")
    if task.arguments == "slow":
        await asyncio.sleep(0.3)
    size = 2_000 if task.arguments == "large" else 1
    await task.record("t.x", {"did": task.arguments, "much": size * "."})

raise SystemExit(collector.run())
"#;

/// One that says on its own from 0 to 9, and keeps no more than five that are not settled.
const COUNTER: &str = r#"
import sys
sys.path.insert(0, "@examples")
from stook_collector import Collector

collector = Collector("counter", replay=5)

@collector.stream(topics=["t.x"])
async def count():
    for n in range(10):
        await collector.record("t.x", n, correlation="numbers", last=n == 9)

raise SystemExit(collector.run())
"#;

/// One that goes on though it was told to stop.
const STUBBORN: &str = r#"
import asyncio, sys
sys.path.insert(0, "@examples")
from stook_collector import Collector

collector = Collector("stubborn")

@collector.task("work", topics=["t.x"])
async def work(task):
    pass

@collector.stream(topics=["t.x"])
async def go_on():
    while True:
        try:
            await collector.record("t.x", 1, correlation="more")
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            pass

raise SystemExit(collector.run())
"#;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/python").canonicalize().expect("the example")
}

/// Whether Python can run the example; if not, why is said.
fn has_python() -> bool {
    let needs = "import sys; assert sys.version_info >= (3, 10), sys.version\n\
                 from google.protobuf.message_factory import GetMessageClass";
    let why = match Command::new("python3").args(["-c", needs]).stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    eprintln!("skipped: the Python example needs `python3` of 3.10 or newer with `protobuf`: {why}");
    false
}

#[test]
fn its_config_is_valid() {
    config(&std::fs::read_to_string(examples().join("stook.toml")).expect("a file"), &examples());
}

/// A host with this script as its only collector, `p`, supervised or not.
fn with_script(script: &str, supervised: bool) -> TestHostBuilder {
    let command = if supervised { r#"command = ["python3", "@here/collector.py"]"# } else { "" };
    let config = r#"
        [aggregate.scan]
        topics = ["t.#"]
        complete = @complete
        timeout = "60s"
        [collector.p]
        @command
        publish = ["t.#"]
        detect = { use = "deadline", heartbeat = "100ms", dead_after = "30s" }
    "#;
    let complete = if supervised { r#"{ use = "expected" }"# } else { r#"{ use = "count", count = 10 }"# };
    let config = config.replace("@complete", complete).replace("@command", command);
    let builder = TestHost::builder(&config, "");
    let script = script.replace("@examples", &examples().display().to_string());
    std::fs::write(builder.here().join("collector.py"), script).expect("a file");
    builder
}

fn work(argument: &str) -> Submission {
    Submission { fan_out: FanOut::Each, ..one("work", argument, &["scan"]) }
}

fn json(set: &AggregatedResult) -> serde_json::Value {
    serde_json::to_value(set).expect("a set is JSON")
}

async fn exit(host: &mut TestHost) -> String {
    host.event(|event| match event {
        Event::CollectorExited { how, .. } => Some(how.clone()),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn the_example_answers() {
    if !has_python() {
        return;
    }
    let config = r#"
        [aggregate.disks]
        topics = ["events.disk.#"]
        complete = { use = "expected" }
        timeout = "60s"
        [collector.diskd-1]
        command = ["python3", "@example"]
        publish = ["events.disk.usage"]
    "#;
    let config = config.replace("@example", &examples().join("collector.py").display().to_string());
    let mut host = TestHost::builder(&config, "").start().await;
    host.connected("diskd-1").await;
    host.submit(one("disk.usage", "/", &["disks"])).await;
    let set = host.result().await;
    assert_eq!((set.outcome, set.reason.as_str(), set.results), (Outcome::Complete, "expected", 1));
    let value = &json(&set)["value"][0];
    assert_eq!(value["path"], "/");
    assert!(
        value["total"].as_u64() >= value["free"].as_u64() && value["total"].as_u64() > Some(0),
        "{value}"
    );

    host.submit(one("disk.usage", "/nowhere/to/be/found", &["disks"])).await;
    let why = host.event(|event| match event {
        Event::TaskFailed { why, .. } => Some(why.clone()),
        _ => None,
    });
    assert!(why.await.starts_with("FileNotFoundError: "));
    assert_eq!(json(&host.result().await)["missing"][0]["reason"], "task-failed");
    host.stop().await;
}

#[tokio::test]
async fn one_that_is_killed_is_named_and_its_successor_works() {
    if !has_python() {
        return;
    }
    let mut host = with_script(WORKER, true).start().await;
    let pid = host.connected("p").await;
    host.submit(work("hang")).await;
    host.assigned("p").await;
    host.handle().kill(&CollectorId::new("p").expect("valid"));
    let set = host.result().await;
    assert_eq!((set.outcome, set.reason.as_str()), (Outcome::Partial, "collectors-lost"));
    // The end of its stream may be seen some time before the end of its process.
    let missing = &json(&set)["missing"];
    let is_why = |reason| *missing == serde_json::json!([{"collector": "p", "reason": reason}]);
    assert!(is_why("exited") || is_why("disconnected"), "{missing}");
    assert!(Duration::from_micros(set.latency_us) < TIMEOUT / 6, "{} us", set.latency_us);
    until("it is reaped", || !is_alive(pid)).await;
    host.connected("p").await;
    host.submit(work("again")).await;
    let set = host.result().await;
    assert_eq!((set.outcome, json(&set)["value"][0]["did"].as_str()), (Outcome::Complete, Some("again")));
    host.stop().await;
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_said() {
    if !has_python() {
        return;
    }
    let limits = HostLimits { max_result_bytes: 1_000, max_frame_bytes: 1_000, ..HostLimits::default() };
    let mut host = with_script(WORKER, true).limits(limits).start().await;
    host.connected("p").await;
    host.submit(work("large")).await;
    assert_eq!(host.result().await.results, 0);
    let status = host.status().await;
    assert_eq!(status["results"]["refused"]["too-large"], 1, "{status:#}");
    host.submit(work("small")).await;
    assert_eq!(host.result().await.outcome, Outcome::Complete, "it lives on");
    host.stop().await;
}

#[tokio::test]
async fn drained_it_finishes_its_tasks_and_leaves() {
    if !has_python() {
        return;
    }
    let grace = Duration::from_secs(100);
    let mut host = with_script(WORKER, true).grace(grace).start().await;
    host.connected("p").await;
    host.submit(work("slow")).await;
    host.assigned("p").await;
    let began = Instant::now();
    host.handle().stop();
    assert_eq!(exit(&mut host).await, "exit code 0");
    assert!(began.elapsed() < grace / 20, "it leaves when it is done, not when its grace is over");
    let (ended, released) = host.end().await;
    ended.expect("the host ends well");
    let [set] = &released[..] else { panic!("{released:?}") };
    assert_eq!((set.outcome, set.results), (Outcome::Complete, 1));
}

/// One that has said more than there is room for, and goes on when that is sent.
const AHEAD: &str = r#"
import asyncio, os, sys
sys.path.insert(0, "@examples")
from stook_collector import Collector

collector = Collector("ahead")
assert "STOOK_TOKEN" not in os.environ

@collector.stream(topics=["t.x"])
async def ahead():
    for n in range(6):
        await collector.record("t.x", n, correlation=f"set-{n}")
    await asyncio.Event().wait()

raise SystemExit(collector.run())
"#;

#[tokio::test]
async fn drained_it_sends_what_waits_for_credit() {
    if !has_python() {
        return;
    }
    // One set at a time, each for 0.4 s: more than a tenth of the grace.
    let config = r#"
        [aggregate.scan]
        topics = ["t.#"]
        complete = { use = "count", count = 2 }
        timeout = "400ms"
        limits = { sets = 1, when_full = "backpressure" }
        [collector.p]
        command = ["python3", "@here/collector.py"]
        publish = ["t.#"]
    "#;
    let limits = HostLimits { credit: Credit { results: 1, bytes: 1 << 20 }, ..HostLimits::default() };
    let builder = TestHost::builder(config, "").limits(limits).grace(Duration::from_secs(10));
    let script = AHEAD.replace("@examples", &examples().display().to_string());
    std::fs::write(builder.here().join("collector.py"), script).expect("a file");
    let mut host = builder.start().await;
    host.connected("p").await;
    host.result().await;
    soon(host.handle().restart(&CollectorId::new("p").expect("valid"))).await.expect("it is ours");
    assert_eq!(exit(&mut host).await, "exit code 0");
    assert!(host.status().await["results"]["received"].as_u64() >= Some(6), "nothing was left behind");
    host.stop().await;
}

#[test]
fn an_environment_without_sense_is_78() {
    if !has_python() {
        return;
    }
    for (variable, value, says) in [
        ("XDG_RUNTIME_DIR", "run", "XDG_RUNTIME_DIR is 'run', which is not absolute"),
        ("STOOK_HOST", "a/b", "STOOK_HOST is 'a/b', which is no host name"),
    ] {
        let mut command = Command::new("python3");
        command.arg(examples().join("collector.py")).env_remove("STOOK_RUNTIME_DIR").env(variable, value);
        let output = command.env_remove(ENDPOINT_VARIABLE).stdin(Stdio::null()).output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), said.contains(says)), (Some(78), true), "{said}");
    }
}

#[tokio::test]
async fn drained_it_gives_back_what_it_cannot_finish() {
    if !has_python() {
        return;
    }
    let mut host = with_script(WORKER, true).grace(Duration::from_secs(5)).start().await;
    host.connected("p").await;
    host.submit(one("work", "hang", &["scan"])).await;
    host.assigned("p").await;
    soon(host.handle().restart(&CollectorId::new("p").expect("valid"))).await.expect("it is ours");
    assert_eq!(exit(&mut host).await, "exit code 0", "nobody had to kill it");
    assert_eq!(host.status().await["tasks"]["returned"], 1);
    host.assigned("p").await;
    host.stop().await;
}

/// A child of this test. Killed when it is dropped.
struct Elsewhere(Child);

impl Elsewhere {
    /// The script of this host, as the collector of whoever listens there.
    fn start(host: &TestHost, directory: &Path) -> Self {
        let child = Command::new("python3")
            .arg(host.here().join("collector.py"))
            .env(ENDPOINT_VARIABLE, directory)
            .env("STOOK_COLLECTOR_ID", "p")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.expect("it starts"))
    }

    async fn leaves(&mut self) {
        let mut code = None;
        until("it has left", || {
            code = self.0.try_wait().expect("a child of ours");
            code.is_some()
        })
        .await;
        assert!(code.is_some_and(|code| code.success()), "{code:?}");
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Between a collector and its host.
struct Between {
    listener: UnixListener,
    host: PathBuf,
}

impl Between {
    fn listen(host: &TestHost) -> (Self, PathBuf) {
        let here = host.here().join("between");
        std::fs::DirBuilder::new().mode(0o700).create(&here).expect("a directory");
        let listener = UnixListener::bind(here.join("socket")).expect("a socket");
        (Self { listener, host: host.endpoint().directory().join("socket") }, here)
    }

    /// Brings the next connection together with the host.
    async fn next(&self) -> (UnixStream, UnixStream) {
        let (collector, _) = soon(self.listener.accept()).await.expect("a connection");
        (collector, soon(UnixStream::connect(&self.host)).await.expect("the host listens"))
    }
}

/// The next whole frame of a stream, as it came and as it is to be understood.
async fn frame(from: &mut OwnedReadHalf, decoder: &mut Decoder) -> Option<(BytesMut, Body)> {
    loop {
        if let Some(frame) = decoder.next_frame().expect("within the limit") {
            let mut bytes = BytesMut::new();
            bytes.put_u32_le(u32::try_from(frame.len()).expect("short"));
            bytes.put_slice(&frame);
            return Some((bytes, wire::Frame::decode(frame).expect("a frame").body.expect("a known one")));
        }
        if from.read_buf(decoder.read_buffer()).await.unwrap_or(0) == 0 {
            return None;
        }
    }
}

/// Passes on all that the collector says, and of what the host says neither acknowledgements nor credit, until so many
/// results were acknowledged and the collector has beaten. Gives the number of results that it has sent until then.
async fn swallow_acknowledgements(collector: UnixStream, host: UnixStream, results: u64) -> usize {
    let (mut from_collector, mut to_collector) = collector.into_split();
    let (mut from_host, mut to_host) = host.into_split();
    let (mut of_collector, mut of_host) = (Decoder::new(u32::MAX), Decoder::new(u32::MAX));
    let (mut sent, mut floor, mut beaten) = (0, 0, false);
    while floor < results || !beaten {
        tokio::select! {
            said = frame(&mut from_collector, &mut of_collector) => {
                let (bytes, body) = said.expect("the collector stays");
                match body {
                    Body::Results(batch) => sent += batch.items.len(),
                    Body::Heartbeat(_) => beaten = true,
                    _ => {}
                }
                to_host.write_all(&bytes).await.expect("the host reads");
            }
            said = frame(&mut from_host, &mut of_host) => {
                let (bytes, body) = said.expect("the host goes on with the session");
                match body {
                    Body::Ack(ack) => floor = ack.settled.unwrap_or_default().floor,
                    Body::Credit(_) => {}
                    _ => to_collector.write_all(&bytes).await.expect("the collector reads"),
                }
            }
        }
    }
    sent
}

#[tokio::test]
async fn what_was_not_acknowledged_comes_again_and_counts_once() {
    if !has_python() {
        return;
    }
    // Less credit than there is to send: it waits for more.
    let limits = HostLimits { credit: Credit { results: 3, bytes: 0 }, ..HostLimits::default() };
    let mut host = with_script(COUNTER, false).limits(limits).start().await;
    let (between, directory) = Between::listen(&host);
    let mut collector = Elsewhere::start(&host, &directory);

    let (ours, theirs) = between.next().await;
    assert_eq!(soon(swallow_acknowledgements(ours, theirs, 3)).await, 3, "all that its credit allows");
    let (mut ours, mut theirs) = between.next().await;
    let through = tokio::spawn(async move { tokio::io::copy_bidirectional(&mut ours, &mut theirs).await });
    let set = host.result().await;
    assert_eq!((set.outcome, set.results), (Outcome::Complete, 10));
    assert_eq!(json(&set)["value"], serde_json::json!([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
    // It has nothing left to stream, says goodbye, and ends by itself.
    collector.leaves().await;
    soon(through).await.expect("no panic").expect("both have closed");
    let summary = host.stop().await;
    assert_eq!((summary.counters.received, summary.counters.delivered), (13, 10), "{summary:?}");
}

/// A task may come when the goodbye is on its way, and a stream may not heed that it is over: neither is a reason to say more.
#[tokio::test]
async fn nothing_but_heartbeats_follows_the_goodbye() {
    if !has_python() {
        return;
    }
    let host = with_script(STUBBORN, false).start().await;
    let (between, directory) = Between::listen(&host);
    let mut collector = Elsewhere::start(&host, &directory);
    let (stream, _) = soon(between.listener.accept()).await.expect("a connection");
    let (mut from, mut to) = stream.into_split();
    let mut decoder = Decoder::new(u32::MAX);
    let mut said = async || soon(frame(&mut from, &mut decoder)).await.expect("it stays").1;

    assert!(matches!(said().await, Body::Hello(_)));
    let welcome = wire::Welcome {
        epoch: 1,
        credit_results: 100_000,
        credit_bytes: 1 << 30,
        max_frame_bytes: 1 << 20,
        max_result_bytes: 1 << 10,
        heartbeat_ms: 50,
        ..wire::Welcome::default()
    };
    to.write_all(&framed(welcome)).await.expect("it reads");
    to.write_all(&framed(wire::Drain { grace_ms: 60_000 })).await.expect("it reads");
    while !matches!(said().await, Body::Goodbye(_)) {}
    let assign = wire::Assign { lease: 1, capability: "work".into(), ..wire::Assign::default() };
    to.write_all(&framed(assign)).await.expect("it reads");
    for _ in 0..3 {
        let said = said().await;
        assert!(matches!(said, Body::Heartbeat(_)), "{said:?}");
    }
    drop((from, to));
    collector.leaves().await;
    host.stop().await;
}
