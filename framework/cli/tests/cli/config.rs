//! `stook config`. What it prints is held against all configs beside its code.

use super::stook;

#[test]
fn the_default_config_is_one_to_start_from() {
    let ran = stook(&["config", "default"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("stook.toml");
    std::fs::write(&file, &ran.out).unwrap();
    let check = stook(&["check", file.to_str().unwrap()]);
    assert_eq!((check.code, check.err.as_str()), (0, ""), "{}", ran.out);
    let limits = "\
# How much may wait, and what happens past that.
[aggregate.example.limits]
# How many sets may be open.
sets = 100000
";
    assert!(ran.out.contains(limits), "{}", ran.out);
    assert!(ran.out.contains("\n# When a set is released because nothing more arrived.\n# idle = \"2s\"\n"));
    assert!(
        ran.out.contains("\n# The sinks that get its sets, by name. Left out: [].\ndeliver = [\"stdout\"]\n")
    );
    assert!(ran.out.lines().all(|line| !line.starts_with('#') || line.chars().count() <= 100), "{}", ran.out);
}

const GIVEN: &str = "\
[aggregate.a]
timeout = \"90s\"
topics = [\"t.#\"]
complete = [{ use = \"count\", count = 2 }]
limits = { sets = 7 }
topic.\"t.x\".dedup = { use = \"none\" }
";

const SHOWN: &str = "\
[host]
name = \"stook\"
memory = \"512MiB\"

[aggregate.a]
topics = [\"t.#\"]
key = \"correlation-id\"
complete = [{ use = \"count\", count = 2 }]
timeout = \"90s\"
order = { use = \"arrival\" }
dedup = { use = \"none\" }
merge = { use = \"list\" }
late = { use = \"refuse\", tombstones = 100000, remember = \"5m\" }
limits = { sets = 7, results_per_set = 10000, bytes_per_set = \"16MiB\", when_full = \"emit-oldest\" }
ack = \"accepted\"
deliver = []

[aggregate.a.topic.\"t.x\"]
dedup = { use = \"none\" }

[dispatch]
score = { use = \"least-outstanding\" }
detect = { use = \"deadline\", heartbeat = \"2s\", dead_after = \"5s\" }
";

#[test]
fn show_fills_in_what_is_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stook.toml");
    let file = path.to_str().unwrap();
    std::fs::write(&path, GIVEN).unwrap();
    let ran = stook(&["config", "show", file]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.starts_with(SHOWN), "{}", ran.out);
    let json = stook(&["config", "show", file, "--format", "json"]).json();
    assert_eq!(json["aggregate"]["a"]["limits"]["sets"], 7);
    assert_eq!(json["dispatch"]["accrual"]["failures"], 5);
}

#[test]
fn a_config_that_is_wrong_is_not_shown() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stook.toml");
    std::fs::write(&path, "[aggregate.a]\ntopics = [\"t.#\"]\ntimeuot = \"1s\"\n").unwrap();
    let ran = stook(&["config", "show", path.to_str().unwrap()]);
    assert_eq!((ran.code, ran.out.as_str()), (78, ""));
    assert!(ran.err.contains("did you mean `timeout`?"), "{}", ran.err);
}

#[test]
fn the_schema_has_every_option_of_every_plugin() {
    let schema = stook(&["config", "schema"]).json();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    for plugin in stook(&["plugins", "list", "--format", "json"]).json().as_array().unwrap() {
        let name = format!("{}.{}", plugin["kind"].as_str().unwrap(), plugin["name"].as_str().unwrap());
        let selection = &schema["$defs"][&name];
        assert_eq!(selection["properties"]["use"]["const"], plugin["name"], "{name}");
        assert_eq!(selection["additionalProperties"], false, "{name}");
        for option in plugin["options"].as_array().unwrap() {
            let option_name = option["name"].as_str().unwrap();
            let property = &selection["properties"][option_name];
            assert_eq!(property["description"], option["docs"], "{name} {option_name}");
            assert_eq!(property["default"], option["default"], "{name} {option_name}");
            let required = selection["required"].as_array().unwrap();
            assert_eq!(
                required.contains(&option["name"]),
                option["required"] == true,
                "{name} {option_name}"
            );
        }
    }
}
