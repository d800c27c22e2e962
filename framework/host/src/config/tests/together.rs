//! What one table says about another.

use super::check;

#[test]
fn a_topic_has_one_aggregate() {
    check(
        r##"
[aggregate.a]
topics = ["t.+.x", "u.#"]
timeout = "1s"
[aggregate.b]
topics = ["t.y.+", "u.v.#", "u.#"]
timeout = "1s"
[aggregate.c]
topics = ["#"]
timeout = "1s"
[aggregate.d]
topics = ["#"]
timeout = "1s"
"##,
        r##"
stook.toml:6:11: `t.y.+` and `t.+.x` of aggregate `a` both match `t.y.x`, and neither is more specific
  |
6 | topics = ["t.y.+", "u.v.#", "u.#"]
  |           ^^^^^^^
  = a topic belongs to one aggregate: make one of the patterns narrower

stook.toml:6:29: `u.#` and `u.#` of aggregate `a` both match `u`, and neither is more specific
  |
6 | topics = ["t.y.+", "u.v.#", "u.#"]
  |                             ^^^^^
  = a topic belongs to one aggregate: make one of the patterns narrower

stook.toml:12:11: `#` and `#` of aggregate `c` both match `x`, and neither is more specific
   |
12 | topics = ["#"]
   |           ^^^
   = a topic belongs to one aggregate: make one of the patterns narrower
"##,
    );
}

#[test]
fn names_refer_to_something() {
    check(
        r##"
[aggregate.scan]
topics = ["t.#"]
timeout = "1s"
deliver = ["stdotu", "stdout", "stdout"]
[aggregate.keyed]
topics = ["k.#"]
timeout = "1s"
key = ["pid"]
[sink.stdout]
use = "explodes"
path = "-"
[task.t]
every = "1s"
capabilities = ["a"]
into = ["scna", "keyed", "zzzzzzz"]
"##,
        r#"
stook.toml:5:12: no sink is named `stdotu`
  |
5 | deliver = ["stdotu", "stdout", "stdout"]
  |            ^^^^^^^^
  = did you mean `stdout`? there is stdout

stook.toml:5:32: `stdout` is given twice
  |
5 | deliver = ["stdotu", "stdout", "stdout"]
  |                                ^^^^^^^^
  = take one out

stook.toml:16:9: no aggregate is named `scna`
   |
16 | into = ["scna", "keyed", "zzzzzzz"]
   |         ^^^^^^
   = did you mean `scan`? there is keyed, scan

stook.toml:16:17: aggregate `keyed` cannot expect a task's answers: its sets have no correlation ID
   |
16 | into = ["scna", "keyed", "zzzzzzz"]
   |                 ^^^^^^^
   = name an aggregate with key = "correlation-id"

stook.toml:16:26: no aggregate is named `zzzzzzz`
   |
16 | into = ["scna", "keyed", "zzzzzzz"]
   |                          ^^^^^^^^^
   = there is keyed, scan
"#,
    );
}

#[test]
fn what_is_published_is_taken() {
    check(
        r##"
[aggregate.a]
topics = ["events.process.#"]
timeout = "1s"
[aggregate.b]
topics = ["events.network.#"]
timeout = "1s"
[collector.c]
publish = ["event.process.#", "events.process.new", "stook.#"]
[collector."no id"]
command = []
"##,
        r#"
stook.toml:9:12: no aggregate takes `event.process.#`: what is published there would be refused
  |
9 | publish = ["event.process.#", "events.process.new", "stook.#"]
  |            ^^^^^^^^^^^^^^^^^
  = did you mean `events.process.#`? aggregates take events.process.#, events.network.#

stook.toml:9:53: `stook.#` is reserved
  |
9 | publish = ["event.process.#", "events.process.new", "stook.#"]
  |                                                     ^^^^^^^^^
  = topics under `stook.` are the host's own; an aggregate may take `stook.events`

stook.toml:10:12: `no id` is no collector id: write 1 to 64 of A-Z a-z 0-9 - _ .
   |
10 | [collector."no id"]
   |            ^^^^^^^
   = the id is the name of its table

stook.toml:11:11: `command` names no program
   |
11 | command = []
   |           ^^
   = write command = ["program", "argument"]; leave it out if somebody else starts the collector
"#,
    );
}

#[test]
fn a_result_that_depends_on_scheduling_is_warned_of() {
    let two = "[collector.c]\npublish = [\"t.#\"]\n[collector.d]\npublish = [\"t.x\"]\n";
    let aggregate = "[aggregate.a]\ntopics = [\"t.#\"]\ntimeout = \"1s\"\n";
    check(
        &format!("{aggregate}merge = {{ use = \"fussy\" }}\n{two}"),
        r#"
stook.toml:4:9: warning: the result depends on scheduling: 2 collectors publish here, and merge `fussy` minds the order `arrival`
  |
4 | merge = { use = "fussy" }
  |         ^^^^^^^^^^^^^^^^^
  = an order by `timestamp` or `sequence` makes it repeatable
"#,
    );
    check(
        &format!("{aggregate}merge = {{ use = \"fussy\", leader = \"first\" }}\n{two}"),
        r#"
stook.toml:4:35: warning: the result depends on scheduling: 2 collectors publish here, and merge `fussy` minds the order `arrival`, for its leader `first`
  |
4 | merge = { use = "fussy", leader = "first" }
  |                                   ^^^^^^^
  = an order by `timestamp` or `sequence` makes it repeatable
"#,
    );
    check(&format!("{aggregate}merge = {{ use = \"total\" }}\n{two}"), "");
    check(&format!("{aggregate}order = {{ use = \"by-time\" }}\n{two}"), "");
}

