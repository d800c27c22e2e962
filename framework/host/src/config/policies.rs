//! The plugins of an aggregate: what decides in it.

use std::time::Duration;

use stook_engine::{AggregateSpec, NamedPolicy};
use stook_plugin::{CompletionPolicy, DedupStrategy, PluginType, Scope};
use stook_types::TopicPattern;
use stook_types::units::Span;

use super::dispatch::{Choices, choices};
use super::node::{Entry, Kind, Node};
use super::plugin::select;
use super::table::{Cx, Keys, Placed, Table};

const TOPIC_KEYS: Keys =
    Keys { table: "[aggregate.NAME.topic.\"PATTERN\"]", known: &["dedup", "score", "detect", "restart"] };

/// A table, or a list of tables: the first policy that says so wins.
pub(super) fn completion(table: &Table<'_>, results_per_set: usize) -> Vec<NamedPolicy> {
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
        check_needs(table.cx, node, &*policy, results_per_set);
        Some(NamedPolicy { name: selected.registration.name, policy })
    };
    tables.iter().filter_map(policy).collect()
}

/// A dedup that drops the second of two equal answers hides that two collectors agree.
pub(super) fn check_comparable(table: &Table<'_>, spec: &AggregateSpec) {
    let compares = spec.completion.iter().find(|named| named.policy.compares_collectors());
    let across = |dedup: &dyn DedupStrategy| dedup.memory().scope != Scope::Collector;
    let dedups = spec.dedup.iter().chain(spec.topic_dedup.iter().map(|(_, dedup)| dedup));
    if let (Some(compares), Some(node)) = (compares, table.get("complete"))
        && dedups.into_iter().any(|dedup| across(&**dedup))
    {
        let message = format!(
            "`{}` compares what collectors say, and dedup drops the second who says the same",
            compares.name
        );
        table.cx.error(&node.place, message, "give dedup `scope = \"collector\"`, or use \"none\"");
    }
}

/// A set that may not hold what it waits for could end by its timeout only.
fn check_needs(cx: &Cx<'_>, node: &Node, policy: &dyn CompletionPolicy, results_per_set: usize) {
    if let Some((needs, option)) = policy.needs_results().filter(|(needs, _)| *needs > results_per_set) {
        let message =
            format!("a set of {needs} results can never fill: `results_per_set` is {results_per_set}");
        let place = &node.get(option).unwrap_or(node).place;
        cx.error(place, message, format!("raise limits.results_per_set, or lower `{option}`"));
    }
}

/// What a plugin table gave: its name and the plugin.
pub(super) struct Chosen<T: ?Sized>(Option<(&'static str, Box<T>)>);

impl<T: ?Sized> Chosen<T> {
    pub(super) fn named(self, default: &'static str) -> (&'static str, Option<Box<T>>) {
        self.0.map_or((default, None), |(name, plugin)| (name, Some(plugin)))
    }
}

/// The plugin that the table under `key` selects, if there is one.
pub(super) fn plugin<T: PluginType + ?Sized>(table: &Table<'_>, key: &str) -> Chosen<T> {
    let made = || {
        let node = table.get(key)?;
        let selected = select::<T>(table.cx, &node.place, node)?;
        Some((selected.registration.name, selected.build(table.cx)?))
    };
    Chosen(made())
}

pub(super) fn dedup(table: &Table<'_>, timeout: Duration) -> Chosen<dyn DedupStrategy> {
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

/// What is different for some topics of an aggregate.
pub(super) struct TopicTable<'a> {
    pub(super) pattern: Option<Placed<'a, TopicPattern>>,
    pub(super) dedup: (&'static str, Option<Box<dyn DedupStrategy>>),
    pub(super) choices: Choices<'a>,
}

/// `[aggregate.NAME.topic."PATTERN"]`.
pub(super) fn topic<'a>(cx: &'a Cx<'a>, entry: &'a Entry, timeout: Duration) -> TopicTable<'a> {
    let table = Table::open(cx, &entry.place, &entry.node, &TOPIC_KEYS);
    let pattern = TopicPattern::new(&entry.key).map_err(|error| {
        let help = "write it in quotes, like \"events.process.+\"";
        cx.error(&entry.place, format!("bad topic pattern: {error}"), help);
    });
    let pattern = pattern.ok().map(|value| Placed { value, place: &entry.place });
    TopicTable { pattern, dedup: dedup(&table, timeout).named("none"), choices: choices(&table) }
}
