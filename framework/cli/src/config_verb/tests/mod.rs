//! Held against every config that this repository has.

mod validate;

use std::path::{Path, PathBuf};

use serde_json::Value;
use stook::Registry;
use stook::config::{Config, Diagnostics, Source};
use stook_plugin::{BuildContext, link_plugins};

use self::validate::Schema;
use super::schema;
use crate::check::Summary;

fn registry() -> Registry {
    crate::config::registry(link_plugins!(stook_strategies))
        .unwrap_or_else(|_| panic!("the linked plugins do not collide"))
}

fn schema() -> Schema {
    Schema::new(schema::of(&registry()))
}

fn load(source: &Source) -> Result<Config, Diagnostics> {
    Ok(Config::load(source, &registry(), &BuildContext::default())?.0)
}

/// What `stook check --format json` says of it.
fn summary(source: &Source) -> Value {
    let config = load(source).unwrap_or_else(|errors| panic!("{errors}"));
    serde_json::to_value(Summary::of(&config)).unwrap()
}

fn toml(text: &str) -> Source {
    Source::toml("stook.toml", text).unwrap_or_else(|errors| panic!("{errors}"))
}

fn json(source: &Source) -> Value {
    serde_json::to_value(source).unwrap()
}

/// Every config of the examples and of the scenarios that is TOML at all.
fn configs() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut configs = Vec::new();
    for file in tomls(&root.join("examples")) {
        if file.file_name().is_some_and(|name| name != "Cargo.toml") {
            configs.push(Source::toml_file(&file).unwrap_or_else(|errors| panic!("{errors}")));
        }
    }
    assert!(configs.len() >= 5, "the examples have moved");
    for file in tomls(&root.join("tests/scenarios")) {
        let scenarios: toml::Table = toml::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let scenarios = scenarios["scenario"].as_array().unwrap();
        configs.extend(scenarios.iter().filter_map(|scenario| {
            let name = format!("{}: {}", file.display(), scenario["name"].as_str().unwrap());
            Source::toml(&name, scenario["config"].as_str().unwrap()).ok()
        }));
    }
    assert!(configs.len() > 400, "the scenarios have moved");
    configs
}

/// The TOML files in a folder and in those in it.
fn tomls(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let is_toml = |path: &PathBuf| path.extension().is_some_and(|found| found == "toml");
    files.into_iter().filter(is_toml).chain(folders.iter().flat_map(|folder| tomls(folder))).collect()
}

#[test]
fn a_config_shown_in_full_means_the_same() {
    for source in configs() {
        if load(&source).is_err() {
            continue;
        }
        let shown = source.effective(&registry()).to_toml();
        let again = toml(&shown);
        assert_eq!(summary(&source), summary(&again), "{shown}");
        assert_eq!(again.effective(&registry()).to_toml(), shown, "shown again");
    }
}

#[test]
fn the_schema_takes_every_config_that_loads_and_its_full_form() {
    let schema = schema();
    for source in configs() {
        if load(&source).is_err() {
            continue;
        }
        for json in [json(&source), json(&source.effective(&registry()))] {
            schema.check(&json).unwrap_or_else(|why| panic!("{why}\nin {source:?}"));
        }
    }
}

#[test]
fn the_schema_refuses_what_the_loader_does_not_know() {
    let schema = schema();
    let known_to_both = [
        "unknown key",
        "unknown option",
        "plugin is named",
        "needs the option",
        "`topics` is missing",
        "`timeout` is missing",
        "`use` is missing",
        ": expected ",
    ];
    let mut refused = 0;
    for source in configs() {
        let Err(errors) = load(&source) else { continue };
        if known_to_both.iter().any(|words| errors.iter().any(|error| error.message.contains(words))) {
            assert!(schema.check(&json(&source)).is_err(), "the schema takes what is refused with\n{errors}");
            refused += 1;
        }
    }
    assert!(refused >= 5, "{refused} only");
}

#[test]
fn the_default_config_loads_and_is_at_its_defaults() {
    let registry = registry();
    let all = toml(&Source::default_toml(&registry));
    let (_, warnings) =
        Config::load(&all, &registry, &BuildContext::default()).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(warnings.is_empty(), "{warnings}");
    schema().check(&json(&all)).unwrap();
    let given = r#"
        aggregate.example = { topics = ["events.#"], timeout = "30s", deliver = ["stdout"], topic."events.example" = {} }
        collector.example-1 = { publish = ["events.#"] }
        task.example = { every = "2s", capabilities = ["example.list"], into = ["example"] }
        sink.stdout = { use = "jsonl" }
    "#;
    assert_eq!(
        json(&toml(given).effective(&registry)),
        json(&all),
        "nothing but what must be given is given"
    );
    assert_eq!(summary(&toml(given)), summary(&all));
}

