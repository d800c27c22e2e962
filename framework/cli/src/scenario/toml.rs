//! TOML with positions: tables that are read key by key and note what is wrong with them.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;

use stook_plugin::unknown_word;
use stook_types::{Value, nearest};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistakes::{Mistake, line_and_column};
use super::names::{Mention, Named};

/// A value where it stands.
pub(super) type Node<'i> = Spanned<DeValue<'i>>;

/// The text that is read, and what was found wrong with it so far.
pub(super) struct Reader<'i> {
    pub(super) text: &'i str,
    found: RefCell<Vec<Mistake>>,
    mentions: RefCell<Vec<Mention>>,
}

/// One table of the text.
#[derive(Clone)]
pub(super) struct Table<'a, 'i> {
    pub(super) reader: &'a Reader<'i>,
    pub(super) place: Range<usize>,
    fields: &'a DeTable<'i>,
}

impl<'i> Reader<'i> {
    /// Reads the text; gives its root.
    ///
    /// # Errors
    /// If it is no TOML: the first thing that is wrong, for what comes of it would be guesses.
    pub(super) fn new(text: &'i str) -> Result<(Self, Spanned<DeTable<'i>>), Mistake> {
        match DeTable::parse(text) {
            Ok(root) => Ok((Self { text, found: RefCell::default(), mentions: RefCell::default() }, root)),
            Err(error) => {
                let (at, message) = (error.span().unwrap_or_default(), error.message().to_owned());
                Err(Mistake { at, message, help: None })
            }
        }
    }

    pub(super) fn wrong(&self, at: Range<usize>, message: impl Into<String>) {
        self.found.borrow_mut().push(Mistake { at, message: message.into(), help: None });
    }

    pub(super) fn wrong_help(&self, at: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.found.borrow_mut().push(Mistake { at, message: message.into(), help: Some(help.into()) });
    }

    pub(super) fn is_clean(&self) -> bool {
        self.found.borrow().is_empty()
    }

    pub(super) fn found(&self) -> Vec<Mistake> {
        self.found.take()
    }

    /// Notes that this names something which the config must have.
    pub(super) fn mention(&self, at: Range<usize>, what: Named) {
        let (line, column) = self.line_and_column(at.start);
        self.mentions.borrow_mut().push(Mention { line, column, what });
    }

    /// What was named since the last time.
    pub(super) fn take_mentions(&self) -> Vec<Mention> {
        self.mentions.take()
    }

    pub(super) fn line_and_column(&self, at: usize) -> (usize, usize) {
        line_and_column(self.text, at)
    }

    pub(super) fn text_of<'a>(&self, what: &str, node: &'a Node<'i>) -> Option<&'a str> {
        let text = node.get_ref().as_str();
        if text.is_none() {
            self.wrong(node.span(), format!("{what} is text in quotes, not {}", kind(node)));
        }
        text
    }

    /// Text that means something.
    pub(super) fn parse<T: FromStr<Err: Display>>(&self, what: &str, node: &Node<'i>) -> Option<T> {
        let text = self.text_of(what, node)?;
        text.parse().map_err(|error| self.wrong(node.span(), format!("bad {what}: {error}"))).ok()
    }

    /// One of these words.
    pub(super) fn word(&self, what: &str, node: &Node<'i>, words: &[&str]) -> Option<String> {
        let text = self.text_of(what, node)?;
        if words.contains(&text) {
            return Some(text.to_owned());
        }
        self.wrong(node.span(), format!("bad {what}: {}", unknown_word(text, words)));
        None
    }

    /// A whole number of at least this.
    pub(super) fn whole(&self, what: &str, node: &Node<'i>, least: i64) -> Option<i64> {
        let number = match node.get_ref() {
            DeValue::Integer(_) => self.value(node)?.as_int(),
            _ => None,
        };
        let number = number.filter(|number| *number >= least);
        if number.is_none() {
            self.wrong(node.span(), format!("{what} is a whole number of at least {least}"));
        }
        number
    }

    /// The elements of a list.
    pub(super) fn list<'a>(&self, what: &str, node: &'a Node<'i>) -> &'a [Node<'i>] {
        match node.get_ref() {
            DeValue::Array(elements) => elements,
            _ => {
                self.wrong(node.span(), format!("{what} is a list, not {}", kind(node)));
                &[]
            }
        }
    }

