//! Selecting plugins and giving them options.

use super::{check, plain};

#[test]
fn unknown_plugins_have_near_names() {
    check(
        r#"
[aggregate.a]
topics = ["t"]
timeout = "1s"
complete = [{ use = "cuont", count = 1 }, { count = 1 }, { use = 5 }]
merge = { use = "zzz" }
"#,
        "",
    );
}

#[test]
fn all_bad_options_are_found_at_once() {
    check(
        r#"
[aggregate.a]
topics = ["t"]
timeout = "1s"
complete = [{ use = "count", cuont = 1, linger = 5 }, { use = "count", count = 0 }]
dedup = { use = "same", scope = "sets", ignore = ["x", 1], window = "1 parsec" }
merge = { use = "total", of = "x" }
"#,
        "",
    );
}

#[test]
fn what_only_the_plugin_knows_is_located_too() {
    check(
        r#"
[aggregate.a]
topics = ["a"]
timeout = "1s"
complete = { use = "count", count = 13 }
merge = { use = "fussy", leader = "no id!" }
[aggregate.b]
topics = ["b"]
timeout = "1s"
merge = { use = "fussy", small = [1, 2, 4294967296] }
[aggregate.c]
topics = ["c"]
timeout = "1s"
merge = { use = "fussy", panics = true }
"#,
        "",
    );
}

#[test]
fn a_sink_is_made_when_somebody_asks() {
    let config = plain(
        "[aggregate.a]\ntopics = [\"t\"]\ntimeout = \"1s\"\ndeliver = [\"s\"]\n[sink.s]\nuse = \"explodes\"\npath = \"-\"",
    );
    let made = config.sinks[0].factory.build();
    assert_eq!(made.err().unwrap().to_string(), "it exploded");
    check("[sink.s]\npath = 5\n[sink.t]\nuse = \"explodes\"\nfile = \"x\"", "");
}
