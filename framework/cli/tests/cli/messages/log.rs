//! The log of a host, from its start to its end, in both formats: without times, and its lines sorted, for a child and its
//! host do not wait for each other. Beside it what the command line itself can log.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use stook_messages::{Source, expect_file, own_sources};

use crate::host::command_in;

const CONFIG: &str = r#"
[host]
name = "barn"
[aggregate.scan]
topics = ["t.a"]
timeout = "20s"
deliver = ["out"]
[collector.p-1]
command = ["sh", "-c", "printf 'bye\\033[31m'; exit 3"]
restart = { use = "never" }
publish = ["t.#"]
[sink.out]
use = "jsonl"
path = "-"
"#;

/// The lines of the log of a host that runs until its collector has left.
fn log(format: &str) -> Vec<String> {
    let directory = tempfile::Builder::new().prefix("stook").tempdir().unwrap();
    let config = directory.path().join("stook.toml");
    std::fs::write(&config, CONFIG).unwrap();
    let mut run =
        command_in(&directory.path().join("run"), &["run", "--log-format", format, config.to_str().unwrap()]);
    let mut run = run.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(run.stderr.take().unwrap()).lines();
    let mut all = Vec::new();
    for line in lines {
        let line = line.unwrap();
        if line.contains("collector has left") {
            kill_process(Pid::from_child(&run), Signal::TERM).unwrap();
        }
        all.push(line.replace(directory.path().to_str().unwrap(), "DIR"));
    }
    assert!(run.wait().unwrap().success(), "{all:?}");
    all
}

#[test]
fn text() {
    let mut lines: Vec<_> = log("text")
        .iter()
        .map(|line| line.split_once("Z ").map_or(line.as_str(), |(_, line)| line).to_owned())
        .collect();
    lines.sort();
    expect_file!["log.txt"].assert_eq(&(lines.join("\n") + "\n"));
}

#[test]
fn json() {
    let time = regex::Regex::new(r#""timestamp":"[0-9T:.-]{26}Z""#).unwrap();
    let mut lines: Vec<_> =
        log("json").iter().map(|line| time.replace(line, r#""timestamp":"TIME""#).into_owned()).collect();
    lines.sort();
    expect_file!["log.json.txt"].assert_eq(&(lines.join("\n") + "\n"));
}

#[test]
fn every_line() {
    let sources = own_sources!();
    let lines = sources.iter().flat_map(Source::log_lines);
    expect_file!["log.lines.txt"].assert_eq(&lines.map(|line| line + "\n").collect::<String>());
}
