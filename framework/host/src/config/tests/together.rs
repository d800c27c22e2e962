//! What one table says about another.

use stook_messages::expect_file;

use super::{check, silent};

const TWO: &str = "[collector.c]\npublish = [\"t.#\"]\n[collector.d]\npublish = [\"t.x\"]\n";

/// An aggregate with a line of its own, and two who publish for it.
fn of_two(line: &str) -> String {
    format!("[aggregate.a]\ntopics = [\"t.#\"]\ntimeout = \"1s\"\n{line}\n{TWO}")
}

/// An aggregate that expects `p1`, counts, and has one more policy.
fn also(policy: &str) -> String {
    format!(
        r#"
[aggregate.a]
topics = ["a"]
timeout = "1s"
complete = [{{ use = "everybody", ids = ["p1"] }}, {{ use = "count", count = 2 }}, {policy}]
"#
    )
}

#[test]
fn nothing_is_said_of_what_agrees() {
    silent(&of_two("merge = { use = \"total\" }"));
    silent(&of_two("order = { use = \"by-time\" }"));
    silent(&also(r#"{ use = "everybody", ids = ["p1"], last = true }"#));
}

#[test]
fn messages() {
    check(
        &[
            (
                "a topic has one aggregate",
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
            ),
            (
                "names refer to something",
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
            ),
            (
                "what is published is taken",
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
            ),
            ("a result that depends on scheduling", &of_two("merge = { use = \"fussy\" }")),
            ("the same, for one option", &of_two("merge = { use = \"fussy\", leader = \"first\" }")),
            (
                "limits and acks make sense together",
                "[host]\nmemory = \"1MiB\"\n[aggregate.a]\ntopics = [\"t\"]\ntimeout = \"1s\"\nack = \"delivered\"",
            ),
            (
                "who is expected is known",
                r#"
[aggregate.a]
topics = ["a"]
timeout = "1s"
complete = [{ use = "count", count = 2 }, { use = "everybody", ids = ["procmond-1", "procmnd-2"] }]
[collector.procmond-1]
publish = ["a"]
[collector.procmond-2]
"#,
            ),
            ("policies expect the same", &also(r#"{ use = "everybody", ids = ["p2", "p1"] }"#)),
            ("and wait for it in the same way", &also(r#"{ use = "everybody", ids = ["p2"], last = true }"#)),
            (
                "what does nothing is warned of",
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
            ),
            ("nothing at all is warned of", ""),
            ("nobody takes anything", "[collector.c]\npublish = [\"t.x\"]\n"),
            (
                "a timeout leaves nothing for the next result to end",
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
            ),
        ],
        &expect_file!["messages/together.txt"],
    );
}
