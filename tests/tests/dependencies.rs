//! The rules of the house that no compiler checks: who may know whom, what each crate may bring along, and which
//! words no source may contain. (That each strategy has its feature and its file is checked in `strategies/tests`.)

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Each crate with the crates of the workspace that it may know, as it is (`normal`): arrows point down only.
const ARROWS: &[(&str, &[&str])] = &[
    ("stook-types", &[]),
    ("stook-plugin", &["stook-types"]),
    ("stook-engine", &["stook-plugin", "stook-types"]),
    ("stook-proto", &["stook-types"]),
    ("stook", &["stook-engine", "stook-plugin", "stook-proto", "stook-types"]),
    ("stook-strategies", &["stook-plugin", "stook-types"]),
    ("stook-collector", &["stook-proto", "stook-types"]),
    // The SDK for `stook exec`, which is a collector made of any program.
    (
        "stook-cli",
        &["stook", "stook-collector", "stook-engine", "stook-plugin", "stook-strategies", "stook-types"],
    ),
    (
        "stook-examples",
        &["stook", "stook-collector", "stook-plugin", "stook-proto", "stook-strategies", "stook-types"],
    ),
    ("stook-messages", &[]),
    ("acme-policy", &["stook-plugin"]),
    ("acme-host", &["acme-policy", "stook-cli", "stook-strategies"]),
    (
        "stook-tests",
        &[
            "stook",
            "stook-cli",
            "stook-collector",
            "stook-engine",
            "stook-plugin",
            "stook-proto",
            "stook-strategies",
            "stook-types",
        ],
    ),
];

/// Whom a crate must not even be tested with.
const STRANGERS: &[(&str, &[&str])] = &[
    ("stook-collector", &["stook", "stook-plugin", "stook-engine", "stook-strategies"]),
    ("stook-strategies", &["stook-engine", "stook-proto", "stook"]),
];

/// What the crates that everybody needs may bring along.
const OUTSIDE: &[&str] = &[
    "tokio",
    "interprocess",
    "prost",
    "dashmap",
    "inventory",
    "serde",
    "erased-serde",
    "uuid",
    "tracing",
    "thiserror",
    "bytes",
];

/// The crates that [`OUTSIDE`] holds for, some with a list of their own.
const SPARING: &[(&str, &[&str])] = &[
    ("stook-types", OUTSIDE),
    ("stook-plugin", OUTSIDE),
    ("stook-engine", &["dashmap"]),
    ("stook-proto", OUTSIDE),
    ("stook", OUTSIDE),
    ("stook-collector", OUTSIDE),
];

/// Words that say that an engine reads a clock, does I/O, or starts something.
const NOT_IN_ENGINE: &[&str] = &["Instant", "SystemTime", "tokio", "fs", "net", "env", "process", "thread"];

struct Package {
    name: String,
    directory: PathBuf,
    dependencies: Vec<Dependency>,
    /// What each feature turns on.
    features: BTreeMap<String, Vec<String>>,
}

struct Dependency {
    name: String,
    normal: bool,
    optional: bool,
    one_platform: bool,
    /// Only in builds of which shuttle explores the schedules, with `--cfg shuttle`: no host has it.
    for_schedules: bool,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder of the workspace").to_owned()
}

/// The workspace as cargo sees it.
fn packages() -> Vec<Package> {
    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo is here: it runs this test");
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    let metadata: Value = serde_json::from_slice(&cargo.stdout).expect("JSON");
    list(&metadata["packages"]).iter().map(Package::from).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

impl From<&Value> for Package {
    fn from(package: &Value) -> Self {
        let dependency = |dependency: &Value| Dependency {
            name: text(&dependency["name"]),
            // Cargo says null for what is neither for tests nor for the build script.
            normal: dependency["kind"].as_str() != Some("dev"),
            optional: dependency["optional"] == true,
            one_platform: !dependency["target"].is_null(),
            for_schedules: dependency["target"] == "cfg(shuttle)",
        };
        let features = package["features"].as_object().expect("a table").iter();
        Self {
            name: text(&package["name"]),
            directory: Path::new(&text(&package["manifest_path"])).parent().expect("a folder").to_owned(),
            dependencies: list(&package["dependencies"]).iter().map(dependency).collect(),
            features: features
                .map(|(name, on)| (name.clone(), list(on).iter().map(text).collect()))
                .collect(),
        }
    }
}

impl Package {
    /// The optional dependencies that are on unless somebody turns them off.
    fn on_by_default(&self) -> BTreeSet<&str> {
        let (mut on, mut todo) = (BTreeSet::new(), vec!["default"]);
        while let Some(feature) = todo.pop() {
            if on.insert(feature) {
                todo.extend(self.features.get(feature).into_iter().flatten().map(String::as_str));
            }
        }
        on.iter().filter_map(|feature| feature.strip_prefix("dep:")).collect()
    }

    fn sources(&self) -> Vec<PathBuf> {
        let mut todo: Vec<_> = ["src", "tests", "benches", "quickstart", "uptime", "build.rs"]
            .map(|name| self.directory.join(name))
            .into();
        let mut sources = Vec::new();
        while let Some(path) = todo.pop() {
            if path.is_dir() {
                todo.extend(
                    std::fs::read_dir(path).expect("readable").map(|entry| entry.expect("readable").path()),
                );
            } else if path.is_file() && path.extension().is_some_and(|extension| extension == "rs") {
                sources.push(path);
            }
        }
        sources
    }
}

/// Lines of code with any of these words, as `file:line: text`. Comments are not code, and this file is made of them.
fn lines_with(sources: &[PathBuf], words: &[&str]) -> Vec<String> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for path in sources.iter().filter(|path| !path.ends_with(file!())) {
        let source = std::fs::read_to_string(path).expect("readable");
        for (number, line) in source.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if code.split(|c| !is_part(c)).any(|word| words.contains(&word)) {
                found.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    found
}

fn none(strays: Vec<String>, rule: &str) {
    assert!(strays.is_empty(), "{rule}:\n  {}", strays.join("\n  "));
}

fn of<'a, T>(rules: &'a [(&str, T)], package: &Package) -> Option<&'a T> {
    rules.iter().find(|(name, _)| *name == package.name).map(|(_, rule)| rule)
}

