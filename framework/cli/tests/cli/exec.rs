//! `stook exec`, as a host starts it.

use super::host::{TestHost, command_in};
use super::{ran, stook};

#[test]
fn a_program_answers_tasks_under_a_host() {
    let config = r#"
[aggregate.a]
topics = ["t.a"]
complete = { use = "expected" }
timeout = "20s"

[collector.sh-1]
command = ["@stook", "exec", "--capability", "test.run", "--topic", "t.a", "--", "sh", "-c", "cat; echo; echo 2; echo token=$STOOK_TOKEN. >&2"]
publish = ["t.a"]
"#;
    let host = TestHost::start(&config.replace("@stook", env!("CARGO_BIN_EXE_stook")));
    host.connected("sh-1");
    let ran = host.stook(&["submit", "test.run", "--into", "a", "--wait", "--payload", r#"{"n": 1}"#]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert!(ran.out.contains(r#"value     [{"n":1},2]"#), "{}", ran.out);
    // What it says on standard error is logged; and it cannot tell the token.
    let said = host.status_where(|status| status.to_string().contains("token="));
    assert!(said.to_string().contains("token=."), "{said}");
    host.stop();
}

/// The example as the documents show it: with `ps` and `ss`, where there are such.
#[test]
#[cfg(target_os = "linux")]
fn the_example_runs() {
    use std::io::{BufRead, BufReader};
    use std::path::Path;
    use std::process::Stdio;

    use rustix::process::{Pid, Signal, kill_process};

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace");
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = command_in(&directory.path().join("hosts"), &["run", "examples/exec/stook.toml"]);
    let here = Path::new(env!("CARGO_BIN_EXE_stook")).parent().expect("a file is in a directory");
    let path = std::env::var("PATH").expect("a path");
    command.env("PATH", format!("{}:{path}", here.display()));
    command.current_dir(root).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut run = command.spawn().expect("stook starts");
    let mut line = String::new();
    // Held until the host has ended: to write where nobody reads is a failure.
    let mut sets = BufReader::new(run.stdout.take().expect("piped"));
    sets.read_line(&mut line).expect("text");
    kill_process(Pid::from_child(&run), Signal::TERM).expect("it runs");
    assert!(run.wait().expect("it ends").success());

    let set: serde_json::Value =
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
    let contributors = set["contributors"].as_array().expect("a list").iter().map(|one| &one["collector"]);
    assert_eq!(set["aggregate"], "machine");
    assert!(contributors.clone().any(|id| id == "ps-1"), "{set}");
    let me = run.id();
    let processes = set["value"]["ps-1"].as_array().expect("many");
    assert!(processes.iter().any(|one| one["pid"] == me && one["name"] == "stook"), "{set}");
}

#[test]
fn a_program_by_hand() {
    let nowhere = tempfile::tempdir().expect("a directory");
    let ran = ran(command_in(nowhere.path(), &["exec", "--", "true"]));
    assert_eq!(ran.code, 69, "{}", ran.err);
    assert!(ran.err.contains("start one with `stook run"), "{}", ran.err);

    let check = |args: &[&str], says: &str| {
        let ran = stook(args);
        assert_eq!(ran.code, 64, "{}", ran.err);
        assert!(ran.err.contains(says), "{}", ran.err);
    };
    check(&["exec"], "<COMMAND>...");
    check(&["exec", "ps"], "unexpected argument 'ps'");
    check(&["exec", "--every", "0s", "--", "ps"], "write a period like `10s`");
    check(&["exec", "--every", "1s", "--capability", "x.y", "--", "ps"], "cannot be used with '--capability");
    check(&["exec", "--topic", "Events", "--", "ps"], "`Events` has `E`");
}

#[test]
fn a_command_that_fails_is_the_collectors_failure() {
    let config = r#"
[aggregate.a]
topics = ["t.a"]
complete = { use = "count", count = 1 }
timeout = "20s"

[collector.sh-1]
publish = ["t.a"]
"#;
    let host = TestHost::start(config);
    let ran = host.stook(&["exec", "--topic", "t.a", "--", "sh", "-c", "echo 1; exit 3"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("stook: failed to stream: `sh` ended with exit status: 3"), "{}", ran.err);
    host.status_where(|status| status["results"]["delivered"] == 1);

    // Nothing of it is taken: that is no success, and the config can mend it.
    let ran = host.stook(&["exec", "--topic", "t.b", "--", "sh", "-c", "echo 1; echo 2"]);
    assert_eq!(ran.code, 78, "{}", ran.err);
    let why =
        "stook: the host refused all 2 results on `t.b`: topic-not-allowed; grant the topic in `publish`";
    assert!(ran.err.contains(why), "{}", ran.err);
    host.stop();
}
