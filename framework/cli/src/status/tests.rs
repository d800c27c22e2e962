//! What a user reads of a status that shows everything there is to show.

use stook_messages::expect_file;

use super::*;

const STATUS: &str = r#"{
"host": {"name": "barn", "pid": 4242, "uptime_ms": 192000, "connections_refused": 1},
"memory": {"limit": 67108864, "used": 1572864},
"results": {"received": 40, "delivered": 34, "duplicate": 2, "late": 1,
  "refused": {"decode": 1, "topic-not-allowed": 1}, "discarded": {}, "pending": 1},
"tasks": {"submitted": 12, "done": 8, "partial": 1, "failed": 1, "quarantined": 1, "open": 1,
  "in_flight": 7, "assigned": 19, "redistributed": 3, "returned": 1, "stale": 0},
"collectors": [
  {"id": "netmond-1", "kind": "netmond", "state": "quarantined", "why": "5 restarts within 1m; tried again in 42 s",
   "pid": null, "incarnation": null, "in_flight": 0, "capabilities": [], "overdue": 0, "ejected": false,
   "slow_start": false, "restarts": 5, "failures": 6,
   "last_exit": "failed to start `netmond`: No such file or directory (os error 2)",
   "output": {"lines": [], "dropped": 0}},
  {"id": "onceoff-1", "kind": "onceoff", "state": "left", "why": "exit code 0; its restart policy leaves it",
   "pid": null, "incarnation": null, "in_flight": 0, "capabilities": [], "overdue": 0, "ejected": false,
   "slow_start": false, "restarts": 0, "failures": 1, "last_exit": "exit code 0", "output": {"lines": [], "dropped": 0}},
  {"id": "procmond-1", "kind": "procmond", "state": "connected", "why": null, "pid": 4711, "parked": 7, "parked_ms": 12000,
   "incarnation": "0f0e0d0c-0b0a-4908-8706-050403020100", "in_flight": 3, "capabilities": [
     {"name": "process.integrity", "in_flight": 1, "concurrency": 1, "latency_us": 100000, "success_rate": 0.5,
      "succeeded": 1, "refused": 0, "failed": 1},
     {"name": "process.list", "in_flight": 2, "concurrency": 4, "latency_us": 10000, "success_rate": 1.0,
      "succeeded": 6, "refused": 2, "failed": 0}],
   "results": {"received": 14, "accepted": 9, "duplicate": 1, "late": 1, "refused": {"set-full": 1, "topic-not-allowed": 2},
    "discarded": {}},
   "topics": [{"topic": "events.process.list", "refused": null}, {"topic": "other.x", "refused": "unknown-topic"}],
   "last_rejection": "a collector `procmond-1` is connected already (process 4711) (duplicate); give each collector an id of its own, or stop the other one",
   "overdue": 1, "ejected": true, "slow_start": true, "restarts": 1, "failures": 1, "last_exit": "exit code 3",
   "output": {"lines": ["reading \u001b[2Jprocesses", "", "done"], "dropped": 7}}],
"queues": [
  {"capability": "process.integrity", "waiting": 0, "served": true},
  {"capability": "network.connections", "waiting": 2, "oldest_ms": 61000, "served": false},
  {"capability": "process.list", "waiting": 13, "oldest_ms": 250, "served": true}],
"leases": [
  {"task": "scan", "capability": "process.list", "collector": "procmond-1", "age_ms": 61000, "attempt": 2},
  {"task": "scan", "capability": "process.integrity", "collector": "procmond-1", "age_ms": 4, "attempt": 1}],
"quarantine": {"collectors": ["netmond-1"], "tasks": [
  {"task": "scan", "task_id": "0f0e0d0c-0b0a-4908-8706-050403020101", "correlation_id": "x-1",
   "capability": "process.list", "collector": "procmond-1", "kills": 3}]},
"aggregates": [{"name": "machine-scan", "open": 1, "oldest_ms": 4200, "memory": 1536, "tombstones": 11,
  "held_up_by": ["sink file", "sets", "memory"], "released": 11, "undecided": 2, "results": {"received": 40,
  "delivered": 34, "duplicate": 2, "late": 1, "refused": {"decode": 2}, "discarded": {}, "pending": 1}}],
"sinks": [
  {"name": "file", "waiting": 1024, "stalled_ms": 12300, "full": true, "error": "no space left on \u001b[2Jdevice"},
  {"name": "slow", "waiting": 1024, "stalled_ms": 900, "full": true, "error": null},
  {"name": "taken", "waiting": 3, "stalled_ms": 40, "full": false, "error": null,
   "consumer": {"connected": true, "pid": 4712, "unacknowledged": 3}},
  {"name": "untaken", "waiting": 9, "stalled_ms": 61000, "full": false, "error": null,
   "consumer": {"connected": false, "pid": null, "unacknowledged": 0}},
  {"name": "stdout", "waiting": 0, "stalled_ms": null, "full": false, "error": null}],
"plugins": {"misbehaved": {"p2c": 1}, "slow": {"acme/nth": 3}}
}"#;

fn status() -> Value {
    serde_json::from_str(STATUS).unwrap()
}

#[test]
fn everything_at_a_glance() {
    let status = status();
    let text = text::Text { status: Look::at(&status), host: " --host barn" };
    expect_file!["messages/everything.txt"].assert_eq(&text.whole(Paint::NONE));
}

#[test]
fn one_collector_at_length() {
    let status = status();
    let collector = find(&status, &"procmond-1".parse().unwrap()).unwrap_or_else(|_| panic!("it is there"));
    expect_file!["messages/collector.txt"]
        .assert_eq(&collector::Text(Look::at(collector)).whole(Paint::NONE));
}

#[test]
fn a_host_that_has_nothing_says_so_and_one_that_says_nothing_is_read() {
    for nothing in [r#"{"collectors": [], "aggregates": [], "leases": []}"#, "{}", "null"] {
        let status = serde_json::from_str(nothing).unwrap();
        let text = text::Text { status: Look::at(&status), host: "" };
        expect_file!["messages/nothing.txt"].assert_eq(&text.whole(Paint::NONE));
    }
}
