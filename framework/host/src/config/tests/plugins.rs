//! Selecting plugins and giving them options.

use stook_messages::expect_file;

use super::{check, plain};

#[test]
fn a_sink_is_made_when_somebody_asks() {
    let config = plain(
        "[aggregate.a]\ntopics = [\"t\"]\ntimeout = \"1s\"\ndeliver = [\"s\"]\n[sink.s]\nuse = \"explodes\"\npath = \"-\"",
    );
    let made = config.sinks[0].factory.open().err().unwrap().to_string();
    assert_eq!(made.lines().next(), Some("stook.toml:6:7: `explodes`: it exploded"));
}

#[test]
fn messages() {
    check(
        &[
            (
                "unknown plugins have near names",
                r#"
[aggregate.a]
topics = ["t"]
timeout = "1s"
complete = [{ use = "cuont", count = 1 }, { count = 1 }, { use = 5 }]
merge = { use = "zzz" }
"#,
            ),
            (
                "all bad options are found at once",
                r#"
[aggregate.a]
topics = ["t"]
timeout = "1s"
complete = [{ use = "count", cuont = 1, linger = 5 }, { use = "count", count = 0 }]
dedup = { use = "same", scope = "sets", ignore = ["x", 1], window = "1 parsec" }
merge = { use = "total", of = "x" }
"#,
            ),
            (
                "what only the plugin knows is located too",
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
            ),
            (
                "options of sinks",
                "[sink.s]\npath = 5\n[sink.t]\nuse = \"explodes\"\nfile = \"x\"\n[sink.u]\nuse = \"explodes\"\npath = 5",
            ),
        ],
        &expect_file!["messages/plugins.txt"],
    );
}
