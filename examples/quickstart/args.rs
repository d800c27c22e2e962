//! The command line.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Three collectors of this machine (processes, hashes of their executables, sockets), joined into one answer per
/// scan. Ctrl-C ends it.
///
/// Logs go to standard error: warnings, or what STOOK_LOG says (like `debug`).
#[derive(Parser)]
#[command(name = "quickstart", version, max_term_width = 100, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    /// Another config than examples/quickstart/stook.toml, which is built in
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// How each scan is printed
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// End after this many scans
    #[arg(long, value_name = "N")]
    pub(crate) scans: Option<NonZeroU64>,
    /// Kill this collector right after its second scan was assigned to it, like netmond-1
    #[arg(long, value_name = "COLLECTOR")]
    pub(crate) kill: Option<String>,
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people: a short block, with what is odd about the processes
    #[default]
    Text,
    /// For programs: the whole answer as one line of JSON, and nothing else on standard output
    Jsonl,
}

/// What else this program can be.
#[derive(Subcommand)]
pub(crate) enum Role {
    /// Be one of the collectors; the host starts them like this
    Collect {
        /// Of what
        what: What,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum What {
    /// Every process of this machine
    Processes,
    /// The SHA-256 of each running executable
    Integrity,
    /// TCP and UDP sockets with the processes that own them
    Connections,
}
