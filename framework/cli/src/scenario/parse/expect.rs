//! What must come out: `expect`, `refused`, `counters`.

use stook_plugin::{ConflictKind, SetKey};
use stook_types::units::Span;
use stook_types::{CollectorId, Discard, Missing, MonoTime, Outcome, Refusal, Topic, TopicError, Value};
use toml::de::DeValue;

use super::super::names::Named;
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

/// The fields of each part of a list.
const PARTS: &[(&str, &[&str])] = &[
    ("contributors", &["collector", "incarnation", "pid", "topics", "results", "sequences"]),
    ("conflicts", &["field", "kind", "collector", "got"]),
    ("provenance", &["field", "collectors"]),
    ("repeats", &["collector", "sequence", "count", "first_seen", "last_seen", "also_from"]),
];

/// What is expected, of which each has words of its own.
#[derive(Clone, Copy)]
enum What {
    Emission,
    Refusal,
    Counters,
}

pub(super) fn emissions(scenario: &Table<'_, '_>, end: Option<MonoTime>) -> Vec<Pattern> {
    let keys: Vec<_> = EMISSION.iter().copied().chain(["json"]).collect();
    patterns(scenario, "expect", What::Emission, &keys, end)
}

pub(super) fn refusals(scenario: &Table<'_, '_>, end: Option<MonoTime>) -> Vec<Pattern> {
    patterns(scenario, "refused", What::Refusal, REFUSAL, end)
}

pub(super) fn counters(scenario: &Table<'_, '_>) -> Option<Pattern> {
    let node = scenario.get("counters")?;
    pattern(scenario.reader, What::Counters, COUNTERS, node)
}

fn patterns(
    scenario: &Table<'_, '_>,
    key: &str,
    what: What,
    keys: &[&'static str],
    end: Option<MonoTime>,
) -> Vec<Pattern> {
    let nodes = scenario.list(key);
    check_times(scenario.reader, nodes, end);
    nodes.iter().filter_map(|node| pattern(scenario.reader, what, keys, node)).collect()
}

/// They come in order of time, and none after the end.
fn check_times<'i>(reader: &Reader<'i>, nodes: &[Node<'i>], end: Option<MonoTime>) {
    let mut latest = MonoTime::ZERO;
    for node in nodes {
        let at = node.get_ref().get("at");
        let Some((node, Ok(Span(at)))) = at.and_then(|at| Some((at, at.get_ref().as_str()?.parse()))) else {
            continue;
        };
        let at = MonoTime::at(at);
        let span = |time: MonoTime| Span(time.since_origin());
        if let Some(end) = end.filter(|end| at > *end) {
            let message = format!("nothing comes at {}: the scenario ends at {}", span(at), span(end));
            reader.wrong_help(node.span(), message, format!("let time run on, until = \"{}\"", span(at)));
        } else if at < latest {
            let message = format!("one at {} after one at {}", span(at), span(latest));
            reader.wrong_help(node.span(), message, "put them in the order in which they come");
        }
        latest = latest.max(at);
    }
}

fn pattern<'i>(reader: &Reader<'i>, what: What, keys: &[&'static str], node: &Node<'i>) -> Option<Pattern> {
    let table = Table::open(reader, what.name(), node)?;
    table.only(what.name(), keys);
    let fields = keys.iter().filter_map(|key| {
        let node = table.get(key)?;
        match *key {
            "value" | "json" => {
                let value = step::content(&table, &["value", "json"])??;
                Some(("value", Want::Exactly(value)))
            }
            key => Some((key, want(&table, what, key, node)?)),
        }
    });
    Some(Pattern { fields: fields.collect() })
}

fn want<'i>(table: &Table<'_, 'i>, what: What, key: &str, node: &Node<'i>) -> Option<Want> {
    let reader = table.reader;
    let name = format!("`{key}`");
    let text = |text: &str| Value::String(text.to_owned());
    let of = || Some(table.get("aggregate")?.get_ref().as_str()?.to_owned());
    let value = match (what, key) {
        (_, "at") => Value::String(reader.parse::<Span>(&name, node)?.to_string()),
        (_, "id") => {
            let key = step::key(reader, node)?;
            let value = match &key {
                SetKey::Id(id) => Value::String(id.to_string()),
                SetKey::Values(values) => Value::Array(values.to_vec()),
            };
            if matches!(what, What::Emission) {
                reader.mention(node.span(), Named::Key { key, of: of() });
            }
            value
        }
        (_, "aggregate") => {
            let aggregate = reader.text_of(&name, node)?;
            reader.mention(node.span(), Named::Aggregate(aggregate.to_owned()));
            text(aggregate)
        }
        (_, "outcome") => text(&reader.word(&name, node, &words(Outcome::ALL, Outcome::as_str))?),
        (What::Refusal, "reason") => {
            text(&reader.word(&name, node, &words(Refusal::ALL, Refusal::as_str))?)
        }
        (_, "reason") => {
            let word = reader.text_of(&name, node)?;
            let outcome = table.get("outcome").and_then(|node| node.get_ref().as_str()).map(str::to_owned);
            reader.mention(node.span(), Named::Reason { word: word.to_owned(), outcome, of: of() });
            text(word)
        }
        (_, "from") => text(collector(reader, &name, node)?.as_str()),
        (_, "topic") => match Topic::new(reader.text_of(&name, node)?) {
            Ok(_) | Err(TopicError::Reserved(_)) => text(node.get_ref().as_str()?),
            Err(error) => {
                reader.wrong(node.span(), format!("bad {name}: {error}"));
                return None;
            }
        },
        (_, "missing") => return missing(reader, node).map(Want::Missing),
        (_, "contributors" | "conflicts" | "provenance" | "repeats") => return parts(reader, key, node),
        (_, "generation" | "revision") => Value::Int(reader.whole(&name, node, 1)?),
        (What::Counters, "refused") => reasons(reader, &name, node, &words(Refusal::ALL, Refusal::as_str))?,
        (What::Counters, "discarded") => reasons(reader, &name, node, &words(Discard::ALL, Discard::as_str))?,
        (What::Counters, "misbehaved") => reader.value(node)?,
        (What::Counters, _) | (_, "results" | "duplicates" | "latency_us") => {
            Value::Int(reader.whole(&name, node, 0)?)
        }
        _ => text(reader.text_of(&name, node)?),
    };
    Some(Want::Exactly(value))
}

