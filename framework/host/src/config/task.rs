//! `[task.NAME]`.

use std::sync::Arc;
use std::time::Duration;

use stook_types::units::Span;
use stook_types::{Capability, FanOut, Value};

use super::TaskConfig;
use super::dispatch::{Choices, choices};
use super::host::name_of;
use super::node::{Entry, Kind, Node, Place};
use super::read::wanted;
use super::table::{Cx, Placed, Table};
use super::tables::TASK;

/// A task with the places that the checks of the whole need.
pub(super) struct TaskDraft<'a> {
    pub(super) config: TaskConfig,
    pub(super) into: Vec<Placed<'a, String>>,
    pub(super) choices: Choices<'a>,
    pub(super) fan_out: Option<&'a Node>,
    pub(super) place: &'a Place,
}

pub(super) fn read<'a>(cx: &'a Cx<'a>, entry: &'a Entry) -> TaskDraft<'a> {
    let table = Table::open(cx, &entry.place, &entry.node, &TASK);
    let every = table.require_positive("every", "\"2s\"");
    table.require("capabilities", "[\"process.list\"]");
    let into = table.set::<String>("into");
    let config = TaskConfig {
        name: name_of(cx, "a task", entry),
        every: every.map_or(Duration::ZERO, |span: Span| span.0),
        capabilities: table
            .set::<Capability>("capabilities")
            .into_iter()
            .map(|placed| placed.value)
            .collect(),
        fan_out: fan_out(&table),
        payload: table.read::<Value>("payload").unwrap_or(Value::Null),
        priority: table.read("priority").unwrap_or(0),
        timeout: span(&table, "timeout"),
        attempt_timeout: span(&table, "attempt_timeout"),
        stall_timeout: span(&table, "stall_timeout"),
        score: None,
        into: into.iter().map(|name| Arc::from(name.value.as_str())).collect(),
    };
    let choices = choices(&table);
    check_payload(&table, &config);
    check_timeouts(&table, &config);
    TaskDraft { config, into, choices, fan_out: table.get("fan_out"), place: &entry.place }
}

fn span(table: &Table<'_>, key: &str) -> Option<Duration> {
    table.positive(key).map(|span: Span| span.0)
}

fn fan_out(table: &Table<'_>) -> FanOut {
    let Some(node) = table.get("fan_out") else { return FanOut::default() };
    let help = "write \"one\" (the best that has the capability), \"each\" (everyone that has it), or a list of collectors";
    match (node.as_text(), &node.kind) {
        (Some("one"), _) => return FanOut::One,
        (Some("each"), _) => {}
        (Some(word), _) => table.cx.error(&node.place, format!("bad `fan_out`: unknown word `{word}`"), help),
        (None, Kind::List(ids)) if !ids.is_empty() => {
            return FanOut::Ids(table.set("fan_out").into_iter().map(|id| id.value).collect());
        }
        (None, kind) => {
            let found = wanted("\"one\", \"each\" or a list of collectors", kind.unexpected());
            table.cx.error(&node.place, format!("bad `fan_out`: {found}"), help);
        }
    }
    FanOut::Each
}

/// A payload that no frame can say would fail each time the task is due.
fn check_payload(table: &Table<'_>, config: &TaskConfig) {
    if let (Some(node), Err(error)) = (table.get("payload"), stook_proto::payload(&config.payload)) {
        table.cx.error(&node.place, format!("bad `payload`: {error}"), "make it flatter");
    }
}

/// What may take as long as the whole task ends nothing before that.
fn check_timeouts(table: &Table<'_>, config: &TaskConfig) {
    let Some(timeout) = config.timeout else { return };
    let parts = [("attempt_timeout", config.attempt_timeout), ("stall_timeout", config.stall_timeout)];
    for (key, span) in parts {
        if let (Some(node), Some(span)) = (table.get(key), span.filter(|span| *span >= timeout)) {
            let message =
                format!("`{key}` of {} has no effect: the task is over after {}", Span(span), Span(timeout));
            table.cx.warn(&node.place, message, "make it shorter than `timeout`, or leave it out");
        }
    }
}
