//! A set always ends, and nothing grows without bound: what would let it is refused, and the message says which limit is at
//! fault.

use stook_messages::expect_file;

use super::{load, plain};

#[test]
fn every_limit_that_is_missing_zero_or_absurd() {
    let table = [
        "",
        "complete = { use = \"count\", count = 1 }",
        "idle = \"1s\"",
        "timeout = \"0s\"",
        "timeout = \"-1s\"",
        "timeout = 30",
        "timeout = \"inf\"",
        "timeout = \"40000d\"",
        "timeout = \"1s\"\nidle = \"0s\"",
        "timeout = \"1s\"\nidle = \"1s\"",
        "timeout = \"1s\"\nidle = \"40000d\"",
        "timeout = \"1s\"\nlimits = { sets = 0 }",
        "timeout = \"1s\"\nlimits = { sets = -1 }",
        "timeout = \"1s\"\nlimits = { sets = 100_000_001 }",
        "timeout = \"1s\"\nlimits = { sets = \"all\" }",
        "timeout = \"1s\"\nlimits = { results_per_set = 0 }",
        "timeout = \"1s\"\nlimits = { results_per_set = 9_223_372_036_854_775_807 }",
        "timeout = \"1s\"\nlimits = { bytes_per_set = \"0B\" }",
        "timeout = \"1s\"\nlimits = { bytes_per_set = -1 }",
        "timeout = \"1s\"\nlimits = { when_full = \"grow\" }",
        "timeout = \"1s\"\nlate = { tombstones = 0 }",
        "timeout = \"1s\"\nlate = { tombstones = 1_000_000_000 }",
        "timeout = \"1s\"\nlate = { remember = \"0s\" }",
        "timeout = \"1s\"\nlate = { remember = \"40000d\" }",
        "timeout = \"1s\"\nlate = { use = \"correct\" }",
        "timeout = \"1s\"\nlate = { use = \"correct\", grace = \"0s\" }",
        "timeout = \"1s\"\nlate = { use = \"correct\", grace = \"1h\" }",
        "timeout = \"1s\"\ndedup = { use = \"same\", window = \"0s\" }",
        "timeout = \"1s\"\ndedup = { use = \"same\", window = \"40000d\" }",
        "timeout = \"1s\"\ndedup = { use = \"same\", capacity = 0 }",
        "timeout = \"1s\"\ndedup = { use = \"same\", capacity = 1_000_000_000 }",
        "timeout = \"1s\"\ncomplete = []",
        "timeout = \"1s\"\nlimits = { results_per_set = 2 }\ncomplete = { use = \"count\", count = 3 }",
        "timeout = \"1s\"\nlimits = { bytes_per_set = \"1KiB\" }\ncomplete = { use = \"size\", least = \"2KiB\" }",
    ];
    let mut page = String::new();
    for lines in table {
        let Err(errors) = load(&format!("[aggregate.a]\ntopics = [\"t\"]\n{lines}")) else {
            panic!("taken: {lines}")
        };
        page += &format!("{errors}\n");
    }
    expect_file!["messages/bounds.txt"].assert_eq(&page);
}

#[test]
fn the_largest_that_is_taken() {
    plain(
        "[aggregate.a]\ntopics = [\"t\"]\ntimeout = \"36525d\"\n\
         limits = { sets = 100_000_000, results_per_set = 100_000_000 }\nlate = { tombstones = 100_000_000 }\n\
         dedup = { use = \"same\", window = \"36525d\", capacity = 100_000_000 }",
    );
}
