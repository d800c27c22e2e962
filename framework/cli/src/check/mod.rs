//! `stook check`: understands a config without doing anything of what it says.

mod room;
mod summary;
mod text;

use serde::Serialize;
use stook::config::Diagnostics;
use stook_plugin::{BuildContext, Linked};

use crate::config::ConfigArg;
use crate::output::{Failure, Format, complain, print, print_json};
pub(crate) use room::Room;
pub(crate) use summary::{Summary, when_full};

/// Check a config, offline and without side effects, and say what it will do.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// How to print what the config will do.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What `--format json` prints: one object, whether the config is valid or not.
#[derive(Serialize)]
struct Report<'a> {
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<&'a Diagnostics>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warnings: Option<&'a Diagnostics>,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<Summary<'a>>,
}

pub(crate) fn run(args: &Args, linked: Linked) -> Result<(), Failure> {
    let loaded = args.config.load(&BuildContext::default(), linked);
    if let (Err(Failure::Config(errors)), Format::Json) = (&loaded, args.format) {
        print_json(&Report { valid: false, errors: Some(errors), warnings: None, config: None })?;
    }
    let (config, warnings) = loaded?;
    complain(&warnings);
    let summary = Summary::of(&config);
    match args.format {
        Format::Text => {
            let count = match warnings.iter().len() {
                0 => String::new(),
                1 => ", with a warning".to_owned(),
                several => format!(", with {several} warnings"),
            };
            print(&format!("{} is valid{count}\n{}", args.config.path().display(), text::Text(&summary)))
        }
        Format::Json => {
            let (warnings, config) = (Some(&warnings), Some(summary));
            print_json(&Report { valid: true, errors: None, warnings, config })
        }
    }
}
