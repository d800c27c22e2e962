//! A config as TOML text, and as data of any serde format.

use std::fmt::Write;

use serde::ser::{Serialize, Serializer};

use super::Source;
use super::node::{Entry, Kind, Node};
use super::spec::{TableSpec, Takes};
use super::tables::ROOT;

impl Source {
    /// The config as TOML, a line for each key. It reads as the same config, but for a null in a list, of which TOML has
    /// none: it becomes an empty text.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        table(&mut text, "", &ROOT, self.root.entries().unwrap_or_default());
        text
    }
}

/// A table's keys, then the tables in it that have headers of their own.
fn table(text: &mut String, path: &str, spec: &TableSpec, entries: &[Entry]) {
    let takes = |entry: &Entry| spec.keys.iter().find(|key| key.name == entry.key).map(|key| &key.takes);
    let is_line = |entry: &&Entry| !path.is_empty() && !matches!(takes(entry), Some(Takes::Named(_)));
    for entry in entries.iter().filter(is_line) {
        line(text, entry);
    }
    for entry in entries.iter().filter(|entry| !is_line(entry)) {
        let path = join(path, &entry.key);
        let inside = entry.node.entries().unwrap_or_default();
        match takes(entry) {
            Some(Takes::Table(spec)) => {
                open(text, &path);
                table(text, &path, spec, inside);
            }
            Some(Takes::Named(of)) => {
                for named in inside {
                    let path = join(&path, &named.key);
                    let inside = named.node.entries().unwrap_or_default();
                    open(text, &path);
                    match of {
                        Takes::Table(spec) => table(text, &path, spec, inside),
                        _ => inside.iter().for_each(|entry| line(text, entry)),
                    }
                }
            }
            _ => line(text, entry),
        }
    }
}

pub(super) fn line(text: &mut String, entry: &Entry) {
    writeln!(text, "{} = {}", key(&entry.key), inline(&entry.node)).expect("a string takes everything");
}

/// A table, apart from what is before it.
fn open(text: &mut String, path: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    header(text, path);
}

/// The line that opens a table.
pub(super) fn header(text: &mut String, path: &str) {
    writeln!(text, "[{path}]").expect("a string takes everything");
}

/// The path of a table in another.
pub(super) fn join(path: &str, name: &str) -> String {
    let dot = if path.is_empty() { "" } else { "." };
    format!("{path}{dot}{}", key(name))
}

/// A key as TOML has it: bare, or in quotes.
pub(super) fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { quoted(name) }
}

/// A value on one line.
pub(super) fn inline(node: &Node) -> String {
    match &node.kind {
        Kind::Null => "\"\"".to_owned(),
        Kind::Bool(value) => value.to_string(),
        Kind::Int(value) => value.to_string(),
        Kind::Float(value) if value.is_finite() => format!("{value:?}"),
        Kind::Float(value) if value.is_nan() => "nan".to_owned(),
        Kind::Float(value) => if *value > 0.0 { "inf" } else { "-inf" }.to_owned(),
        Kind::Text(text) => quoted(text),
        Kind::List(nodes) => format!("[{}]", nodes.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Kind::Table(entries) if entries.is_empty() => "{}".to_owned(),
        Kind::Table(entries) => {
            let field = |entry: &Entry| format!("{} = {}", key(&entry.key), inline(&entry.node));
            format!("{{ {} }}", entries.iter().map(field).collect::<Vec<_>>().join(", "))
        }
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                write!(quoted, "\\u{:04X}", u32::from(c)).expect("a string takes everything")
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.root.serialize(to)
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match &self.kind {
            Kind::Null => to.serialize_unit(),
            Kind::Bool(value) => to.serialize_bool(*value),
            Kind::Int(value) => to.serialize_i64(*value),
            Kind::Float(value) => to.serialize_f64(*value),
            Kind::Text(text) => to.serialize_str(text),
            Kind::List(nodes) => to.collect_seq(nodes),
            Kind::Table(entries) => to.collect_map(entries.iter().map(|entry| (&entry.key, &entry.node))),
        }
    }
}
