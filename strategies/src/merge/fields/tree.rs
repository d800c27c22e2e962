//! The rules as a tree along the paths, and what is gathered along it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use stook_plugin::{Conflict, ConflictKind, Conflicts};
use stook_types::{CollectorId, Object, Value};

use super::rule::Fold;
use super::spec::RuleSpec;

/// Which field has which rule.
pub(super) struct Rules {
    top: Level,
    default: RuleSpec,
}

/// The fields of one object that have a rule, or rules inside.
type Level = BTreeMap<String, Node>;

enum Node {
    Rule(RuleSpec),
    Inside(Level),
}

/// What the payloads so far have given for one object.
pub(super) struct Gathered<'a> {
    /// Where the object stands in the payload.
    path: Vec<String>,
    level: &'a Level,
    default: &'a RuleSpec,
    /// The folds of its fields, each with the collector whose value it took last.
    folded: BTreeMap<String, (Box<dyn Fold>, &'a CollectorId)>,
    /// Its objects with rules inside, which are united field by field.
    united: BTreeMap<&'a str, Gathered<'a>>,
}

// === impl Rules ===

impl Rules {
    pub(super) fn new(default: RuleSpec) -> Self {
        Self { top: Level::new(), default }
    }

    /// Adds a rule. Fails if another rule decides about the same field, or about all of an object on the way:
    /// one of the two could never apply.
    pub(super) fn insert(&mut self, path: &[String], rule: RuleSpec) -> Result<(), String> {
        let Some((last, way)) = path.split_last() else {
            return Err("a path must have at least one name".into());
        };
        let mut level = &mut self.top;
        for (depth, name) in way.iter().enumerate() {
            match level.entry(name.clone()).or_insert_with(|| Node::Inside(Level::new())) {
                Node::Inside(below) => level = below,
                Node::Rule(_) => return Err(beaten(&path[..=depth], path)),
            }
        }
        match level.entry(last.clone()) {
            Entry::Vacant(field) => {
                field.insert(Node::Rule(rule));
                Ok(())
            }
            Entry::Occupied(field) => match field.get() {
                Node::Rule(_) => Err(format!("{path:?} has two rules; keep one")),
                Node::Inside(_) => Err(beaten(path, path)),
            },
        }
    }
}

fn beaten(object: &[String], path: &[String]) -> String {
    let below =
        if object == path { "the rules below it".to_owned() } else { format!("the rule for {path:?}") };
    format!("{object:?} has a rule for all of it, so that {below} could never apply; keep one")
}

// === impl Gathered ===

impl<'a> Gathered<'a> {
    pub(super) fn of(rules: &'a Rules) -> Self {
        Self::at(Vec::new(), &rules.top, &rules.default)
    }

    fn at(path: Vec<String>, level: &'a Level, default: &'a RuleSpec) -> Self {
        Self { path, level, default, folded: BTreeMap::new(), united: BTreeMap::new() }
    }

    /// Takes the fields of the next object, in effective order.
    pub(super) fn push(&mut self, fields: Object, from: &'a CollectorId, conflicts: &mut Conflicts) {
        for (name, value) in fields {
            match (self.level.get_key_value(&name), value) {
                (Some((_, Node::Rule(rule))), value) => self.fold(rule, name, value, from, conflicts),
                (None, value) => self.fold(self.default, name, value, from, conflicts),
                (Some((name, Node::Inside(level))), Value::Object(fields)) => {
                    let inside = self.united.entry(name).or_insert_with(|| {
                        let path = self.path.iter().chain([name]).cloned().collect();
                        Self::at(path, level, self.default)
                    });
                    inside.push(fields, from, conflicts);
                }
                (Some((name, Node::Inside(_))), other) => {
                    let conflict = conflict(&self.path, name, ConflictKind::Type, from);
                    conflicts.push(conflict.got(other.type_name()));
                }
            }
        }
    }

    fn fold(
        &mut self,
        rule: &RuleSpec,
        name: String,
        value: Value,
        from: &'a CollectorId,
        conflicts: &mut Conflicts,
    ) {
        let got = kind_of(&value);
        let mut field = match self.folded.entry(name) {
            Entry::Vacant(field) => field.insert_entry((rule.begin(), from)),
            Entry::Occupied(field) => field,
        };
        let (fold, last) = field.get_mut();
        match fold.push(value) {
            Ok(()) => *last = from,
            Err(kind) => {
                let conflict = conflict(&self.path, field.key(), kind, from);
                conflicts.push(if kind == ConflictKind::Type { conflict.got(got) } else { conflict });
            }
        }
    }

    /// The merged object. A field whose values were all skipped, or which ends in conflict, is absent.
    pub(super) fn finish(self, conflicts: &mut Conflicts) -> Object {
        let mut object = Object::new();
        for (name, (fold, last)) in self.folded {
            match fold.finish() {
                Ok(Some(value)) => drop(object.insert(name, value)),
                Ok(None) => {}
                Err(kind) => conflicts.push(conflict(&self.path, &name, kind, last)),
            }
        }
        for (name, inside) in self.united {
            object.insert(name.to_owned(), Value::Object(inside.finish(conflicts)));
        }
        object
    }
}

fn conflict(path: &[String], name: &String, kind: ConflictKind, from: &CollectorId) -> Conflict {
    Conflict::new(path.iter().chain([name]), kind, from)
}

/// The type of a value as conflicts name it. The one float that no rule for numbers takes has a name of its own.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Float(float) if float.is_nan() => "NaN",
        other => other.type_name(),
    }
}
