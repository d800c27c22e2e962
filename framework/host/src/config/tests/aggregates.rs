//! What an aggregate's own keys must agree on.

use super::check;

#[test]
fn idle_is_shorter_than_timeout() {
    check(
        "[aggregate.a]\ntopics = [\"t\"]\ntimeout = \"5s\"\nidle = \"1m\"",
        r#"
stook.toml:4:8: `idle` (1m) is not shorter than `timeout` (5s)
  |
4 | idle = "1m"
  |        ^^^^
  = `timeout` counts from the set's opening and would always come first; make `idle` the shorter
"#,
    );
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
        r#"
stook.toml:5:8: `grace` is missing
  |
5 | late = { use = "correct" }
  |        ^^^^^^^^^^^^^^^^^^^
  = write grace = "10s"

stook.toml:9:34: `grace` does nothing without use = "correct"
  |
9 | late = { use = "reopen", grace = "1s" }
  |                                  ^^^^
  = write use = "correct" beside it, or take it out

stook.toml:13:35: `grace` (10m) is longer than `remember` (1m)
   |
13 | late = { use = "correct", grace = "10m", remember = "1m" }
   |                                   ^^^^^
   = a released set can be corrected only while it is remembered

stook.toml:17:16: bad `use`: `corect` is none of refuse, reopen, correct; did you mean `correct`?
   |
17 | late = { use = "corect", tombstones = 0, remember = "0s" }
   |                ^^^^^^^^

stook.toml:17:39: bad `tombstones`: must be at least 1, found the number 0
   |
17 | late = { use = "corect", tombstones = 0, remember = "0s" }
   |                                       ^

stook.toml:17:53: `remember` must be more than nothing
   |
17 | late = { use = "corect", tombstones = 0, remember = "0s" }
   |                                                     ^^^^
   = write a larger one, or leave it out
"#,
    );
}

#[test]
fn a_set_can_fill() {
    check(
        "[aggregate.a]\ntopics = [\"t\"]\ntimeout = \"1s\"\ncomplete = [{ use = \"count\", count = 5 }]\nlimits = { results_per_set = 4 }",
        r#"
stook.toml:4:38: a set of 5 results can never fill: `results_per_set` is 4
  |
4 | complete = [{ use = "count", count = 5 }]
  |                                      ^
  = raise limits.results_per_set, or lower `count`
"#,
    );
}

#[test]
fn a_set_can_hold_the_bytes_it_waits_for() {
    check(
        "[aggregate.a]\ntopics = [\"t\"]\ntimeout = \"1s\"\ncomplete = { use = \"size\", least = \"1GiB\" }",
        r#"
stook.toml:4:36: a set of 1GiB can never fill: `bytes_per_set` is 16MiB
  |
4 | complete = { use = "size", least = "1GiB" }
  |                                    ^^^^^^
  = raise limits.bytes_per_set, or lower `least`
"#,
    );
}

#[test]
fn a_set_can_hold_the_result_that_fills_it() {
    let with = |complete: &str, limit: &str| {
        format!(
            "[aggregate.a]\ntopics = [\"t\"]\ntimeout = \"1s\"\ncomplete = {{ use = \"size\", least = {complete} }}\nlimits = {{ bytes_per_set = \"{limit}\" }}"
        )
    };
    check(
        &with("\"60B\"", "119B"),
        r#"
stook.toml:4:36: warning: a set may never reach 60B: a result that would take it past `bytes_per_set`, which is 119B, is refused
  |
4 | complete = { use = "size", least = "60B" }
  |                                    ^^^^^
  = raise limits.bytes_per_set to 120B, so that the result fits that fills the set
"#,
    );
    check(&with("\"60B\"", "120B"), "");
    // No result is larger than a frame.
    check(&with("\"14MiB\"", "15MiB"), "");
    check(&with("\"60B\", boundary = true", "60B"), AFTER_TIMEOUT);
}

const AFTER_TIMEOUT: &str = r#"
stook.toml:4:54: warning: `size` lets a result open the next set of its ID, but after a timeout that result is late
  |
4 | complete = { use = "size", least = "60B", boundary = true }
  |                                                      ^^^^
  = write late = { use = "reopen" }, unless no ID is used again after its timeout
"#;

#[test]
fn policies_say_the_same_of_the_unexpected() {
    check(
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
        r#"
stook.toml:6:51: warning: `everybody` says "include" and `everybody` says "refuse": in a set there is one answer, and the strictest counts
  |
6 |   { use = "everybody", ids = ["p1"], unexpected = "include" },
  |                                                   ^^^^^^^^^
  = write unexpected = "refuse", or leave it out here
"#,
    );
}

