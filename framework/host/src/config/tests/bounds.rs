//! A set always ends, and nothing grows without bound: what would let it is refused, and the message says which limit is at
//! fault.

use super::{check, load, plain};

/// An aggregate with these lines is refused, and told this.
#[track_caller]
fn refused(lines: &str, says: &str) {
    let Err(errors) = load(&format!("[aggregate.a]\ntopics = [\"t\"]\n{lines}")) else {
        panic!("taken: {lines}")
    };
    let said = errors.to_string();
    assert!(said.contains(says), "--- of:\n{lines}\n--- said:\n{said}\n--- wanted:\n{says}");
}

#[test]
fn every_limit_that_is_missing_zero_or_absurd() {
    let table = [
        ("", "`timeout` is missing"),
        ("complete = { use = \"count\", count = 1 }", "`timeout` is missing"),
        ("idle = \"1s\"", "`timeout` is missing"),
        ("timeout = \"0s\"", "`timeout` must be more than nothing"),
        ("timeout = \"-1s\"", "`-1s` is no duration"),
        ("timeout = 30", "a duration like"),
        ("timeout = \"inf\"", "`inf` is no duration"),
        ("timeout = \"40000d\"", "`40000d` is more than a century"),
        ("timeout = \"1s\"\nidle = \"0s\"", "`idle` must be more than nothing"),
        ("timeout = \"1s\"\nidle = \"1s\"", "`idle` (1s) is not shorter than `timeout` (1s)"),
        ("timeout = \"1s\"\nidle = \"40000d\"", "is more than a century"),
        ("timeout = \"1s\"\nlimits = { sets = 0 }", "bad `sets`: must be at least 1"),
        ("timeout = \"1s\"\nlimits = { sets = -1 }", "bad `sets`: must be at least 1"),
        ("timeout = \"1s\"\nlimits = { sets = 100_000_001 }", "bad `sets`: must be at most 100000000"),
        ("timeout = \"1s\"\nlimits = { sets = \"all\" }", "bad `sets`"),
        ("timeout = \"1s\"\nlimits = { results_per_set = 0 }", "bad `results_per_set`: must be at least 1"),
        (
            "timeout = \"1s\"\nlimits = { results_per_set = 9_223_372_036_854_775_807 }",
            "bad `results_per_set`: must be at most 100000000",
        ),
        (
            "timeout = \"1s\"\nlimits = { bytes_per_set = \"0B\" }",
            "`bytes_per_set` must be more than nothing",
        ),
        ("timeout = \"1s\"\nlimits = { bytes_per_set = -1 }", "bad `bytes_per_set`"),
        ("timeout = \"1s\"\nlimits = { when_full = \"grow\" }", "none of emit-oldest, refuse, backpressure"),
        ("timeout = \"1s\"\nlate = { tombstones = 0 }", "bad `tombstones`: must be at least 1"),
        ("timeout = \"1s\"\nlate = { tombstones = 1_000_000_000 }", "bad `tombstones`: must be at most"),
        ("timeout = \"1s\"\nlate = { remember = \"0s\" }", "`remember` must be more than nothing"),
        ("timeout = \"1s\"\nlate = { remember = \"40000d\" }", "is more than a century"),
        ("timeout = \"1s\"\nlate = { use = \"correct\" }", "`grace` is missing"),
        (
            "timeout = \"1s\"\nlate = { use = \"correct\", grace = \"0s\" }",
            "`grace` must be more than nothing",
        ),
        (
            "timeout = \"1s\"\nlate = { use = \"correct\", grace = \"1h\" }",
            "`grace` (1h) is longer than `remember`",
        ),
        ("timeout = \"1s\"\ndedup = { use = \"same\", window = \"0s\" }", "`same` remembers nothing"),
        ("timeout = \"1s\"\ndedup = { use = \"same\", window = \"40000d\" }", "is more than a century"),
        ("timeout = \"1s\"\ndedup = { use = \"same\", capacity = 0 }", "`same` remembers nothing"),
        (
            "timeout = \"1s\"\ndedup = { use = \"same\", capacity = 1_000_000_000 }",
            "what never runs full is no limit",
        ),
        ("timeout = \"1s\"\ncomplete = []", "`complete` is empty"),
        (
            "timeout = \"1s\"\nlimits = { results_per_set = 2 }\ncomplete = { use = \"count\", count = 3 }",
            "a set of 3 results can never fill: `results_per_set` is 2",
        ),
        (
            "timeout = \"1s\"\nlimits = { bytes_per_set = \"1KiB\" }\ncomplete = { use = \"size\", least = \"2KiB\" }",
            "a set of 2KiB can never fill: `bytes_per_set` is 1KiB",
        ),
    ];
    for (lines, says) in table {
        refused(lines, says);
    }
}

#[test]
fn the_largest_that_is_taken() {
    plain(
        "[aggregate.a]\ntopics = [\"t\"]\ntimeout = \"36525d\"\n\
         limits = { sets = 100_000_000, results_per_set = 100_000_000 }\nlate = { tombstones = 100_000_000 }\n\
         dedup = { use = \"same\", window = \"36525d\", capacity = 100_000_000 }",
    );
}

#[test]
fn what_must_not_be_nothing_is_not_told_to_be_left_out_where_it_cannot_be() {
    check(
        r#"
[aggregate.a]
topics = ["a"]
timeout = "0s"
late = { use = "correct", grace = "0s" }
"#,
        r#"
stook.toml:4:11: `timeout` must be more than nothing
  |
4 | timeout = "0s"
  |           ^^^^
  = write a larger one, like timeout = "30s"

stook.toml:5:35: `grace` must be more than nothing
  |
5 | late = { use = "correct", grace = "0s" }
  |                                   ^^^^
  = write a larger one, like grace = "10s"
"#,
    );
}
