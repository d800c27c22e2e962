//! The rules as a tree along the paths.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::spec::RuleSpec;

/// Which field has which rule.
pub(super) struct Rules {
    pub(super) top: Level,
    pub(super) default: RuleSpec,
}

/// The fields of one object that have a rule, or rules inside.
pub(super) type Level = BTreeMap<String, Node>;

pub(super) enum Node {
    Rule(RuleSpec),
    Inside(Level),
}

// === impl Rules ===

impl Rules {
    pub(super) fn new(default: RuleSpec) -> Self {
        Self { top: Level::new(), default }
    }

    /// The rule that decides about the field at `path`, and how many of its names lead to that rule: the rest is inside
    /// of what it takes as a whole. `None` if the path ends at an object that is united field by field.
    pub(super) fn at(&self, path: &[String]) -> Option<(&RuleSpec, usize)> {
        let mut level = &self.top;
        for (depth, name) in path.iter().enumerate() {
            match level.get(name) {
                Some(Node::Inside(below)) => level = below,
                Some(Node::Rule(rule)) => return Some((rule, depth + 1)),
                None => return Some((&self.default, depth + 1)),
            }
        }
        None
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
