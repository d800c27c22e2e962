//! `stook plugins`: what this binary can be configured with.

mod describe;
mod list;
mod prose;
mod show;

use clap::builder::PossibleValuesParser;
use stook_plugin::{Linked, PluginKind, Registration};

use crate::output::{Failure, Format};

/// List and explain the plugins that this binary links.
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    List(list::Args),
    Show(show::Args),
}

/// What both verbs take.
#[derive(clap::Args)]
struct Shape {
    /// Only plugins of this kind.
    #[arg(long, value_parser = PossibleValuesParser::new(PluginKind::WORDS))]
    kind: Option<String>,
    /// How to print them.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(verb: &Verb, linked: Linked) -> Result<(), Failure> {
    match verb {
        Verb::List(args) => list::run(args, linked),
        Verb::Show(args) => show::run(args, linked),
    }
}

impl Shape {
    /// The plugins of the kind that was asked for, sorted by kind and name.
    fn plugins(&self, linked: Linked) -> Result<Vec<Registration>, Failure> {
        let wanted =
            |plugin: &&Registration| self.kind.as_deref().is_none_or(|kind| plugin.kind.as_str() == kind);
        Ok(crate::config::registry(linked)?.plugins().iter().filter(wanted).copied().collect())
    }
}
