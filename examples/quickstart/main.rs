//! The quickstart: a host in this process, three real collectors in theirs, one answer per scan.
//!
//! * [`config`] reads `stook.toml`: what the host is to do.
//! * [`collectors`] are the three: this very program, started again in another role.
//! * [`serve`] runs the host until it is told to stop, and kills a collector if asked to.
//! * [`mod@print`] shows each released set, after a look at what is odd in it.
//! * [`chaos`] kills and stops collectors at random; [`ledger`] counts what came of everything, and [`verdict`] says
//!   whether it adds up.

mod args;
mod chaos;
mod collectors;
mod config;
mod failure;
mod ledger;
mod print;
mod serve;
mod verdict;

use std::process::ExitCode;

use clap::Parser;
use stook::exit;
use tracing_subscriber::EnvFilter;

use args::{Args, Role};

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(help) => {
            let code = if help.use_stderr() { exit::USAGE } else { exit::OK };
            // Who asked for help and closed the pipe has seen enough.
            let _ = help.print();
            return code.into();
        }
    };
    match args.role {
        Some(Role::Collect { what }) => {
            start_log("warn");
            collectors::run(what)
        }
        None => {
            // The host passes on what its collectors write to standard error. Chaos tells of its victims itself.
            start_log(if args.chaos { "error" } else { "warn,stook::collector=info" });
            serve::run(args).map_or_else(|failure| failure.report(), |()| exit::OK.into())
        }
    }
}

/// Logs to standard error, as `STOOK_LOG` says or else so.
fn start_log(unless_set: &str) {
    let filter = EnvFilter::try_from_env("STOOK_LOG").unwrap_or_else(|_| EnvFilter::new(unless_set));
    let to = std::io::stderr;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(print::has_colors(&to()));
    // A collector outlives its host for a while: that nobody reads its log any more is no reason to panic.
    log.without_time().with_target(false).with_writer(to).log_internal_errors(false).init();
}
