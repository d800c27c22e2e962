//! A host that has the policies of `acme-policy` beside stook's own: all that the binary `stook` does, with both.

use std::process::ExitCode;

use stook_cli::link_plugins;

fn main() -> ExitCode {
    stook_cli::main(link_plugins!(stook_strategies, acme_policy))
}
