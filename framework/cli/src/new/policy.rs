//! `stook new policy`.

use std::path::PathBuf;

use stook_plugin::PluginKind;

use super::{Stook, add, fill, kebab, write};
use crate::output::Failure;

/// Write a policy or strategy, with the test that holds it to its contract: a crate, or a file of one.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The name by which config selects it, like `acme/nth`; the crate and its directory are then `acme-nth`.
    #[arg(value_name = "VENDOR/NAME", value_parser = prefixed)]
    name: Prefixed,
    /// What it decides: completion, dedup, detection, merge, order, restart, scoring or sink.
    #[arg(long, value_name = "KIND", default_value = "merge")]
    kind: PluginKind,
    /// The directory of a crate of policies: this becomes a file of it, and no crate of its own.
    #[arg(long, value_name = "PATH", conflicts_with = "stook")]
    into: Option<PathBuf>,
    /// A checkout of stook: the crates that yours needs are not published yet, and are taken from there.
    #[arg(long, value_name = "PATH", required_unless_present = "into")]
    stook: Option<PathBuf>,
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
    if plugin.contains('/') {
        return Err(format!("`{text}` has more than one `/`: write VENDOR/NAME, like `acme/nth`"));
    }
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
  src/MODULE.rs
      decide there; `stook new policy VENDOR/ANOTHER --into CRATE` puts another one beside it
In the host that is to have it (`stook new host NAME --policies CRATE` writes one), which depends on it:
  stook_cli::main(link_plugins!(stook_strategies, IDENT))
In its config:
  SELECT
";

const NEXT_INTO: &str = "\
src/MODULE.rs of CRATE is a KIND plugin, `VENDOR/PLUGIN`. Next:
  cd CRATE && cargo test
      holds it to its contract
In the config of a host that links it:
  SELECT
";

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let Args { name: Prefixed { vendor, plugin }, kind, into, stook } = args;
    let (source, select) = template(*kind)
        .ok_or_else(|| Failure::Usage(format!("there is no template of the kind {kind} yet")))?;
    let stook = match stook {
        Some(path) => Stook { path: path.clone() }.with("framework/plugin")?,
        None => String::new(),
    };
    let name = match into {
        Some(directory) => directory.display().to_string(),
        None => format!("{vendor}-{plugin}"),
    };
    let select = fill(select, &[("VENDOR", vendor), ("PLUGIN", plugin)]);
    let words = [
        ("SELECT", select.as_str()),
        ("VENDOR", vendor),
        ("PLUGIN", plugin),
        ("CRATE", &name),
        ("IDENT", &name.replace('-', "_")),
        ("KIND", kind.as_str()),
        ("STOOK", &stook),
        ("TYPE", &type_name(plugin, *kind, source)),
        ("MODULE", &module_name(plugin, *kind)),
    ];
    let module = "pub mod MODULE;\n";
    if let Some(directory) = into {
        return add(directory, ("src/MODULE.rs", source), module, &words, NEXT_INTO);
    }
    let lib = format!("{}{module}", include_str!("../../templates/policy/lib.rs"));
    let files = [
        ("Cargo.toml", include_str!("../../templates/policy/Cargo.toml.in")),
        ("src/lib.rs", lib.as_str()),
        ("src/MODULE.rs", source),
    ];
    write(&name, &files, &words, NEXT)
}

/// `disk-full` as a type: `DiskFull`, or with its kind where the source has that word already.
fn type_name(plugin: &str, kind: PluginKind, source: &str) -> String {
    let name = pascal(plugin);
    let mut words = source.split(|c: char| !c.is_alphanumeric() && c != '_');
    if name == "Self" || words.any(|word| word == name) { name + &pascal(kind.as_str()) } else { name }
}

fn pascal(kebab: &str) -> String {
    let word = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    kebab.split('-').map(word).collect()
}

/// `disk-full` as a module: `disk_full`, or with its kind where Rust has that word already.
fn module_name(plugin: &str, kind: PluginKind) -> String {
    const KEYWORDS: &str = " abstract as async await become box break const continue crate do dyn else enum extern false \
        final fn for gen if impl in let loop macro main match mod move mut override priv pub ref return self static \
        struct super trait true try type typeof unsized use virtual where while yield lib ";
    // A word that does not stand in our sources.
    const ONE_MORE: &str = concat!("un", "safe");
    let name = plugin.replace('-', "_");
    if name == ONE_MORE || KEYWORDS.contains(&format!(" {name} ")) { format!("{name}_{kind}") } else { name }
}
