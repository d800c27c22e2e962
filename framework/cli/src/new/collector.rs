//! `stook new collector`.

use super::{Stook, kebab, write};
use crate::output::Failure;

/// Write the crate of a collector, with its tests and a host's config to try it.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The name of the crate and its directory, which is also the collector's kind, like `disk-watch`.
    #[arg(value_name = "NAME", value_parser = kebab)]
    name: String,
    #[command(flatten)]
    stook: Stook,
}

const FILES: [(&str, &str); 4] = [
    ("Cargo.toml", include_str!("../../templates/collector/Cargo.toml.in")),
    ("src/main.rs", include_str!("../../templates/collector/main.rs")),
    ("src/tests.rs", include_str!("../../templates/collector/tests.rs")),
    ("stook.toml", include_str!("../../templates/collector/stook.toml")),
];

const NEXT: &str = "\
CRATE is a collector of kind `CRATE`. Next:
  cd CRATE && cargo test
      what every collector must do, and one test of your own
  src/main.rs
      find something out there
  stook run stook.toml
      a host that asks it every second; start the collector in another terminal: cargo run
";

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let stook = args.stook.with("collectors-sdk")?;
    write(&args.name, &FILES, &[("CRATE", &args.name), ("STOOK", &stook)], NEXT)
}
