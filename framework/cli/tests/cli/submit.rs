//! `stook submit`.

use serde_json::{Value, json};

use super::host::TestHost;
use super::{Ran, stook};

/// Two aggregates, and a collector for each.
const TWO: &str = r#"
[aggregate.a]
topics = ["t.a"]
complete = { use = "expected" }
timeout = "20s"
merge = { use = "list" }

[aggregate.b]
topics = ["t.b"]
complete = { use = "count", count = 1 }
timeout = "20s"
merge = { use = "first" }

[collector.p-1]
publish = ["t.a"]
[collector.p-2]
publish = ["t.b"]
[collector.absent]
publish = ["t.a"]
"#;

fn two() -> TestHost {
    let host = TestHost::start(TWO);
    host.collector("p-1", "test.work", "t.a");
    host.collector("p-2", "test.other", "t.b");
    host
}

/// The lines of JSON.
fn lines(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_task_is_taken_and_said_to_be() {
    let host = two();
    let ran = host.stook(&["submit", "test.work", "--correlation-id", "mine"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let (first, rest) = ran.out.split_once('\n').unwrap();
    assert!(first.starts_with("task ") && first.ends_with("  correlation ID mine"), "{}", ran.out);
    assert_eq!(rest, "  assigned  1\n");

    // The one place is free again.
    host.status_where(|status| status["tasks"]["open"] == 0);
    let ran = host.stook(&["submit", "test.work", "test.unheard", "--format", "jsonl"]);
    assert_eq!(ran.code, 0);
    let said = &lines(&ran)[0]["submitted"];
    assert_eq!((&said["assigned"], &said["unknown"]), (&json!(1), &json!(["test.unheard"])));
    let ran = host.stook(&["submit", "test.unheard"]);
    let nobody = "  nobody    has test.unheard so far; it waits for one until its timeout\n";
    assert!(ran.out.ends_with(nobody), "{}", ran.out);

    let ran = host.stook(&["submit", "test.work", "--on", "p-1", "absent"]);
    assert!(ran.out.ends_with("  missing   1 collector, not connected\n"), "{}", ran.out);
    host.stop();
}

#[test]
fn what_comes_of_it_is_waited_for() {
    let host = two();
    let ran =
        host.stook(&["submit", "test.work", "--into", "a", "--wait", "--payload", r#"{"n": [1, 2.5]}"#]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    let lines: Vec<_> = ran.out.lines().collect();
    assert!(lines[2].starts_with("a  complete (expected) in "), "{}", ran.out);
    assert_eq!(lines[3..], ["  from      p-1 (1)", r#"  value     [{"n":[1,2.5]}]"#, "done"]);

    let ran = host.stook(&["submit", "test.work", "--on", "p-1,absent", "--into", "a", "--wait"]);
    assert_eq!(ran.code, 1);
    let lines: Vec<_> = ran.out.lines().collect();
    assert!(lines[3].starts_with("a  partial (collectors-lost) in "), "{}", ran.out);
    assert_eq!(lines[5], "  missing   absent (never-connected)");
    assert_eq!(lines[7], "partial: absent (never-connected)");

    let ran = host.stook(&["submit", "test.work", "--into", "a", "--wait", "--payload", r#"{"fail": true}"#]);
    assert_eq!(ran.code, 1);
    assert!(ran.out.ends_with("\nfailed: p-1 (task-failed)\n  p-1: as it was told\n"), "{}", ran.out);
    host.stop();
}

#[test]
fn lines_of_json_are_those_of_sinks() {
    let host = two();
    let ran = host.stook(&["submit", "test.work", "--each", "--into", "a", "--wait", "--format", "jsonl"]);
    assert_eq!(ran.code, 0);
    let said = lines(&ran);
    assert_eq!(said.len(), 3, "{}", ran.out);
    assert_eq!((&said[1]["outcome"], &said[1]["value"]), (&json!("complete"), &json!([null])));
    assert_eq!(said[2], json!({ "ended": { "outcome": "done", "failures": [] } }));
    let set = ran.out.lines().nth(1).unwrap();
    assert!(set.starts_with(r#"{"aggregate":"a","correlation_id":""#), "{set}");
    assert!(
        set.contains(r#""generation":1,"revision":1,"outcome":"complete","reason":"expected","value":"#),
        "{set}"
    );
    host.stop();
}

#[test]
fn a_set_that_was_told_of_it_is_waited_for_and_one_that_was_not_does_not_stand_for_it() {
    let host = TestHost::start(
        &TWO.replace("use = \"expected\"", "use = \"count\", count = 2").replace("20s", "500ms"),
    );
    host.collector("p-1", "test.work", "t.a");
    host.collector("p-2", "test.other", "t.b");
    // The task is done at once, the set of `b` with it; that of `a` lacks a result until its time is up.
    let ran =
        host.stook(&["submit", "test.work", "test.other", "--into", "a", "--wait", "--format", "jsonl"]);
    assert_eq!(ran.code, 0);
    let sets = lines(&ran).into_iter().filter(|line| line["aggregate"].is_string());
    let sets: Vec<_> = sets.map(|set| (set["aggregate"].clone(), set["reason"].clone())).collect();
    assert_eq!(sets, [(json!("b"), json!("count")), (json!("a"), json!("timeout"))], "{}", ran.out);
    host.stop();
}

#[test]
fn what_is_refused_is_refused_with_what_would_be_right() {
    let host = two();
    let check = |args: &[&str], code: i32, says: &str| {
        let ran = host.stook(&[&["submit"], args].concat());
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (code, "", says), "{args:?}");
    };
    check(
        &["test.wrok", "--each"],
        1,
        "stook: no collector has any of its capabilities\nthere is test.other, test.work\n",
    );
    check(
        &["test.work", "--on", "p-3"],
        1,
        "stook: no collector `p-3` is configured\ndid you mean `p-1`? there is absent, p-1, p-2\n",
    );
    check(
        &["test.work", "--into", "c"],
        1,
        "stook: no aggregate is named `c`\ndid you mean `a`? there is a, b\n",
    );
    check(
        &["test.work", "test.work"],
        64,
        "stook: the request is invalid: capability `test.work` is named twice\ncorrect the request\n",
    );
    host.stop();
}

#[test]
fn a_bad_payload_says_where_without_asking_a_host() {
    let ran = stook(&["submit", "x", "--payload", "{\"pid\": }"]);
    let says = "stook: bad --payload: expected value at column 9\n  {\"pid\": }\n          ^\n";
    assert_eq!((ran.code, ran.err.as_str()), (64, says));
    let ran = stook(&["submit", "Not A Capability"]);
    assert_eq!(ran.code, 64);
    assert!(ran.err.contains("write dot-separated levels of a-z 0-9 - _"), "{}", ran.err);
    let ran = stook(&["submit", "x", "--each", "--one"]);
    assert_eq!(ran.code, 64);
}

#[test]
#[cfg(unix)]
fn who_has_waited_long_enough_leaves_and_the_task_goes_on() {
    use std::io::{BufRead, BufReader, Read};

    let host = two();
    let mut child =
        host.spawn(&["submit", "test.work", "--into", "a", "--wait", "--payload", r#"{"hold": true}"#]);
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    while !said.contains("assigned") {
        assert_ne!(out.read_line(&mut said).unwrap(), 0, "{said}");
    }
    let interrupted = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupted.unwrap().success());
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(err, "stook: nobody waits any more; the task goes on\n");
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(host.status()["tasks"]["in_flight"], 1);
    host.stop();
}
