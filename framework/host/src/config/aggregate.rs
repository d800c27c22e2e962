//! `[aggregate.NAME]`.

use std::sync::Arc;
use std::time::Duration;

use stook_engine::{AggregateSpec, KeySpec, NamedPolicy};
use stook_plugin::{CompletionPolicy, DedupStrategy, MergeStrategy, OrderStrategy, PluginType, Scope};
use stook_types::TopicPattern;
use stook_types::units::Span;

use super::host::name_of;
use super::node::{Entry, Kind, Node, Place};
use super::plugin::{Selected, select};
use super::read::wanted;
use super::table::{Cx, Keys, Placed, Table};
use super::{Ack, AggregateConfig, limits};

const KEYS: Keys = Keys {
    table: "[aggregate.NAME]",
    known: &[
        "topics", "key", "complete", "timeout", "idle", "order", "dedup", "merge", "late", "limits", "ack",
        "deliver", "topic",
    ],
    later: &["score", "detect", "restart"],
};

const TOPIC_KEYS: Keys = Keys {
    table: "[aggregate.NAME.topic.\"PATTERN\"]",
    known: &["dedup"],
    later: &["score", "detect", "restart"],
};

/// An aggregate as far as it can be read by itself, with the places that the checks of the whole need.
pub(super) struct AggregateDraft<'a> {
    pub(super) config: AggregateConfig,
    pub(super) place: &'a Place,
    pub(super) topics: Vec<Placed<'a, TopicPattern>>,
    pub(super) topic_tables: Vec<Placed<'a, TopicPattern>>,
    pub(super) deliver: Vec<Placed<'a, String>>,
    pub(super) merge_place: &'a Place,
    pub(super) ack_place: &'a Place,
}

pub(super) fn read<'a>(cx: &'a Cx<'a>, entry: &'a Entry) -> AggregateDraft<'a> {
    let table = Table::open(cx, &entry.place, &entry.node, &KEYS);
    let place = &entry.place;
    let name = name_of(cx, "an aggregate", entry);
    let topics = table.set::<TopicPattern>("topics");
    table.require("topics", "[\"events.#\"]");
    let timeout = timeout(&table);
    let mut spec =
        AggregateSpec::new(name, topics.iter().map(|topic| topic.value.clone()).collect(), timeout);
    spec.key = key(&table);
    spec.idle = idle(&table, timeout);
    spec.limits = limits::limits(&table);
    spec.late = limits::late(&table);
    spec.completion = completion(&table, spec.limits.results_per_set);
    let (order_name, order) = plugin::<dyn OrderStrategy>(&table, "order").named("arrival");
    let (dedup_name, dedup) = dedup(&table, timeout).named("none");
    let (merge_name, merge) = plugin::<dyn MergeStrategy>(&table, "merge").named("list");
    (spec.order, spec.dedup, spec.merge) = (order, dedup, merge);
    let mut topic_tables = Vec::new();
    for (pattern, dedup) in table.section("topic").iter().filter_map(|entry| topic(cx, entry, timeout)) {
        spec.topic_dedup.extend(dedup.map(|dedup| (pattern.value.clone(), dedup)));
        topic_tables.push(pattern);
    }
    let deliver = table.set::<String>("deliver");
    let config = AggregateConfig {
        spec,
        ack: table.read::<Ack>("ack").unwrap_or_default(),
        deliver: deliver.iter().map(|sink| Arc::from(sink.value.as_str())).collect(),
        order: order_name,
        dedup: dedup_name,
        merge: merge_name,
    };
    let place_of = |key| table.get(key).map_or(place, |node| &node.place);
    let (merge_place, ack_place) = (place_of("merge"), place_of("ack"));
    AggregateDraft { config, place, topics, topic_tables, deliver, merge_place, ack_place }
}

/// Zero only if it is missing or wrong, and then the config is refused.
fn timeout(table: &Table<'_>) -> Duration {
    table.require("timeout", "\"30s\"");
    table.positive("timeout").map_or(Duration::ZERO, |span: Span| span.0)
}

fn idle(table: &Table<'_>, timeout: Duration) -> Option<Duration> {
    let Span(idle) = table.positive("idle")?;
    if let Some(node) = table.get("idle")
        && !timeout.is_zero()
        && idle >= timeout
    {
        let message = format!("`idle` ({}) is not shorter than `timeout` ({})", Span(idle), Span(timeout));
        let help =
            "`timeout` counts from the set's opening and would always come first; make `idle` the shorter";
        table.cx.error(&node.place, message, help);
    }
    Some(idle)
}

