//! Whether a new crate stands in a workspace that does not know it yet.

use std::fs;
use std::path::Path;
use std::process::Command;

use toml::{Table, Value};

/// What is to be written into the manifest of the workspace in which the crate in this directory stands. Nothing if it
/// stands in none, is excluded, or is a member already. Cargo refuses to build one that is neither.
pub(super) fn advice(directory: &Path) -> Option<String> {
    let directory = directory.canonicalize().ok()?;
    let (root, workspace) = directory.ancestors().skip(1).find_map(|root| {
        let manifest: Table = fs::read_to_string(root.join("Cargo.toml")).ok()?.parse().ok()?;
        let workspace = manifest.get("workspace")?.as_table()?.clone();
        (!is_excluded(&directory, root, &workspace)).then_some((root, workspace))
    })?;
    if has_member(root, &directory)? {
        return None;
    }
    let names = directory.strip_prefix(root).ok()?.iter().map(|name| name.to_string_lossy());
    let member = format!("\"{}\"", names.collect::<Vec<_>>().join("/"));
    let what = match list(&workspace, "members").next() {
        Some(_) => format!("add {member} to the `members` of [workspace]"),
        None => format!("write members = [{member}] below [workspace]"),
    };
    let manifest = root.join("Cargo.toml");
    let why = "cargo refuses a crate that stands in a workspace and is no member of it";
    Some(format!("  {what} in {}\n      {why}\n", manifest.display()))
}

/// As cargo has it: what is below an excluded directory, unless a member is named above it.
fn is_excluded(directory: &Path, root: &Path, workspace: &Table) -> bool {
    let is_below = |path: &str| directory.starts_with(root.join(path));
    list(workspace, "exclude").any(is_below) && !list(workspace, "members").any(is_below)
}

fn list<'t>(workspace: &'t Table, key: &str) -> impl Iterator<Item = &'t str> {
    workspace.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// Whether cargo counts the crate in this directory among the workspace's members: by a name, a pattern, or because
/// a member depends on it. Unknown if cargo cannot be asked.
fn has_member(root: &Path, directory: &Path) -> Option<bool> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(root);
    let output = cargo.output().ok().filter(|output| output.status.success())?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    let is_it = |package: &serde_json::Value| {
        let manifest = package["manifest_path"].as_str().and_then(|path| Path::new(path).canonicalize().ok());
        manifest.is_some_and(|manifest| manifest == directory.join("Cargo.toml"))
    };
    Some(metadata["packages"].as_array()?.iter().any(is_it))
}
