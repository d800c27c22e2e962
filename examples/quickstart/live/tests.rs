//! What is shown, at several sizes, without a terminal.

mod heard;

use std::time::Duration;

use stook::{CollectorId, Event, TaskOutcome};
use stook_examples::detect::{Finding, Rule};
use stook_examples::text::width;
use stook_types::{Capability, CorrelationId, Outcome, TaskId, Value};

use super::model::{Model, Scan};
use super::render::{Size, frame, summary};
use crate::config;

const SCAN: [(&str, &str); 3] = [
    ("procmond-1", "process.list"),
    ("procmond-2", "process.integrity"),
    ("netmond-1", "network.connections"),
];

fn id(text: &str) -> CollectorId {
    CollectorId::new(text).unwrap()
}

fn capability(text: &str) -> Capability {
    Capability::new(text).unwrap()
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// A task of this config's, as the host tells of it.
struct Task {
    id: TaskId,
    correlation: CorrelationId,
}

impl Task {
    fn new() -> Self {
        Self { id: TaskId::random(), correlation: CorrelationId::random() }
    }

    fn assigned(&self, (collector, skill): (&str, &str), attempt: u32) -> Event {
        Event::TaskAssigned {
            task: "scan".into(),
            task_id: self.id,
            collector: id(collector),
            capability: capability(skill),
            correlation_id: self.correlation.clone(),
            attempt,
        }
    }

    fn finished(&self, (collector, skill): (&str, &str), took_us: u64) -> Event {
        let (collector, capability) = (id(collector), capability(skill));
        Event::TaskFinished { task: "scan".into(), task_id: self.id, collector, capability, took_us }
    }

    fn failed(&self, (collector, skill): (&str, &str)) -> Event {
        let (collector, capability) = (Some(id(collector)), capability(skill));
        Event::TaskFailed { task: "scan".into(), task_id: self.id, capability, collector, why: "no".into() }
    }

    fn moved(&self, (from, skill): (&str, &str), to: Option<&str>) -> Event {
        Event::TaskRedistributed {
            task: "scan".into(),
            task_id: self.id,
            capability: capability(skill),
            from: id(from),
            to: to.map(id),
            why: "it was lost".into(),
        }
    }

    fn ended(&self, outcome: TaskOutcome) -> Event {
        let correlation_id = self.correlation.clone();
        Event::TaskEnded { task: "scan".into(), task_id: self.id, correlation_id, outcome }
    }

    fn scan(&self, number: u64) -> Scan {
        Scan {
            number,
            correlation: self.correlation.to_string(),
            outcome: Outcome::Complete,
            reason: "expected".to_owned(),
            latency: Duration::from_micros(21_500),
            rows: Some(84),
            missing: Vec::new(),
            findings: Vec::new(),
        }
    }
}

/// With these collectors, as `status` has them.
fn model(shared: Option<u8>, seats: &[(&str, &str, &str)]) -> Model {
    let Ok(config) = config::load(None, shared) else { panic!("it is valid") };
    let mut model = Model::new(&config, None);
    let seats = seats.iter().map(|(id, state, skill)| {
        serde_json::json!({
            "id": id, "state": state, "why": if *state == "connected" { None } else { Some("in 180 ms") },
            "in_flight": 0, "restarts": 0,
            "capabilities": [{ "name": skill, "concurrency": 1, "in_flight": 0, "latency_us": 4_100 }],
        })
    });
    let status = serde_json::json!({
        "host": { "uptime_ms": 12_345 }, "memory": { "used": 2_048, "limit": 67_108_864 },
        "results": { "refused": { "stale-epoch": 3 }, "discarded": {} }, "tasks": { "redistributed": 0 },
        "collectors": seats.collect::<Vec<_>>(),
    });
    model.look(&serde_json::from_value::<Value>(status).unwrap());
    model
}

fn three() -> Model {
    model(None, &SCAN.map(|(id, skill)| (id, "connected", skill)))
}

fn shown(model: &Model, now: Duration, columns: usize, rows: usize) -> String {
    let lines = frame(model, now, Size { columns, rows });
    lines.iter().map(|line| line.plain() + "\n").collect()
}

#[track_caller]
fn check(model: &Model, now: f64, (columns, rows): (usize, usize), expected: &str) {
    assert_eq!(shown(model, seconds(now), columns, rows), expected);
}

/// The line of what is in flight, or was last.
fn progress(model: &Model) -> String {
    let shown = shown(model, seconds(1.0), 400, 24);
    shown.lines().find(|line| line.contains('[')).unwrap_or_default().trim_start().to_owned()
}

/// One scan is over, one is under way, something was found and something has happened.
fn busy() -> Model {
    let mut model = three();
    let (first, second) = (Task::new(), Task::new());
    for part in SCAN {
        model.hear(seconds(0.1), &first.assigned(part, 1));
    }
    let finding = Finding {
        pid: 7,
        rule: Rule::DeletedListener,
        text: "web\x1b[2J\r\n\u{202e}界 (pid 7) listens on [::]:80 while /tmp/web is gone from disk"
            .to_owned(),
    };
    let missing = vec![("netmond-1".to_owned(), "exited".to_owned())];
    model.take(
        seconds(0.2),
        Scan {
            outcome: Outcome::Partial,
            reason: "collectors-lost".to_owned(),
            missing,
            findings: vec![finding],
            ..first.scan(1)
        },
    );
    model.hear(seconds(2.0), &second.assigned(SCAN[0], 1));
    model.hear(seconds(2.0), &second.assigned(SCAN[1], 1));
    model.hear(seconds(2.1), &second.finished(SCAN[0], 4_200));
    model.tell("ended", "netmond-1: killed by signal 9".to_owned());
    model
}

#[test]
fn wide() {
    check(&busy(), 2.34, (110, 24), "\
quickstart  up 12.3s, memory 2.0 KiB of 64.0 MiB
  procmond-1  connected    0 of 1 busy, takes 4.1ms
  procmond-2  connected    0 of 1 busy, takes 4.1ms
  netmond-1   connected    0 of 1 busy, takes 4.1ms
  scan        [#-.] 1 of 3 in 0.3s, waits for procmond-2 (process.integrity), netmond-1 (network.connections)…
  so far      0 complete, 1 partial, nothing lost
  scan 1      partial (collectors-lost) without netmond-1 (exited) in 21.5ms, 84 rows
  finding     deleted-listener: web\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}界 (pid 7) listens on [::]:80 while /tmp/web is gone from disk
  ended       netmond-1: killed by signal 9
");
}

#[test]
fn narrow() {
    check(
        &busy(),
        2.34,
        (40, 12),
        "\
quickstart  up 12.3s
procmond-1 connected 0 of 1 busy, takes…
procmond-2 connected 0 of 1 busy, takes…
netmond-1 connected 0 of 1 busy, takes …
scan [#-.] 0.3s, waits for procmond-2, …
so far 0 complete, 1 partial, nothing l…
scan 1 partial without netmond-1 (exite…
finding deleted-listener: web\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}界 …
ended netmond-1: killed by signal 9
",
    );
}

#[test]
fn low() {
    check(
        &busy(),
        2.34,
        (110, 7),
        "\
quickstart  up 12.3s, memory 2.0 KiB of 64.0 MiB
  procmond-1  connected    0 of 1 busy, takes 4.1ms
  procmond-2  connected    0 of 1 busy, takes 4.1ms
  netmond-1   connected    0 of 1 busy, takes 4.1ms
  scan        [#-.] 1 of 3 in 0.3s, waits for procmond-2 (process.integrity), netmond-1 (network.connections)…
  so far      0 complete, 1 partial, nothing lost
  scan 1      partial (collectors-lost) without netmond-1 (exited) in 21.5ms, 84 rows
",
    );
}

#[test]
fn nothing_has_begun() {
    let mut model =
        model(None, &[("procmond-1", "connected", "process.list"), ("netmond-1", "restarting", "x")]);
    check(
        &model,
        0.1,
        (90, 24),
        "\
quickstart  up 12.3s, memory 2.0 KiB of 64.0 MiB
  procmond-1  connected    0 of 1 busy, takes 4.1ms
  netmond-1   restarting   in 180 ms
  waits       no task has begun
  so far      0 complete, 0 partial, nothing lost
              the first scan hashes every running executable, which may take a moment
",
    );
    model.ending = Some("stops");
    assert!(shown(&model, seconds(1.0), 90, 24).starts_with("quickstart  up 12.3s, stops, memory "));
}

#[test]
fn a_crowd_has_one_line() {
    let ids: Vec<_> = (1..=64).map(|number| format!("procmond-{number}")).collect();
    let state = |id: &str| if id == "procmond-7" { "restarting" } else { "connected" };
    let seats: Vec<_> = ids.iter().map(|id| (&**id, state(id), "process.list")).collect();
    let shown = shown(&model(None, &seats), seconds(1.0), 90, 24);
    assert_eq!(
        shown.lines().nth(1),
        Some("  all          63 of 64 connected, 0 of 63 busy, procmond-7 restarting")
    );
}

#[test]
fn whatever_the_size_it_fits_and_does_nothing_to_the_terminal() {
    let model = busy();
    for (columns, rows) in (0..150).flat_map(|columns| (0..20).map(move |rows| (columns, rows))) {
        let lines = frame(&model, seconds(3.0), Size { columns, rows });
        assert!(lines.len() <= rows, "{columns} {rows}");
        for line in lines {
            let text: String = line.pieces().map(|(_, text)| text).collect();
            assert!(width(&text) <= columns && !text.contains(char::is_control), "{columns} {rows}: {text}");
        }
    }
}

#[test]
fn what_stays_is_whole() {
    let text: String = summary(&busy()).iter().map(|line| line.plain() + "\n").collect();
    assert_eq!(text, "\
quickstart  ran 12.3s
  so far      0 complete, 1 partial, nothing lost
  scan 1      partial (collectors-lost) without netmond-1 (exited) in 21.5ms, 84 rows
  finding     deleted-listener: web\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}界 (pid 7) listens on [::]:80 while /tmp/web is gone from disk
  ended       netmond-1: killed by signal 9
");
}
