//! `stook test`.

use std::path::PathBuf;

use crate::output::Failure;

/// Run scenario files against the real engine in virtual time.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Scenario files.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let _ = &args.files;
    Err(Failure::Other("`test` is not in this build yet".to_owned()))
}
