//! Wrong configs, with the plugins that stook ships.

use std::path::{Path, PathBuf};

use stook::config::{Config, Diagnostics, Source};
use stook::{BuildContext, Registry, link_plugins};
use stook_messages::expect_file;
use stook_plugin::{PluginKind, Registration};

fn registry() -> Registry {
    Registry::linked(link_plugins!(stook_strategies)).unwrap()
}

/// What is said of this config: errors, or else warnings.
fn said(config: &str) -> Diagnostics {
    let load = |source| Config::load(&source, &registry(), &BuildContext::new(7));
    match Source::toml("stook.toml", config).and_then(load) {
        Ok((_, warnings)) => warnings,
        Err(errors) => errors,
    }
}

/// Every config that a scenario wants to be refused, as it is.
#[test]
fn of_scenarios() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios");
    let mut files: Vec<PathBuf> = [folder.clone(), folder.join("design")]
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    let mut page = String::new();
    for path in &files {
        let file: toml::Table = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for scenario in file["scenario"].as_array().unwrap() {
            if scenario.get("error").is_none() {
                continue;
            }
            let (name, config) = (scenario["name"].as_str().unwrap(), scenario["config"].as_str().unwrap());
            page += &format!("# {name}\n\n{}\n", said(config));
        }
    }
    expect_file!["config.txt"].assert_eq(&page);
}

/// Every option of every plugin with something that it cannot be, an option that there is not, and none at all where
/// some are needed.
#[test]
fn of_every_option() {
    let mut page = String::new();
    let registry = registry();
    for plugin in registry.plugins() {
        page += &format!("# {} {}\n\n", plugin.kind, plugin.name);
        // The first needs an array, the second a table, or neither is right.
        let wrong = ["[[{}]]", "{ x = [] }"];
        let options = plugin.options.iter().map(|option| option.name);
        let mut attempts: Vec<String> =
            options.flat_map(|option| wrong.map(|wrong| format!("{option} = {wrong}"))).collect();
        attempts.push("nonsense = 1".to_owned());
        attempts.push(String::new());
        for attempt in attempts {
            let config = with(plugin, &attempt);
            for diagnostic in said(&config).iter().filter(|diagnostic| is_of(diagnostic, &attempt)) {
                let help = diagnostic.help.iter().map(|help| format!("\n    = {help}")).collect::<String>();
                page += &format!("  {{ {attempt} }}\n    {}{help}\n", diagnostic.message);
            }
        }
        page.push('\n');
    }
    expect_file!["options.txt"].assert_eq(&page);
}

/// Whether a message is about what was attempted, and not about what is missing beside it.
fn is_of(diagnostic: &stook::config::Diagnostic, attempt: &str) -> bool {
    let missing = diagnostic.message.contains("needs the option");
    diagnostic.severity == stook::config::Severity::Error && (attempt.is_empty() || !missing)
}

/// A config that is right but for these options of a plugin.
fn with(plugin: &Registration, options: &str) -> String {
    let separator = if options.is_empty() { "" } else { ", " };
    let table = format!("{{ use = \"{}\"{separator}{options} }}", plugin.name);
    let aggregate = "[aggregate.a]\ntopics = [\"t\"]\ntimeout = \"30s\"\n";
    match plugin.kind {
        PluginKind::Completion => format!("{aggregate}complete = {table}\n"),
        PluginKind::Dedup => format!("{aggregate}dedup = {table}\n"),
        PluginKind::Merge => format!("{aggregate}merge = {table}\n"),
        PluginKind::Order => format!("{aggregate}order = {table}\n"),
        PluginKind::Scoring => format!("{aggregate}[dispatch]\nscore = {table}\n"),
        PluginKind::Detection => format!("{aggregate}[dispatch]\ndetect = {table}\n"),
        PluginKind::Restart => format!("{aggregate}[dispatch]\nrestart = {table}\n"),
        PluginKind::Sink => format!("{aggregate}deliver = [\"s\"]\n[sink]\ns = {table}\n"),
        kind => panic!("say where a {kind} plugin stands"),
    }
}
