//! `[aggregate.NAME]`.

use std::sync::Arc;
use std::time::Duration;

use stook_engine::{AggregateSpec, KeySpec, PluginNames};
use stook_plugin::{MergeStrategy, OrderStrategy};
use stook_types::TopicPattern;
use stook_types::units::Span;

use super::dispatch::{Choices, choices};
use super::host::name_of;
use super::node::{Entry, Kind, Node, Place};
use super::policies::{TopicTable, check_together, completion, dedup, plugin, topic};
use super::read::wanted;
use super::table::{Cx, Placed, Table};
use super::tables::AGGREGATE;
use super::{Ack, AggregateConfig, limits};

/// An aggregate as far as it can be read by itself, with the places that the checks of the whole need.
pub(super) struct AggregateDraft<'a> {
    pub(super) config: AggregateConfig,
    pub(super) place: &'a Place,
    pub(super) topics: Vec<Placed<'a, TopicPattern>>,
    /// Whether these are all that were meant: nothing was wrong with them.
    pub(super) has_all_topics: bool,
    pub(super) topic_tables: Vec<Placed<'a, TopicPattern>>,
    pub(super) choices: Choices<'a>,
    /// What each of its topic tables says about dispatch.
    pub(super) topic_choices: Vec<(TopicPattern, Choices<'a>)>,
    pub(super) deliver: Vec<Placed<'a, String>>,
    pub(super) complete: Option<&'a Node>,
    pub(super) merge: Option<&'a Node>,
    pub(super) ack_place: &'a Place,
}

pub(super) fn read<'a>(cx: &'a Cx<'a>, entry: &'a Entry) -> AggregateDraft<'a> {
    let table = Table::open(cx, &entry.place, &entry.node, &AGGREGATE);
    let place = &entry.place;
    let name = name_of(cx, "an aggregate", entry);
    let found = cx.count();
    let topics = table.set::<TopicPattern>("topics");
    table.require("topics", "[\"events.#\"]");
    let has_all_topics = cx.count() == found && !topics.is_empty();
    let timeout = timeout(&table);
    let mut spec =
        AggregateSpec::new(name, topics.iter().map(|topic| topic.value.clone()).collect(), timeout);
    spec.key = key(&table);
    spec.idle = idle(&table, timeout);
    spec.limits = limits::limits(&table);
    spec.late = limits::late(&table);
    let policies = completion(&table, &spec.limits);
    let (order_name, order) = plugin::<dyn OrderStrategy>(&table, "order").named("arrival");
    let (dedup_name, dedup) = dedup(&table, timeout).named("none");
    let (merge_name, merge) = plugin::<dyn MergeStrategy>(&table, "merge").named("list");
    (spec.order, spec.dedup, spec.merge) = (order, dedup, merge);
    let mut names =
        PluginNames { order: order_name, dedup: dedup_name, topic_dedup: Vec::new(), merge: merge_name };
    let (mut topic_tables, mut topic_choices, mut topic_scores) = (Vec::new(), Vec::new(), Vec::new());
    for entry in table.section("topic") {
        let TopicTable { pattern, dedup, choices } = topic(cx, entry, timeout);
        let Some(pattern) = pattern else { continue };
        if let (name, Some(dedup)) = dedup {
            spec.topic_dedup.push((pattern.value.clone(), dedup));
            names.topic_dedup.push(name);
        }
        topic_scores.extend(choices.score.as_ref().map(|score| (pattern.value.clone(), score.id)));
        topic_choices.push((pattern.value.clone(), choices));
        topic_tables.push(pattern);
    }
    spec.names = names;
    check_together(&table, &policies, &spec);
    spec.completion = policies.into_iter().map(|(named, _)| named).collect();
    let deliver = table.set::<String>("deliver");
    let choices = choices(&table);
    let config = AggregateConfig {
        spec,
        ack: table.read::<Ack>("ack").unwrap_or_default(),
        deliver: deliver.iter().map(|sink| Arc::from(sink.value.as_str())).collect(),
        score: choices.score.as_ref().map(|score| score.id),
        topic_scores,
    };
    let ack_place = table.get("ack").map_or(place, |node| &node.place);
    let (complete, merge) = (table.get("complete"), table.get("merge"));
    AggregateDraft {
        config,
        place,
        topics,
        has_all_topics,
        topic_tables,
        choices,
        topic_choices,
        deliver,
        complete,
        merge,
        ack_place,
    }
}

/// Zero only if it is missing or wrong, and then the config is refused.
fn timeout(table: &Table<'_>) -> Duration {
    table.require_positive("timeout", "\"30s\"").map_or(Duration::ZERO, |span: Span| span.0)
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
