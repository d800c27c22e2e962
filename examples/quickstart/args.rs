//! The command line.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum, value_parser};
use stook_types::units::Span;

/// Scan this machine with three collectors, joined into one answer per scan. Ctrl-C ends it.
///
/// The collectors are processes of their own: they list the processes of this machine, hash their executables and
/// find their sockets. Logs go to standard error: warnings, or what STOOK_LOG says (like `debug`).
#[derive(Parser)]
#[command(name = "quickstart", version, max_term_width = 100, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    /// Another config than the one built in, examples/quickstart/stook.toml
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Share the processes among N procmonds that are all alike, beside one netmond: examples/quickstart/shared.toml
    #[arg(long, value_name = "N", value_parser = value_parser!(u8).range(1..=64), conflicts_with = "config")]
    pub(crate) collectors: Option<u8>,
    /// How scans are shown; without it, in a live view on a terminal, and as text elsewhere
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// End after this many scans
    #[arg(long, value_name = "N")]
    pub(crate) scans: Option<NonZeroU64>,
    /// Kill this collector, like netmond-1, right after its second scan was assigned to it
    #[arg(long, value_name = "COLLECTOR")]
    pub(crate) kill: Option<String>,
    /// End after this time, like 10m
    #[arg(long = "for", value_name = "TIME")]
    pub(crate) time: Option<Span>,
    /// Kill and stop collectors at random while they work, and say at the end what was lost of it all
    ///
    /// Exits with 1 if anything was lost, or does not add up. (Where there are no signals: kill only.)
    #[arg(long)]
    pub(crate) chaos: bool,
    /// Which random choices chaos makes; printed, so that they can be made again
    #[arg(long, value_name = "N", requires = "chaos")]
    pub(crate) seed: Option<u64>,
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people: a short block for each, with what is odd about the processes
    Text,
    /// For programs: the whole answer as one line of JSON, and nothing else on standard output
    Jsonl,
}

/// What else this program can be.
#[derive(Subcommand)]
pub(crate) enum Role {
    /// Be one of the collectors; the host starts them like this
    Collect {
        #[command(subcommand)]
        what: What,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum What {
    /// Every process of this machine
    Processes {
        /// Be asked for shards of them, of so many, each with the SHA-256 of its executables
        #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=64))]
        shards: Option<u32>,
    },
    /// The SHA-256 of each running executable
    Integrity,
    /// TCP and UDP sockets with the processes that own them
    Connections,
}
