//! What the payloads have given so far, along the tree of rules.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use stook_plugin::{Conflict, ConflictKind, Conflicts};
use stook_types::{CollectorId, Object, Value};

use super::rule::Fold;
use super::spec::RuleSpec;
use super::tree::{Level, Node, Rules};

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
        match fold.push(value, from) {
            Ok(()) => *last = from,
            Err(kind) => {
                let conflict = conflict(&self.path, field.key(), kind, from);
                conflicts.push(if kind == ConflictKind::Type { conflict.got(got) } else { conflict });
            }
        }
    }

    /// The merged object. A field whose values were all skipped, or which ends in conflict, is absent; of those that no
    /// payload gave, it has what their own rules make of nothing.
    pub(super) fn finish(self, conflicts: &mut Conflicts) -> Object {
        let mut object = Object::new();
        for (name, (mut fold, last)) in self.folded {
            let folded = fold.finish();
            for dissent in fold.dissent() {
                let field = self.path.iter().chain([&name]).chain(&dissent.inside);
                conflicts.push(Conflict::new(field, ConflictKind::Disagree, &dissent.from));
            }
            match folded {
                Ok(Some(value)) => drop(object.insert(name, value)),
                Ok(None) => {}
                Err(kind) => conflicts.push(conflict(&self.path, &name, kind, last)),
            }
        }
        for (name, inside) in self.united {
            object.insert(name.to_owned(), Value::Object(inside.finish(conflicts)));
        }
        for (name, node) in self.level {
            if !object.contains_key(name) {
                object.extend(of_nothing(node).map(|value| (name.clone(), value)));
            }
        }
        object
    }
}

/// What the rules of a field make of no values: counts are 0, all else is absent.
fn of_nothing(node: &Node) -> Option<Value> {
    match node {
        Node::Rule(rule) => rule.begin().finish().ok().flatten(),
        Node::Inside(level) => {
            let counts = level.iter().filter_map(|(name, node)| Some((name.clone(), of_nothing(node)?)));
            Some(counts.collect::<Object>()).filter(|counts| !counts.is_empty()).map(Value::Object)
        }
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
