//! `stook new policy`.

use stook_plugin::PluginKind;

use super::{Stook, kebab, write};
use crate::output::Failure;

/// Write the crate of a policy or strategy, with the test that holds it to its contract.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The name by which config selects it, like `acme/nth`; the crate and its directory are then `acme-nth`.
    #[arg(value_name = "VENDOR/NAME", value_parser = prefixed)]
    name: Prefixed,
    /// What it decides: completion, dedup, detection, merge, order, restart, scoring or sink.
    #[arg(long, value_name = "KIND", default_value = "merge")]
    kind: PluginKind,
    #[command(flatten)]
    stook: Stook,
}

/// A name with the prefix of its vendor.
#[derive(Clone)]
struct Prefixed {
    vendor: String,
    plugin: String,
}

fn prefixed(text: &str) -> Result<Prefixed, String> {
    let (vendor, plugin) = text.split_once('/').ok_or(
        "names without a prefix are stook's own; write that of your company or project and a `/`, like `acme/nth`",
    )?;
    Ok(Prefixed { vendor: kebab(vendor)?, plugin: kebab(plugin)? })
}

macro_rules! template {
    ($kind:literal) => {
        include_str!(concat!("../../templates/policy/", $kind, ".rs"))
    };
}

/// The source of a policy of this kind, and how a config selects it.
fn template(kind: PluginKind) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        PluginKind::Completion => {
            (template!("completion"), "[aggregate.…]  complete = { use = \"VENDOR/PLUGIN\" }")
        }
        PluginKind::Dedup => (template!("dedup"), "[aggregate.…]  dedup = { use = \"VENDOR/PLUGIN\" }"),
        PluginKind::Detection => (template!("detection"), "[dispatch]  detect = { use = \"VENDOR/PLUGIN\" }"),
        PluginKind::Merge => (template!("merge"), "[aggregate.…]  merge = { use = \"VENDOR/PLUGIN\" }"),
        PluginKind::Order => (template!("order"), "[aggregate.…]  order = { use = \"VENDOR/PLUGIN\" }"),
        PluginKind::Restart => (template!("restart"), "[dispatch]  restart = { use = \"VENDOR/PLUGIN\" }"),
        PluginKind::Scoring => (template!("scoring"), "[dispatch]  score = { use = \"VENDOR/PLUGIN\" }"),
        PluginKind::Sink => (template!("sink"), "[sink.…]  use = \"VENDOR/PLUGIN\""),
        _ => return None,
    })
}

const NEXT: &str = "\
CRATE is a KIND plugin, `VENDOR/PLUGIN`. Next:
  cd CRATE && cargo test
      holds it to its contract
  src/lib.rs
      decide there
In the host that is to have it, which depends on it:
  Registry::linked(link_plugins!(stook_strategies, IDENT))
In its config:
  SELECT
";

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let Args { name: Prefixed { vendor, plugin }, kind, stook } = args;
    let stook = stook.with("framework/plugin")?;
    let (source, select) = template(*kind)
        .ok_or_else(|| Failure::Usage(format!("there is no template of the kind {kind} yet")))?;
    let name = format!("{vendor}-{plugin}");
    let ident = name.replace('-', "_");
    let files =
        [("Cargo.toml", include_str!("../../templates/policy/Cargo.toml.in")), ("src/lib.rs", source)];
    let words = [
        ("SELECT", select),
        ("VENDOR", vendor),
        ("PLUGIN", plugin),
        ("CRATE", &name),
        ("IDENT", &ident),
        ("KIND", kind.as_str()),
        ("STOOK", &stook),
    ];
    write(&name, &files, &words, NEXT)
}
