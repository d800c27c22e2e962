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
    command.args(args).arg("--stook").arg(checkout()).current_dir(directory).env("CARGO", env!("CARGO"));
    ran(command)
}

fn stook_in(directory: &Path, args: &[&str]) -> Ran {
    let mut command = host::command(args);
    command.current_dir(directory);
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
    // As anybody formats, not as this workspace does.
    fs::write(directory.join("rustfmt.toml"), "").unwrap();
    let made = new(directory, &["collector", "disk-watch"]);
    assert_eq!((made.code, made.err.as_str()), (0, ""));
    for kind in KINDS {
        let made = new(directory, &["policy", &format!("acme/a-{kind}"), "--kind", kind]);
        assert_eq!((made.code, made.err.as_str()), (0, ""), "{kind}");
        let use_ = format!("use = \"acme/a-{kind}\"");
        assert!(made.out.contains(&use_) && made.out.contains(&format!("acme_a_{kind}")), "{}", made.out);
    }
    // Two more, in the crate of the first; their names are words of Rust, of which one may not stand in our sources.
    for name in ["acme/match", concat!("acme/un", "safe")] {
        let into = stook_in(directory, &["new", "policy", name, "--kind", "merge", "--into", "acme-a-merge"]);
        assert_eq!((into.code, into.err.as_str()), (0, ""));
    }
    let made =
        new(directory, &["host", "acme-own-host", "--policies", "acme-a-merge", "--policies", "acme-a-sink"]);
    assert_eq!((made.code, made.err.as_str()), (0, ""));
    let workspace =
        "[workspace]\nresolver = \"3\"\nmembers = [\"*-*\"]\n[profile.dev]\ndebug = \"line-tables-only\"\n";
    fs::write(directory.join("Cargo.toml"), workspace).unwrap();
    fs::copy(checkout().join("Cargo.lock"), directory.join("Cargo.lock")).unwrap();

    let said = succeeds(directory, &["test", "--offline", "--quiet", "--workspace"]);
    // Each policy with its test, those in the crate of the first too, and the scenarios of the host.
    let one = said.matches("test result: ok. 1 passed").count();
    let three = said.matches("test result: ok. 3 passed").count();
    assert_eq!((one, three), (KINDS.len(), 1), "{said}");
    let host =
        ["run", "--offline", "--quiet", "-p", "acme-own-host", "--", "plugins", "list", "--kind", "merge"];
    let plugins = succeeds(directory, &host);
    assert!(plugins.contains("acme/a-merge") && plugins.contains("acme/match"), "{plugins}");
    // Without rustfmt there is nobody to ask.
    if cargo(directory, &["fmt", "--version"]).status.success() {
        succeeds(directory, &["fmt", "--check"]);
    }
    let config = directory.join("disk-watch/stook.toml");
    let checked = stook(&["check", config.to_str().unwrap()]);
    assert_eq!((checked.code, checked.err.as_str()), (0, ""));
}

/// Names that the sources have already are told apart by the kind.
#[test]
fn a_policy_is_named_after_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let types = |name: &str| {
        let made = new(directory.path(), &["policy", &format!("acme/{name}"), "--kind", "merge"]);
        assert_eq!((made.code, made.err.as_str()), (0, ""));
        let module = name.replace('-', "_");
        let source = format!("acme-{name}/src/{module}.rs");
        fs::read_to_string(directory.path().join(source)).unwrap()
    };
    let source = types("disk-full");
    assert!(source.contains("pub struct DiskFull(DiskFullOptions);"), "{source}");
    let source = types("plugin");
    assert!(source.contains("impl Plugin for PluginMerge {"), "{source}");
    let into = stook_in(directory.path(), &["new", "policy", "acme/worst", "--into", "acme-disk-full"]);
    assert_eq!((into.code, into.err.as_str()), (0, ""));
    let lib = fs::read_to_string(directory.path().join("acme-disk-full/src/lib.rs")).unwrap();
    assert!(lib.ends_with("\npub mod disk_full;\npub mod worst;\n"), "{lib}");
    let again = stook_in(directory.path(), &["new", "policy", "acme/worst", "--into", "acme-disk-full"]);
    assert!(again.code == 1 && again.err.contains("worst.rs` is there already"), "{}", again.err);
}

