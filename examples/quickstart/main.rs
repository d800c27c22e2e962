//! The quickstart: a host in this process, three real collectors in theirs, one answer per scan.
//!
//! * [`config`] reads `stook.toml`: what the host is to do.
//! * [`collectors`] are the three: this very program, started again in another role.
//! * [`serve`] runs the host until it is told to stop, and kills a collector if asked to.
//! * [`mod@print`] shows each released set, after a look at what is odd in it; [`live`] is a view of all that goes on.
//! * [`chaos`] kills and stops collectors at random; [`ledger`] counts what came of everything, and [`verdict`] says
//!   whether it adds up. [`news`] has the words for what happens.

mod args;
mod chaos;
mod collectors;
mod config;
mod failure;
mod ledger;
mod live;
mod news;
mod print;
mod serve;
mod verdict;

use std::io;
use std::process::ExitCode;

use clap::Parser;
use stook::exit;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use args::{Args, Role};
use live::Log;
use print::has_colors;

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
            start_log("warn", io::stderr, has_colors(&io::stderr()));
            collectors::run(what)
        }
        None => {
            let is_live = args.format.is_none() && live::is_possible();
            let log = Log::default();
            let (color, to) = (!is_live && has_colors(&io::stderr()), log.clone());
            // The host passes on what its collectors write to standard error. What happens to them is told elsewhere: by
            // chaos, or in the view.
            let unless_set = match (args.chaos, is_live) {
                (true, _) => "error",
                (false, true) => "error,stook::collector=info",
                (false, false) => "warn,stook::collector=info",
            };
            start_log(unless_set, move || to.clone(), color);
            let shown = is_live.then_some(log);
            serve::run(args, shown).map_or_else(|failure| failure.report(), |()| exit::OK.into())
        }
    }
}

/// Logs, as `STOOK_LOG` says or else so.
fn start_log<W: for<'a> MakeWriter<'a> + Send + Sync + 'static>(unless_set: &str, to: W, color: bool) {
    let filter = EnvFilter::try_from_env("STOOK_LOG").unwrap_or_else(|_| EnvFilter::new(unless_set));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(color);
    // A collector outlives its host for a while: that nobody reads its log any more is no reason to panic.
    log.without_time().with_target(false).with_writer(to).log_internal_errors(false).init();
}
