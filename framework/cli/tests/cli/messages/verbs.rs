//! What the verbs say when they cannot do what they are asked for, with their exit codes.

use std::path::Path;

use stook_messages::{expect_file, redacted};

use crate::Ran;
use crate::host::{TestHost, command_in};
use crate::ran;

fn said(args: &[&str], ran: &Ran) -> String {
    let args: Vec<_> = args
        .iter()
        .map(|arg| if arg.contains([' ', '{']) { format!("'{arg}'") } else { (*arg).to_owned() })
        .collect();
    format!("$ stook {}\nexit {}\n{}{}\n", args.join(" "), ran.code, ran.out, ran.err)
}

/// With no host, in an empty directory.
#[test]
fn without_a_host() {
    let directory = tempfile::Builder::new().prefix("stook").tempdir().unwrap();
    let here = directory.path();
    std::fs::create_dir(here.join("taken")).unwrap();
    std::fs::write(here.join("bad.toml"), "[aggregate.a]\ntopcis = [\"t\"]\n").unwrap();
    let run = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = command_in(&here.join("run"), args);
        command.current_dir(here).envs(variables.iter().copied());
        said(args, &ran(command))
    };
    let mut page = String::new();
    for args in [
        &["frob"][..],
        &["stauts"],
        &["run", "--log-format", "xml", "bad.toml"],
        &["run", "bad.toml"],
        &["run", "none.toml"],
        &["check", "bad.toml", "--format", "json"],
        &["plugins", "show", "jion"],
        &["plugins", "show", "acme/nth"],
        &["plugins", "list", "--kind", "merg"],
        &["status"],
        &["status", "no id"],
        &["status", "--host", "a/b"],
        &["restart"],
        &["restart", "p-1"],
        &["submit"],
        &["submit", "Process List"],
        &["submit", "x", "--payload", "{"],
        &["submit", "x", "--timeout", "soon"],
        &["submit", "x", "--each", "--on", "p-1"],
        &["submit", "x", "--correlation-id", ""],
        &["submit", "x"],
        &["exec", "ps"],
        &["exec", "--every", "0s", "--", "true"],
        &["exec", "--topic", "Events", "--", "true"],
        &["exec", "--", "true"],
        &["exec", "--topic-field", "t", "--id", "no id", "--", "true"],
        &["new", "collector", "taken", "--stook", CHECKOUT],
        &["new", "collector", "free", "--stook", "nowhere"],
        &["new", "collector", "No Name"],
        &["new", "policy", "nth", "--kind", "merge"],
        &["new", "policy", "acme/nth", "--kind", "merging"],
    ] {
        page += &run(args, &[]);
    }
    for (variable, value) in [
        ("STOOK_LOG", "stook=loud"),
        ("STOOK_LOG_FORMAT", "xml"),
        ("STOOK_ENDPOINT", "here"),
        ("STOOK_HOST", "a/b"),
        ("STOOK_COLLECTOR_ID", "no id"),
    ] {
        page +=
            &format!("$ export {variable}={value}\n{}", run(&["exec", "--", "true"], &[(variable, value)]));
    }
    expect_file!["without-a-host.txt"].assert_eq(&redact(&page, here));
}

/// With a host that refuses.
#[test]
fn with_a_host() {
    let host = TestHost::start(
        r#"
[host]
name = "barn"
[aggregate.scan]
topics = ["t.a"]
complete = { use = "expected" }
timeout = "20s"
[aggregate.keyed]
topics = ["t.k"]
key = ["pid"]
timeout = "20s"
[collector.p-1]
publish = ["t.#"]
[collector.absent-1]
publish = ["t.#"]
"#,
    );
    let mut page = String::new();
    page += &said(&["submit", "test.work"], &host.stook(&["submit", "test.work"]));
    host.collector("p-1", "test.work", "t.a");
    for args in [
        &["submit", "test.wrok", "--on", "p-1"][..],
        &["submit", "test.work", "--on", "p-2"],
        &["submit", "test.work", "--on", "absent-1"],
        &["submit", "test.work", "--into", "scam"],
        &["submit", "test.work", "--into", "keyed"],
        &["status", "p-2"],
        &["status", "other"],
        &["restart", "p-2"],
        &["restart", "p-1"],
        &["tap", "scam"],
    ] {
        page += &said(args, &host.stook(args));
    }
    let released = ["submit", "test.work", "--into", "scan", "--correlation-id", "mine", "--wait"];
    assert_eq!(host.stook(&released).code, 0);
    page += &said(&released, &host.stook(&released));
    host.stop();
    let uuid = regex::Regex::new("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").unwrap();
    expect_file!["with-a-host.txt"].assert_eq(&uuid.replace_all(&page, "UUID"));
}

const CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn redact(page: &str, here: &Path) -> String {
    redacted(page, &[(CHECKOUT, "CHECKOUT"), (here.to_str().unwrap(), "DIR")])
}
