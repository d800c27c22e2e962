//! `stook plugins list`.

use stook_plugin::{Linked, Registration};

use super::Shape;
use super::describe::{Described, default};
use super::prose::paragraph;
use crate::output::{Failure, Format, print, print_json};

/// List every plugin with its options; `show` says more about one.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    shape: Shape,
}

pub(super) fn run(args: &Args, linked: Linked) -> Result<(), Failure> {
    let plugins = args.shape.plugins(linked)?;
    match args.shape.format {
        Format::Text => print(&text(&plugins)),
        Format::Json => print_json(&plugins.iter().map(Described::from).collect::<Vec<_>>()),
    }
}

fn text(plugins: &[Registration]) -> String {
    let mut text = String::new();
    for plugin in plugins {
        let (kind, name, krate) = (plugin.kind, plugin.name, plugin.krate);
        paragraph(&mut text, 0, &format!("{kind} {name} ({krate}, {})", plugin.stability.as_str()));
        paragraph(&mut text, 4, plugin.summary());
        for spec in plugin.options {
            let (name, takes, default) = (spec.name, &spec.takes, default(spec));
            paragraph(&mut text, 6, &format!("{name} ({takes}; {default}): {}", spec.summary()));
        }
    }
    text
}
