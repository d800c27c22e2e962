//! `stook plugins`.

use super::stook;

#[test]
fn json_lists_every_plugin_with_all_about_it() {
    let plugins = stook(&["plugins", "list", "--format", "json"]).json();
    let plugins = plugins.as_array().unwrap();
    let all: Vec<_> = plugins
        .iter()
        .map(|plugin| format!("{}/{}", plugin["kind"], plugin["name"]).replace('"', ""))
        .collect();
    for name in [
        "completion/expected",
        "dedup/content",
        "detection/deadline",
        "merge/list",
        "order/arrival",
        "restart/backoff",
        "scoring/p2c",
        "sink/jsonl",
    ] {
        assert!(all.iter().any(|plugin| plugin == name), "{name} in {all:?}");
    }
    let quorum = &plugins[all.iter().position(|plugin| plugin == "completion/quorum").unwrap()];
    assert_eq!((&quorum["crate"], &quorum["stability"]), (&"stook_strategies".into(), &"stable".into()));
    let option = &quorum["options"][0];
    assert_eq!((&option["name"], &option["required"]), (&"k".into(), &true.into()));
    assert_eq!((&option["type"], &option["default"]), (&"a whole number, at least 1".into(), &().into()));
    for plugin in plugins {
        assert!(!plugin["docs"].as_str().unwrap().is_empty(), "{plugin}");
        for option in plugin["options"].as_array().unwrap() {
            assert!(!option["docs"].as_str().unwrap().is_empty(), "{option} of {}", plugin["name"]);
        }
    }
}

#[test]
fn kinds_can_be_picked() {
    let merges = stook(&["plugins", "list", "--kind", "merge", "--format", "json"]).json();
    assert!(merges.as_array().unwrap().iter().all(|plugin| plugin["kind"] == "merge"));
    let unknown = stook(&["plugins", "list", "--kind", "merg"]);
    assert_eq!(unknown.code, 64);
    assert!(unknown.err.contains("'merge'"), "{}", unknown.err);
}

#[test]
fn show_explains_and_gives_an_example() {
    let ran = stook(&["plugins", "show", "quorum"]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.starts_with("completion quorum (stook_strategies, stable)\n\n"), "{}", ran.out);
    assert!(ran.out.contains("  k (a whole number, at least 1; required)\n"), "{}", ran.out);
    let example = "In a config, in [aggregate.NAME]:\n\n  complete = { use = \"quorum\", k = 1 }\n";
    assert!(ran.out.ends_with(example), "{}", ran.out);
}

#[test]
fn the_examples_are_config_that_works() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("stook.toml");
    for kind in ["completion", "dedup", "merge", "order"] {
        let plugins = stook(&["plugins", "list", "--kind", kind, "--format", "json"]).json();
        for name in plugins.as_array().unwrap().iter().map(|plugin| plugin["name"].as_str().unwrap()) {
            let ran = stook(&["plugins", "show", name, "--kind", kind]);
            let (_, example) = ran.out.split_once("in [aggregate.NAME]").unwrap();
            let (_, example) = example.split_once(":\n\n").unwrap();
            let config = format!("[aggregate.a]\ntopics = [\"t\"]\ntimeout = \"30s\"\n{example}");
            std::fs::write(&file, &config).unwrap();
            let checked = stook(&["check", file.to_str().unwrap()]);
            assert_eq!(checked.code, 0, "{config}{}", checked.err);
        }
    }
}

#[test]
fn show_says_under_which_key_and_where() {
    let check = |name: &str, says: &str| {
        let ran = stook(&["plugins", "show", name]);
        assert!(ran.out.ends_with(says), "{}", ran.out);
    };
    let everywhere = "In a config, in [dispatch], [aggregate.NAME], [aggregate.NAME.topic.\"PATTERN\"] or ";
    check("p2c", &format!("{everywhere}[task.NAME]:\n\n  score = {{ use = \"p2c\" }}\n"));
    check("phi-accrual", &format!("{everywhere}[collector.ID]:\n\n  detect = {{ use = \"phi-accrual\" }}\n"));
    check("backoff", &format!("{everywhere}[collector.ID]:\n\n  restart = {{ use = \"backoff\" }}\n"));
    check("jsonl", "In a config:\n\n  [sink.NAME]\n  use = \"jsonl\"\n");
    let jsonl = &stook(&["plugins", "show", "jsonl", "--format", "json"]).json()[0];
    assert_eq!((&jsonl["key"], &jsonl["tables"][0]), (&().into(), &"[sink.NAME]".into()));
    let random = &stook(&["plugins", "show", "random", "--format", "json"]).json()[0];
    assert_eq!((&random["key"], &random["tables"][3]), (&"score".into(), &"[task.NAME]".into()));
}

#[test]
fn an_unknown_name_has_a_near_one() {
    let ran = stook(&["plugins", "show", "quorom"]);
    assert_eq!(ran.code, 64);
    assert!(
        ran.err.starts_with("stook: no plugin is named `quorom`; did you mean `quorum`?\n"),
        "{}",
        ran.err
    );
    let of_another_kind = stook(&["plugins", "show", "quorum", "--kind", "merge"]);
    assert_eq!(of_another_kind.code, 64);
}
