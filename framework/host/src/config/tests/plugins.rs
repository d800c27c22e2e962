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
        r#"
stook.toml:5:21: no completion plugin is named `cuont`
  |
5 | complete = [{ use = "cuont", count = 1 }, { count = 1 }, { use = 5 }]
  |                     ^^^^^^^
  = did you mean `count`? there is: count, everybody, size (linked: acme)

stook.toml:5:43: `use` is missing: which completion plugin?
  |
5 | complete = [{ use = "cuont", count = 1 }, { count = 1 }, { use = 5 }]
  |                                           ^^^^^^^^^^^^^
  = write { use = "NAME" }, with its options beside `use`; `stook plugins list` shows the names

stook.toml:5:66: bad `use`: expected a string, found the number 5
  |
5 | complete = [{ use = "cuont", count = 1 }, { count = 1 }, { use = 5 }]
  |                                                                  ^

stook.toml:6:17: no merge plugin is named `zzz`
  |
6 | merge = { use = "zzz" }
  |                 ^^^^^
  = there is: fussy, total (linked: acme)
"#,
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
        r#"
stook.toml:5:21: `count` needs the option `count`
  |
5 | complete = [{ use = "count", cuont = 1, linger = 5 }, { use = "count", count = 0 }]
  |                     ^^^^^^^
  = it takes a whole number, at least 1: How many results complete a set.

stook.toml:5:30: unknown option `cuont`
  |
5 | complete = [{ use = "count", cuont = 1, linger = 5 }, { use = "count", count = 0 }]
  |                              ^^^^^
  = did you mean `count`? `count` has count, linger

stook.toml:5:50: bad `linger`: expected a duration like "250ms", "30s" or "5m", found the number 5
  |
5 | complete = [{ use = "count", cuont = 1, linger = 5 }, { use = "count", count = 0 }]
  |                                                  ^

stook.toml:5:80: bad `count`: must be at least 1, found the number 0
  |
5 | complete = [{ use = "count", cuont = 1, linger = 5 }, { use = "count", count = 0 }]
  |                                                                                ^

stook.toml:6:33: bad `scope`: unknown word `sets`
  |
6 | dedup = { use = "same", scope = "sets", ignore = ["x", 1], window = "1 parsec" }
  |                                 ^^^^^^
  = did you mean `set`? it takes one of set, aggregate, collector

stook.toml:6:56: bad `ignore`: expected text, found the number 1
  |
6 | dedup = { use = "same", scope = "sets", ignore = ["x", 1], window = "1 parsec" }
  |                                                        ^

stook.toml:6:69: bad `window`: `1 parsec` is no duration; write a number and a unit, like "250ms", "30s", "5m"
  |
6 | dedup = { use = "same", scope = "sets", ignore = ["x", 1], window = "1 parsec" }
  |                                                                     ^^^^^^^^^^

stook.toml:7:26: unknown option `of`
  |
7 | merge = { use = "total", of = "x" }
  |                          ^^
  = `total` has no options
"#,
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
        r#"
stook.toml:5:37: `count`: 13 is unlucky; take 12
  |
5 | complete = { use = "count", count = 13 }
  |                                     ^^

stook.toml:6:35: `fussy`: `no id!` is no collector id: write 1 to 64 of A-Z a-z 0-9 - _ .
  |
6 | merge = { use = "fussy", leader = "no id!" }
  |                                   ^^^^^^^^

stook.toml:10:41: `fussy`: expected u32, found the number 4294967296
   |
10 | merge = { use = "fussy", small = [1, 2, 4294967296] }
   |                                         ^^^^^^^^^^

stook.toml:14:17: `fussy`: the plugin panicked when it was made
   |
14 | merge = { use = "fussy", panics = true }
   |                 ^^^^^^^
"#,
    );
}

#[test]
fn a_sink_is_made_when_somebody_asks() {
    let config = plain(
        "[aggregate.a]\ntopics = [\"t\"]\ntimeout = \"1s\"\ndeliver = [\"s\"]\n[sink.s]\nuse = \"explodes\"\npath = \"-\"",
    );
    let made = config.sinks[0].factory.build();
    assert_eq!(made.err().unwrap().to_string(), "it exploded");
    check(
        "[sink.s]\npath = 5\n[sink.t]\nuse = \"explodes\"\nfile = \"x\"\n[sink.u]\nuse = \"explodes\"\npath = 5",
        r#"
stook.toml:1:7: `use` is missing: which sink plugin?
  |
1 | [sink.s]
  |       ^
  = write { use = "NAME" }, with its options beside `use`; `stook plugins list` shows the names

stook.toml:4:7: `explodes` needs the option `path`
  |
4 | use = "explodes"
  |       ^^^^^^^^^^
  = it takes text: Where to write.

stook.toml:5:1: unknown option `file`
  |
5 | file = "x"
  | ^^^^
  = `explodes` has path

stook.toml:8:8: bad `path`: expected text, found the number 5
  |
8 | path = 5
  |        ^
"#,
    );
}