#[test]
fn what_is_wrong_inside_a_text_is_shown_there() {
    check(
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
        r#"
stook.toml:5:52: `size`: not so loud
  |
5 | complete = { use = "size", least = "1B", when = "né!" }
  |                                                    ^

stook.toml:11:5: `size`: not so loud
   |
11 | and ! one""" }]
   |     ^

stook.toml:15:49: `size`: not so loud (at its character 6)
   |
15 | complete = { use = "size", least = "1B", when = "\u00e9 is !" }
   |                                                 ^^^^^^^^^^^^^
"#,
    );
}

#[test]
fn what_is_read_of_the_merged_value_can_be_followed() {
    check(
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
        r#"
stook.toml:5:49: `size` reads the merged value, and merge cannot follow it: `list` has no fields
  |
5 | complete = { use = "size", least = "1B", when = "n" }
  |                                                 ^^^
  = use merge `fields`, with a rule for each field that does not mind the order

stook.toml:9:49: `size` reads the merged value, and merge cannot follow it: its value is not known before the set is released
  |
9 | complete = { use = "size", least = "1B", when = "n" }
  |                                                 ^^^
  = use merge `fields`, with a rule for each field that does not mind the order

stook.toml:9:49: `size` reads the merged value, and dedup takes back what is merged already
  |
9 | complete = { use = "size", least = "1B", when = "n" }
  |                                                 ^^^
  = give dedup `keep = "first"`
"#,
    );
}

#[test]
fn patterns_and_keys_are_given_once() {
    check(
        "[aggregate.a]\ntopics = [\"t.x\", \"t.*\", \"t.x\"]\ntimeout = \"1s\"\nkey = [\"host\", [\"a\", \"b\"], \"host\"]",
        r#"
stook.toml:2:18: bad `topics`: `*` is no wildcard in `t.*`: `+` is one level, `#` any number of trailing levels; did you mean `t.+`?
  |
2 | topics = ["t.x", "t.*", "t.x"]
  |                  ^^^^^

stook.toml:2:25: `t.x` is given twice
  |
2 | topics = ["t.x", "t.*", "t.x"]
  |                         ^^^^^
  = take one out

stook.toml:4:7: `key` has the path ["host"] twice
  |
4 | key = ["host", ["a", "b"], "host"]
  |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  = take one out
"#,
    );
}

#[test]
fn a_dedup_remembers_long_enough() {
    check(
        r#"
[aggregate.a]
topics = ["a"]
timeout = "1m"
dedup = { use = "same", window = "1s" }
"#,
        r#"
stook.toml:5:9: warning: `same` forgets after 1s, but a set may be open for 1m
  |
5 | dedup = { use = "same", window = "1s" }
  |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  = duplicates further apart are taken; a longer `window` finds them
"#,
    );
    check(
        r#"
[aggregate.b]
topics = ["b"]
timeout = "1m"
dedup = { use = "same", window = "0s" }
"#,
        r#"
stook.toml:5:9: `same` remembers nothing, so it finds no duplicates
  |
5 | dedup = { use = "same", window = "0s" }
  |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  = give it a `window` and a `capacity` of more than nothing
"#,
    );
}

#[test]
fn a_policy_may_warn() {
    check(
        "[aggregate.a]\ntopics = [\"t\"]\ntimeout = \"1s\"\ncomplete = { use = \"everybody\" }",
        r#"
stook.toml:4:12: warning: nobody is expected
  |
4 | complete = { use = "everybody" }
  |            ^^^^^^^^^^^^^^^^^^^^^
  = see `stook plugins show` for its options
"#,
    );
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
        r#"
stook.toml:5:20: `t.proces.x` matches no topic of aggregate `a`
  |
5 | [aggregate.a.topic."t.proces.x"]
  |                    ^^^^^^^^^^^^
  = did you mean `t.process.#`? its topics are t.process.#

stook.toml:7:20: bad topic pattern: `#` stands only in the last position, not inside `t.#.x`; did you mean `t.#`?
  |
7 | [aggregate.a.topic."t.#.x"]
  |                    ^^^^^^^
  = write it in quotes, like "events.process.+"

stook.toml:9:20: `t.process.a.+` and `t.process.+.b` both match `t.process.a.b`, and neither is more specific
  |
9 | [aggregate.a.topic."t.process.a.+"]
  |                    ^^^^^^^^^^^^^^^
  = the most specific pattern wins: make one of them narrower
"#,
    );
}
