//! Text → scenarios, or everything that is wrong with it at once.

mod expect;
mod scenario;
mod step;
mod tasks;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::mistakes::Mistakes;
use super::model::File;
use super::toml::{Reader, Table};

pub(super) fn file(name: Arc<str>, text: &str) -> Result<File, Mistakes> {
    let (reader, root) =
        Reader::new(text).map_err(|mistake| Mistakes::new(name.clone(), text.into(), vec![mistake]))?;
    let root = Table::root(&reader, &root);
    root.only("a scenario file", &["scenario"]);
    if let Some(node) = root.get("scenario").filter(|node| node.get_ref().is_table()) {
        reader.wrong_help(
            node.span(),
            "a scenario stands in brackets twice: there may be more",
            "write [[scenario]]",
        );
        return Err(Mistakes::new(name, text.into(), reader.found()));
    }
    let tables: Vec<_> =
        root.list("scenario").iter().filter_map(|node| Table::open(&reader, "a scenario", node)).collect();
    check_names(&reader, &tables);
    if tables.is_empty() && reader.is_clean() {
        reader.wrong(0..0, "there is no [[scenario]] here");
    }
    let scenarios = tables.iter().filter_map(|table| scenario::read(&name, table)).collect();
    let found = reader.found();
    if found.is_empty() { Ok(File { scenarios }) } else { Err(Mistakes::new(name, text.into(), found)) }
}

/// A name is what a scenario is chosen and reported by.
fn check_names(reader: &Reader<'_>, tables: &[Table<'_, '_>]) {
    let mut names = BTreeSet::new();
    for node in tables.iter().filter_map(|table| table.get("name")) {
        if let Some(name) = node.get_ref().as_str()
            && !names.insert(name)
        {
            reader.wrong(node.span(), format!("there is another scenario of the name `{name}`"));
        }
    }
}
