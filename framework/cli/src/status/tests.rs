//! What a user reads of a status that shows everything there is to show.

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
  {"id": "procmond-1", "kind": "procmond", "state": "connected", "why": null, "pid": 4711,
   "incarnation": "0f0e0d0c-0b0a-4908-8706-050403020100", "in_flight": 3, "capabilities": [
     {"name": "process.integrity", "in_flight": 1, "concurrency": 1, "latency_us": 100000, "success_rate": 0.5,
      "succeeded": 1, "failed": 1},
     {"name": "process.list", "in_flight": 2, "concurrency": 4, "latency_us": 10000, "success_rate": 1.0,
      "succeeded": 8, "failed": 0}],
   "overdue": 1, "ejected": true, "slow_start": true, "restarts": 1, "failures": 1, "last_exit": "exit code 3",
   "output": {"lines": ["reading \u001b[2Jprocesses", "", "done"], "dropped": 7}}],
"queues": [
  {"capability": "process.integrity", "waiting": 0, "served": true},
  {"capability": "network.connections", "waiting": 2, "served": false},
  {"capability": "process.list", "waiting": 13, "served": true}],
"leases": [
  {"task": "scan", "capability": "process.list", "collector": "procmond-1", "age_ms": 61000, "attempt": 2},
  {"task": "scan", "capability": "process.integrity", "collector": "procmond-1", "age_ms": 4, "attempt": 1}],
"quarantine": {"collectors": ["netmond-1"], "tasks": [
  {"task": "scan", "task_id": "0f0e0d0c-0b0a-4908-8706-050403020101", "correlation_id": "x-1",
   "capability": "process.list", "collector": "procmond-1", "kills": 3}]},
"aggregates": [{"name": "machine-scan", "open": 1, "tombstones": 11, "released": 11, "undecided": 2, "results": {"received": 40,
  "delivered": 34, "duplicate": 2, "late": 1, "refused": {"decode": 2}, "discarded": {}, "pending": 1}}],
"plugins": {"misbehaved": {"p2c": 1}, "slow": {"acme/nth": 3}}
}"#;

fn status() -> Value {
    serde_json::from_str(STATUS).unwrap()
}

#[track_caller]
fn check(said: &str, wanted: &str) {
    assert!(said == wanted.trim_start_matches('\n'), "--- said:\n{said}\n--- wanted:\n{wanted}");
}

#[test]
fn everything_at_a_glance() {
    let status = status();
    let text = text::Text { status: Look::at(&status), host: " --host barn" };
    check(
        &text.whole(Paint::NONE),
        "
host barn  process 4242, up 3m 12s, memory 1.5MiB of 64MiB, 1 connection refused

collectors
  ID          KIND      STATE         PID  IN FLIGHT  LATENCY  SUCCESS  RESTARTS  LAST EXIT                  WHY
  netmond-1   netmond   quarantined     -        0/0        -        -         5  failed to start `netmond…  5 restarts within 1m; tried again in 42 s
  onceoff-1   onceoff   left            -        0/0        -        -         0  exit code 0                exit code 0; its restart policy leaves it
  procmond-1  procmond  connected    4711        3/5   20.0ms      90%         1  exit code 3                ejected for its failures, 1 task overdue, slow start

tasks    12 submitted = 8 done + 1 partial + 1 failed + 1 quarantined + 1 open
         7 in flight, 19 assigned, 3 redistributed, 1 returned, 0 stale
results  40 received = 34 delivered + 2 duplicate + 1 late + 2 refused + 0 discarded + 1 pending
         refused: 1 decode, 1 topic-not-allowed

queues
  CAPABILITY           WAITING  SERVED
  network.connections        2  by nobody who is connected
  process.list              13  yes

in flight, the oldest of 7
  TASK  CAPABILITY         COLLECTOR     AGE  ATTEMPT
  scan  process.list       procmond-1  1m 1s        2
  scan  process.integrity  procmond-1  4.0ms        1

aggregates
  NAME          OPEN SETS  RELEASED  REMEMBERED  RECEIVED  DELIVERED  DUPLICATE  LATE  REFUSED  DISCARDED  PENDING
  machine-scan          1        11          11        40         34          2     1        2          0        1

quarantine
  collector netmond-1: once its cause is mended, `stook restart --host barn netmond-1`
  task scan (process.list), correlation ID x-1: it has killed 3 collectors, the last was procmond-1; nobody is given it again

plugins
  p2c: panicked or made no sense 1 time
  acme/nth: took too long 3 times
  completion of machine-scan: could not tell 2 times, by what results contain
",
    );
}

#[test]
fn one_collector_at_length() {
    let status = status();
    let collector = find(&status, &"procmond-1".parse().unwrap()).unwrap_or_else(|_| panic!("it is there"));
    check(
        &collector::Text(Look::at(collector)).whole(Paint::NONE),
        "
collector procmond-1  kind procmond
  state        connected, ejected for its failures, 1 task overdue, slow start
  process      4711, incarnation 0f0e0d0c-0b0a-4908-8706-050403020100
  restarts     1, 1 in a row without lasting service
  last exit    exit code 3

  CAPABILITY         IN FLIGHT  LATENCY  SUCCESS  SUCCEEDED  FAILED
  process.integrity        1/1  100.0ms      50%          1       1
  process.list             2/4   10.0ms     100%          8       0

its last lines (and 7 before)
  reading \u{fffd}[2Jprocesses

  done
",
    );
}

#[test]
fn a_host_that_has_nothing_says_so_and_one_that_says_nothing_is_read() {
    for nothing in [r#"{"collectors": [], "aggregates": [], "leases": []}"#, "{}", "null"] {
        let status = serde_json::from_str(nothing).unwrap();
        let text = text::Text { status: Look::at(&status), host: "" };
        check(
            &text.whole(Paint::NONE),
            "
host -  process -, up 0us, memory 0B of 0B

collectors
  none is configured

tasks    0 submitted = 0 done + 0 partial + 0 failed + 0 quarantined + 0 open
         0 in flight, 0 assigned, 0 redistributed, 0 returned, 0 stale
results  0 received = 0 delivered + 0 duplicate + 0 late + 0 refused + 0 discarded + 0 pending
",
        );
    }
}
