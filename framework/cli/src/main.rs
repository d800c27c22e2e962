//! The binary `stook`: one module per verb, and what they share. All substance is in the libraries.

mod check;
mod config;
mod config_verb;
mod exec;
mod host;
mod look;
mod new;
mod output;
mod plugins;
mod restart;
mod run;
mod status;
mod submit;
mod table;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use stook::exit;

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
    Restart(restart::Args),
    Exec(exec::Args),
    #[command(subcommand)]
    New(new::Verb),
}

fn main() -> ExitCode {
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
        Verb::Run(args) => run::run(&args),
        Verb::Check(args) => check::run(&args),
        Verb::Config(verb) => config_verb::run(&verb),
        Verb::Plugins(verb) => plugins::run(&verb),
        Verb::Test(args) => test::run(&args),
        Verb::Submit(args) => submit::run(&args),
        Verb::Status(args) => status::run(&args),
        Verb::Restart(args) => restart::run(&args),
        Verb::Exec(args) => exec::run(args),
        Verb::New(verb) => new::run(&verb),
    };
    done.map_or_else(|failure| failure.report(), |()| exit::OK.into())
}
