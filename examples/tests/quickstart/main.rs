//! The quickstart, as a user starts it.

mod at_work;
#[cfg(target_os = "linux")]
mod live;
#[cfg(target_os = "linux")]
mod terminal;
#[cfg(target_os = "linux")]
#[path = "../../src/gather/testing.rs"]
mod testing;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::process::Command;

use serde_json::{Value, json};

use at_work::{Quickstart, assert_gone};

/// DESIGN.md, section 6.
const FIELDS: [&str; 16] = [
    "aggregate",
    "conflicts",
    "contributors",
    "correlation_id",
    "duplicates",
    "emission_id",
    "generation",
    "latency_us",
    "missing",
    "opened_at",
    "outcome",
    "reason",
    "released_at",
    "results",
    "revision",
    "value",
];

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/quickstart/stook.toml");

#[test]
fn each_line_is_a_whole_answer_of_three_collectors() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let listens = listener.local_addr().unwrap().to_string();
    let mut quickstart = Quickstart::start(&["--format", "jsonl", "--scans", "2"]);
    let answers = quickstart.answers();
    quickstart.end().quietly();

    assert_eq!(answers.len(), 2);
    for answer in &answers {
        check_answer(answer, &listens);
        assert_gone(answer);
    }
    assert_ne!(answers[0]["correlation_id"], answers[1]["correlation_id"]);
    assert_ne!(answers[0]["emission_id"], answers[1]["emission_id"]);
}

fn check_answer(answer: &Value, listens: &str) {
    let fields: Vec<_> = answer.as_object().unwrap().keys().collect();
    assert_eq!(fields, FIELDS);
    for (field, expected) in [
        ("aggregate", json!("machine-scan")),
        ("generation", json!(1)),
        ("revision", json!(1)),
        ("outcome", json!("complete")),
        ("reason", json!("expected")),
        ("duplicates", json!(0)),
        ("missing", json!([])),
        ("conflicts", json!([])),
    ] {
        assert_eq!(answer[field], expected, "{field}");
    }
    let from: Vec<_> =
        answer["contributors"].as_array().unwrap().iter().map(|from| &from["collector"]).collect();
    assert_eq!(from, ["netmond-1", "procmond-1", "procmond-2"]);

    let me = answer["value"].as_array().unwrap().iter().find(|row| row["pid"] == std::process::id());
    let me = me.expect("this process is running");
    let exe = std::env::current_exe().unwrap();
    assert_eq!((&me["exe"], &me["exe_deleted"]), (&json!(exe.to_str()), &json!(false)));
    assert_eq!((&me["integrity"], me["sha256"].as_str().map(str::len)), (&json!("ok"), Some(64)));
    assert!(me["sockets"].as_array().unwrap().iter().any(|socket| socket["local"] == listens), "{me}");
}

#[test]
fn a_killed_collector_is_missing_at_once_and_back_soon() {
    let mut quickstart = Quickstart::start(&["--format", "jsonl", "--scans", "4", "--kill", "netmond-1"]);
    let answers = quickstart.answers();
    assert_eq!(quickstart.end().status.code(), Some(0));

    let outcomes: Vec<_> = answers.iter().map(|answer| (&answer["outcome"], &answer["reason"])).collect();
    let (complete, lost) =
        ((&json!("complete"), &json!("expected")), (&json!("partial"), &json!("collectors-lost")));
    // The third scan is too early for it on a slow machine.
    assert_eq!((outcomes[0], outcomes[1], outcomes[3]), (complete, lost, complete));
    // The end of its stream may be seen some time before the end of its process.
    let missing = &answers[1]["missing"];
    let is_why = |reason| *missing == json!([{ "collector": "netmond-1", "reason": reason }]);
    assert!(is_why("exited") || is_why("disconnected"), "{missing}");
    assert!(answers[1]["latency_us"].as_u64().unwrap() < timeout_us() / 2, "nobody waits for the dead");
    let netmond = |answer: &Value| answer["contributors"][0].clone();
    assert_eq!(netmond(&answers[3])["collector"], "netmond-1");
    assert_ne!(netmond(&answers[0])["incarnation"], netmond(&answers[3])["incarnation"]);
    answers.iter().for_each(assert_gone);
}

