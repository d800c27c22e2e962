//! `stook tap`.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout};

use super::host::TestHost;
use super::stook;

/// Two aggregates, with a collector for each; what `a` releases goes to a file as well.
struct Two {
    host: TestHost,
    file: PathBuf,
    _directory: tempfile::TempDir,
}

/// `stook tap` at work.
struct Tap {
    process: Child,
    out: BufReader<ChildStdout>,
    err: BufReader<ChildStderr>,
}

impl Two {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.jsonl");
        let config = format!(
            r#"
[aggregate.a]
topics = ["t.a"]
complete = {{ use = "count", count = 1 }}
timeout = "20s"
deliver = ["file"]

[aggregate.b]
topics = ["t.b"]
complete = {{ use = "expected" }}
timeout = "20s"

[sink.file]
use = "jsonl"
path = {file:?}

[collector.p-1]
publish = ["t.a"]
[collector.p-2]
publish = ["t.b"]
[collector.absent]
publish = ["t.b"]
"#
        );
        let host = TestHost::start(&config);
        host.collector("p-1", "test.work", "t.a");
        host.collector("p-2", "test.other", "t.b");
        Self { host, file, _directory: directory }
    }

    /// Looks on, and does from now on.
    fn tap(&self, args: &[&str], at: &str) -> Tap {
        let mut process = self.host.spawn(&[&["tap"], args].concat());
        let out = BufReader::new(process.stdout.take().unwrap());
        let err = BufReader::new(process.stderr.take().unwrap());
        let mut tap = Tap { process, out, err };
        assert_eq!(line(&mut tap.err), format!("stook: looking at {at}"));
        tap
    }

    /// Has a set released, and waits for it.
    fn release(&self, args: &[&str]) {
        let wait = ["--wait", "--payload", r#"{"n": [1, 2.5], "b": null}"#];
        self.host.stook(&[&["submit"], args, &wait].concat());
    }
}

impl Tap {
    /// Its exit code, and what it has said at last.
    fn ended(mut self) -> (i32, String, String) {
        let (mut out, mut err) = (String::new(), String::new());
        self.out.read_to_string(&mut out).unwrap();
        self.err.read_to_string(&mut err).unwrap();
        (self.process.wait().unwrap().code().expect("by itself"), out, err)
    }
}

fn line(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    line.trim_end_matches('\n').to_owned()
}

#[test]
fn a_set_is_the_line_that_sinks_write() {
    let two = Two::start();
    let tap = two.tap(&["a", "--count", "2", "--format", "jsonl"], "a");
    two.release(&["test.other", "--into", "b"]);
    two.release(&["test.work", "--into", "a"]);
    two.release(&["test.work", "--into", "a", "--correlation-id", "mine"]);
    let (code, out, err) = tap.ended();
    assert_eq!((code, err.as_str()), (0, ""));
    two.host.stop();
    assert_eq!(out, std::fs::read_to_string(two.file).unwrap(), "byte for byte");
}

#[test]
fn without_a_name_all_are_looked_at_in_a_line_each() {
    let two = Two::start();
    let tap = two.tap(&["--count", "2"], "a, b");
    two.release(&["test.work", "--into", "a", "--correlation-id", "mine"]);
    two.release(&["test.other", "--into", "b", "--on", "p-2,absent", "--correlation-id", "ours"]);
    let (code, out, err) = tap.ended();
    assert_eq!((code, err.as_str()), (0, ""));
    let without_times = regex::Regex::new(r"in [^ ]+  ").unwrap().replace_all(&out, "in T  ").into_owned();
    assert_eq!(
        without_times,
        "a  complete (count) in T  mine  1 result, missing p-1 (outstanding)\n\
         b  partial (collectors-lost) in T  ours  1 result, missing absent (never-connected)\n"
    );
    two.host.stop();
}

#[test]
#[cfg(unix)]
fn ctrl_c_and_a_reader_who_has_seen_enough_are_no_failures() {
    let two = Two::start();
    let tap = two.tap(&[], "a, b");
    let interrupted =
        std::process::Command::new("kill").args(["-INT", &tap.process.id().to_string()]).status();
    assert!(interrupted.unwrap().success());
    assert_eq!(tap.ended(), (0, String::new(), String::new()));

    let mut tap = two.tap(&["a"], "a");
    two.release(&["test.work", "--into", "a"]);
    assert!(line(&mut tap.out).starts_with("a  complete"));
    let Tap { mut process, out, mut err } = tap;
    drop(out);
    let end = std::time::Instant::now() + super::host::PATIENCE;
    while process.try_wait().unwrap().is_none() {
        two.release(&["test.work", "--into", "a"]);
        assert!(std::time::Instant::now() < end, "it ends");
    }
    assert_eq!((process.wait().unwrap().code(), line(&mut err)), (Some(0), String::new()));
    two.host.stop();
}

#[test]
fn a_host_that_stops_is_the_end_and_a_failure_only_if_sets_are_missing() {
    for (args, code) in [(&["a"][..], 0), (&["a", "--count", "1"], 1)] {
        let two = Two::start();
        let tap = two.tap(args, "a");
        two.host.stop();
        assert_eq!(tap.ended(), (code, String::new(), "stook: the host stops\n".to_owned()));
    }
}

#[test]
fn what_is_refused_is_refused_with_what_would_be_right() {
    let two = Two::start();
    let ran = two.host.stook(&["tap", "a", "c"]);
    let says = "stook: no aggregate is named `c`\ndid you mean `a`? there is a, b\n";
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (1, "", says));
    two.host.stop();
    assert_eq!(stook(&["tap", "--count", "0"]).code, 64);
    assert_eq!(stook(&["tap", "--host", "nobody-is-called-that"]).code, 69);
}