/// Words that stand for something in our sources may stand in a path, and in a name.
#[test]
fn a_path_is_written_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let policies = directory.path().join("STOOK CRATE LINKED TYPE MODULE");
    fs::create_dir(&policies).unwrap();
    assert_eq!(new(&policies, &["policy", "acme/nth"]).code, 0);
    let crate_ = policies.join("acme-nth").canonicalize().unwrap();
    let crate_ = crate_.to_str().unwrap();
    let made = new(directory.path(), &["host", "--policies", crate_, "acme-own-host"]);
    assert_eq!((made.code, made.err.as_str()), (0, ""));
    let manifest = fs::read_to_string(directory.path().join("acme-own-host/Cargo.toml")).unwrap();
    assert!(manifest.ends_with(&format!("acme-nth = {{ path = \"{crate_}\" }}\n")), "{manifest}");
    let into = stook_in(directory.path(), &["new", "policy", "acme/worst", "--into", crate_]);
    assert_eq!((into.code, into.err.as_str()), (0, ""));
    assert!(into.out.starts_with(&format!("src/worst.rs of {crate_} is a merge plugin, `acme/worst`.")));
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
  src/nth.rs
      decide there; `stook new policy acme/ANOTHER --into acme-nth` puts another one beside it
In the host that is to have it (`stook new host NAME --policies acme-nth` writes one), which depends on it:
  stook_cli::main(link_plugins!(stook_strategies, acme_nth))
In its config:
  [aggregate.…]  merge = { use = \"acme/nth\" }
"
    );
}

/// Cargo refuses a crate that stands in a workspace and is no member of it.
#[test]
fn it_says_what_a_workspace_around_it_lacks() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path().canonicalize().unwrap();
    let tools = directory.join("tools");
    fs::create_dir(&tools).unwrap();
    fs::write(directory.join("lib.rs"), "").unwrap();
    let manifest = directory.join("Cargo.toml");
    let advice = "cargo refuses a crate that stands in a workspace and is no member of it";
    let builds = |name: &str| {
        let asked = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
        cargo(&tools.join(name), &asked).status.success()
    };
    // What is said of a new crate in this workspace, after what was made.
    let says = |workspace: &str, name: &str| {
        fs::write(&manifest, workspace).unwrap();
        let made = new(&tools, &["collector", name]);
        assert_eq!((made.code, made.err.as_str()), (0, ""));
        assert_eq!(builds(name), !made.out.contains(advice), "{}", made.out);
        made.out.lines().nth(1).unwrap().to_owned()
    };
    let first = "  cd NAME && cargo test";
    let path = manifest.display();
    assert_eq!(
        says("[workspace]\n", "a-a"),
        format!("  write members = [\"tools/a-a\"] below [workspace] in {path}")
    );
    assert_eq!(
        says("[workspace]\nmembers = [\"tools/a-a\"]\n", "b-b"),
        format!("  add \"tools/b-b\" to the `members` of [workspace] in {path}")
    );
    // What was said is enough.
    fs::write(&manifest, "[workspace]\nmembers = [\"tools/a-a\", \"tools/b-b\"]\n").unwrap();
    assert!(builds("a-a") && builds("b-b"));
    for (workspace, name) in [
        ("[workspace]\nmembers = [\"tools/*\"]\n", "c-c"),
        ("[workspace]\nexclude = [\"tools\"]\n", "d-d"),
        ("[package]\nname = \"none\"\n[lib]\npath = \"lib.rs\"\n", "e-e"),
    ] {
        assert_eq!(says(workspace, name), first.replace("NAME", name), "{workspace}");
    }
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
    check(&["collector", "7-up"], "`7-up` begins with a digit");
    check(&["policy", "acme/1st"], "`1st` begins with a digit");
    check(&["policy", "a/b/c"], "`a/b/c` has more than one `/`: write VENDOR/NAME");
    check(
        &["host", "acme-own-host", "--policies", "nowhere"],
        "`nowhere` is no crate of policies: its Cargo.toml:",
    );
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