#[test]
fn procmonds_that_are_alike_share_the_work_evenly() {
    let mut quickstart = Quickstart::start(&["--collectors", "3", "--format", "jsonl", "--scans", "1"]);
    let answer = quickstart.answers().remove(0);
    quickstart.end().quietly();

    assert_eq!((&answer["outcome"], &answer["missing"]), (&json!("complete"), &json!([])));
    assert_eq!(answer["conflicts"], json!([]));
    let from = answer["contributors"].as_array().unwrap();
    let ids: Vec<_> = from.iter().map(|from| &from["collector"]).collect();
    assert_eq!(ids, ["netmond-1", "procmond-1", "procmond-2", "procmond-3"]);
    // Two of six shards each, and two results of a shard; less if a shard is empty.
    assert!(from[1..].iter().all(|from| from["results"].as_u64().unwrap() <= 4), "{from:?}");

    let rows = answer["value"].as_array().unwrap();
    let pids: BTreeSet<_> = rows.iter().map(|row| row["pid"].as_u64().unwrap()).collect();
    assert_eq!(pids.len(), rows.len());
    let me = rows.iter().find(|row| row["pid"] == std::process::id()).expect("this process is running");
    assert_eq!((&me["integrity"], me["sha256"].as_str().map(str::len)), (&json!("ok"), Some(64)));
    assert_gone(&answer);
}

#[test]
fn a_shard_of_a_killed_procmond_is_done_by_another() {
    let arguments = ["--collectors", "2", "--format", "jsonl", "--scans", "2", "--kill", "procmond-1"];
    let mut quickstart = Quickstart::start(&arguments);
    let answers = quickstart.answers();
    assert_eq!(quickstart.end().status.code(), Some(0));

    for answer in &answers {
        assert_eq!((&answer["outcome"], &answer["missing"]), (&json!("complete"), &json!([])));
    }
    assert!(answers[1]["value"].as_array().unwrap().iter().any(|row| row["pid"] == std::process::id()));
}

#[cfg(unix)]
#[test]
fn chaos_loses_nothing_that_anybody_may_do() {
    let config = often("shared.toml");
    let config = config.path().to_str().unwrap();
    let arguments = ["--config", config, "--format", "jsonl", "--chaos", "--seed", "1", "--scans", "20"];
    let mut quickstart = Quickstart::start(&arguments);
    let answers = quickstart.answers();
    let ended = quickstart.end();

    assert_eq!(ended.status.code(), Some(0), "{}", ended.errors);
    assert!(ended.errors.starts_with("chaos with --seed 1\n"), "{}", ended.errors);
    assert!(ended.errors.ends_with("  lost     nothing\n"), "{}", ended.errors);
    // A scan may begin when all is at rest and the host is told to stop.
    let cut_short = answers.iter().filter(|answer| answer["reason"] == "shutdown").count();
    let (all, complete) = (answers.len(), answers.len() - cut_short);
    let sets = format!("  sets     {all} released = {complete} complete + {cut_short} partial\n");
    assert!(complete >= 20 && cut_short <= 1 && ended.errors.contains(&sets), "{}", ended.errors);
    assert!(!ended.errors.contains(" 0 killed, 0 stopped"), "{}", ended.errors);
    for answer in &answers {
        let fields: Vec<_> = answer.as_object().unwrap().keys().collect();
        assert_eq!(fields, FIELDS);
        assert!(answer["outcome"] == "complete" || answer["reason"] == "shutdown", "{answer}");
        assert_gone(answer);
    }
}

#[cfg(unix)]
#[test]
fn chaos_leaves_honest_partials_of_what_only_the_dead_could_answer() {
    let config = often("stook.toml");
    let config = config.path().to_str().unwrap();
    let mut quickstart =
        Quickstart::start(&["--config", config, "--format", "jsonl", "--chaos", "--seed", "1"]);
    let is_partial = |answer: &Value| answer["outcome"] == "partial";
    let mut answers = vec![];
    while !answers.iter().any(is_partial) {
        answers.push(at_work::json(&quickstart.line().unwrap()));
    }
    quickstart.ctrl_c();
    answers.append(&mut quickstart.answers());
    let ended = quickstart.end();

    assert_eq!(ended.status.code(), Some(0), "{}", ended.errors);
    assert!(ended.errors.ends_with("  lost     nothing\n"), "{}", ended.errors);
    let partial = answers.iter().filter(|answer| is_partial(answer)).count();
    let (all, complete) = (answers.len(), answers.len() - partial);
    let sets = format!("  sets     {all} released = {complete} complete + {partial} partial\n");
    assert!(ended.errors.contains(&sets), "{}", ended.errors);
    for answer in &answers {
        assert_eq!(is_partial(answer), answer["missing"] != json!([]));
        assert_gone(answer);
    }
}

