//! `stook run`.

use stook_plugin::BuildContext;

use crate::config::ConfigArg;
use crate::output::{Failure, complain};

/// Run a host with this config until it is told to stop.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    crate::logging::start();
    let (_config, warnings) = args.config.load(&BuildContext::default())?;
    complain(&warnings);
    Err(Failure::Other("`run` is not in this build yet".to_owned()))
}
