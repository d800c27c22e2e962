//! `stook status` and `stook restart`.

use serde_json::{Value, json};

use super::host::{TestHost, command, command_in};
use super::ran;

/// A collector of each kind: that the host starts, that ends at once, and that somebody else starts.
const THREE: &str = r#"
[host]
name = "barn"
[aggregate.a]
topics = ["t.a"]
timeout = "20s"
[collector.works-1]
command = [@me]
publish = ["t.a"]
[collector.ends-1]
command = [@me, "--no-such-option"]
restart = { use = "backoff", initial = "1ms", max = "1ms", give_up = { restarts = 1, within = "60s" } }
[collector.absent-1]
publish = ["t.a"]
"#;

fn three() -> TestHost {
    let host = TestHost::start(THREE);
    host.status_where(|status| {
        let works = of(status, "works-1");
        let has_said = works["output"]["lines"].to_string().contains("obedient");
        works["state"] == "connected" && has_said && of(status, "ends-1")["state"] == "quarantined"
    });
    host
}

fn of<'a>(status: &'a Value, id: &str) -> &'a Value {
    let mut all = status["collectors"].as_array().unwrap().iter();
    all.find(|collector| collector["id"] == id).unwrap()
}

#[test]
fn status_shows_who_is_there_and_why_not() {
    let host = three();
    assert_eq!(host.stook(&["submit", "test.work", "--wait"]).code, 0);
    let ran = host.stook(&["status"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let says = |start: &str, rest: &str| {
        let mut lines = ran.out.lines();
        assert!(
            lines.any(|line| line.starts_with(start) && line.contains(rest)),
            "{start}…{rest} in\n{}",
            ran.out
        );
    };
    says("host barn  process ", ", memory ");
    says("  absent-1  -     absent ", "never-connected");
    says("  ends-1    -     quarantined ", "1 restarts within 1m; tried again in ");
    says("  works-1   test  connected ", " 0/1 ");
    says("tasks    1 submitted = 1 done + 0 partial + 0 failed + 0 quarantined + 0 open", "");
    says("results  1 received = ", "");
    says("  collector ends-1: once its cause is mended, `stook restart ends-1`", "");
    assert!(!ran.out.contains('\u{1b}'), "no colour but on a terminal");
    host.stop();
}

#[test]
fn one_collector_is_shown_with_its_last_lines() {
    let host = three();
    let ran = host.stook(&["status", "works-1"]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.starts_with("collector works-1  kind test\n  state        connected"), "{}", ran.out);
    assert!(
        ran.out.contains("\n  test.work         0/1        -        -          0        0       0\n"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("\nits last lines\n"), "{}", ran.out);
    // What moves the cursor in it does not reach the terminal.
    assert!(ran.out.contains("\n  obedient\u{fffd}[31m\n"), "{}", ran.out);
    let one = host.stook(&["status", "ends-1", "--format", "json"]).json();
    assert_eq!((&one["id"], &one["state"]), (&json!("ends-1"), &json!("quarantined")));
    let ran = host.stook(&["status", "work-1"]);
    let says = "stook: no collector `work-1` is configured; did you mean `works-1`?\nthere is absent-1, ends-1, works-1\n";
    assert_eq!((ran.code, ran.err.as_str()), (1, says));
    host.stop();
}

#[test]
fn json_is_what_the_host_says() {
    let host = three();
    let status = host.status();
    let keys: Vec<_> = status.as_object().unwrap().keys().map(String::as_str).collect();
    let all = [
        "aggregates",
        "collectors",
        "host",
        "leases",
        "memory",
        "plugins",
        "quarantine",
        "queues",
        "results",
        "sinks",
        "tasks",
    ];
    assert_eq!(keys, all);
    assert_eq!(status["host"]["name"], "barn");
    host.stop();

    let chapter = concat!(env!("CARGO_MANIFEST_DIR"), "/../../book/operating.md");
    let chapter = std::fs::read_to_string(chapter).unwrap();
    let mut fields = std::collections::BTreeSet::new();
    names(&status, &mut fields);
    let unsaid: Vec<_> = fields.iter().filter(|field| !chapter.contains(&format!("`{field}"))).collect();
    assert!(unsaid.is_empty(), "book/operating.md does not say {unsaid:?}");
}

/// The names of all fields, however deep. Those of `refused` and the like are words of their own.
fn names(value: &Value, all: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, field)| {
            all.insert(name.clone());
            if !["refused", "discarded", "misbehaved", "slow"].contains(&name.as_str()) {
                names(field, all);
            }
        }),
        Value::Array(elements) => elements.iter().for_each(|element| names(element, all)),
        _ => {}
    }
}

