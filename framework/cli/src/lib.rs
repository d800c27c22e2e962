//! The command line of stook, as a library: [`main`] is the whole of a host's binary, with whatever plugins it links.
//! Beside it what tests of hosts and policies use: [`scenario`], which tests configs.

mod check;
mod config;
mod config_verb;
mod exec;
mod host;
#[doc(hidden)]
pub mod logging;
mod look;
mod new;
mod output;
mod plugins;
mod restart;
mod run;
pub mod scenario;
mod status;
mod submit;
mod table;
mod tap;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use stook::exit;
use stook_plugin::Linked;
pub use stook_plugin::link_plugins;

/// Groups the results of local collector processes by correlation ID, and merges them as the config says.
#[derive(Parser)]
#[command(name = "stook", version, max_term_width = 100, after_help = LOGGING)]
struct Command {
    #[command(subcommand)]
    verb: Verb,
}

const LOGGING: &str = "\
`run` and `exec` log to standard error, at `info` or what STOOK_LOG says (like `debug`), as text or as
--log-format and STOOK_LOG_FORMAT say.";

#[derive(Subcommand)]
enum Verb {
    Run(run::Args),
    Check(check::Args),
    #[command(subcommand)]
    Config(config_verb::Verb),
    #[command(subcommand)]
    Plugins(plugins::Verb),
    Test(test::Args),
    Submit(submit::Args),
    Status(status::Args),
    Tap(tap::Args),
    Restart(restart::Args),
    Exec(exec::Args),
    #[command(subcommand)]
    New(new::Verb),
}

/// All that the binary `stook` does, with the plugins of these crates: the command line of this process is read, and
/// what it asks for is done. A host with policies of a third party is this line:
///
/// ```no_run
/// use std::process::ExitCode;
///
/// use stook_cli::link_plugins;
///
/// fn main() -> ExitCode {
///     stook_cli::main(link_plugins!(stook_strategies)) // and every other crate of policies
/// }
/// ```
///
/// It gives the exit code, one of [`stook::exit`]; what went wrong has been said on standard error. `run` and `exec` set
/// the `tracing` subscriber of the process. Call it outside of any async runtime: it starts its own.
///
/// # Panics
/// If called within an async runtime.
pub fn main(linked: Linked) -> ExitCode {
    let command = match Command::try_parse() {
        Ok(command) => command,
        Err(help) => {
            let code = if help.use_stderr() { exit::USAGE } else { exit::OK };
            // Who asked for help and closed the pipe has seen enough.
            let _ = help.print();
            return code.into();
        }
    };
    let done = match command.verb {
        Verb::Run(args) => run::run(&args, linked),
        Verb::Check(args) => check::run(&args, linked),
        Verb::Config(verb) => config_verb::run(&verb, linked),
        Verb::Plugins(verb) => plugins::run(&verb, linked),
        Verb::Test(args) => test::run(&args, linked),
        Verb::Submit(args) => submit::run(&args),
        Verb::Status(args) => status::run(&args),
        Verb::Tap(args) => tap::run(&args),
        Verb::Restart(args) => restart::run(&args),
        Verb::Exec(args) => exec::run(args),
        Verb::New(verb) => new::run(&verb),
    };
    done.map_or_else(|failure| failure.report(), |()| exit::OK.into())
}
