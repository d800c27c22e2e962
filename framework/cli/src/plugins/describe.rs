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
    options: Vec<DescribedOption>,
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
        Self {
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

/// Config that selects the plugin, with the options that it requires.
pub(super) fn example(plugin: &Registration) -> String {
    let required = plugin.options.iter().filter(|spec| spec.default.is_none());
    let given = required.map(|spec| format!("{} = {}", spec.name, sample(&spec.takes)));
    let all: Vec<_> = std::iter::once(format!("use = {:?}", plugin.name)).chain(given).collect();
    let key = match plugin.kind {
        PluginKind::Sink => return format!("[sink.NAME]\n{}", all.join("\n")),
        PluginKind::Completion => "complete",
        other => other.as_str(),
    };
    format!("{key} = {{ {} }}", all.join(", "))
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
