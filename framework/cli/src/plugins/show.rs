//! `stook plugins show NAME`.

use stook_plugin::{Linked, Registration, near};

use super::Shape;
use super::describe::{Described, default, example, place};
use super::prose::paragraph;
use crate::output::{Failure, Format, print, print_json};

/// Explain a plugin, with a line of config that selects it.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Its name, as config has it; plugins of different kinds may share one.
    name: String,
    #[command(flatten)]
    shape: Shape,
}

pub(super) fn run(args: &Args, linked: Linked) -> Result<(), Failure> {
    let plugins = args.shape.plugins(linked)?;
    let named: Vec<_> = plugins.iter().filter(|plugin| plugin.name == args.name).collect();
    if named.is_empty() {
        return Err(unknown(&args.name, &plugins));
    }
    match args.shape.format {
        Format::Text => {
            let texts: Vec<_> = named.into_iter().map(text).collect();
            print(&texts.join("\n"))
        }
        Format::Json => print_json(&named.into_iter().map(Described::from).collect::<Vec<_>>()),
    }
}

fn unknown(name: &str, plugins: &[Registration]) -> Failure {
    let names: Vec<_> = plugins.iter().map(|plugin| plugin.name).collect();
    let near = near(name, &names).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    Failure::Usage(format!("no plugin is named `{name}`{near}\nthere is {}", names.join(", ")))
}

fn text(plugin: &Registration) -> String {
    let (kind, name, krate) = (plugin.kind, plugin.name, plugin.krate);
    let mut text = format!("{kind} {name} ({krate}, {})\n\n", plugin.stability.as_str());
    paragraph(&mut text, 0, plugin.docs);
    for spec in plugin.options {
        text.push('\n');
        paragraph(&mut text, 2, &format!("{} ({}; {})", spec.name, spec.takes, default(spec)));
        paragraph(&mut text, 6, spec.docs);
    }
    text.push('\n');
    match place(plugin) {
        Some(tables) => paragraph(&mut text, 0, &format!("In a config, in {tables}:")),
        None => paragraph(&mut text, 0, "In a config:"),
    }
    text.push('\n');
    example(plugin).lines().for_each(|line| paragraph(&mut text, 2, line));
    text
}