    /// Any value, as the engine types it.
    pub(super) fn value(&self, node: &Node<'i>) -> Option<Value> {
        let wrong = |why: &str| {
            self.wrong(node.span(), why);
            None
        };
        match node.get_ref() {
            DeValue::String(text) => Some(Value::String(text.to_string())),
            DeValue::Boolean(value) => Some(Value::Bool(*value)),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map(Value::Int)
                .or_else(|_| wrong("the number does not fit into 64 signed bits").ok_or(()))
                .ok(),
            DeValue::Float(number) => match number.as_str().parse::<f64>() {
                Ok(number) if number.is_finite() => Some(Value::Float(number)),
                _ => wrong("payloads are JSON here, which has finite numbers only"),
            },
            DeValue::Datetime(_) => wrong("payloads have no dates; write text in quotes"),
            DeValue::Array(elements) => elements.iter().map(|element| self.value(element)).collect(),
            DeValue::Table(fields) => fields
                .iter()
                .map(|(name, field)| Some((name.get_ref().to_string(), self.value(field)?)))
                .collect::<Option<_>>()
                .map(Value::Object),
        }
    }
}

impl<'a, 'i> Table<'a, 'i> {
    pub(super) fn root(reader: &'a Reader<'i>, root: &'a Spanned<DeTable<'i>>) -> Self {
        Self { reader, place: root.span(), fields: root.get_ref() }
    }

    pub(super) fn open(reader: &'a Reader<'i>, what: &str, node: &'a Node<'i>) -> Option<Self> {
        match node.get_ref() {
            DeValue::Table(fields) => Some(Self { reader, place: node.span(), fields }),
            _ => {
                reader.wrong(node.span(), format!("{what} is a table, not {}", kind(node)));
                None
            }
        }
    }

    /// Notes every key that is not one of these. Gives whether there was none.
    pub(super) fn only(&self, what: &str, known: &[&str]) -> bool {
        let mut clean = true;
        for (key, _) in self.fields {
            let name = key.get_ref().as_ref();
            if known.contains(&name) {
                continue;
            }
            let near = nearest(name, known.iter().copied());
            let help = near.map_or_else(
                || format!("{what} has {}", known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            self.reader.wrong_help(key.span(), format!("unknown key `{name}` of {what}"), help);
            clean = false;
        }
        clean
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Node<'i>> {
        self.fields.get(key)
    }

    /// The keys with their values, as they are given.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a Spanned<Cow<'i, str>>, &'a Node<'i>)> {
        self.fields.iter()
    }

    /// Notes that a key is missing, if it is; not if it is misspelt, which was noted.
    pub(super) fn require(&self, what: &str, key: &str) -> Option<&'a Node<'i>> {
        let node = self.get(key);
        let is_misspelt = || self.entries().any(|(given, _)| nearest(given.get_ref(), [key]).is_some());
        if node.is_none() && !is_misspelt() {
            self.reader.wrong(self.place.clone(), format!("{what} has no `{key}`"));
        }
        node
    }

    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.reader.text_of(&format!("`{key}`"), self.get(key)?)
    }

    pub(super) fn parsed<T: FromStr<Err: Display>>(&self, key: &str) -> Option<T> {
        self.reader.parse(&format!("`{key}`"), self.get(key)?)
    }

    pub(super) fn list(&self, key: &str) -> &'a [Node<'i>] {
        self.get(key).map_or(&[], |node| self.reader.list(&format!("`{key}`"), node))
    }

    /// A whole number of at least 0.
    pub(super) fn number(&self, key: &str) -> Option<u64> {
        self.reader.whole(&format!("`{key}`"), self.get(key)?, 0)?.try_into().ok()
    }

    pub(super) fn flag(&self, key: &str) -> bool {
        let Some(node) = self.get(key) else { return false };
        let flag = node.get_ref().as_bool();
        if flag.is_none() {
            self.reader.wrong(node.span(), format!("`{key}` is true or false, not {}", kind(node)));
        }
        flag.unwrap_or(false)
    }
}

fn kind(node: &Node<'_>) -> &'static str {
    match node.get_ref() {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a bool",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
