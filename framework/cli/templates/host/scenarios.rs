//! The config does what the scenarios say, with the policies that this host links.

use std::process::Command;

#[test]
fn the_config_does_what_it_says() {
    let mut host = Command::new(env!("CARGO_BIN_EXE_CRATE"));
    host.args(["test", "scenarios.toml"])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    let ran = host.output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    let complaints = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}{complaints}");
}