/// This config of the quickstart, with more scans in less time, and not so many that a loaded machine does not keep up.
#[cfg(unix)]
fn often(config: &str) -> tempfile::NamedTempFile {
    let at = std::path::Path::new(CONFIG).with_file_name(config);
    let text = std::fs::read_to_string(at).unwrap();
    let often = text.replace("= \"2s\"\ncapabilities", "= \"500ms\"\ncapabilities");
    assert_ne!(text, often);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), often).unwrap();
    file
}

fn timeout_us() -> u64 {
    let config = std::fs::read_to_string(CONFIG).unwrap();
    assert!(config.contains("timeout  = \"30s\""), "or change it here too");
    30_000_000
}

#[cfg(unix)]
#[test]
fn ctrl_c_and_sigterm_leave_nothing_behind() {
    for tell in [Quickstart::ctrl_c, Quickstart::terminate] {
        let mut quickstart = Quickstart::start(&["--format", "jsonl"]);
        let answer = at_work::json(&quickstart.line().unwrap());
        tell(&quickstart);

        assert!(quickstart.wait(std::time::Duration::from_secs(5)).is_some(), "it should take less than one");
        quickstart.end().quietly();
        assert_gone(&answer);
    }
}

#[test]
fn ends_when_nobody_reads_on() {
    let mut quickstart = Quickstart::start(&["--format", "jsonl"]);
    quickstart.line().unwrap();
    quickstart.stop_reading();

    quickstart.end().quietly();
}

/// Upgraded, say, and not restarted.
#[cfg(target_os = "linux")]
#[test]
fn a_listener_whose_executable_is_gone_is_found() {
    let child = testing::Child::start();
    std::fs::remove_file(child.exe()).unwrap();
    let mut quickstart = Quickstart::start(&["--scans", "1"]);
    let lines = quickstart.lines();
    quickstart.end().quietly();

    let (pid, exe) = (child.pid(), child.exe().display());
    let finding = format!("(pid {pid}) listens on {} while {exe} is gone from disk", child.listens());
    assert!(lines[0].starts_with("scan 1  complete (expected) in "), "{lines:#?}");
    assert!(
        lines.iter().any(|line| line.starts_with("  finding  deleted-listener") && line.ends_with(&finding)),
        "{lines:#?}"
    );
}

#[test]
fn two_at_once_do_not_meet() {
    let mut quickstart = Quickstart::start(&["--config", CONFIG, "--format", "jsonl", "--scans", "2"]);
    quickstart.line().unwrap();
    let twin = quickstart.run_a_twin();

    assert_eq!(twin.status.code(), Some(1));
    assert!(twin.errors.starts_with("quickstart: a host runs in "), "{}", twin.errors);
    assert_eq!(quickstart.lines().len(), 1);
    quickstart.end().quietly();
}

#[test]
fn what_makes_no_sense_is_refused() {
    check_refused(
        &["--kill", "netmon-1"],
        64,
        "quickstart: no collector `netmon-1` is started here; did you mean `netmond-1`?\n",
    );
    check_refused(
        &["--kill", "x"],
        64,
        "quickstart: no collector `x` is started here; there is procmond-1, procmond-2, netmond-1\n",
    );
    check_refused(&["--scans", "0"], 64, "error: invalid value '0' for '--scans <N>'");
    check_refused(&["--collectors", "0"], 64, "error: invalid value '0' for '--collectors <N>'");
    check_refused(&["--collectors", "3", "--config", CONFIG], 64, "error: the argument '--collectors <N>'");
    check_refused(&["--seed", "1"], 64, "error: the following required arguments were not provided:");
    check_refused(&["--for", "ever", "--chaos"], 64, "error: invalid value 'ever' for '--for <TIME>'");
    check_refused(&["--config", "/no/such/file"], 78, "/no/such/file: the config file cannot be read");
}

fn check_refused(arguments: &[&str], code: i32, says: &str) {
    let mut quickstart = Quickstart::start(arguments);
    assert_eq!(quickstart.lines(), [""; 0]);
    let ended = quickstart.end();

    assert_eq!(ended.status.code(), Some(code), "{}", ended.errors);
    assert!(ended.errors.starts_with(says), "{}", ended.errors);
}

#[test]
fn a_collector_that_is_started_by_hand_explains_itself() {
    let runtime = tempfile::tempdir().unwrap();
    let uptime =
        Command::new(env!("CARGO_BIN_EXE_uptime")).env("STOOK_RUNTIME_DIR", runtime.path()).output().unwrap();

    let says = String::from_utf8(uptime.stderr).unwrap();
    assert_eq!(uptime.status.code(), Some(69));
    assert!(says.starts_with("`uptime` is a stook collector: it works for a host"), "{says}");
    assert!(says.contains("stook run stook.toml"), "{says}");
}