/// The words of a closed vocabulary.
fn words<T: Copy>(all: &[T], as_str: impl Fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|word| as_str(*word)).collect()
}

/// A collector, which must be somewhere else too.
fn collector<'i>(reader: &Reader<'i>, what: &str, node: &Node<'i>) -> Option<CollectorId> {
    let id: CollectorId = reader.parse(what, node)?;
    reader.mention(node.span(), Named::Collector(id.clone()));
    Some(id)
}

/// How many for each reason.
fn reasons<'i>(reader: &Reader<'i>, name: &str, node: &Node<'i>, words: &[&str]) -> Option<Value> {
    let table = Table::open(reader, name, node)?;
    table.only(name, words);
    let counts = table.entries().map(|(word, node)| {
        let word = word.get_ref();
        Some((word.to_string(), Value::Int(reader.whole(&format!("`{word}`"), node, 0)?)))
    });
    counts.collect::<Option<_>>().map(Value::Object)
}

/// A list of tables, each with the keys that matter.
fn parts<'i>(reader: &Reader<'i>, key: &str, node: &Node<'i>) -> Option<Want> {
    let keys = PARTS.iter().find(|(name, _)| *name == key).map_or(&[][..], |(_, keys)| keys);
    let what = format!("a part of `{key}`");
    let part = |node: &Node<'i>| {
        let table = Table::open(reader, &what, node)?;
        table.only(&what, keys);
        if let Some(node) = table.get("collector") {
            collector(reader, "`collector`", node)?;
        }
        if let Some(node) = table.get("kind") {
            reader.word("`kind`", node, ConflictKind::WORDS)?;
        }
        match reader.value(node)? {
            Value::Object(part) => Some(part),
            _ => None,
        }
    };
    reader.list(&format!("`{key}`"), node).iter().map(part).collect::<Option<_>>().map(Want::Parts)
}

/// Ids (`["p2"]`), or ids with reasons: `{ p2 = "exited" }`, or as the output has them.
fn missing<'i>(reader: &Reader<'i>, node: &Node<'i>) -> Option<Vec<(String, Option<String>)>> {
    const WHAT: &str = "a missing collector";
    const ID: &str = "collector in `missing`";
    let mut missing: Vec<_> = match node.get_ref() {
        DeValue::Table(_) => Table::open(reader, WHAT, node)?
            .entries()
            .map(|(id, why)| {
                let known = CollectorId::new(id.get_ref().as_ref())
                    .map_err(|error| reader.wrong(id.span(), format!("bad {ID}: {error}")))
                    .ok()?;
                reader.mention(id.span(), Named::Collector(known));
                Some((id.get_ref().to_string(), Some(reason(reader, why)?)))
            })
            .collect::<Option<_>>()?,
        _ => reader
            .list("`missing`", node)
            .iter()
            .map(|node| match node.get_ref() {
                DeValue::Table(_) => {
                    let table = Table::open(reader, WHAT, node)?;
                    table.only(WHAT, &["collector", "reason"]);
                    let why = match table.get("reason") {
                        Some(node) => Some(reason(reader, node)?),
                        None => None,
                    };
                    let id = collector(reader, ID, table.require(WHAT, "collector")?)?;
                    Some((id.to_string(), why))
                }
                _ => Some((collector(reader, ID, node)?.to_string(), None)),
            })
            .collect::<Option<_>>()?,
    };
    missing.sort();
    if let Some([(twice, _), _]) = missing.array_windows().find(|[a, b]| a.0 == b.0) {
        reader.wrong(node.span(), format!("`{twice}` is missing twice"));
    }
    Some(missing)
}

fn reason<'i>(reader: &Reader<'i>, node: &Node<'i>) -> Option<String> {
    reader.word("`reason`", node, &words(Missing::ALL, Missing::as_str))
}

// === impl What ===

impl What {
    const fn name(self) -> &'static str {
        match self {
            Self::Emission => "an emission",
            Self::Refusal => "a refusal",
            Self::Counters => "`counters`",
        }
    }
}
