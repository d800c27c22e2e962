//! What `stook check` says: of mistakes, of what is taken and may not be meant, and in short of a sound config.

use stook_messages::{expect_file, redacted};

use crate::check::SOUND;
use crate::stook;

const AGGREGATE: &str = "[aggregate.scan]\ntopics = [\"events.#\"]\ntimeout = \"30s\"\n";

/// What is in each of these configs behind [`AGGREGATE`], unless it has an aggregate of its own.
const CONFIGS: &[(&str, &str)] = &[
    (
        "three mistakes are three messages",
        "[aggregate.scan]\ntopcis = [\"events.#\"]\ntopics = [\"events.#\"]\ntimeout = 30\nmerge = { use = \"lsit\" }\n",
    ),
    ("no config at all", ""),
    ("a table of TOML that is not closed", "[aggregate.scan"),
    ("nobody delivers", "ack = \"delivered\"\n"),
    ("a set is larger than the memory", "[host]\nmemory = \"1MiB\"\n"),
    (
        "nobody publishes",
        "[collector.p-1]\npublish = [\"events.x\"]\n[aggregate.b]\ntopics = [\"b\"]\ntimeout = \"1s\"\n",
    ),
    ("somebody publishes nothing", "[collector.p-1]\npublish = [\"events.#\"]\n[collector.p-2]\n"),
    ("a sink without results", "[sink.out]\nuse = \"jsonl\"\npath = \"-\"\n"),
    (
        "an order that nobody knows before",
        "merge = { use = \"first\" }\n[collector.p-1]\npublish = [\"events.#\"]\n[collector.p-2]\npublish = [\"events.#\"]\n",
    ),
    (
        "the same, for what has no rule",
        "merge = { use = \"fields\", default = \"last\", rules = { n = \"sum\" } }\n[collector.p-1]\npublish = [\"events.#\"]\n[collector.p-2]\npublish = [\"events.#\"]\n",
    ),
    (
        "the same, for a field",
        "merge = { use = \"fields\", default = \"sum\", paths = [{ path = [\"m\", \"text\"], use = \"concat\" }] }\n[collector.p-1]\npublish = [\"events.#\"]\n[collector.p-2]\npublish = [\"events.#\"]\n",
    ),
    (
        "somebody is expected who is not configured",
        "complete = { use = \"expected\", collectors = [\"p-1\", \"p2\"] }\n[collector.p-1]\npublish = [\"events.#\"]\n[collector.p-2]\npublish = [\"events.#\"]\n",
    ),
    (
        "two policies expect others",
        "complete = [{ use = \"expected\", collectors = [\"p-1\"] }, { use = \"marker\", collectors = [\"p-2\"] }]\n",
    ),
    (
        "two policies treat others in two ways",
        "complete = [{ use = \"expected\", collectors = [\"p-1\"], unexpected = \"refuse\" }, { use = \"marker\", collectors = [\"p-1\"], unexpected = \"include\" }]\n",
    ),
    (
        "a vote, and dedup by collector",
        "complete = { use = \"quorum\", k = 2, agree_on = [\"n\"] }\ndedup = { use = \"content\", scope = \"collector\" }\n",
    ),
    ("a dedup that forgets too early", "dedup = { use = \"content\", window = \"1s\" }\n"),
    (
        "bytes that no set may hold",
        "complete = { use = \"bytes\", bytes = \"1KiB\" }\nlimits = { bytes_per_set = \"1KiB\" }\n",
    ),
    (
        "what comes after a timeout",
        "complete = { use = \"condition\", when = \"result.value.start\", boundary = \"start\" }\n",
    ),
    (
        "a restart of what is not started",
        "[collector.p-1]\npublish = [\"events.#\"]\nrestart = { use = \"never\" }\n",
    ),
    (
        "a part that may take longer than the whole",
        "[task.t]\nevery = \"1m\"\ncapabilities = [\"a\"]\ntimeout = \"5s\"\nattempt_timeout = \"9s\"\n",
    ),
];

#[test]
fn configs() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stook.toml");
    let path = path.to_str().unwrap();
    let mut page = String::new();
    for (about, config) in CONFIGS {
        let whole = config.is_empty() || config.starts_with("[aggregate");
        std::fs::write(path, if whole { (*config).to_owned() } else { format!("{AGGREGATE}{config}") })
            .unwrap();
        let ran = stook(&["check", path]);
        let verdict = ran.out.lines().next().map_or_else(String::new, |line| format!("{line}\n"));
        page += &format!("# {about}\n\nexit {}\n{verdict}{}\n", ran.code, ran.err);
    }
    expect_file!["check.txt"].assert_eq(&redacted(&page, &[(path, "stook.toml")]));
}

#[test]
fn a_sound_config() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stook.toml");
    std::fs::write(&path, SOUND).unwrap();
    let path = path.to_str().unwrap();
    let ran = stook(&["check", path]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    expect_file!["check.sound.txt"].assert_eq(&redacted(&ran.out, &[(path, "stook.toml")]));
    // It says what would be done, and does nothing of it.
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}
