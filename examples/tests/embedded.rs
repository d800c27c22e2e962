//! The host inside a program: how it fails.

use std::process::Command;

#[test]
fn what_is_wrong_with_the_config_is_said_and_is_the_exit_code() {
    let elsewhere = tempfile::tempdir().expect("a directory");
    let ran =
        Command::new(env!("CARGO_BIN_EXE_embedded")).current_dir(&elsewhere).output().expect("it starts");
    let said = String::from_utf8(ran.stderr).expect("text");
    assert_eq!(ran.status.code(), Some(78), "{said}");
    assert!(said.starts_with("examples/uptime/stook.toml: the config file cannot be read"), "{said}");
}
