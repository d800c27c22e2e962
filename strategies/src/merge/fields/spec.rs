//! A rule as it stands in config: a word, or a table that names it with `use` beside its options.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error};
use stook_plugin::{Algebra, OptionType, TypeSpec};
use stook_types::{Object, Value, nearest};

use super::given::Given;
use super::rule::{AnyRule, Begin, Fold, Origin, RULES};
use crate::options::Path;

/// A rule with its options: `"sum"`, or `{ use = "concat", separator = "" }`.
#[derive(Clone)]
pub struct RuleSpec {
    rule: &'static AnyRule,
    options: Object,
    begin: Begin,
}

/// A rule for a nested field: `{ path = ["message", "num"], use = "sum" }`.
#[derive(Clone, Debug)]
pub struct PathRule {
    /// The field.
    pub path: Path,
    /// Its rule.
    pub rule: RuleSpec,
}

// === impl RuleSpec ===

impl RuleSpec {
    /// The rule that takes the first value.
    pub fn first() -> Self {
        Self::named("first", Object::new()).expect("the rule exists and has no options")
    }

    /// The rule of this name.
    ///
    /// # Errors
    /// If there is none, or it does not take these options. The text says what would be right.
    pub fn named(name: &str, options: Object) -> Result<Self, String> {
        let names = || RULES.iter().map(|rule| rule.name);
        let rule = RULES.iter().find(|rule| rule.name == name).ok_or_else(|| {
            format!("no rule is named `{name}`; {}there are {}", did_you_mean(name, names()), list(names()))
        })?;
        let known = || rule.options.iter().map(|option| option.name);
        if let Some(unknown) = options.keys().find(|given| known().all(|known| known != *given)) {
            let near = did_you_mean(unknown, known());
            return Err(format!("rule `{name}` has no option `{unknown}`; {near}it has {}", list(known())));
        }
        let begin = (rule.prepare)(options.clone()).map_err(|why| format!("rule `{name}`: {why}"))?;
        Ok(Self { rule, options, begin })
    }

    fn of_table(mut table: Object) -> Result<Self, String> {
        match table.remove("use") {
            Some(Value::String(name)) => Self::named(&name, table),
            Some(other) => Err(format!("`use` takes the name of a rule, not {}", article(&other))),
            None => Err("a rule's table names the rule with `use`, like { use = \"sum\" }".into()),
        }
    }

    /// What the rule promises about itself.
    pub fn algebra(&self) -> Algebra {
        self.rule.algebra
    }

    /// Whether its value depends on how many say the same.
    pub(super) fn compares(&self) -> bool {
        self.rule.compares
    }

    pub(super) fn name(&self) -> &'static str {
        self.rule.name
    }

    pub(super) fn origin(&self) -> Origin {
        self.rule.origin
    }

    pub(super) fn begin(&self) -> Box<dyn Fold> {
        (self.begin)()
    }

    fn table(&self) -> Object {
        let mut table = self.options.clone();
        table.insert("use".into(), self.rule.name.into());
        table
    }
}

/// The near name, if there is one, as a sentence before another.
fn did_you_mean<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |near| format!("did you mean `{near}`? "))
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn article(value: &Value) -> String {
    match value.type_name() {
        null @ "null" => null.to_owned(),
        name if name.starts_with(['a', 'i', 'o']) => format!("an {name}"),
        name => format!("a {name}"),
    }
}

/// As it would stand in config.
impl fmt::Debug for RuleSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_value().fmt(f)
    }
}

impl OptionType for RuleSpec {
    const TAKES: TypeSpec = TypeSpec::AnyOf(
        "the name of a rule, or a table that names it with `use` beside its options",
        &[TypeSpec::Text, TypeSpec::Map(&TypeSpec::Other("an option of the rule"))],
    );

    fn to_value(&self) -> Value {
        if self.options.is_empty() { self.rule.name.into() } else { Value::Object(self.table()) }
    }
}

impl<'de> Deserialize<'de> for RuleSpec {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::String(name) => Self::named(&name, Object::new()),
            Value::Object(table) => Self::of_table(table),
            other => Err(format!("a rule is a name or a table with `use`, not {}", article(&other))),
        }
        .map_err(D::Error::custom)
    }
}

// === impl PathRule ===

impl OptionType for PathRule {
    const TAKES: TypeSpec = TypeSpec::Other(
        "a table of a `path` (an array of names), and of a rule, named with `use`, with its options",
    );

    fn to_value(&self) -> Value {
        let mut table = self.rule.table();
        table.insert("path".into(), self.path.to_value());
        Value::Object(table)
    }
}

impl<'de> Deserialize<'de> for PathRule {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let shape = "a path's rule is a table, like { path = [\"a\", \"b\"], use = \"sum\" }";
        let Value::Object(mut table) = Value::deserialize(from)? else { return Err(D::Error::custom(shape)) };
        let path = table.remove("path").ok_or_else(|| D::Error::missing_field("path"))?;
        let path =
            Path::deserialize(Given(path)).map_err(|why| D::Error::custom(format_args!("path: {why}")))?;
        let rule = RuleSpec::of_table(table).map_err(D::Error::custom)?;
        Ok(Self { path, rule })
    }
}
