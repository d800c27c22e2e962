//! One feature, one file, one plugin: the manifest, the folders and the registry say the same.

use std::collections::BTreeSet;
use std::path::Path;

use stook_plugin::{Registry, link_plugins};

/// The features of the manifest, and those that are on by default.
fn features() -> (BTreeSet<String>, BTreeSet<String>) {
    let manifest = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let (_, table) = manifest.split_once("[features]\n").unwrap();
    let (table, _) = table.split_once("\n[").unwrap();
    let (default, features) = table.split_once("]\n").unwrap();
    let default = default.lines().filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\","));
    let features = features.lines().filter_map(|line| Some(line.split_once(" = ")?.0));
    (features.map(str::to_owned).collect(), default.map(str::to_owned).collect())
}

/// Every `<kind>-<name>` of the folders.
fn files() -> BTreeSet<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeSet::new();
    for kind in ["completion", "dedup", "detection", "merge", "order", "restart", "scoring", "sink"] {
        for entry in std::fs::read_dir(source.join(kind)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            if !matches!(name, "mod" | "testing") {
                files.insert(format!("{kind}-{}", name.replace('_', "-")));
            }
        }
    }
    files
}

#[test]
fn every_plugin_has_its_feature_and_its_file() {
    let (features, default) = features();
    let registry = Registry::linked(link_plugins!(stook_strategies)).unwrap();
    let plugins: BTreeSet<_> =
        registry.plugins().iter().map(|plugin| format!("{}-{}", plugin.kind, plugin.name)).collect();
    assert_eq!(features, plugins);
    assert_eq!(files(), plugins);
    assert_eq!(default, plugins, "every plugin is on by default");
}
