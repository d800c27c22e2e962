//! `[collector.ID]`.

use stook_engine::{DetectorId, RestartId};
use stook_types::{CollectorId, TopicPattern};

use super::CollectorConfig;
use super::dispatch::{Choices, choices};
use super::node::{Entry, Place};
use super::table::{Cx, Placed, Table};
use super::tables::COLLECTOR;

/// Whose events the host's own are.
pub(crate) const HOST: &str = "stook";

/// A collector with the places that the checks of the whole need.
pub(super) struct CollectorDraft<'a> {
    pub(super) config: CollectorConfig,
    pub(super) place: &'a Place,
    pub(super) publish: Vec<Placed<'a, TopicPattern>>,
    pub(super) choices: Choices<'a>,
}

pub(super) fn read<'a>(cx: &'a Cx<'a>, entry: &'a Entry) -> Option<CollectorDraft<'a>> {
    let table = Table::open(cx, &entry.place, &entry.node, &COLLECTOR);
    let publish = table.set::<TopicPattern>("publish");
    let choices = choices(&table);
    let command = command(&table);
    let kind = table.placed::<CollectorId>("kind").map(|kind| kind.value.as_str().into());
    let id = CollectorId::new(&entry.key);
    let id = id
        .map_err(|error| cx.error(&entry.place, error.to_string(), "the id is the name of its table"))
        .ok()?;
    let topics = publish.iter().map(|topic| topic.value.clone()).collect();
    if id.as_str() == HOST {
        let help = "it is what the host's own events come from; choose another name";
        cx.error(&entry.place, format!("no collector can be named `{HOST}`"), help);
    }
    if let (None, Some(node)) = (table.get("command"), table.get("restart")) {
        let message = "`restart` says nothing: the host does not start this collector";
        cx.warn(&node.place, message, "give it a `command`, or leave `restart` out");
    }
    let (detect, restart) = (DetectorId::BUILT_IN, RestartId::BUILT_IN);
    let config = CollectorConfig { id, command, kind, publish: topics, detect, restart };
    Some(CollectorDraft { config, place: &entry.place, publish, choices })
}

fn command(table: &Table<'_>) -> Option<Vec<String>> {
    let node = table.get("command")?;
    let words: Vec<String> = table.list("command").into_iter().map(|word| word.value).collect();
    if words.first().is_none_or(String::is_empty) && node.is_list() {
        let help =
            "write command = [\"program\", \"argument\"]; leave it out if somebody else starts the collector";
        table.cx.error(&node.place, "`command` names no program", help);
    }
    Some(words)
}