/// What a part of a status counts and where each is, as both formats say it.
fn sum(of: &Value, total: &str, parts: &[&str]) -> (u64, u64) {
    let count = |value: &Value| match value {
        Value::Object(reasons) => reasons.values().map(|count| count.as_u64().unwrap()).sum(),
        count => count.as_u64().unwrap(),
    };
    (count(&of[total]), parts.iter().map(|part| count(&of[*part])).sum())
}

const OF_RESULTS: &[&str] = &["delivered", "duplicate", "late", "refused", "discarded", "pending"];
const OF_TASKS: &[&str] = &["done", "partial", "failed", "quarantined", "open"];

/// That everything adds up in a status of this moment, in both formats; gives the JSON.
fn adds_up(host: &TestHost) -> Value {
    let status = host.status();
    let (received, counted) = sum(&status["results"], "received", OF_RESULTS);
    assert_eq!(received, counted, "{status}");
    let (submitted, ended) = sum(&status["tasks"], "submitted", OF_TASKS);
    assert_eq!(submitted, ended, "{status}");
    for aggregate in status["aggregates"].as_array().unwrap() {
        let (received, counted) = sum(&aggregate["results"], "received", OF_RESULTS);
        assert_eq!(received, counted, "{aggregate}");
    }
    let text = host.stook(&["status"]).out;
    for line in ["tasks    ", "results  "] {
        let equation = text.lines().find(|said| said.starts_with(line)).unwrap();
        let numbers: Vec<u64> = equation.split(' ').filter_map(|word| word.parse().ok()).collect();
        assert_eq!(numbers[0], numbers[1..].iter().sum::<u64>(), "{equation}");
        assert!(equation.contains(" = ") && !equation.contains("!="), "{equation}");
    }
    status
}