#[test]
fn limits_and_acks_make_sense_together() {
    check(
        "[host]\nmemory = \"1MiB\"\n[aggregate.a]\ntopics = [\"t\"]\ntimeout = \"1s\"\nack = \"delivered\"",
        r#"
stook.toml:3:12: warning: a set of aggregate `a` may hold 16MiB, more than the host's `memory` of 1MiB
  |
3 | [aggregate.a]
  |            ^
  = lower limits.bytes_per_set, or raise host.memory

stook.toml:6:7: warning: `ack = "delivered"` waits for sinks, and `deliver` names none
  |
6 | ack = "delivered"
  |       ^^^^^^^^^^^
  = name a sink in `deliver`, or leave `ack` out
"#,
    );
}

#[test]
fn who_is_expected_is_known() {
    check(
        r#"
[aggregate.a]
topics = ["a"]
timeout = "1s"
complete = [{ use = "count", count = 2 }, { use = "everybody", ids = ["procmond-1", "procmnd-2"] }]
[collector.procmond-1]
publish = ["a"]
[collector.procmond-2]
"#,
        r#"
stook.toml:5:85: warning: sets wait for `procmnd-2`, and there is no [collector.procmnd-2]
  |
5 | complete = [{ use = "count", count = 2 }, { use = "everybody", ids = ["procmond-1", "procmnd-2"] }]
  |                                                                                     ^^^^^^^^^^^
  = did you mean `procmond-2`? until it connects, they end by their timeout

stook.toml:8:12: warning: collector `procmond-2` may publish nothing
  |
8 | [collector.procmond-2]
  |            ^^^^^^^^^^
  = grant it topics: publish = ["events.#"]
"#,
    );
}

#[test]
fn policies_expect_the_same() {
    let with = |complete: &str| {
        format!("[aggregate.a]\ntopics = [\"a\"]\ntimeout = \"1s\"\ncomplete = [{complete}]")
    };
    let p1 = r#"{ use = "everybody", ids = ["p1"] }, { use = "count", count = 2 }"#;
    check(&with(&format!(r#"{p1}, {{ use = "everybody", ids = ["p1"], last = true }}"#)), "");
    check(
        &with(&format!(r#"{p1}, {{ use = "everybody", ids = ["p2", "p1"] }}"#)),
        r#"
stook.toml:4:12: warning: a set waits for all whom one of these expects: p1, p2
  |
4 | complete = [{ use = "everybody", ids = ["p1"] }, { use = "count", count = 2 }, { use = "everybody", ids = ["p2", "p1"] }]
  |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  = name the same collectors in each; where some of them are enough, use `quorum` or `count`
"#,
    );
    check(
        &with(&format!(r#"{p1}, {{ use = "everybody", ids = ["p2"], last = true }}"#)),
        r#"
stook.toml:4:12: warning: a set waits for all whom one of these expects: p1, p2, and each answers with its last, for `everybody`
  |
4 | complete = [{ use = "everybody", ids = ["p1"] }, { use = "count", count = 2 }, { use = "everybody", ids = ["p2"], last = true }]
  |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  = name the same collectors in each; where some of them are enough, use `quorum` or `count`
"#,
    );
}

#[test]
fn what_does_nothing_is_warned_of() {
    check(
        r#"
[aggregate.a]
topics = ["a"]
timeout = "1s"
[aggregate.b]
topics = ["b"]
timeout = "1s"
[collector.c]
publish = ["a"]
[collector.d]
[sink.s]
use = "explodes"
path = "-"
"#,
        r#"
stook.toml:5:12: warning: no collector may publish a topic of aggregate `b`
  |
5 | [aggregate.b]
  |            ^
  = grant its topics in the `publish` of a collector

stook.toml:10:12: warning: collector `d` may publish nothing
   |
10 | [collector.d]
   |            ^
   = grant it topics: publish = ["events.#"]

stook.toml:11:7: warning: nothing is delivered to sink `s`
   |
11 | [sink.s]
   |       ^
   = name it in the `deliver` of an aggregate
"#,
    );
}

#[test]
fn nothing_at_all_is_warned_of() {
    check(
        "",
        r#"
stook.toml: warning: there is no aggregate: every result will be refused
  = write [aggregate.NAME]
"#,
    );
}

#[test]
fn a_timeout_leaves_nothing_for_the_next_result_to_end() {
    check(
        r#"
[aggregate.a]
topics = ["a"]
complete = { use = "size", least = "1B", boundary = true }
timeout = "1s"
[aggregate.b]
topics = ["b"]
complete = [{ use = "size", least = "1B" }, { use = "size", least = "2B", boundary = true }]
timeout = "1s"
late = { use = "correct", grace = "1s" }
[aggregate.c]
topics = ["c"]
complete = { use = "size", least = "1B", boundary = true }
timeout = "1s"
late = { use = "reopen" }
"#,
        r#"
stook.toml:4:53: warning: `size` lets a result open the next set of its ID, but after a timeout that result is late
  |
4 | complete = { use = "size", least = "1B", boundary = true }
  |                                                     ^^^^
  = write late = { use = "reopen" }, unless no ID is used again after its timeout

stook.toml:8:86: warning: `size` lets a result open the next set of its ID, but after a timeout that result is a correction of the old set, or late
  |
8 | complete = [{ use = "size", least = "1B" }, { use = "size", least = "2B", boundary = true }]
  |                                                                                      ^^^^
  = write late = { use = "reopen" }, unless no ID is used again after its timeout
"#,
    );
}
