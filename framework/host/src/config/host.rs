//! `[host]`.

use std::sync::Arc;

use super::HostConfig;
use super::node::Entry;
use super::table::{Cx, Table};
use super::tables::HOST;

pub(super) fn read(root: &Table<'_>) -> HostConfig {
    let mut host = HostConfig::default();
    let Some(node) = root.get("host") else { return host };
    let table = Table::open(root.cx, root.place, node, &HOST);
    if let Some(name) = table.placed::<String>("name") {
        // What `--host` and STOOK_HOST take is what a host may be called.
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let (given, length) = (&name.value, name.value.len());
        if !(1..=64).contains(&length) || given.starts_with('.') || !given.chars().all(allowed) {
            let help = "it names a directory: write 1 to 64 of A-Z a-z 0-9 - _ . and no dot in front";
            table.cx.error(name.place, format!("`{given}` cannot name a host"), help);
        }
        host.name = name.value;
    }
    host.memory = table.positive("memory").unwrap_or(host.memory);
    host
}

/// The name of a table, `[aggregate.NAME]`, which appears in output and in file names.
pub(super) fn name_of(cx: &Cx<'_>, what: &str, entry: &Entry) -> Arc<str> {
    let name = entry.key.as_str();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 64 || !name.chars().all(allowed) {
        let help = "write 1 to 64 of A-Z a-z 0-9 - _ .";
        cx.error(&entry.place, format!("`{name}` cannot name {what}"), help);
    }
    name.into()
}
