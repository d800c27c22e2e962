//! What a config can say, as data: the tables with their keys. What reads a config knows its keys from here, and so do
//! the default config, the effective one and the JSON Schema.

use stook_plugin::{PluginKind, TypeSpec};
use stook_types::{Value, nearest};

use super::node::Entry;
use super::table::{Cx, did_you_mean};

/// A kind of table.
#[derive(Debug)]
pub struct TableSpec {
    /// The table as messages write it: `[aggregate.NAME]`.
    pub name: &'static str,
    /// Its keys, in the order in which they are best read.
    pub keys: &'static [KeySpec],
}

/// A key of a table.
#[derive(Debug)]
pub struct KeySpec {
    /// The key.
    pub name: &'static str,
    /// What it does; the first sentence says it in short.
    pub docs: &'static str,
    /// What stands under it.
    pub takes: Takes,
    /// What it is when left out, if that is a value that could stand there. For a table of names, what one may be.
    pub default: Option<fn() -> Value>,
    /// What it may look like, in TOML, where that says more than the default. For a table of names, one name.
    pub example: &'static str,
    /// Whether it must be given.
    pub required: bool,
}

/// What stands under a key.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Takes {
    /// A value.
    Value(TypeSpec),
    /// `{ use = "NAME" }` with the options of that plugin beside it.
    Plugin(PluginKind),
    /// One such table, or a list of them.
    Plugins(PluginKind),
    /// A table with keys of its own.
    Table(&'static TableSpec),
    /// A table from names that the user chooses to these.
    Named(&'static Takes),
}

// === impl TableSpec ===

impl TableSpec {
    /// Notes a key that it does not have.
    pub(super) fn check(&self, cx: &Cx<'_>, entry: &Entry) {
        let key = entry.key.as_str();
        if !self.has(key) {
            let keys = format!("{} has {}", self.name, Vec::from_iter(self.names()).join(", "));
            cx.error(&entry.place, format!("unknown key `{key}`"), did_you_mean(self.nearest(key), &keys));
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.names().any(|name| name == key)
    }

    /// The key that was probably meant by another one.
    pub(super) fn nearest(&self, key: &str) -> Option<&'static str> {
        nearest(key, self.names())
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|key| key.name)
    }
}

// === impl KeySpec ===

impl KeySpec {
    /// Its docs as one paragraph: doc comments break where their source does.
    pub fn paragraph(&self) -> String {
        self.docs.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// Declares tables: each key with its docs, what it takes, and its default (`=> VALUE`), or an example of it (`like
/// "TOML"`), `required` before it if it must be given.
macro_rules! tables {
    ($(
        $table:ident, $name:literal {
            $(
                $(#[doc = $docs:literal])+
                $key:ident: $takes:expr $(=> $default:expr)? $(, $($given:ident)+ $example:literal)?;
            )+
        }
    )+) => {$(
        pub(super) static $table: TableSpec = TableSpec {
            name: $name,
            keys: &[$( KeySpec {
                name: stringify!($key),
                docs: concat!($($docs, "\n"),+),
                takes: $takes,
                default: tables!(@default $($default)?),
                example: concat!($($example)?),
                required: tables!(@required $($($given)+)?),
            } ),+],
        };
    )+};
    (@default) => { None };
    (@default $default:expr) => { Some(|| Value::from($default)) };
    (@required required like) => { true };
    (@required $(like)?) => { false };
}
pub(super) use tables;
