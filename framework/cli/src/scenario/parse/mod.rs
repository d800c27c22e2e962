//! Text → scenarios, or everything that is wrong with it at once.

mod expect;
mod scenario;
mod step;
mod tasks;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::mistakes::Mistakes;
use super::model::{File, Scenario};
use super::toml::{Reader, Table};

pub(super) fn file(name: Arc<str>, text: &str) -> Result<File, Mistakes> {
    let (reader, root) = Reader::new(text);
    let root = Table::root(&reader, &root);
    root.only("a scenario file", &["scenario"]);
    let nodes = root.list("scenario");
    let scenarios: Vec<Scenario> = nodes
        .iter()
        .filter_map(|node| Table::open(&reader, "a scenario", node))
        .filter_map(|table| scenario::read(&name, &table))
        .collect();
    let found = reader.found();
    if found.is_empty() { Ok(File { scenarios }) } else { Err(Mistakes::new(name, text.into(), found)) }
}

/// Notes names that stand twice: a name is what a scenario is chosen and reported by.
pub(super) fn unique<'a>(table: &Table<'_, '_>, name: &'a str, names: &mut BTreeSet<&'a str>) {
    if !names.insert(name)
        && let Some(node) = table.get("name")
    {
        table.reader.wrong(node.span(), format!("there is another scenario of the name `{name}`"));
    }
}