/// The default config with what is commented out in it.
fn everything() -> Source {
    let is_key = |line: &&str| line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
    let text = Source::default_toml(&registry());
    let uncommented = text.lines().map(|line| line.strip_prefix("# ").filter(is_key).unwrap_or(line));
    // Only then there is a grace.
    toml(&uncommented.collect::<Vec<_>>().join("\n").replace("use = \"refuse\"", "use = \"correct\""))
}

#[test]
fn what_is_commented_out_in_the_default_config_is_valid_too() {
    let everything = everything();
    assert!(json(&everything).pointer("/collector/example-1/command").is_some(), "{everything:?}");
    load(&everything).unwrap_or_else(|errors| panic!("{errors}"));
    schema().check(&json(&everything)).unwrap();
}

#[test]
fn schema_and_loader_agree_about_each_key_and_its_type() {
    let schema = schema();
    let mut wrong = Vec::new();
    mutate(&json(&everything().effective(&registry())), &mut |mutant| wrong.push(mutant));
    assert!(wrong.len() > 100, "{} only", wrong.len());
    for mutant in wrong {
        let source = Source::deserialize("mutant", &mutant).unwrap();
        let (loads, fits) = (load(&source).map(|_| ()), schema.check(&mutant));
        assert_eq!(loads.is_ok(), fits.is_ok(), "{loads:?}\n{fits:?}\n{mutant}");
    }
}

/// The value with one key more in one of its tables, or with `true` at one place, which fits hardly anywhere.
fn mutate(value: &Value, with: &mut dyn FnMut(Value)) {
    with(true.into());
    let Value::Object(fields) = value else { return };
    let mut put = |name: &str, value: Value| {
        let mut fields = fields.clone();
        fields.insert(name.to_owned(), value);
        with(fields.into());
    };
    put("zzzz", true.into());
    for (name, value) in fields {
        mutate(value, &mut |mutant| put(name, mutant));
    }
}

#[test]
fn text_of_any_kind_is_shown_as_it_is() {
    let source = toml(
        r#"
        aggregate."a.b" = { topics = ["t.#"], timeout = "30s", key = [["a.b", "\"\\"]] }
        [task.t]
        every = "2s"
        capabilities = ["c"]
        payload = { "a key" = "\u0001\t\n\\\"ö", empty = {}, numbers = [1, -1.0, 1e300, nan, inf, -inf] }
        "#,
    );
    let (shown, given) = (source.effective(&registry()), summary(&source));
    let again = toml(&shown.to_toml());
    assert_eq!((json(&again), summary(&again)), (json(&shown), given));
    assert!(shown.to_toml().contains("numbers = [1, -1.0, 1e300, nan, inf, -inf]"), "{}", shown.to_toml());
}

#[test]
fn durations_and_sizes_are_known_by_their_looks() {
    let schema = schema();
    let takes = |timeout: &str, memory: &str| {
        let config =
            format!("host.memory = {memory}\naggregate.a = {{ topics = [\"t.#\"], timeout = {timeout} }}");
        let source = toml(&config);
        assert_eq!(schema.check(&json(&source)).is_ok(), load(&source).is_ok(), "{config}");
        load(&source).is_ok()
    };
    for timeout in ["\"30s\"", "\"1.5h\"", "\".5m\"", "\"5. d\"", "\"1ns\""] {
        assert!(takes(timeout, "1024"), "{timeout}");
    }
    for timeout in ["30", "\"30\"", "\"s\"", "\".s\"", "\"30 sec\"", "\"-1s\"", "\"1s 1\"", "true"] {
        assert!(!takes(timeout, "1024"), "{timeout}");
    }
    for memory in ["\"1B\"", "\"1KB\"", "\"1.5KiB\"", "\"2 TiB\""] {
        assert!(takes("\"1s\"", memory), "{memory}");
    }
    for memory in ["-1", "1.0", "\"1\"", "\"1iB\"", "\"1 kB\"", "\"MiB\"", "[]"] {
        assert!(!takes("\"1s\"", memory), "{memory}");
    }
}
