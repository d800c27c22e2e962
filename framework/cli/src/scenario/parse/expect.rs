//! What must come out: `expect`, `refused`, `counters`.

use std::str::FromStr;

use stook_plugin::SetKey;
use stook_types::units::Span;
use stook_types::{Missing, Outcome, Refusal, Value};
use toml::de::DeValue;

use super::super::pattern::{Pattern, Want};
use super::super::toml::{Node, Reader, Table};
use super::step;

/// The fields of an emission, in the order in which they are shown.
const EMISSION: &[&str] = &[
    "at",
    "aggregate",
    "id",
    "generation",
    "revision",
    "outcome",
    "reason",
    "error",
    "value",
    "provenance",
    "results",
    "duplicates",
    "repeats",
    "contributors",
    "missing",
    "conflicts",
    "emission_id",
    "opened_at",
    "released_at",
    "latency_us",
];

const REFUSAL: &[&str] = &["at", "from", "topic", "id", "reason"];

const COUNTERS: &[&str] = &[
    "received",
    "delivered",
    "duplicate",
    "pending",
    "late",
    "refused",
    "discarded",
    "released",
    "plugin_panics",
    "misbehaved",
    "undecided",
];

pub(super) fn emissions(scenario: &Table<'_, '_>) -> Vec<Pattern> {
    let keys: Vec<_> = EMISSION.iter().copied().chain(["json"]).collect();
    patterns(scenario, "expect", "an emission", &keys)
}

pub(super) fn refusals(scenario: &Table<'_, '_>) -> Vec<Pattern> {
    patterns(scenario, "refused", "a refusal", REFUSAL)
}

pub(super) fn counters(scenario: &Table<'_, '_>) -> Option<Pattern> {
    let node = scenario.get("counters")?;
    pattern(scenario.reader, "`counters`", COUNTERS, node)
}

fn patterns(scenario: &Table<'_, '_>, key: &str, what: &str, keys: &[&'static str]) -> Vec<Pattern> {
    scenario.list(key).iter().filter_map(|node| pattern(scenario.reader, what, keys, node)).collect()
}

fn pattern<'i>(reader: &Reader<'i>, what: &str, keys: &[&'static str], node: &Node<'i>) -> Option<Pattern> {
    let table = Table::open(reader, what, node)?;
    table.only(what, keys);
    let fields = keys.iter().filter_map(|key| {
        let node = table.get(key)?;
        match *key {
            "value" | "json" => {
                let value = step::content(&table, &["value", "json"])??;
                Some(("value", Want::Exactly(value)))
            }
            key => Some((key, want(reader, what, key, node)?)),
        }
    });
    Some(Pattern { fields: fields.collect() })
}

fn want<'i>(reader: &Reader<'i>, what: &str, key: &str, node: &Node<'i>) -> Option<Want> {
    let value = match key {
        "at" => Value::String(reader.parse::<Span>("`at`", node)?.to_string()),
        "id" => match step::key(reader, node)? {
            SetKey::Id(id) => Value::String(id.to_string()),
            SetKey::Values(values) => Value::Array(values.to_vec()),
        },
        "outcome" => word::<Outcome>(reader, key, node)?,
        "reason" if what == "a refusal" => word::<Refusal>(reader, key, node)?,
        "missing" => return missing(reader, node).map(Want::Missing),
        "contributors" | "conflicts" | "provenance" | "repeats" => return parts(reader, key, node),
        _ => reader.value(node)?,
    };
    Some(Want::Exactly(value))
}

/// A word of a closed vocabulary.
fn word<T: FromStr<Err = String> + ToString>(
    reader: &Reader<'_>,
    key: &str,
    node: &Node<'_>,
) -> Option<Value> {
    reader.parse::<T>(&format!("`{key}`"), node).map(|word| Value::String(word.to_string()))
}

/// A list of tables, each with the keys that matter.
fn parts<'i>(reader: &Reader<'i>, key: &str, node: &Node<'i>) -> Option<Want> {
    let part = |node: &Node<'i>| match reader.value(node)? {
        Value::Object(part) => Some(part),
        _ => {
            reader.wrong(node.span(), format!("each of `{key}` is a table"));
            None
        }
    };
    reader.list(&format!("`{key}`"), node).iter().map(part).collect::<Option<_>>().map(Want::Parts)
}

/// Ids (`["p2"]`), or ids with reasons: `{ p2 = "exited" }`, or as the output has them.
fn missing<'i>(reader: &Reader<'i>, node: &Node<'i>) -> Option<Vec<(String, Option<String>)>> {
    let mut missing: Vec<_> = match node.get_ref() {
        DeValue::Table(reasons) => reasons
            .iter()
            .map(|(id, why)| Some((id.get_ref().to_string(), Some(reason(reader, why)?))))
            .collect::<Option<_>>()?,
        _ => reader
            .list("`missing`", node)
            .iter()
            .map(|node| match node.get_ref() {
                DeValue::Table(_) => {
                    let table = Table::open(reader, "a missing collector", node)?;
                    table.only("a missing collector", &["collector", "reason"]);
                    let why = match table.get("reason") {
                        Some(node) => Some(reason(reader, node)?),
                        None => None,
                    };
                    Some((table.text("collector")?.to_owned(), why))
                }
                _ => Some((reader.text_of("a missing collector", node)?.to_owned(), None)),
            })
            .collect::<Option<_>>()?,
    };
    missing.sort();
    Some(missing)
}

fn reason<'i>(reader: &Reader<'i>, node: &Node<'i>) -> Option<String> {
    reader.parse::<Missing>("reason", node).map(|why| why.to_string())
}
