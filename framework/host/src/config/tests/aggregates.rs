//! What an aggregate's own keys must agree on.

use super::check;

#[test]
fn idle_is_shorter_than_timeout() {
    check("[aggregate.a]\ntopics = [\"t\"]\ntimeout = \"5s\"\nidle = \"1m\"", "");
}

#[test]
fn late_needs_what_it_uses() {
    check(
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
        "",
    );
}

#[test]
fn a_set_can_fill() {
    check(
        "[aggregate.a]\ntopics = [\"t\"]\ntimeout = \"1s\"\ncomplete = [{ use = \"count\", count = 5 }]\nlimits = { results_per_set = 4 }",
        "",
    );
}

#[test]
fn patterns_and_keys_are_given_once() {
    check("[aggregate.a]\ntopics = [\"t.x\", \"t.*\", \"t.x\"]\ntimeout = \"1s\"\nkey = [\"host\", [\"a\", \"b\"], \"host\"]", "");
}

#[test]
fn a_dedup_remembers_long_enough() {
    check(
        r#"
[aggregate.a]
topics = ["a"]
timeout = "1m"
dedup = { use = "same", window = "1s" }
[aggregate.b]
topics = ["b"]
timeout = "1m"
dedup = { use = "same", window = "0s" }
"#,
        "",
    );
}

#[test]
fn a_policy_may_warn() {
    check("[aggregate.a]\ntopics = [\"t\"]\ntimeout = \"1s\"\ncomplete = { use = \"everybody\" }", "");
}

#[test]
fn topic_tables_belong_to_topics() {
    check(
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
        "",
    );
}
