//! One `[[scenario]]`.

use std::path::Path;
use std::sync::Arc;

use stook_types::MonoTime;
use stook_types::units::Span;

use super::super::model::{Config, Expected, Scenario};
use super::super::toml::{Node, Table};
use super::{expect, step, tasks};

const WHAT: &str = "a scenario";
const KEYS: &[&str] =
    &["name", "config", "config_file", "steps", "until", "expect", "refused", "counters", "error"];

pub(super) fn read(file: &Arc<str>, table: &Table<'_, '_>) -> Option<Scenario> {
    table.only(WHAT, KEYS);
    let name = table.require(WHAT, "name").and_then(|_| table.text("name"));
    let config = config(file, table);
    let nodes = table.list("steps");
    let (mut steps, places): (Vec<_>, Vec<_>) =
        nodes.iter().filter_map(|node| Some((step::read(table.reader, node)?, node.span()))).unzip();
    let last = steps.last().map_or(MonoTime::ZERO, |step| step.at);
    let given = table.parsed("until").map(|Span(until)| MonoTime::at(until));
    let until = given.unwrap_or(last);
    check_order(table, &steps, &places, until);
    // What depends on all steps is not known if some could not be read.
    let end =
        (steps.len() == nodes.len() && given.is_some() == table.get("until").is_some()).then_some(until);
    if end.is_some() {
        tasks::resolve(table.reader, &mut steps, &places);
    }
    let expected = expected(table, end);
    let mentions = table.reader.take_mentions();
    let (line, _) = table.reader.line_and_column(table.place.start);
    Some(Scenario {
        file: file.clone(),
        line,
        name: name?.to_owned(),
        config: config?,
        steps,
        until,
        expected: expected?,
        mentions,
    })
}

/// The config, which stands in the scenario or in a file beside it.
fn config(file: &Arc<str>, table: &Table<'_, '_>) -> Option<Config> {
    match (table.get("config"), table.get("config_file")) {
        (Some(node), None) => here(table, node).map(|text| Config { file: file.clone(), text }),
        (None, Some(node)) => beside(file, table, node),
        (Some(_), Some(node)) => {
            table.reader.wrong(node.span(), "`config_file` beside `config`: keep one");
            None
        }
        (None, None) => {
            table.require(WHAT, "config");
            None
        }
    }
}

/// The text of the config, moved to the line at which it stands in the file.
fn here(table: &Table<'_, '_>, node: &Node<'_>) -> Option<String> {
    let text = table.text("config")?;
    let (line, _) = table.reader.line_and_column(node.span().start);
    let opened = table.reader.text[node.span()].trim_start_matches(['\'', '"']);
    let begins_below = opened.starts_with(['\n', '\r']);
    Some("\n".repeat(line - 1 + usize::from(begins_below)) + text)
}

/// The config that runs is the config that is tested: its path is meant from where the scenarios are.
fn beside(scenarios: &str, table: &Table<'_, '_>, node: &Node<'_>) -> Option<Config> {
    let path = Path::new(scenarios).parent().unwrap_or(Path::new("")).join(table.text("config_file")?);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(Config { file: path.display().to_string().into(), text }),
        Err(error) => {
            let message = format!("the config {} cannot be read: {error}", path.display());
            table.reader.wrong(node.span(), message);
            None
        }
    }
}

fn check_order(
    table: &Table<'_, '_>,
    steps: &[super::super::model::Step],
    places: &[std::ops::Range<usize>],
    until: MonoTime,
) {
    let span = |time: MonoTime| Span(time.since_origin());
    for (pair, place) in steps.windows(2).zip(places.iter().skip(1)) {
        let [before, step] = pair else { continue };
        if step.at < before.at {
            let message = format!("a step at {} after one at {}", span(step.at), span(before.at));
            table.reader.wrong_help(
                place.clone(),
                message,
                "time does not run backwards: put the steps in order",
            );
        }
    }
    if let (Some(last), Some(node)) = (steps.last(), table.get("until"))
        && until < last.at
    {
        let message = format!("`until` ({}) is before the last step ({})", span(until), span(last.at));
        table.reader.wrong(node.span(), message);
    }
}

/// `end`: when the scenario ends.
fn expected(table: &Table<'_, '_>, end: Option<MonoTime>) -> Option<Expected> {
    let Some(error) = table.get("error") else {
        return Some(Expected::Run {
            emissions: expect::emissions(table, end),
            refusals: expect::refusals(table, end),
            counters: expect::counters(table),
        });
    };
    for key in ["steps", "until", "expect", "refused", "counters"] {
        if let Some(node) = table.get(key) {
            let message = format!("`{key}` beside `error`: a config that is refused does nothing");
            table.reader.wrong(node.span(), message);
        }
    }
    let text = table.reader.text_of("`error`", error)?;
    if text.trim().is_empty() {
        let help = "write a part of what is said of the config";
        table.reader.wrong_help(error.span(), "`error` is empty, and so is in every error", help);
    }
    Some(Expected::Error(text.to_owned()))
}
