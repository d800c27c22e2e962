//! A host with policies of its own: all that `stook` does, with the plugins of these crates.

use std::process::ExitCode;

use stook_cli::link_plugins;

fn main() -> ExitCode {
    stook_cli::main(link_plugins!(LINKED))
}
