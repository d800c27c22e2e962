//! What an aggregate's own keys must agree on.

use stook_messages::expect_file;

use super::{check, silent};

/// An aggregate that waits for so many bytes, and a set of it holds so many.
fn sized(least: &str, limit: &str) -> String {
    format!(
        r#"
[aggregate.a]
topics = ["t"]
timeout = "1s"
complete = {{ use = "size", least = {least} }}
limits = {{ bytes_per_set = "{limit}" }}
"#
    )
}

#[test]
fn nothing_is_said_of_a_set_that_holds_what_it_waits_for() {
    silent(&sized("\"60B\"", "120B"));
    // No result is larger than a frame.
    silent(&sized("\"14MiB\"", "15MiB"));
}

#[test]
fn messages() {
    check(
        &[
            (
                "idle is shorter than timeout",
                "[aggregate.a]\ntopics = [\"t\"]\ntimeout = \"5s\"\nidle = \"1m\"",
            ),
            (
                "late needs what it uses",
                r#"
[aggregate.a]
topics = ["a"]
timeout = "1s"
late = { use = "correct" }
[aggregate.b]
topics = ["b"]
timeout = "1s"
late = { use = "reopen", grace = "1s" }
[aggregate.c]
topics = ["c"]
timeout = "1s"
late = { use = "correct", grace = "10m", remember = "1m" }
[aggregate.d]
topics = ["d"]
timeout = "1s"
late = { use = "corect", tombstones = 0, remember = "0s" }
"#,
            ),
            (
                "a set can fill",
                "[aggregate.a]\ntopics = [\"t\"]\ntimeout = \"1s\"\ncomplete = [{ use = \"count\", count = 5 }]\nlimits = { results_per_set = 4 }",
            ),
            (
                "a set can hold the bytes it waits for",
                "[aggregate.a]\ntopics = [\"t\"]\ntimeout = \"1s\"\ncomplete = { use = \"size\", least = \"1GiB\" }",
            ),
            ("a set can hold the result that fills it", &sized("\"60B\"", "119B")),
            ("or the next set can, but for a timeout", &sized("\"60B\", boundary = true", "60B")),
            (
                "policies say the same of the unexpected",
                r#"
[aggregate.a]
topics = ["a"]
timeout = "1s"
complete = [
  { use = "everybody", ids = ["p1"], unexpected = "include" },
  { use = "everybody", ids = ["p1"], unexpected = "refuse" },
  { use = "everybody", ids = ["p1"] },
]
"#,
            ),
            (
                "what is wrong inside a text is shown there",
                r##"
[aggregate.a]
topics = ["a"]
timeout = "1s"
complete = { use = "size", least = "1B", when = "né!" }
[aggregate.b]
topics = ["b"]
timeout = "1s"
complete = [{ use = "size", least = "1B", when = """
two lines
and ! one""" }]
[aggregate.c]
topics = ["c"]
timeout = "1s"
complete = { use = "size", least = "1B", when = "\u00e9 is !" }
"##,
            ),
            (
                "what is read of the merged value can be followed",
                r#"
[aggregate.a]
topics = ["a"]
timeout = "1s"
complete = { use = "size", least = "1B", when = "n" }
[aggregate.b]
topics = ["b"]
timeout = "1s"
complete = { use = "size", least = "1B", when = "n" }
merge = { use = "total" }
dedup = { use = "same", keep = "last" }
"#,
            ),
            (
                "patterns and keys are given once",
                "[aggregate.a]\ntopics = [\"t.x\", \"t.*\", \"t.x\"]\ntimeout = \"1s\"\nkey = [\"host\", [\"a\", \"b\"], \"host\"]",
            ),
            (
                "a dedup remembers long enough",
                r#"
[aggregate.a]
topics = ["a"]
timeout = "1m"
dedup = { use = "same", window = "1s" }
"#,
            ),
            (
                "a dedup remembers something",
                r#"
[aggregate.b]
topics = ["b"]
timeout = "1m"
dedup = { use = "same", window = "0s" }
"#,
            ),
            (
                "a policy may warn",
                "[aggregate.a]\ntopics = [\"t\"]\ntimeout = \"1s\"\ncomplete = { use = \"everybody\" }",
            ),
            (
                "topic tables belong to topics",
                r#"
[aggregate.a]
topics = ["t.process.#"]
timeout = "1s"
[aggregate.a.topic."t.proces.x"]
dedup = { use = "same" }
[aggregate.a.topic."t.#.x"]
[aggregate.a.topic."t.process.+.b"]
[aggregate.a.topic."t.process.a.+"]
"#,
            ),
        ],
        &expect_file!["messages/aggregates.txt"],
    );
}
