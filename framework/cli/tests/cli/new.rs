//! What `stook new` writes: it builds, and passes its tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::{Ran, host, ran, stook};

const KINDS: [&str; 8] = ["completion", "dedup", "detection", "merge", "order", "restart", "scoring", "sink"];

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn new(directory: &Path, args: &[&str]) -> Ran {
    let mut command = host::command(&["new"]);
    command.args(args).arg("--stook").arg(checkout()).current_dir(directory);
    ran(command)
}

/// Cargo, as it is used in the new crate, with what this workspace has fetched and built already.
fn cargo(directory: &Path, args: &[&str]) -> Output {
    let built = Path::new(env!("CARGO_BIN_EXE_stook")).ancestors().nth(2).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(args).current_dir(directory).env("CARGO_TARGET_DIR", built);
    cargo.output().unwrap()
}

fn succeeds(directory: &Path, args: &[&str]) -> String {
    let output = cargo(directory, args);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "cargo {args:?}\n{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// All of them in one workspace, so that they are built at once and share their dependencies; always in one place, so
/// that what was built the last time is replaced.
#[test]
fn every_new_crate_builds_and_passes_its_tests() {
    let directory = &Path::new(env!("CARGO_TARGET_TMPDIR")).join("new");
    drop(fs::remove_dir_all(directory));
    fs::create_dir_all(directory).unwrap();
    let made = new(directory, &["collector", "disk-watch"]);
    assert_eq!((made.code, made.err.as_str()), (0, ""));
    for kind in KINDS {
        let made = new(directory, &["policy", &format!("acme/a-{kind}"), "--kind", kind]);
        assert_eq!((made.code, made.err.as_str()), (0, ""), "{kind}");
        let use_ = format!("use = \"acme/a-{kind}\"");
        assert!(made.out.contains(&use_) && made.out.contains(&format!("acme_a_{kind}")), "{}", made.out);
    }
    let workspace =
        "[workspace]\nresolver = \"3\"\nmembers = [\"*-*\"]\n[profile.dev]\ndebug = \"line-tables-only\"\n";
    fs::write(directory.join("Cargo.toml"), workspace).unwrap();
    fs::copy(checkout().join("Cargo.lock"), directory.join("Cargo.lock")).unwrap();

    let said = succeeds(directory, &["test", "--offline", "--quiet", "--workspace"]);
    assert_eq!(said.matches("test result: ok. 1 passed").count(), KINDS.len(), "{said}");
    // As anybody formats, not as this workspace does. Without rustfmt there is nobody to ask.
    fs::write(directory.join("rustfmt.toml"), "").unwrap();
    if cargo(directory, &["fmt", "--version"]).status.success() {
        succeeds(directory, &["fmt", "--check"]);
    }
    let config = directory.join("disk-watch/stook.toml");
    let checked = stook(&["check", config.to_str().unwrap()]);
    assert_eq!((checked.code, checked.err.as_str()), (0, ""));
}

#[test]
fn it_says_what_to_do_next() {
    let directory = tempfile::tempdir().unwrap();
    let made = new(directory.path(), &["policy", "acme/nth"]);
    assert_eq!(
        made.out,
        "acme-nth is a merge plugin, `acme/nth`. Next:
  cd acme-nth && cargo test
      holds it to its contract
  src/lib.rs
      decide there
In the host that is to have it, which depends on it:
  Registry::linked(link_plugins!(stook_strategies, acme_nth))
In its config:
  [aggregate.…]  merge = { use = \"acme/nth\" }
"
    );
}

#[test]
fn what_is_there_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("disk-watch")).unwrap();
    let refused = new(directory.path(), &["collector", "disk-watch"]);
    let said = "stook: `disk-watch` is there already; nothing was written\n";
    assert_eq!((refused.code, refused.err.as_str()), (1, said));
    assert_eq!(fs::read_dir(directory.path().join("disk-watch")).unwrap().count(), 0);
}

#[test]
fn what_makes_no_sense_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let check = |args: &[&str], said: &str| {
        let refused = new(directory.path(), args);
        assert!(refused.code == 64 && refused.err.contains(said), "{args:?}: {}", refused.err);
    };
    check(&["collector", "DiskWatch"], "write lower-case words with `-` between them, like `disk-watch`");
    check(&["collector", "7-up"], "write lower-case words");
    check(&["policy", "nth"], "names without a prefix are stook's own");
    check(&["policy", "acme/Nth"], "write lower-case words");
    check(&["policy", "acme/nth", "--kind", "merg"], "did you mean `merge`?");
    let elsewhere = directory.path().to_str().unwrap();
    let refused = stook(&["new", "collector", "disk-watch", "--stook", elsewhere]);
    assert_eq!(refused.code, 64);
    assert!(
        refused.err.contains("is no checkout of stook: there is no collectors-sdk in it"),
        "{}",
        refused.err
    );
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}