/// While results come, wait, are duplicates, late and refused, and tasks are done, fail and are held.
#[test]
#[cfg(target_os = "linux")]
fn everything_adds_up_at_every_moment() {
    let host = TestHost::start(
        r#"
[host]
name = "barn"
[aggregate.a]
topics = ["t.a"]
complete = { use = "expected" }
dedup = { use = "content", scope = "aggregate", window = "60s", capacity = 1000 }
timeout = "20s"
deliver = ["full"]
[aggregate.b]
topics = ["t.b"]
complete = { use = "count", count = 2 }
timeout = "60s"
[collector.p-1]
publish = ["t.#"]
[collector.p-2]
publish = ["t.b"]
[sink.full]
use = "jsonl"
path = "/dev/full"
"#,
    );
    host.collector("p-1", "test.a", "t.a");
    host.collector("p-2", "test.b", "t.b");
    for round in 0..5 {
        for payload in [r#"{"same": 1}"#, r#"{"fail": true}"#, &format!(r#"{{"round": {round}}}"#)] {
            for (capability, into) in [("test.a", "a"), ("test.b", "b")] {
                let ran = host.stook(&["submit", capability, "--into", into, "--payload", payload]);
                assert_eq!(ran.code, 0, "{}", ran.err);
                adds_up(&host);
            }
        }
    }
    // Nobody else has it: the next one waits behind it.
    for _ in 0..2 {
        host.stook(&["submit", "test.b", "--into", "b", "--payload", r#"{"hold": true}"#]);
    }
    let waits = |queue: &Value| queue["waiting"] == 1 && queue["oldest_ms"].is_u64();
    host.status_where(|status| {
        status["tasks"]["in_flight"] == 1
            && status["tasks"]["open"] == 2
            && status["queues"].as_array().unwrap().iter().any(waits)
            && status["sinks"][0]["error"].is_string()
    });
    let status = adds_up(&host);
    let (a, b) = (&status["aggregates"][0], &status["aggregates"][1]);
    assert!(
        a["results"]["duplicate"].as_u64() > Some(0) && a["results"]["pending"].as_u64() > Some(0),
        "{a}"
    );
    // Of b, one set per task is open: each waits for a second result.
    assert!(b["open"].as_u64() > Some(0) && b["oldest_ms"].is_u64(), "{b}");
    let memory = [a, b].map(|aggregate| aggregate["memory"].as_u64().unwrap());
    assert_eq!(Some(memory[0] + memory[1]), status["memory"]["used"].as_u64(), "{status}");
    assert!(memory[0] > 0 && memory[1] > 0, "{status}");
    let sink = &status["sinks"][0];
    assert!(sink["waiting"].as_u64() > Some(0) && sink["stalled_ms"].is_u64(), "{sink}");
    let text = host.stook(&["status"]).out;
    assert!(text.contains("  full ") && text.contains("  fails: "), "{text}");
    host.abandon();
}

#[test]
fn what_is_held_up_is_shown_with_the_reason() {
    let host = TestHost::start(
        r#"
[aggregate.b]
topics = ["t.b"]
complete = { use = "count", count = 2 }
timeout = "60s"
limits = { sets = 1, when_full = "backpressure" }
[collector.p-1]
publish = ["t.b"]
"#,
    );
    host.collector("p-1", "test.b", "t.b");
    // Each is of a set of its own, and there is room for one.
    for _ in 0..2 {
        assert_eq!(host.stook(&["submit", "test.b"]).code, 0);
    }
    host.status_where(|status| {
        status["aggregates"][0]["held_up_by"] == json!(["sets"])
            && status["collectors"][0]["parked"].as_u64() > Some(0)
            && status["collectors"][0]["parked_ms"].is_u64()
    });
    let status = adds_up(&host);
    assert_eq!(status["results"]["pending"], 1, "what is parked has not been received: {status}");
    let text = host.stook(&["status"]).out;
    assert!(text.contains("  aggregate b: as many sets are open as `limits.sets` allows\n"), "{text}");
    assert!(text.contains("  collector p-1: "), "{text}");
    host.stop();
}

#[test]
fn a_collector_is_started_again() {
    let host = three();
    let before = host.status();
    let pid = of(&before, "works-1")["pid"].as_u64().unwrap();
    let ran = host.stook(&["restart", "works-1"]);
    let says = format!("works-1: process {pid} is asked to leave, and started again when it has ended\n");
    assert_eq!((ran.code, ran.out, ran.err), (0, says, String::new()));
    let after = host.status_where(|status| {
        let works = of(status, "works-1");
        works["state"] == "connected" && works["pid"] != pid
    });
    assert_eq!(of(&after, "works-1")["restarts"], 1);

    let ran = host.stook(&["restart", "ends-1"]);
    assert_eq!(ran.out, "ends-1: taken out of quarantine (1 restarts within 1m) and started\n");
    // It ends as before, and is given up again.
    host.status_where(|status| {
        let ends = of(status, "ends-1");
        ends["state"] == "quarantined"
            && ends["restarts"].as_u64() > of(&before, "ends-1")["restarts"].as_u64()
    });
    host.stop();
}

#[test]
fn what_cannot_be_started_again_is_refused() {
    let host = three();
    let check = |id: &str, says: &str| {
        let ran = host.stook(&["restart", id]);
        assert_eq!((ran.code, ran.out.as_str(), ran.err.lines().next()), (1, "", Some(says)));
    };
    check("absent-1", "stook: `absent-1` has no `command`: somebody else has started it");
    check("work-1", "stook: no collector `work-1` is configured; did you mean `works-1`?");
    host.stop();
}

#[test]
fn a_host_that_is_not_there_is_69() {
    let directory = tempfile::Builder::new().prefix("stook").tempdir().unwrap();
    let runtime = directory.path().join("run");
    for args in [&["status"][..], &["submit", "x"], &["restart", "p"]] {
        let ran = ran(command_in(&runtime, &[args, &["--host", "barn"]].concat()));
        assert_eq!((ran.code, ran.out.as_str()), (69, ""), "{args:?}");
        let says = format!(
            "stook: no host listens in `{}`, the host's name being `barn`\nstart one with `stook run FILE`, or name another with --host NAME or STOOK_ENDPOINT=DIRECTORY\n",
            runtime.join("barn").display()
        );
        assert_eq!(ran.err, says);
    }
}

#[test]
fn a_host_that_cannot_be_named_is_64() {
    let ran = ran(command(&["status", "--host", "a/b"]));
    assert_eq!(ran.code, 64);
    assert!(ran.err.starts_with("stook: `a/b` is no host name: "), "{}", ran.err);
    let mut relative = command(&["status"]);
    relative.env("STOOK_ENDPOINT", "here");
    assert_eq!(super::ran(relative).code, 64);
}

#[test]
#[cfg(unix)]
fn a_host_that_speaks_something_else_is_76() {
    use std::io::{Read, Write};

    use super::host::PATIENCE;

    let directory = tempfile::Builder::new().prefix("stook").tempdir().unwrap();
    let path = directory.path().join("host");
    stook::Endpoint::in_directory(&path).create_directory().unwrap();
    let listener = std::os::unix::net::UnixListener::bind(path.join("socket")).unwrap();
    let speaks = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_ne!(stream.read(&mut [0; 64]).unwrap(), 0);
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    });
    let mut status = command(&["status"]);
    status.env("STOOK_ENDPOINT", &path);
    let ran = ran(status);
    assert_eq!((ran.code, ran.out.as_str()), (76, ""), "{}", ran.err);
    assert!(ran.err.starts_with("stook: the host does not keep to the protocol: "), "{}", ran.err);
    speaks.join().unwrap();
}

