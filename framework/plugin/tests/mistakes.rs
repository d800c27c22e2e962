//! What a policy author reads who gets a macro wrong.

use std::process::Command;

/// The compiler of which `mistakes/*.stderr` are the words. With another one they are not compared: it may say the same
/// in others. To renew them: `TRYBUILD=overwrite cargo test -p stook-plugin --test mistakes`.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn mistakes_are_explained() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version =
        Command::new(rustc).arg("--version").output().expect("a compiler: it has built this test").stdout;
    if version.starts_with(COMPILER.as_bytes()) {
        trybuild::TestCases::new().compile_fail("tests/mistakes/*.rs");
    }
}
