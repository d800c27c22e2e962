//! One `[[scenario]]`.

use std::sync::Arc;

use stook_types::MonoTime;
use stook_types::units::Span;

use super::super::model::{Expected, Scenario};
use super::super::toml::{Node, Table};
use super::{expect, step, tasks};

const WHAT: &str = "a scenario";
const KEYS: &[&str] = &["name", "config", "steps", "until", "expect", "refused", "counters", "error"];

pub(super) fn read(file: &Arc<str>, table: &Table<'_, '_>) -> Option<Scenario> {
    table.only(WHAT, KEYS);
    let name = table.require(WHAT, "name").and_then(|_| table.text("name"));
    let config = table.require(WHAT, "config").and_then(config(table));
    let (mut steps, places): (Vec<_>, Vec<_>) = table
        .list("steps")
        .iter()
        .filter_map(|node| Some((step::read(table.reader, node)?, node.span())))
        .unzip();
    tasks::resolve(table.reader, &mut steps, &places);
    let last = steps.last().map_or(MonoTime::ZERO, |step| step.at);
    let until = table.parsed("until").map_or(last, |Span(until)| MonoTime::at(until));
    check_order(table, &steps, &places, until);
    let expected = expected(table)?;
    let (line, _) = table.reader.line_and_column(table.place.start);
    Some(Scenario {
        file: file.clone(),
        line,
        name: name?.to_owned(),
        config: config?,
        steps,
        until,
        expected,
    })
}

/// The text of the config, moved to the line at which it stands in the file.
fn config<'a>(table: &'a Table<'a, '_>) -> impl Fn(&'a Node<'_>) -> Option<String> {
    |node| {
        let text = table.text("config")?;
        let (line, _) = table.reader.line_and_column(node.span().start);
        let opened = table.reader.text[node.span()].trim_start_matches(['\'', '"']);
        let begins_below = opened.starts_with(['\n', '\r']);
        Some("\n".repeat(line - 1 + usize::from(begins_below)) + text)
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

fn expected(table: &Table<'_, '_>) -> Option<Expected> {
    let Some(error) = table.get("error") else {
        return Some(Expected::Run {
            emissions: expect::emissions(table),
            refusals: expect::refusals(table),
            counters: expect::counters(table),
        });
    };
    for key in ["steps", "until", "expect", "refused", "counters"] {
        if let Some(node) = table.get(key) {
            let message = format!("`{key}` beside `error`: a config that is refused does nothing");
            table.reader.wrong(node.span(), message);
        }
    }
    table.reader.text_of("`error`", error).map(|text| Expected::Error(text.to_owned()))
}
