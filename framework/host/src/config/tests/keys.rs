//! Keys: unknown, missing, of the wrong type.

use super::check;

#[test]
fn unknown_keys_have_near_names() {
    check(
        r#"
[hots]
[host]
nmae = "x"
[aggregate.a]
topics = ["t.#"]
timeout = "1s"
topcis = ["t.#"]
zzzzzzzz = 1
limits = { set = 1 }
late = { tombstone = 1 }
[aggregate.a.topic."t.x"]
dedupe = { use = "same" }
[collector.c]
comand = ["x"]
publish = ["t.x"]
[task.t]
every = "1s"
capabilities = ["a"]
evry = "1s"
"#,
        r#"
stook.toml:2:2: unknown key `hots`
  |
2 | [hots]
  |  ^^^^
  = did you mean `host`? a config has host, aggregate, dispatch, collector, task, sink

stook.toml:4:1: unknown key `nmae`
  |
4 | nmae = "x"
  | ^^^^
  = did you mean `name`? [host] has name, memory

stook.toml:8:1: unknown key `topcis`
  |
8 | topcis = ["t.#"]
  | ^^^^^^
  = did you mean `topics`? [aggregate.NAME] has topics, key, complete, timeout, idle, order, dedup, merge, late, limits, ack, deliver, topic, score, detect, restart

stook.toml:9:1: unknown key `zzzzzzzz`
  |
9 | zzzzzzzz = 1
  | ^^^^^^^^
  = [aggregate.NAME] has topics, key, complete, timeout, idle, order, dedup, merge, late, limits, ack, deliver, topic, score, detect, restart

stook.toml:10:12: unknown key `set`
   |
10 | limits = { set = 1 }
   |            ^^^
   = did you mean `sets`? `limits` has sets, results_per_set, bytes_per_set, when_full

stook.toml:11:10: unknown key `tombstone`
   |
11 | late = { tombstone = 1 }
   |          ^^^^^^^^^
   = did you mean `tombstones`? `late` has use, grace, tombstones, remember

stook.toml:13:1: unknown key `dedupe`
   |
13 | dedupe = { use = "same" }
   | ^^^^^^
   = did you mean `dedup`? [aggregate.NAME.topic."PATTERN"] has dedup, score, detect, restart

stook.toml:15:1: unknown key `comand`
   |
15 | comand = ["x"]
   | ^^^^^^
   = did you mean `command`? [collector.ID] has command, kind, publish, detect, restart

stook.toml:20:1: unknown key `evry`
   |
20 | evry = "1s"
   | ^^^^
   = did you mean `every`? [task.NAME] has every, capabilities, fan_out, into, payload, priority, timeout, attempt_timeout, stall_timeout, score
"#,
    );
}

#[test]
fn missing_keys_are_named_with_an_example() {
    check(
        "[aggregate.a]\n[task.t]\n[aggregate.b]\ntopics = []\ntimeout = \"1s\"\ncomplete = []",
        r#"
stook.toml:1:12: `topics` is missing
  |
1 | [aggregate.a]
  |            ^
  = write topics = ["events.#"]

stook.toml:1:12: `timeout` is missing
  |
1 | [aggregate.a]
  |            ^
  = write timeout = "30s"

stook.toml:2:7: `every` is missing
  |
2 | [task.t]
  |       ^
  = write every = "2s"

stook.toml:2:7: `capabilities` is missing
  |
2 | [task.t]
  |       ^
  = write capabilities = ["process.list"]

stook.toml:4:10: `topics` is empty
  |
4 | topics = []
  |          ^^
  = write topics = ["events.#"]

stook.toml:6:12: `complete` is empty
  |
6 | complete = []
  |            ^^
  = write complete = { use = "expected" }
"#,
    );
}

#[test]
fn wrong_types_are_named_with_what_was_found() {
    check(
        r#"
collector = 5
[host]
memory = -1
name = "My Host"
[aggregate]
a = 5
[aggregate.b]
topics = "t.#"
timeout = 30
idle = "soon"
key = "host"
complete = "count"
limits = { sets = 0, results_per_set = -1, bytes_per_set = "0B", when_full = "drop" }
ack = "accept"
deliver = [1, "x"]
[task.t]
every = "0s"
capabilities = ["Process.List", "ok"]
"#,
        r#"
stook.toml:2:13: expected a table, found the number 5
  |
2 | collector = 5
  |             ^
  = write [collector.NAME], and below it its keys

stook.toml:4:10: bad `memory`: expected a size like "64KiB" or "16MiB", found the number -1
  |
4 | memory = -1
  |          ^^

stook.toml:5:8: `My Host` cannot name a host
  |
5 | name = "My Host"
  |        ^^^^^^^^^
  = it names a directory: write 1 to 64 of A-Z a-z 0-9 - _ . and no dot in front

stook.toml:7:5: expected a table, found the number 5
  |
7 | a = 5
  |     ^

stook.toml:9:10: bad `topics`: expected a list, found the text "t.#"
  |
9 | topics = "t.#"
  |          ^^^^^

stook.toml:10:11: bad `timeout`: expected a duration like "250ms", "30s" or "5m", found the number 30
   |
10 | timeout = 30
   |           ^^

stook.toml:11:8: bad `idle`: `soon` is no duration; write a number and a unit, like "250ms", "30s", "5m"
   |
11 | idle = "soon"
   |        ^^^^^^

stook.toml:12:7: bad `key`: expected "correlation-id" or a list of paths, found the text "host"
   |
12 | key = "host"
   |       ^^^^^^
   = write "correlation-id", or a list of paths into the payload like ["host", ["message", "pid"]]

stook.toml:13:12: expected a table, found the text "count"
   |
13 | complete = "count"
   |            ^^^^^^^
   = write { use = "NAME" }, with its options beside `use`; `stook plugins list` shows the names

stook.toml:14:19: bad `sets`: must be at least 1, found the number 0
   |
14 | limits = { sets = 0, results_per_set = -1, bytes_per_set = "0B", when_full = "drop" }
   |                   ^

stook.toml:14:40: bad `results_per_set`: must be at least 1, found the number -1
   |
14 | limits = { sets = 0, results_per_set = -1, bytes_per_set = "0B", when_full = "drop" }
   |                                        ^^

stook.toml:14:60: `bytes_per_set` must be more than nothing
   |
14 | limits = { sets = 0, results_per_set = -1, bytes_per_set = "0B", when_full = "drop" }
   |                                                            ^^^^
   = write a larger one, or leave it out

stook.toml:14:78: bad `when_full`: `drop` is none of emit-oldest, refuse, backpressure
   |
14 | limits = { sets = 0, results_per_set = -1, bytes_per_set = "0B", when_full = "drop" }
   |                                                                              ^^^^^^

stook.toml:15:7: bad `ack`: `accept` is none of accepted, delivered; did you mean `accepted`?
   |
15 | ack = "accept"
   |       ^^^^^^^^

stook.toml:16:12: bad `deliver`: expected a string, found the number 1
   |
16 | deliver = [1, "x"]
   |            ^

stook.toml:16:15: no sink is named `x`
   |
16 | deliver = [1, "x"]
   |               ^^^
   = there is no [sink.NAME]

stook.toml:18:9: `every` must be more than nothing
   |
18 | every = "0s"
   |         ^^^^
   = write a larger one, like every = "2s"

stook.toml:19:17: bad `capabilities`: `Process.List` is no capability: write dot-separated levels of a-z 0-9 - _, like `process.list`
   |
19 | capabilities = ["Process.List", "ok"]
   |                 ^^^^^^^^^^^^^^
"#,
    );
}
