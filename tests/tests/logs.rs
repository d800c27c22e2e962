//! What a hostile collector can do to the log of a host: little. Lines are bounded in number and length, and nothing in
//! one moves a cursor or begins another.

#![cfg(unix)]

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use stook_cli::logging::{LogFormat, subscriber};
use stook_proto::wire;
use stook_tests::host::one;
use stook_tests::raw::{Raw, hello, worker};
use stook_tests::{TestHost, soon};
use tracing_subscriber::EnvFilter;

const CONFIG: &str = r#"
    [aggregate.raw]
    topics = ["raw.x"]
    timeout = "60s"
    [collector.raw-1]
    kind = "raw"
    publish = ["raw.#"]
    [collector.loud-1]
    command = ["sh", "-c", "yes \"$(printf 'loud\\033[31m\\r')\" | head -n 20000; cat > /dev/null"]
    restart = { use = "never" }
"#;

/// A text that would clear the screen, forge a line and colour the rest.
const HOSTILE: &str = "\u{1b}[2J\r\n2026-01-01T00:00:00Z ERROR forged\n\u{9b}31m\u{202e}";

/// Attempts of each kind.
const ATTEMPTS: usize = 100;
/// The log may take so much of an attack of [`ATTEMPTS`] of each of its kinds, where each would be told otherwise.
const LINES: usize = 90;
const LINE: usize = 3_000;

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Written {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).expect("text")
    }
}

/// The log of a host at `info` that was attacked.
async fn log_of_an_attack(format: LogFormat) -> String {
    let written = Written::default();
    let to = written.clone();
    let log = subscriber(format, EnvFilter::new("info"), false, move || to.clone());
    // The runtime of the test has one thread, and the host runs in it.
    let _logging = tracing::subscriber::set_default(log);
    let mut host = TestHost::builder(CONFIG, "").start().await;

    // It comes and goes, each time with a thousand topics that nobody takes.
    let topics: Vec<_> = (0..1_000).map(|n| format!("raw.topic-{n}.{}", "x".repeat(200))).collect();
    for _ in 0..ATTEMPTS {
        let many = wire::Hello { topics: topics.clone(), ..hello("raw-1", "raw.x") };
        let (raw, _) = Raw::join(host.endpoint(), many).await;
        drop(raw);
        lost(&mut host).await;
    }
    // It is somebody else each time, declares nonsense, or speaks it.
    for attempt in 0..ATTEMPTS {
        refused(&host, hello(&format!("stranger-{attempt}"), "raw.x")).await;
        refused(&host, hello(&"x".repeat(100_000), "raw.x")).await;
        refused(&host, hello("raw-1", HOSTILE)).await;
        refused(&host, wire::Hello { kind: HOSTILE.into(), ..hello("raw-1", "raw.x") }).await;
        refused(&host, wire::Hello { protocol_major: 99, ..hello("raw-1", "raw.x") }).await;
    }
    // It fails at every task, and has much to say about it.
    let (mut raw, _) = Raw::join(host.endpoint(), worker("raw-1", "raw.x", "raw.work")).await;
    for _ in 0..ATTEMPTS {
        soon(host.handle().submit(one("raw.work", "", &[]))).await.expect("it is taken");
        let assign = raw.assignment().await;
        let error = Some(HOSTILE.repeat(1_000));
        raw.say(wire::TaskFinished { lease: assign.lease, error, returned: false }).await;
    }
    drop(raw);
    lost(&mut host).await;
    // And a child prints as fast as it can.
    host.status_where("all of it was read", |status| status.to_string().contains("\"dropped\":19992")).await;
    host.stop().await;
    written.text()
}

async fn lost(host: &mut TestHost) {
    host.event(|event| matches!(event, stook::Event::CollectorLost { .. }).then_some(())).await;
}

async fn refused(host: &TestHost, hello: wire::Hello) {
    let mut raw = Raw::connect(host.endpoint()).await;
    raw.say(hello).await;
    raw.hear(|body| matches!(body, wire::frame::Body::Reject(_)).then_some(())).await;
}

#[track_caller]
fn check(log: &str) {
    // Of loud-1, whose lines have a bound of their own: a first burst of its stream.
    let (loud, rest): (Vec<_>, Vec<_>) =
        log.lines().partition(|line| line.contains("loud\u{fffd}") || line.contains("loud\\u001b"));
    assert!(loud.len() <= 400, "{} lines of what a child printed", loud.len());
    assert!(rest.len() <= LINES, "{} lines:\n{}", rest.len(), rest.join("\n"));
    for line in log.lines() {
        assert!(line.chars().count() <= LINE, "{line}");
        assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
        assert!(!line.starts_with("2026-01-01"), "a forged line");
    }
    let says = |what: &str| assert!(log.contains(what), "`{what}` in\n{}", rest.join("\n"));
    says("more of the same was not logged");
    says("more lines were not logged");
    for cause in
        ["collector.connected", "collector.lost", "topics.refused", "connection.refused", "task.failed"]
    {
        says(cause);
    }
}

#[tokio::test]
async fn a_hostile_collector_fills_no_log_of_text() {
    check(&log_of_an_attack(LogFormat::Text).await);
}

#[tokio::test]
async fn a_hostile_collector_fills_no_log_of_json() {
    let log = log_of_an_attack(LogFormat::Json).await;
    check(&log);
    let lines: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).expect("an object per line")).collect();
    // What could be a label of a metric is one of few words, whatever the collector says.
    for line in &lines {
        for field in ["timestamp", "level", "target", "message"] {
            assert!(line[field].is_string(), "{line}");
        }
        for (field, words) in [
            ("reason", &["unknown-topic", "disconnected", "unknown-collector", "declaration", "version"][..]),
            ("collector", &["raw-1", "loud-1"]),
            ("stream", &["stdout", "stderr"]),
            (
                "what",
                &[
                    "collector.connected",
                    "collector.lost",
                    "topics.refused",
                    "connection.refused",
                    "task.failed",
                ],
            ),
        ] {
            let said = &line[field];
            assert!(said.is_null() || words.contains(&said.as_str().expect("text")), "{field} in {line}");
        }
    }
    // Nothing is lost of the number: what was written and what was left out are all that happened.
    let of = |what: &str, message: &str, reason: Option<&str>| -> u64 {
        let counts =
            lines.iter().filter(|line| reason.is_none_or(|reason| line["reason"] == reason)).map(|line| {
                if line["what"] == what {
                    line["left_out"].as_u64().expect("a number")
                } else {
                    u64::from(line["message"] == message)
                }
            });
        counts.sum()
    };
    let attempts = ATTEMPTS as u64;
    assert_eq!(of("task.failed", "task failed", None), attempts);
    assert_eq!(of("collector.connected", "collector connected", None), attempts + 1);
    assert_eq!(of("connection.refused", "connection refused", Some("unknown-collector")), attempts);
    assert_eq!(of("connection.refused", "connection refused", Some("declaration")), 3 * attempts);
}
