//! Keys: unknown, missing, of the wrong type, and not in this version.

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
        "",
    );
}

#[test]
fn missing_keys_are_named_with_an_example() {
    check("[aggregate.a]\n[task.t]\n[aggregate.b]\ntopics = []\ntimeout = \"1s\"\ncomplete = []", "");
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
        "",
    );
}

#[test]
fn keys_of_later_versions_are_told_from_mistakes() {
    check(
        r#"
[dispatch]
score = { use = "p2c" }
[aggregate.a]
topics = ["t.#"]
timeout = "1s"
score = { use = "p2c" }
[collector.c]
publish = ["t.x"]
restart = { use = "backoff" }
[task.one]
every = "1s"
capabilities = ["a"]
fan_out = "one"
[task.some]
every = "1s"
capabilities = ["a"]
fan_out = ["c"]
[task.bad]
every = "1s"
capabilities = ["a"]
fan_out = "eech"
"#,
        "",
    );
}
