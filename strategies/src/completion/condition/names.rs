//! What a condition can name, and what one does name.

use std::collections::BTreeMap;

stook_plugin::choice! {
    /// The fields of `result`.
    #[derive(PartialOrd, Ord)]
    pub(super) enum ResultField {
        Value = "value",
        Collector = "collector",
        Topic = "topic",
        Sequence = "sequence",
        Last = "last",
    }
}

stook_plugin::choice! {
    /// The fields of `set`.
    #[derive(PartialOrd, Ord)]
    pub(super) enum SetField {
        Count = "count",
        Bytes = "bytes",
        Collectors = "collectors",
        Value = "value",
        AgeMs = "age_ms",
    }
}

/// What an expression is, as far as that can be seen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Number,
    Text,
    List,
    Map,
    /// What a payload or a merge says, or anything else.
    Unknown,
}

/// What a condition names: nothing else is computed for it.
#[derive(Default)]
pub(super) struct Names {
    pub(super) result: BTreeMap<ResultField, Parts>,
    pub(super) set: BTreeMap<SetField, Parts>,
    /// The paths in `set.value`, each once.
    pub(super) reads: Vec<Vec<String>>,
}

/// Parts of a value: all of it, or what the names lead to.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) whole: bool,
    pub(super) named: BTreeMap<String, Parts>,
}

impl ResultField {
    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::Value => Kind::Unknown,
            Self::Collector | Self::Topic => Kind::Text,
            Self::Sequence => Kind::Number,
            Self::Last => Kind::Bool,
        }
    }
}

impl SetField {
    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::Count | Self::Bytes | Self::AgeMs => Kind::Number,
            Self::Collectors => Kind::List,
            Self::Value => Kind::Unknown,
        }
    }
}

impl Kind {
    /// What it is, in words.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::Text => "text",
            Self::List => "a list",
            Self::Map => "a map",
            Self::Unknown => "a value",
        }
    }
}

impl Names {
    pub(super) fn is_empty(&self) -> bool {
        self.result.is_empty() && self.set.is_empty()
    }
}

impl Parts {
    /// Adds the part at the end of a path.
    pub(super) fn add(&mut self, path: &[String]) {
        match path.split_first() {
            None => self.whole = true,
            Some((name, rest)) => self.named.entry(name.clone()).or_default().add(rest),
        }
    }
}
