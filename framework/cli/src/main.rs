//! The binary `stook`: the command line of `stook_cli`, with stook's own strategies and nothing else.

use std::process::ExitCode;

use stook_cli::link_plugins;

fn main() -> ExitCode {
    stook_cli::main(link_plugins!(stook_strategies))
}
