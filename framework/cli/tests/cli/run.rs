//! `stook run` with a config that is sound and cannot be carried out.

use super::host::command_in;
use super::ran;

/// Each sink is on a line of its own; the last is nobody's, and so is not opened.
#[test]
fn sinks_that_cannot_be_opened_are_found_at_the_start_all_of_them() {
    let directory = tempfile::Builder::new().prefix("stook").tempdir().unwrap();
    let here = directory.path().to_str().unwrap();
    let (runtime, config) = (directory.path().join("run"), directory.path().join("stook.toml"));
    let text = format!(
        r#"
[aggregate.a]
topics = ["t"]
timeout = "1s"
deliver = ["gone", "file", "folder"]
[sink]
gone = {{ use = "jsonl", path = '{here}/not/there.jsonl' }}
file = {{ use = "jsonl", path = '{here}/made.jsonl' }}
folder = {{ use = "jsonl", path = '{here}' }}
unused = {{ use = "jsonl", path = '{here}/not/either.jsonl' }}
"#
    );
    std::fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    let files = || std::fs::read_dir(directory.path()).unwrap().count();

    // What the disk is like is no matter of the config alone, and nothing is made for a look at it.
    assert_eq!(ran(command_in(&runtime, &["check", config])).code, 0);
    assert_eq!(files(), 1);

    let mut run = command_in(&runtime, &["run", config]);
    let ran = ran({
        run.env("STOOK_LOG", "error");
        run
    });
    assert_eq!((ran.code, ran.out.as_str()), (78, ""), "{}", ran.err);
    let says = |start: &str, end: &str| {
        let mut lines = ran.err.lines();
        assert!(
            lines.any(|line| line.starts_with(start) && line.ends_with(end)),
            "{start}…{end} in\n{}",
            ran.err
        );
    };
    says(
        &format!("{config}:7:32: bad `path`: cannot append to {here}/not/there.jsonl: "),
        "; make the directory, or name a file in one that is there",
    );
    says(&format!("{config}:9:34: bad `path`: cannot append to {here}: "), "");
    says(&format!("7 | gone = {{ use = \"jsonl\", path = '{here}"), "/not/there.jsonl' }");
    assert_eq!(ran.err.matches("bad `path`").count(), 2, "{}", ran.err);
    assert!(!runtime.join("stook").exists(), "no host is left");
}