/// By name, from `stook run` on.
#[test]
#[cfg(unix)]
fn a_host_is_found_by_its_name() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let directory = tempfile::Builder::new().prefix("stook").tempdir().unwrap();
    let (runtime, config) = (directory.path().join("run"), directory.path().join("stook.toml"));
    std::fs::write(&config, "[host]\nname = \"barn\"\n[aggregate.a]\ntopics = [\"t\"]\ntimeout = \"1s\"\n")
        .unwrap();
    let mut host =
        command_in(&runtime, &["run", config.to_str().unwrap()]).stderr(Stdio::piped()).spawn().unwrap();
    let log = BufReader::new(host.stderr.take().unwrap());
    assert!(log.lines().any(|line| line.unwrap().contains("listening")));
    let by_name = ran(command_in(&runtime, &["status", "--host", "barn"]));
    let mut by_variable = command_in(&runtime, &["status"]);
    by_variable.env("STOOK_HOST", "barn");
    let by_variable = ran(by_variable);
    // What is asked for on the command line wins.
    let mut by_both = command_in(&runtime, &["status", "--host", "barn"]);
    by_both.env("STOOK_ENDPOINT", directory.path().join("elsewhere"));
    let by_both = ran(by_both);
    host.kill().unwrap();
    host.wait().unwrap();
    for ran in [by_name, by_variable, by_both] {
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.starts_with("host barn  process "), "{}", ran.out);
        assert!(ran.out.contains("\ncollectors\n  none is configured\n"), "{}", ran.out);
    }
}