fn key(table: &Table<'_>) -> KeySpec {
    let Some(node) = table.get("key") else { return KeySpec::CorrelationId };
    let paths: Option<Vec<_>> = match &node.kind {
        Kind::Text(word) if word == "correlation-id" => return KeySpec::CorrelationId,
        Kind::List(nodes) if !nodes.is_empty() => nodes.iter().map(path).collect(),
        _ => None,
    };
    let help = "write \"correlation-id\", or a list of paths into the payload like [\"host\", [\"message\", \"pid\"]]";
    match paths {
        Some(paths) => {
            let again = paths.iter().enumerate().find(|(index, path)| paths[..*index].contains(path));
            if let Some((_, path)) = again {
                table.cx.error(&node.place, format!("`key` has the path {path:?} twice"), "take one out");
            }
            KeySpec::Paths(paths)
        }
        None => {
            let found = wanted("\"correlation-id\" or a list of paths", node.kind.unexpected());
            table.cx.error(&node.place, format!("bad `key`: {found}"), help);
            KeySpec::CorrelationId
        }
    }
}

/// A path is a field name or a list of names; a name is never split on dots.
fn path(node: &Node) -> Option<Vec<String>> {
    match &node.kind {
        Kind::Text(field) => Some(vec![field.clone()]),
        Kind::List(names) if !names.is_empty() => {
            names.iter().map(|name| name.as_text().map(str::to_owned)).collect()
        }
        _ => None,
    }
}

/// A table, or a list of tables: the first policy that says so wins.
fn completion(table: &Table<'_>, results_per_set: usize) -> Vec<NamedPolicy> {
    let Some(node) = table.get("complete") else { return Vec::new() };
    let tables = match &node.kind {
        Kind::List(nodes) => nodes.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if tables.is_empty() {
        table.require("complete", "{ use = \"expected\" }");
    }
    let policy = |node: &Node| {
        let selected = select::<dyn CompletionPolicy>(table.cx, &node.place, node)?;
        let policy = selected.build(table.cx)?;
        if let Some(warning) = policy.check() {
            table.cx.warn(&node.place, warning, "see `stook plugins show` for its options");
        }
        check_count(table.cx, &selected, results_per_set);
        Some(NamedPolicy { name: selected.registration.name, policy })
    };
    tables.iter().filter_map(policy).collect()
}

/// A set that may not hold what it waits for could end by its timeout only.
fn check_count(cx: &Cx<'_>, selected: &Selected<'_, dyn CompletionPolicy>, results_per_set: usize) {
    let Some(node) = selected.node.get("count") else { return };
    if selected.registration.name == "count"
        && let Kind::Int(count) = node.kind
        && usize::try_from(count).is_ok_and(|count| count > results_per_set)
    {
        let message =
            format!("a set of {count} results can never fill: `results_per_set` is {results_per_set}");
        cx.error(&node.place, message, "raise limits.results_per_set, or lower `count`");
    }
}

/// What a plugin table gave: its name and the plugin.
struct Chosen<T: ?Sized>(Option<(&'static str, Box<T>)>);

impl<T: ?Sized> Chosen<T> {
    fn named(self, default: &'static str) -> (&'static str, Option<Box<T>>) {
        self.0.map_or((default, None), |(name, plugin)| (name, Some(plugin)))
    }
}

fn plugin<T: PluginType + ?Sized>(table: &Table<'_>, key: &str) -> Chosen<T> {
    let made = || {
        let node = table.get(key)?;
        let selected = select::<T>(table.cx, &node.place, node)?;
        Some((selected.registration.name, selected.build(table.cx)?))
    };
    Chosen(made())
}

fn dedup(table: &Table<'_>, timeout: Duration) -> Chosen<dyn DedupStrategy> {
    let chosen = plugin::<dyn DedupStrategy>(table, "dedup");
    let (Some((name, dedup)), Some(node)) = (&chosen.0, table.get("dedup")) else { return chosen };
    let memory = dedup.memory();
    if memory.window.is_zero() || memory.capacity == 0 {
        let message = format!("`{name}` remembers nothing, so it finds no duplicates");
        table.cx.error(&node.place, message, "give it a `window` and a `capacity` of more than nothing");
    } else if memory.scope == Scope::Set && memory.window < timeout {
        let message = format!(
            "`{name}` forgets after {}, but a set may be open for {}",
            Span(memory.window),
            Span(timeout)
        );
        table.cx.warn(
            &node.place,
            message,
            "duplicates further apart are taken; a longer `window` finds them",
        );
    }
    chosen
}

fn topic<'a>(
    cx: &'a Cx<'a>,
    entry: &'a Entry,
    timeout: Duration,
) -> Option<(Placed<'a, TopicPattern>, Option<Box<dyn DedupStrategy>>)> {
    let table = Table::open(cx, &entry.place, &entry.node, &TOPIC_KEYS);
    let dedup = dedup(&table, timeout).named("none").1;
    match TopicPattern::new(&entry.key) {
        Ok(value) => Some((Placed { value, place: &entry.place }, dedup)),
        Err(error) => {
            cx.error(
                &entry.place,
                format!("bad topic pattern: {error}"),
                "write it in quotes, like \"events.process.+\"",
            );
            None
        }
    }
}
