//! `stook check`; what it says is in `messages/`.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Ran, stook};

pub(crate) const SOUND: &str = r#"
[aggregate.scan]
topics = ["events.process.#", "events.network.#"]
complete = { use = "expected" }
timeout = "30s"
order = { use = "timestamp" }
merge = { use = "join", on = "pid" }
limits = { sets = 100, bytes_per_set = "1MiB" }
deliver = ["file"]

[dispatch]
detect = { use = "phi-accrual" }

[collector.procmond-1]
command = ["procmond", "--fast"]
publish = ["events.process.#"]

[collector.netmond-1]
publish = ["events.network.#"]
detect = { use = "deadline" }

[task.scan]
every = "2s"
capabilities = ["process.list"]
into = ["scan"]

[task.hash]
every = "1m"
capabilities = ["process.integrity"]
fan_out = "one"
score = { use = "p2c" }
payload = { algorithm = "sha256" }
priority = -1
timeout = "10s"
attempt_timeout = "4s"
stall_timeout = "2s"

[task.sockets]
every = "5s"
capabilities = ["network.connections"]
fan_out = ["netmond-1"]

[sink.file]
use = "jsonl"
path = "must-not-appear.jsonl"
"#;

/// A config file in a directory of its own.
struct File {
    _dir: TempDir,
    path: PathBuf,
}

fn file(config: &str) -> File {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stook.toml");
    std::fs::write(&path, config).unwrap();
    File { _dir: dir, path }
}

impl File {
    fn check(&self, args: &[&str]) -> Ran {
        let path = self.path.to_str().unwrap();
        stook(&[&["check", path], args].concat())
    }
}

#[test]
fn json_says_the_same() {
    let sound = file(SOUND).check(&["--format", "json"]).json();
    assert_eq!(sound["valid"], true);
    assert_eq!(sound["config"]["aggregates"][0]["limits"]["bytes"], "100MiB");
    assert_eq!(sound["config"]["sinks"][0]["use"], "jsonl");
    let dispatch = &sound["config"]["dispatch"];
    assert_eq!((&dispatch["detect"], &dispatch["accrual"]["failures"]), (&"phi-accrual".into(), &5.into()));
    assert_eq!(sound["config"]["collectors"][1]["detect"], "deadline");
    let tasks = &sound["config"]["tasks"];
    assert_eq!((&tasks[0]["fan_out"], &tasks[1]["fan_out"]), (&"each".into(), &"one".into()));
    assert_eq!((&tasks[2]["fan_out"][0], &tasks[1]["payload"]), (&"netmond-1".into(), &true.into()));
    let broken = file("[host]\nnmae = 1\n").check(&["--format", "json"]);
    assert_eq!(broken.code, 78);
    let error = &broken.json()["errors"][0];
    assert_eq!((&error["line"], &error["column"]), (&2.into(), &1.into()));
    assert!(broken.err.contains(":2:1: unknown key `nmae`"), "{}", broken.err);
}

#[test]
fn the_file_may_be_named_either_way_and_must_be_there() {
    let file = file(SOUND);
    assert_eq!(stook(&["check", "--config", file.path.to_str().unwrap()]).code, 0);
    let ran = stook(&["check", "no/such/stook.toml"]);
    assert_eq!(ran.code, 78);
    assert!(ran.err.starts_with("no/such/stook.toml: the config file cannot be read: "), "{}", ran.err);
}

#[test]
fn the_config_of_tasks_in_the_readme_is_sound_and_says_what_holds_anyway() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let section = readme.split("\n## Tasks, failures, restarts\n").nth(1).expect("the section");
    let config = section.split("\n```toml\n").nth(1).and_then(|rest| rest.split("\n```\n").next()).unwrap();
    let aggregate = "[aggregate.scan]\ntopics = [\"events.process.#\"]\ntimeout = \"30s\"\n";
    let ran = file(&format!("{aggregate}{config}")).check(&["--format", "json"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let nothing = file(aggregate).check(&["--format", "json"]);
    assert_eq!(ran.json()["config"]["dispatch"], nothing.json()["config"]["dispatch"]);
}
