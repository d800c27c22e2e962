//! The default config: every key of every table, with its docs.

use std::fmt::Write;

use stook_plugin::{Registry, TypeSpec};

use super::Source;
use super::fill::{Fill, node};
use super::spec::{KeySpec, TableSpec, Takes};
use super::tables::ROOT;
use super::write::{header, inline, join, line};

const INTRODUCTION: &str = "\
# Everything that a config can say. A key that is left out is what it is here, unless its comment
# says otherwise; one that is commented out has no default. What must be given has an example.
";

/// Comments are no wider.
const WIDTH: usize = 100;

impl Source {
    /// A whole config in TOML that says what everything in it is for: each key at its default, or, if it has none, with
    /// an example, as a comment if it may be left out. It loads, if the registry has stook's own strategies.
    pub fn default_toml(registry: &Registry) -> String {
        let mut text = INTRODUCTION.to_owned();
        Example { registry }.table(&mut text, "", &ROOT);
        text
    }
}

struct Example<'a> {
    registry: &'a Registry,
}

impl Example<'_> {
    fn table(&self, text: &mut String, path: &str, spec: &TableSpec) {
        let (tables, keys): (Vec<_>, Vec<_>) =
            spec.keys.iter().partition(|key| matches!(key.takes, Takes::Table(_) | Takes::Named(_)));
        for key in keys {
            comment(text, &self.docs(key));
            writeln!(text, "{}", self.line(key)).expect("a string takes everything");
        }
        for key in tables {
            text.push('\n');
            comment(text, &self.docs(key));
            let path = join(path, key.name);
            let named = || join(&path, key.example);
            match key.takes {
                Takes::Table(spec) => self.opened(text, &path, spec),
                Takes::Named(Takes::Table(spec)) => self.opened(text, &named(), spec),
                Takes::Named(Takes::Plugin(kind)) => {
                    let Some(example) = key.default else { continue };
                    let plugin = Fill { registry: self.registry }.options(*kind, &node(example()));
                    header(text, &named());
                    plugin.entries().unwrap_or_default().iter().for_each(|entry| line(text, entry));
                }
                _ => {}
            }
        }
    }

    fn opened(&self, text: &mut String, path: &str, spec: &TableSpec) {
        header(text, path);
        self.table(text, path, spec);
    }

    fn line(&self, key: &KeySpec) -> String {
        let (comment, value) = match ((Fill { registry: self.registry }).default(key), key.default) {
            (Some(default), _) if key.example.is_empty() => ("", inline(&default)),
            // A plugin that is not linked here.
            (None, Some(default)) if key.example.is_empty() => ("# ", inline(&node(default()))),
            (_, default) => {
                (if key.required || default.is_some() { "" } else { "# " }, key.example.to_owned())
            }
        };
        format!("{comment}{} = {value}", key.name)
    }

    fn docs(&self, key: &KeySpec) -> String {
        let mut docs = key.paragraph();
        docs.push_str(&self.choices(&key.takes));
        if let (Takes::Value(_), Some(default), false) = (key.takes, key.default, key.example.is_empty()) {
            write!(docs, " Left out: {}.", inline(&node(default()))).expect("a string takes everything");
        }
        docs
    }

    /// What can stand there, where that are words.
    fn choices(&self, takes: &Takes) -> String {
        let (what, names): (_, Vec<_>) = match takes {
            Takes::Value(TypeSpec::Choice(words)) => ("One of", words.to_vec()),
            Takes::Plugin(kind) | Takes::Plugins(kind) | Takes::Named(Takes::Plugin(kind)) => {
                let plugins = self.registry.plugins().iter().filter(|plugin| plugin.kind == *kind);
                ("`use` takes", plugins.map(|plugin| plugin.name).collect())
            }
            _ => return String::new(),
        };
        format!(" {what} {}.", names.join(", "))
    }
}

/// A paragraph as comment lines; nothing of no text.
fn comment(text: &mut String, paragraph: &str) {
    let mut line = String::new();
    for word in paragraph.split(' ') {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH - 2 {
            writeln!(text, "# {line}").expect("a string takes everything");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        writeln!(text, "# {line}").expect("a string takes everything");
    }
}
