//! `stook config`: what a config can say, and what one says in full.

mod schema;
#[cfg(test)]
mod tests;

use stook::config::Source;
use stook_plugin::{BuildContext, Linked};

use crate::config::{ConfigArg, registry};
use crate::output::{Failure, Format, complain, print, print_json};

/// Print a config with all defaults, the defaults that hold beside a config, or the schema for editors.
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Print a whole config, commented, with every key at its default.
    Default,
    /// Print a config with everything that it leaves out filled in.
    Show(Show),
    /// Print the JSON Schema of configs, with the options of every plugin that this binary links.
    ///
    /// Editors complete and check a config by it: save it as stook.schema.json, and begin the config with the line
    /// `#:schema ./stook.schema.json`.
    Schema,
}

#[derive(clap::Args)]
pub(crate) struct Show {
    #[command(flatten)]
    config: ConfigArg,
    /// How to print it: as TOML, or as JSON.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(verb: &Verb, linked: Linked) -> Result<(), Failure> {
    match verb {
        Verb::Default => print(&Source::default_toml(&registry(linked)?)),
        Verb::Show(args) => show(args, linked),
        Verb::Schema => {
            let json = serde_json::to_string_pretty(&schema::of(&registry(linked)?));
            print(&format!("{}\n", json.expect("a schema can be written as JSON")))
        }
    }
}

fn show(args: &Show, linked: Linked) -> Result<(), Failure> {
    let (_, warnings) = args.config.load(&BuildContext::default(), linked)?;
    complain(&warnings);
    let source = Source::toml_file(args.config.path()).map_err(Failure::Config)?;
    let effective = source.effective(&registry(linked)?);
    match args.format {
        Format::Text => print(&effective.to_toml()),
        Format::Json => print_json(&effective),
    }
}
