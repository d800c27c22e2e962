//! Who gave what is in the merged object.

use std::collections::{BTreeMap, BTreeSet};

use stook_plugin::{Conflicts, MergeInput, Provenance};
use stook_types::{CollectorId, Object, Value};

use super::rule::Origin;
use super::spec::RuleSpec;
use super::tree::{Level, Node, Rules};

/// The collectors of each field, by its path. Found in a second look at the payloads, when the value is known: whose
/// value was chosen shows at the end only.
pub(super) struct Origins<'a> {
    default: &'a RuleSpec,
    fields: BTreeMap<Vec<String>, BTreeSet<&'a CollectorId>>,
}

impl<'a> Origins<'a> {
    /// Who gave the fields of `merged`, which is what these rules make of this input.
    pub(super) fn of(rules: &'a Rules, input: &MergeInput<'a>, merged: &Object) -> Vec<Provenance> {
        let mut origins = Self { default: &rules.default, fields: BTreeMap::new() };
        for result in input.results {
            if let Some(Value::Object(given)) = Conflicts::default().decode(result) {
                origins.look(&[], &rules.top, given, merged, &result.source.collector);
            }
        }
        let field = |(field, collectors): (Vec<String>, BTreeSet<&CollectorId>)| {
            Provenance::new(field, collectors.into_iter().cloned().collect())
        };
        origins.fields.into_iter().map(field).collect()
    }

    /// Looks for what this collector has given of an object.
    fn look(
        &mut self,
        path: &[String],
        level: &Level,
        given: Object,
        merged: &Object,
        from: &'a CollectorId,
    ) {
        for (name, value) in given {
            let Some(in_merged) = merged.get(&name) else { continue };
            let rule = match level.get(&name) {
                Some(Node::Rule(rule)) => rule,
                None => self.default,
                Some(Node::Inside(level)) => {
                    if let (Value::Object(given), Some(merged)) = (value, in_merged.as_object()) {
                        self.look(&[path, &[name]].concat(), level, given, merged, from);
                    }
                    continue;
                }
            };
            let is_in = match rule.origin() {
                Origin::Chosen => value == *in_merged,
                // What a rule takes does not depend on what it has.
                Origin::Taken => rule.begin().push(value, from).is_ok(),
            };
            if is_in {
                self.fields.entry([path, &[name]].concat()).or_default().insert(from);
            }
        }
    }
}
