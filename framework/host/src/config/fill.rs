//! The effective config: what was left out, at what it is then.

use stook_plugin::{PluginKind, Registration, Registry};
use stook_types::Value;

use super::Source;
use super::node::{Entry, Kind, Node, Place};
use super::spec::{KeySpec, TableSpec, Takes};
use super::tables::ROOT;

impl Source {
    /// The same config with everything that was left out at its default, and with its keys in the order of
    /// [`Source::tables`]. What has no default stays left out, and a plugin that is not in the registry is none.
    ///
    /// For a config that [loads](super::Config::load): what it could not have is dropped.
    #[must_use]
    pub fn effective(&self, registry: &Registry) -> Self {
        Self { written: self.written.without_text(), root: Fill { registry }.table(&ROOT, &self.root) }
    }

    /// What a config can say, from the outermost table.
    pub const fn tables() -> &'static TableSpec {
        &ROOT
    }
}

pub(super) struct Fill<'a> {
    pub(super) registry: &'a Registry,
}

impl Fill<'_> {
    fn table(&self, spec: &TableSpec, given: &Node) -> Node {
        table(spec.keys.iter().filter_map(|key| {
            let node = match given.get(key.name) {
                Some(node) => self.takes(&key.takes, node),
                None => self.default(key)?,
            };
            Some(entry(key.name, node))
        }))
    }

    /// What stands under a key that was left out.
    pub(super) fn default(&self, key: &KeySpec) -> Option<Node> {
        match (&key.takes, key.default) {
            (Takes::Table(spec), _) => Some(self.table(spec, &table([]))),
            (Takes::Named(_), _) => None,
            (Takes::Plugin(kind), Some(default)) => {
                let node = node(default());
                self.plugin(*kind, &node)?;
                Some(self.options(*kind, &node))
            }
            (_, default) => Some(node(default?())),
        }
    }

    fn takes(&self, takes: &Takes, given: &Node) -> Node {
        match (takes, &given.kind) {
            (Takes::Value(_), _) => given.clone(),
            (Takes::Plugins(kind), Kind::List(nodes)) => {
                let nodes = nodes.iter().map(|node| self.takes(&Takes::Plugin(*kind), node)).collect();
                Node { kind: Kind::List(nodes), place: Place::Nowhere }
            }
            (Takes::Plugin(kind) | Takes::Plugins(kind), _) => self.options(*kind, given),
            (Takes::Table(spec), _) => self.table(spec, given),
            (Takes::Named(of), _) => {
                let entries = given.entries().unwrap_or_default();
                table(entries.iter().map(|named| entry(&named.key, self.takes(of, &named.node))))
            }
        }
    }

    /// The table of a plugin.
    pub(super) fn options(&self, kind: PluginKind, given: &Node) -> Node {
        let name = given.get("use").cloned().map(|name| entry("use", name));
        let specs = self.plugin(kind, given).map_or(&[][..], |plugin| plugin.options);
        let options = specs.iter().filter_map(|spec| {
            let default = || Some(spec.default?()).filter(|default| *default != Value::Null).map(node);
            Some(entry(spec.name, given.get(spec.name).cloned().or_else(default)?))
        });
        table(name.into_iter().chain(options))
    }

    /// The plugin that this table selects.
    fn plugin(&self, kind: PluginKind, given: &Node) -> Option<&Registration> {
        let name = given.get("use")?.as_text()?;
        self.registry.plugins().iter().find(|plugin| plugin.kind == kind && plugin.name == name)
    }
}

fn table(entries: impl IntoIterator<Item = Entry>) -> Node {
    Node { kind: Kind::Table(entries.into_iter().collect()), place: Place::Nowhere }
}

fn entry(key: &str, node: Node) -> Entry {
    Entry { key: key.to_owned(), place: Place::Nowhere, node }
}

pub(super) fn node(value: Value) -> Node {
    let kind = match value {
        Value::Bool(value) => Kind::Bool(value),
        Value::Int(value) => Kind::Int(value),
        Value::Float(value) => Kind::Float(value),
        Value::String(text) => Kind::Text(text),
        Value::Array(values) => Kind::List(values.into_iter().map(node).collect()),
        Value::Object(fields) => {
            Kind::Table(fields.into_iter().map(|(key, value)| entry(&key, node(value))).collect())
        }
        // No option takes them.
        Value::Null | Value::Bytes(_) => Kind::Null,
    };
    Node { kind, place: Place::Nowhere }
}
