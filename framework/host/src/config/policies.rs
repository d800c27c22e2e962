//! The plugins of an aggregate: what decides in it.

use std::fmt::Display;
use std::time::Duration;

use stook_engine::{AggregateSpec, LatePolicy, Limits, NamedPolicy};
use stook_plugin::{CompletionPolicy, DedupStrategy, Keep, MergeError, PluginType, Scope};
use stook_proto::host::HostLimits;
use stook_types::TopicPattern;
use stook_types::units::{ByteSize, Span};

use super::dispatch::{Choices, choices};
use super::limits::MOST;
use super::node::{Entry, Kind, Node};
use super::plugin::select;
use super::table::{Cx, Placed, Table};
use super::tables::TOPIC;

/// A completion policy, and the table that selects it.
pub(super) type Policy<'a> = (NamedPolicy, &'a Node);

/// A table, or a list of tables: the first policy that says so wins.
pub(super) fn completion<'a>(table: &Table<'a>, limits: &Limits) -> Vec<Policy<'a>> {
    let Some(node) = table.get("complete") else { return Vec::new() };
    let tables = match &node.kind {
        Kind::List(nodes) => nodes.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if tables.is_empty() {
        table.require("complete", "{ use = \"expected\" }");
    }
    let policy = |node: &'a Node| {
        let selected = select::<dyn CompletionPolicy>(table.cx, &node.place, node)?;
        let policy = selected.build(table.cx)?;
        if let Some(warning) = policy.check() {
            let help = format!("`stook plugins show {}` says what it takes", selected.name());
            table.cx.warn(&node.place, warning, help);
        }
        check_needs(table.cx, node, &*policy, limits);
        Some((NamedPolicy { name: selected.registration.name, policy }, node))
    };
    tables.iter().filter_map(policy).collect()
}

/// What the plugins of an aggregate say about each other.
pub(super) fn check_together(table: &Table<'_>, policies: &[Policy<'_>], spec: &AggregateSpec) {
    check_unexpected(table.cx, policies);
    for (named, node) in policies {
        if named.policy.compares_collectors() {
            check_comparable(table.cx, named.name, node, spec);
        }
        check_value(table.cx, named, node, spec);
        check_next(table.cx, named, node, spec);
    }
    if let (Some(merge), Some(node)) = (&spec.merge, table.get("merge"))
        && merge.compares_collectors()
    {
        check_comparable(table.cx, spec.names.merge, node, spec);
    }
}

/// The strictest word counts, whichever policy completes the set.
fn check_unexpected(cx: &Cx<'_>, policies: &[Policy<'_>]) {
    let given: Vec<_> = policies
        .iter()
        .filter_map(|(named, node)| Some((named, named.policy.unexpected(), node.get("unexpected")?)))
        .collect();
    let Some((strictest, word, _)) = given.iter().max_by_key(|(_, word, _)| *word) else { return };
    for (named, other, node) in given.iter().filter(|(_, other, _)| other != word) {
        let message = format!(
            "`{}` says \"{}\" and `{}` says \"{}\": in a set there is one answer, and the strictest counts",
            named.name,
            other.as_str(),
            strictest.name,
            word.as_str()
        );
        cx.warn(
            &node.place,
            message,
            format!("write unexpected = \"{}\", or leave it out here", word.as_str()),
        );
    }
}

fn dedups(spec: &AggregateSpec) -> impl Iterator<Item = &dyn DedupStrategy> {
    spec.dedup.iter().chain(spec.topic_dedup.iter().map(|(_, dedup)| dedup)).map(|dedup| &**dedup)
}

/// A dedup that drops the second of two equal answers hides that two collectors agree: in this set, or, by collector, in
/// every set but the first.
fn check_comparable(cx: &Cx<'_>, name: &str, node: &Node, spec: &AggregateSpec) {
    let names = spec.dedup.iter().map(|_| spec.names.dedup).chain(spec.names.topic_dedup.iter().copied());
    let scopes = dedups(spec).map(|dedup| dedup.memory().scope);
    let scopes: Vec<_> =
        names.zip(scopes).filter(|(name, _)| *name != "none").map(|(_, scope)| scope).collect();
    let help = "leave dedup out, or write dedup = { use = \"none\" }: retransmits are dropped all the same";
    let says = |drops| format!("`{name}` compares what collectors say, and dedup drops {drops}");
    if scopes.iter().any(|scope| *scope != Scope::Collector) {
        cx.error(&node.place, says("the second who says the same"), help);
    } else if !scopes.is_empty() {
        // Within one set each still has its voice.
        cx.warn(&node.place, says("what a collector has said before, if only in an earlier set"), help);
    }
}

