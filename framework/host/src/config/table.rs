//! What reads a table of the config: takes its keys one by one, and notes everything that is wrong with it.

use std::cell::RefCell;
use std::fmt::Display;

use serde::de::DeserializeOwned;
use stook_plugin::{BuildContext, Registry};

use super::diagnostic::Diagnostic;
use super::dispatch::Policies;
use super::node::{Entry, Kind, Node, Place};
use super::read::wanted;
use super::source::Written;
use super::spec::TableSpec;

/// What all readers share: the plugins that can be selected, and where to say what is wrong.
pub(super) struct Cx<'a> {
    pub(super) registry: &'a Registry,
    pub(super) build: &'a BuildContext,
    pub(super) policies: Policies,
    pub(super) written: &'a Written,
    found: RefCell<Vec<Diagnostic>>,
}

/// A table whose keys were checked.
pub(super) struct Table<'a> {
    pub(super) cx: &'a Cx<'a>,
    /// Where its name stands: that is where it lacks something.
    pub(super) place: &'a Place,
    /// Nothing if it is no table at all, which was noted.
    entries: Option<&'a [Entry]>,
    spec: &'static TableSpec,
}

/// A value and where it was written.
pub(super) struct Placed<'a, T> {
    pub(super) value: T,
    pub(super) place: &'a Place,
}

// === impl Cx ===

impl<'a> Cx<'a> {
    pub(super) fn new(registry: &'a Registry, build: &'a BuildContext, written: &'a Written) -> Self {
        Self { registry, build, policies: Policies::default(), written, found: RefCell::default() }
    }

    pub(super) fn push(&self, diagnostic: Diagnostic) {
        self.found.borrow_mut().push(diagnostic);
    }

    pub(super) fn error(&self, place: &Place, message: impl Into<String>, help: impl Into<String>) {
        self.push(Diagnostic::error(place, message).help(help));
    }

    pub(super) fn warn(&self, place: &Place, message: impl Into<String>, help: impl Into<String>) {
        self.push(Diagnostic::warning(place, message).help(help));
    }

    /// How much was found so far.
    pub(super) fn count(&self) -> usize {
        self.found.borrow().len()
    }

    pub(super) fn take_found(&self) -> Vec<Diagnostic> {
        self.found.take()
    }

    /// Reads a node that stands under `key`; if it cannot be read, says so.
    pub(super) fn read<T: DeserializeOwned>(&self, key: &str, node: &Node) -> Option<T> {
        let read = node.read();
        read.map_err(|(place, why)| self.push(Diagnostic::error(&place, format!("bad `{key}`: {why}")))).ok()
    }
}

// === impl Table ===

impl<'a> Table<'a> {
    /// The table in `node`, named at `place`. A node that is no table is noted, and then
    /// lacks nothing.
    pub(super) fn open(cx: &'a Cx<'a>, place: &'a Place, node: &'a Node, spec: &'static TableSpec) -> Self {
        let entries = node.entries();
        if entries.is_none() {
            cx.push(Diagnostic::error(&node.place, wanted("a table", node.kind.unexpected())));
        }
        for entry in entries.unwrap_or_default() {
            spec.check(cx, entry);
        }
        Self { cx, place, entries, spec }
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Node> {
        self.entries?.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// The value of `key`, if it is given and can be read.
    pub(super) fn read<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        self.cx.read(key, self.get(key)?)
    }

    /// The value of `key`, with its place.
    pub(super) fn placed<T: DeserializeOwned>(&self, key: &str) -> Option<Placed<'a, T>> {
        let node = self.get(key)?;
        Some(Placed { value: self.cx.read(key, node)?, place: &node.place })
    }

    /// The elements of the list under `key` that can be read.
    pub(super) fn list<T: DeserializeOwned>(&self, key: &str) -> Vec<Placed<'a, T>> {
        let Some(node) = self.get(key) else { return Vec::new() };
        let Kind::List(nodes) = &node.kind else {
            let message = format!("bad `{key}`: {}", wanted("a list", node.kind.unexpected()));
            self.cx.push(Diagnostic::error(&node.place, message));
            return Vec::new();
        };
        let element = |node: &'a Node| Some(Placed { value: self.cx.read(key, node)?, place: &node.place });
        nodes.iter().filter_map(element).collect()
    }

    /// The elements of the list under `key` that can be read, each once: a repeated one is noted.
    pub(super) fn set<T: DeserializeOwned + PartialEq + Display>(&self, key: &str) -> Vec<Placed<'a, T>> {
        let mut set: Vec<Placed<'a, T>> = Vec::new();
        for element in self.list::<T>(key) {
            if set.iter().any(|other| other.value == element.value) {
                self.cx.error(element.place, format!("`{}` is given twice", element.value), "take one out");
            } else {
                set.push(element);
            }
        }
        set
    }

    /// Notes that `key` must be given, if it is not, or if it is an empty list.
    pub(super) fn require(&self, key: &str, example: &str) {
        let help = format!("write {key} = {example}");
        match self.get(key).map(|node| (&node.kind, &node.place)) {
            None if self.entries.is_none() || self.means(key) => {}
            None => self.cx.error(self.place, format!("`{key}` is missing"), help),
            Some((Kind::List(nodes), place)) if nodes.is_empty() => {
                self.cx.error(place, format!("`{key}` is empty"), help);
            }
            Some(_) => {}
        }
    }

    /// Whether `key` is given, or a key that was probably meant to be it, which was noted.
    pub(super) fn means(&self, key: &str) -> bool {
        self.get(key).is_some() || self.strangers().any(|meant| meant == Some(key))
    }

    /// Whether what is not in the tables under `key` is not there: not if they, or some of them, may stand elsewhere.
    pub(super) fn is_whole(&self, key: &str) -> bool {
        let is_table = self.get(key).is_none_or(|node| node.entries().is_some());
        is_table && self.strangers().all(|meant| meant.is_some_and(|meant| meant != key))
    }

    /// What each key that is not known was probably meant to be.
    fn strangers(&self) -> impl Iterator<Item = Option<&'static str>> {
        let unknown = |entry: &&Entry| !self.spec.has(&entry.key);
        self.entries.unwrap_or_default().iter().filter(unknown).map(|entry| self.spec.nearest(&entry.key))
    }

    /// The tables under `key`: `[collector.NAME]` and its like.
    pub(super) fn section(&self, key: &str) -> &'a [Entry] {
        let Some(node) = self.get(key) else { return &[] };
        node.entries().unwrap_or_else(|| {
            self.cx.error(
                &node.place,
                wanted("a table", node.kind.unexpected()),
                format!("write [{key}.NAME], and below it its keys"),
            );
            &[]
        })
    }
}

/// The near name first, then what there is.
pub(super) fn did_you_mean(near: Option<&str>, valid: &str) -> String {
    match near {
        Some(near) => format!("did you mean `{near}`? {valid}"),
        None => valid.to_owned(),
    }
}
