//! A plugin as data, and as a line of config.

use serde::Serialize;
use stook_plugin::{OptionSpec, PluginKind, Registration, TypeSpec};
use stook_types::Value;

/// A plugin as `--format json` prints it.
#[derive(Serialize)]
pub(super) struct Described {
    kind: &'static str,
    name: &'static str,
    #[serde(rename = "crate")]
    krate: &'static str,
    docs: &'static str,
    stability: &'static str,
    /// The key that selects it; none for a sink, which is a table of its own.
    key: Option<&'static str>,
    /// The tables in which the key, or the sink, may stand.
    tables: &'static [&'static str],
    options: Vec<DescribedOption>,
}

/// Where config selects plugins of a kind.
struct Selected {
    key: Option<&'static str>,
    tables: &'static [&'static str],
}

#[derive(Serialize)]
struct DescribedOption {
    name: &'static str,
    docs: String,
    #[serde(rename = "type")]
    takes: String,
    default: Option<Value>,
    required: bool,
}

impl From<&Registration> for Described {
    fn from(plugin: &Registration) -> Self {
        let option = |spec: &OptionSpec| DescribedOption {
            name: spec.name,
            docs: spec.paragraph(),
            takes: spec.takes.to_string(),
            default: spec.default.map(|default| default()),
            required: spec.default.is_none(),
        };
        let Selected { key, tables } = selected(plugin.kind);
        Self {
            key,
            tables,
            kind: plugin.kind.as_str(),
            name: plugin.name,
            krate: plugin.krate,
            docs: plugin.docs,
            stability: plugin.stability.as_str(),
            options: plugin.options.iter().map(option).collect(),
        }
    }
}

/// What an option is when left out, for people.
pub(super) fn default(spec: &OptionSpec) -> String {
    match spec.default.map(|default| default()) {
        None => "required".to_owned(),
        Some(Value::Null) => "none by default".to_owned(),
        Some(value) => format!("default {value:?}"),
    }
}

/// Config that selects the plugin, with the options of its own example, or those that it requires.
pub(super) fn example(plugin: &Registration) -> String {
    let required = plugin.options.iter().filter(|spec| spec.default.is_none());
    let given = required.map(|spec| format!("{} = {}", spec.name, sample(&spec.takes)));
    let given = plugin.example.map_or_else(|| given.collect(), |example| vec![example.to_owned()]);
    let all: Vec<_> = std::iter::once(format!("use = {:?}", plugin.name)).chain(given).collect();
    match selected(plugin.kind) {
        Selected { key: Some(key), .. } => format!("{key} = {{ {} }}", all.join(", ")),
        Selected { key: None, tables } => format!("{}\n{}", tables.join("\n"), all.join("\n")),
    }
}

/// The tables of a config in which the example may stand, if there is a choice.
pub(super) fn place(plugin: &Registration) -> Option<String> {
    let Selected { key, tables } = selected(plugin.kind);
    key?;
    match tables.split_last()? {
        (only, []) => Some((*only).to_owned()),
        (last, others) => Some(format!("{} or {last}", others.join(", "))),
    }
}

fn selected(kind: PluginKind) -> Selected {
    const TOPIC: &str = "[aggregate.NAME.topic.\"PATTERN\"]";
    let (key, tables): (_, &[_]) = match kind {
        PluginKind::Completion => ("complete", &["[aggregate.NAME]"]),
        PluginKind::Dedup => ("dedup", &["[aggregate.NAME]", TOPIC]),
        PluginKind::Detection => ("detect", &["[dispatch]", "[aggregate.NAME]", TOPIC, "[collector.ID]"]),
        PluginKind::Restart => ("restart", &["[dispatch]", "[aggregate.NAME]", TOPIC, "[collector.ID]"]),
        PluginKind::Scoring => ("score", &["[dispatch]", "[aggregate.NAME]", TOPIC, "[task.NAME]"]),
        PluginKind::Sink => return Selected { key: None, tables: &["[sink.NAME]"] },
        other => (other.as_str(), &["[aggregate.NAME]"]),
    };
    Selected { key: Some(key), tables }
}

/// Something that an option of this type takes.
fn sample(takes: &TypeSpec) -> String {
    match takes {
        TypeSpec::Bool => "true".to_owned(),
        TypeSpec::Int(least) => (*least).max(1).to_string(),
        TypeSpec::Float => "1.0".to_owned(),
        TypeSpec::Span => "\"30s\"".to_owned(),
        TypeSpec::ByteSize => "\"16MiB\"".to_owned(),
        TypeSpec::Choice(words) => format!("{:?}", words.first().unwrap_or(&"")),
        TypeSpec::List(of) => format!("[{}]", sample(of)),
        TypeSpec::Map(of) => format!("{{ name = {} }}", sample(of)),
        _ => "\"…\"".to_owned(),
    }
}