/// What the merge cannot follow while a set is open, a policy cannot read.
fn check_value(cx: &Cx<'_>, named: &NamedPolicy, node: &Node, spec: &AggregateSpec) {
    let paths = named.policy.reads_value();
    if paths.is_empty() {
        return;
    }
    // The option of `condition`, which is the only one that ships.
    let place = &node.get("when").unwrap_or(node).place;
    let cannot = match &spec.merge {
        Some(merge) => merge.running(paths).err(),
        None => Some(MergeError::new("`list` has no fields")),
    };
    if let Some(cannot) = cannot {
        let message =
            format!("`{}` reads the merged value, and merge cannot follow it: {cannot}", named.name);
        cx.error(
            place,
            message,
            "use merge `fields`, with a rule for each field that does not mind the order",
        );
    }
    if dedups(spec).any(|dedup| dedup.memory().keep == Keep::Last) {
        let message =
            format!("`{}` reads the merged value, and dedup takes back what is merged already", named.name);
        cx.error(place, message, "give dedup `keep = \"first\"`");
    }
}

/// A set that a timeout ended left no room for the result that would have ended it.
fn check_next(cx: &Cx<'_>, named: &NamedPolicy, node: &Node, spec: &AggregateSpec) {
    let becomes = match spec.late.policy {
        _ if !named.policy.opens_next() => return,
        LatePolicy::Reopen => return,
        LatePolicy::Refuse => "late",
        LatePolicy::Correct(_) => "a correction of the old set, or late",
    };
    let message = format!(
        "`{}` lets a result open the next set of its ID, but after a timeout that result is {becomes}",
        named.name
    );
    let place = &node.get("boundary").unwrap_or(node).place;
    cx.warn(
        place,
        message,
        "write late = { use = \"reopen\" }, unless no ID is used again after its timeout",
    );
}

/// A set that may not hold what it waits for could end by its timeout only.
fn check_needs(cx: &Cx<'_>, node: &Node, policy: &dyn CompletionPolicy, limits: &Limits) {
    let never = |option: &str, needs: &str, key: &str, limit: &dyn Display| {
        let message = format!("a set of {needs} can never fill: `{key}` is {limit}");
        let place = &node.get(option).unwrap_or(node).place;
        cx.error(place, message, format!("raise limits.{key}, or lower `{option}`"));
    };
    if let Some((needs, option)) = policy.needs_results().filter(|(needs, _)| *needs > limits.results_per_set)
    {
        never(option, &format!("{needs} results"), "results_per_set", &limits.results_per_set);
    }
    let Some((needs, option)) = policy.needs_bytes() else { return };
    let size = |bytes: usize| ByteSize(bytes as u64);
    let limit = limits.bytes_per_set;
    if needs > limit {
        never(option, &size(needs).to_string(), "bytes_per_set", &size(limit));
        return;
    }
    // The result that fills a set is in it, unless it opens the next one.
    let last = needs.min(HostLimits::default().max_result_bytes as usize);
    if limit - needs < last && !policy.opens_next() {
        let message = format!(
            "a set may never reach {}: a result that would take it past `bytes_per_set`, which is {}, is refused",
            size(needs),
            size(limit)
        );
        let place = &node.get(option).unwrap_or(node).place;
        let help = format!(
            "raise limits.bytes_per_set to {}, so that the result fits that fills the set",
            size(needs.saturating_add(last))
        );
        cx.warn(place, message, help);
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
    } else if let Some(given) = node.get("capacity").filter(|_| memory.capacity > MOST) {
        let message =
            format!("`{name}` would remember {} results: what never runs full is no limit", memory.capacity);
        table.cx.error(&given.place, message, format!("at most {MOST}"));
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
    let table = Table::open(cx, &entry.place, &entry.node, &TOPIC);
    let pattern = TopicPattern::new(&entry.key).map_err(|error| {
        let help = "write it in quotes, like \"events.process.+\"";
        cx.error(&entry.place, format!("bad topic pattern: {error}"), help);
    });
    let pattern = pattern.ok().map(|value| Placed { value, place: &entry.place });
    TopicTable { pattern, dedup: dedup(&table, timeout).named("none"), choices: choices(&table) }
}
