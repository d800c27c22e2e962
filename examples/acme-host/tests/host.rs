//! The host of a third party is all that `stook` is, with his policies.

use std::path::Path;
use std::process::Command;

/// Runs the host to its end: the exit code, and what it printed and complained.
fn host(args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_acme-host"));
    let ran = command.args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("it starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (ran.status.code(), text(ran.stdout), text(ran.stderr))
}

#[test]
fn it_lists_both_crates() {
    let (code, plugins, _) = host(&["plugins", "list"]);
    assert_eq!(code, Some(0));
    for plugin in
        ["completion acme/alarm (acme_policy", "merge acme/worst (acme_policy", "merge list (stook_"]
    {
        assert!(plugins.contains(plugin), "{plugin} in {plugins}");
    }
    let (code, schema, _) = host(&["config", "schema"]);
    assert!(code == Some(0) && schema.contains("acme/worst"), "{schema}");
}

#[test]
fn its_config_is_valid_and_does_what_it_says() {
    let (code, said, complaints) = host(&["check"]);
    assert_eq!((code, complaints.as_str()), (Some(0), ""));
    assert!(said.starts_with("stook.toml is valid\n"), "{said}");
    let tested = host(&["test", "scenarios.toml"]);
    assert_eq!(tested, (Some(0), "2 passed, 0 failed\n".to_owned(), String::new()));
}

#[test]
fn a_name_without_its_prefix_is_near_the_one_with_it() {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("stook.toml")).expect("a file");
    let config = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bare.toml");
    std::fs::write(&config, text.replace("acme/worst", "worst")).expect("it can be written");
    let (code, _, complaints) = host(&["check", config.to_str().expect("text")]);
    assert_eq!(code, Some(78));
    assert!(complaints.contains("did you mean `acme/worst`?"), "{complaints}");
}