#[test]
fn every_crate_has_its_place() {
    let packages = packages();
    let unknown = packages.iter().filter(|package| of(ARROWS, package).is_none());
    let unknown = unknown.map(|package| format!("{} is in no row", package.name)).collect();
    none(unknown, "every crate of the workspace has a row in ARROWS (and in the design)");
    assert_eq!(packages.len(), ARROWS.len(), "ARROWS has a row for a crate that is not there");
}

#[test]
fn arrows_point_down_only() {
    let packages = packages();
    let ours: BTreeSet<_> = packages.iter().map(|package| package.name.as_str()).collect();
    let mut strays = Vec::new();
    for package in &packages {
        let allowed = of(ARROWS, package).copied().unwrap_or_default();
        for dependency in package.dependencies.iter().filter(|dependency| ours.contains(&*dependency.name)) {
            if dependency.normal && !allowed.contains(&&*dependency.name) {
                strays.push(format!("{} depends on {}", package.name, dependency.name));
            }
            if of(STRANGERS, package).is_some_and(|strangers| strangers.contains(&&*dependency.name)) {
                strays.push(format!("{} knows {}, if only in its tests", package.name, dependency.name));
            }
        }
    }
    none(
        strays,
        "arrows point down: cli → host → engine → plugin → types; strategies → plugin; sdk → proto → types; host → proto",
    );
}

#[test]
fn little_is_brought_along() {
    let packages = packages();
    let ours: BTreeSet<_> = packages.iter().map(|package| package.name.as_str()).collect();
    let mut strays = Vec::new();
    for package in &packages {
        let Some(allowed) = of(SPARING, package) else { continue };
        let on = package.on_by_default();
        for Dependency { name, normal, optional, one_platform, for_schedules } in &package.dependencies {
            let known = ours.contains(&**name) || allowed.contains(&&**name);
            let by_choice = *optional && !on.contains(&**name);
            // The engine has no excuse but this: to explore its schedules, its locks must be the explorer's.
            let excused =
                if package.name == "stook-engine" { *for_schedules } else { by_choice || *one_platform };
            if *normal && !known && !excused {
                strays.push(format!("{} depends on {name}; it may on {}", package.name, allowed.join(", ")));
            }
        }
    }
    none(
        strays,
        "what everybody needs brings little along; the rest is optional and off by default, or for one platform",
    );
}

#[test]
fn every_crate_inherits_the_lints() {
    let root = std::fs::read_to_string(root().join("Cargo.toml")).expect("readable");
    assert!(root.contains("\nunsafe_code = \"forbid\"\n"), "the workspace forbids unsafe code");
    let lints = |package: &Package| {
        let manifest = std::fs::read_to_string(package.directory.join("Cargo.toml")).expect("readable");
        manifest.contains("\n[lints]\nworkspace = true\n")
    };
    let strays =
        packages().iter().filter(|package| !lints(package)).map(|package| package.name.clone()).collect();
    none(strays, "every crate says `[lints] workspace = true`, and so forbids unsafe code");
}

#[test]
fn no_source_is_unsafe() {
    let strays = packages().iter().flat_map(|package| lines_with(&package.sources(), &["unsafe"])).collect();
    none(strays, "no source has the word");
}

#[test]
fn the_engine_is_pure() {
    let engine = packages().into_iter().find(|package| package.name == "stook-engine").expect("there");
    let sources: Vec<_> =
        engine.sources().into_iter().filter(|path| path.starts_with(engine.directory.join("src"))).collect();
    assert!(sources.len() > 5, "{sources:?}");
    none(lines_with(&sources, NOT_IN_ENGINE), "the engine reads no clock, does no I/O and starts nothing");
}

#[test]
fn nothing_listens_on_a_network_address() {
    // The examples look for such sockets; their tests open one to be found.
    let packages = packages().into_iter().filter(|package| package.name != "stook-examples");
    let words = ["TcpListener", "TcpStream", "UdpSocket", "TcpSocket"];
    let strays = packages.flat_map(|package| lines_with(&package.sources(), &words)).collect();
    none(strays, "nothing listens on a network address, ever");
}
