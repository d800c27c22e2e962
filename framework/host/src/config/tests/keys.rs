//! Keys: unknown, missing, of the wrong type.

use stook_messages::expect_file;

use super::check;

#[test]
fn messages() {
    check(
        &[
            (
                "unknown keys have near names",
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
            ),
            (
                "missing keys are named with an example",
                "[aggregate.a]\n[task.t]\n[aggregate.b]\ntopics = []\ntimeout = \"1s\"\ncomplete = []",
            ),
            (
                "wrong types are named with what was found",
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
            ),
        ],
        &expect_file!["messages/keys.txt"],
    );
}
