//! `[task.NAME]`.

use std::sync::Arc;
use std::time::Duration;

use stook_types::Capability;
use stook_types::units::Span;

use super::host::name_of;
use super::node::Entry;
use super::table::{Cx, Keys, Placed, Table};
use super::{FanOut, TaskConfig};

const KEYS: Keys =
    Keys { table: "[task.NAME]", known: &["every", "capabilities", "fan_out", "into"], later: &["score"] };

/// A task with the places that the checks of the whole need.
pub(super) struct TaskDraft<'a> {
    pub(super) config: TaskConfig,
    pub(super) into: Vec<Placed<'a, String>>,
}

pub(super) fn read<'a>(cx: &'a Cx<'a>, entry: &'a Entry) -> TaskDraft<'a> {
    let table = Table::open(cx, &entry.place, &entry.node, &KEYS);
    table.require("every", "\"2s\"");
    table.require("capabilities", "[\"process.list\"]");
    let into = table.set::<String>("into");
    let config = TaskConfig {
        name: name_of(cx, "a task", entry),
        every: table.positive("every").map_or(Duration::ZERO, |span: Span| span.0),
        capabilities: table
            .set::<Capability>("capabilities")
            .into_iter()
            .map(|placed| placed.value)
            .collect(),
        fan_out: fan_out(&table),
        into: into.iter().map(|name| Arc::from(name.value.as_str())).collect(),
    };
    TaskDraft { config, into }
}

fn fan_out(table: &Table<'_>) -> FanOut {
    if let Some(node) = table.get("fan_out") {
        let help = "this version has only fan_out = \"each\": every collector that has the capability";
        match node.as_text() {
            Some("each") => {}
            Some(word) if word != "one" => {
                table.cx.error(&node.place, format!("bad `fan_out`: unknown word `{word}`"), help);
            }
            _ => table.cx.error(&node.place, "this `fan_out` is not in this version yet", help),
        }
    }
    FanOut::Each
}
