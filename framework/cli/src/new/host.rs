//! `stook new host`.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Stook, in_quotes, kebab, write};
use crate::output::Failure;

/// Write the crate of a host that links policies of your own: all that `stook` does, with them.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The name of the crate, its directory and its program, like `acme-host`.
    #[arg(value_name = "NAME", value_parser = kebab)]
    name: String,
    /// The directory of a crate of policies that it links; may be given several times.
    #[arg(long, value_name = "PATH")]
    policies: Vec<PathBuf>,
    #[command(flatten)]
    stook: Stook,
}

const FILES: [(&str, &str); 5] = [
    ("Cargo.toml", concat!(include_str!("../../templates/host/Cargo.toml.in"), "POLICIES")),
    ("src/main.rs", include_str!("../../templates/host/main.rs")),
    ("stook.toml", include_str!("../../templates/host/stook.toml")),
    ("scenarios.toml", include_str!("../../templates/host/scenarios.toml")),
    ("tests/scenarios.rs", include_str!("../../templates/host/scenarios.rs")),
];

const NEXT: &str = "\
CRATE is a host that links LINKED. Next:
  cd CRATE && cargo test
      the config does what scenarios.toml says
  cargo run -- plugins list
      what the config can select
  cargo run -- run stook.toml
      a host; `stook` and all its verbs, with these plugins
";

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let stook = args.stook.with("framework/cli")?;
    let (mut linked, mut dependencies) = (vec!["stook_strategies".to_owned()], String::new());
    for path in &args.policies {
        let (name, path) = crate_at(path)?;
        dependencies += &format!("{name} = {{ path = \"{path}\" }}\n");
        linked.push(name.replace('-', "_"));
    }
    let words = [
        ("POLICIES", dependencies.as_str()),
        ("LINKED", &linked.join(", ")),
        ("CRATE", &args.name),
        ("STOOK", &stook),
    ];
    write(&args.name, &FILES, &words, NEXT)
}

/// The name of the crate in this directory, and the directory as a manifest has it.
fn crate_at(path: &Path) -> Result<(String, String), Failure> {
    let no = |why: String| Failure::Usage(format!("`{}` is no crate of policies: {why}", path.display()));
    let manifest = path.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).map_err(|error| no(format!("its Cargo.toml: {error}")))?;
    let manifest: toml::Table =
        text.parse().map_err(|error: toml::de::Error| no(error.message().to_owned()))?;
    let name = manifest.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
    let name = name.ok_or_else(|| no("its Cargo.toml names no package".to_owned()))?;
    Ok((name.to_owned(), in_quotes(&path.canonicalize().unwrap_or_else(|_| path.to_owned()))))
}
