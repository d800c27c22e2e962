//! The JSON Schema of a config, draft 2020-12.

use serde_json::{Map, Value, json};
use stook::Registry;
use stook::config::Source;
use stook::config::spec::{KeySpec, TableSpec, Takes};
use stook_plugin::{OptionSpec, PluginKind, Registration, TypeSpec};

/// What a duration looks like in a config.
const SPAN: &str = r"^([0-9]+\.?[0-9]*|\.[0-9]+) *(ns|us|ms|s|m|h|d)$";
/// What a size looks like.
const SIZE: &str = r"^([0-9]+\.?[0-9]*|\.[0-9]+) *([KMGT]i?)?B$";

/// The schema of every config that could load with these plugins. What only the loader knows, it does not say: how
/// values go together, which names are there, how long a duration may be.
pub(super) fn of(registry: &Registry) -> Value {
    let mut root = table(Source::tables());
    let kinds = PluginKind::WORDS.iter().map(|kind| ((*kind).to_owned(), one_of(registry, kind)));
    let plugins = registry.plugins().iter().map(|plugin| (definition(plugin), selection(plugin)));
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!("A config of stook");
    root["$defs"] = Value::Object(kinds.chain(plugins).collect());
    root
}

fn table(spec: &TableSpec) -> Value {
    let properties = spec.keys.iter().map(|key| (key.name.to_owned(), property(key)));
    let required = spec.keys.iter().filter(|key| key.required).map(|key| key.name);
    closed(properties.collect(), required.collect())
}

fn property(key: &KeySpec) -> Value {
    let mut property = takes(&key.takes);
    property["description"] = json!(key.paragraph());
    if let Takes::Named(Takes::Table(_)) = key.takes {
        property["additionalProperties"]["description"] = property["description"].clone();
    }
    if let (Some(default), false) = (key.default, matches!(key.takes, Takes::Named(_))) {
        property["default"] = json!(default());
    }
    if let (Takes::Value(TypeSpec::List(_)), true) = (&key.takes, key.required) {
        property["minItems"] = json!(1);
    }
    property
}

fn takes(takes: &Takes) -> Value {
    match takes {
        Takes::Value(spec) => value(spec),
        Takes::Plugin(kind) => json!({ "$ref": reference(kind.as_str()) }),
        Takes::Plugins(kind) => {
            let one = json!({ "$ref": reference(kind.as_str()) });
            json!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
        }
        Takes::Table(spec) => table(spec),
        Takes::Named(of) => json!({ "type": "object", "additionalProperties": self::takes(of) }),
        // Whatever there may be beside these, the loader knows it.
        _ => json!({}),
    }
}

/// Any plugin of the kind.
fn one_of(registry: &Registry, kind: &str) -> Value {
    let plugins = || registry.plugins().iter().filter(|plugin| plugin.kind.as_str() == kind);
    let names: Vec<_> = plugins().map(|plugin| plugin.name).collect();
    let selections: Vec<_> =
        plugins().map(|plugin| json!({ "$ref": reference(&definition(plugin)) })).collect();
    // The names by themselves, so that an editor says first that there is no such name.
    let mut one_of = json!({
        "type": "object",
        "required": ["use"],
        "properties": { "use": { "enum": names } },
    });
    if !selections.is_empty() {
        one_of["oneOf"] = json!(selections);
    }
    one_of
}

/// The table that selects a plugin.
fn selection(plugin: &Registration) -> Value {
    let selects = ("use".to_owned(), json!({ "const": plugin.name, "description": plugin.summary() }));
    let options = plugin.options.iter().map(|spec| (spec.name.to_owned(), option(spec)));
    let required = plugin.options.iter().filter(|spec| spec.default.is_none()).map(|spec| spec.name);
    let properties = std::iter::once(selects).chain(options).collect();
    closed(properties, std::iter::once("use").chain(required).collect())
}

fn option(spec: &OptionSpec) -> Value {
    let mut option = value(&spec.takes);
    option["description"] = json!(spec.paragraph());
    // What is null when left out cannot be written.
    if let Some(default) = spec.default.map(|default| json!(default())).filter(|default| !default.is_null()) {
        option["default"] = default;
    }
    option
}

fn value(takes: &TypeSpec) -> Value {
    match takes {
        TypeSpec::Bool => json!({ "type": "boolean" }),
        TypeSpec::Int(i64::MIN) => json!({ "type": "integer" }),
        TypeSpec::Int(least) => json!({ "type": "integer", "minimum": least }),
        TypeSpec::Float => json!({ "type": "number" }),
        TypeSpec::Text => json!({ "type": "string" }),
        TypeSpec::Span => json!({ "type": "string", "pattern": SPAN }),
        // A bare number is one of bytes.
        TypeSpec::ByteSize => json!({ "type": ["string", "integer"], "pattern": SIZE, "minimum": 0 }),
        TypeSpec::Choice(words) => json!({ "enum": words }),
        TypeSpec::List(of) => json!({ "type": "array", "items": value(of) }),
        TypeSpec::Map(of) => json!({ "type": "object", "additionalProperties": value(of) }),
        TypeSpec::Table(_, keys) => {
            let properties = keys.iter().map(|(name, takes)| ((*name).to_owned(), value(takes)));
            closed(properties.collect(), Vec::new())
        }
        TypeSpec::AnyOf(words, any) => {
            json!({ "description": words, "anyOf": any.iter().map(value).collect::<Vec<_>>() })
        }
        TypeSpec::Other(words) => json!({ "description": words }),
        // Whatever there may be beside these, the plugin knows it.
        _ => json!({}),
    }
}

/// A table that has these keys and no others.
fn closed(properties: Map<String, Value>, required: Vec<&str>) -> Value {
    let mut closed = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        closed["required"] = json!(required);
    }
    closed
}

/// Where a plugin stands among the definitions: a slash in its name would be one of the path.
fn definition(plugin: &Registration) -> String {
    format!("{}.{}", plugin.kind, plugin.name.replace('/', "."))
}

fn reference(definition: &str) -> String {
    format!("#/$defs/{definition}")
}
