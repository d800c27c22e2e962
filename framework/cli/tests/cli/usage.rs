//! Exit codes of the command line itself.

use std::io::Read;
use std::process::{Command, Stdio};

use super::stook;

#[test]
fn a_command_line_that_makes_no_sense_is_64() {
    for args in [&[][..], &["frob"], &["check", "a", "b"], &["check", "--frob"], &["plugins"], &["test"]] {
        let ran = stook(args);
        assert_eq!((ran.code, ran.out.as_str()), (64, ""), "{args:?}");
        assert!(ran.err.contains("Usage: stook"), "{args:?}: {}", ran.err);
    }
}

#[test]
fn help_is_no_mistake() {
    for args in [&["--help"][..], &["check", "--help"], &["--version"]] {
        let ran = stook(args);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args:?}");
        assert!(ran.out.contains("stook"), "{args:?}");
    }
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_stook"))
        .args(["plugins", "list"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""));
}
