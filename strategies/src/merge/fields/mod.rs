//! `fields`: one rule per field.

mod agree;
mod array;
mod concat;
mod first;
mod given;
mod last;
mod min_max;
mod rule;
mod spec;
mod sum;
mod tree;
mod unique;

use std::collections::BTreeMap;

use stook_plugin::{
    Algebra, BuildContext, BuildError, Conflict, ConflictKind, Conflicts, MemoryBound, MergeError,
    MergeInput, MergeStrategy, Merged, Plugin, options, register,
};
use stook_types::Value;

pub use spec::{PathRule, RuleSpec};
use tree::{Gathered, Rules};

options! {
    /// Options of `fields`.
    pub struct FieldsOptions {
        /// The rules of top-level fields, by name: `{ n = "sum", m = { use = "concat", separator = "" } }`.
        /// `first` and `last` take that value; `sum` adds numbers (`overflow` = conflict, saturate or float);
        /// `min` and `max` compare numbers; `concat` joins text (`separator`, a space if left out); `array` wraps
        /// every value; `unique` wraps different values once each; `agree` takes the value if nobody differs.
        rules: BTreeMap<String, RuleSpec> = BTreeMap::new(),
        /// The rules of nested fields: `[{ path = ["message", "num"], use = "sum" }]`. The objects on the way are
        /// united field by field.
        paths: Vec<PathRule> = Vec::new(),
        /// The rule of every field that has none of its own.
        default: RuleSpec = RuleSpec::first(),
    }
}

/// Merges objects field by field.
pub struct Fields {
    rules: Rules,
    algebra: Algebra,
}

impl Plugin for Fields {
    const NAME: &'static str = "fields";
    const DOCS: &'static str = "One object with all fields of all payloads, each merged by its own rule. A field that is missing \
        somewhere is merged from the rest; null is a value. What a rule cannot take is skipped and recorded in \
        `conflicts`. Nothing is ever summed that no rule names.";
    type Options = FieldsOptions;

    fn build(options: FieldsOptions, _: &BuildContext) -> Result<Self, BuildError> {
        let algebra = algebra(&options);
        let mut rules = Rules::new(options.default);
        let top_level = options.rules.into_iter().map(|(name, rule)| (vec![name], rule));
        let nested = options.paths.into_iter().map(|rule| (rule.path.names().to_vec(), rule.rule));
        for (path, rule) in top_level.chain(nested) {
            // Two top-level rules cannot collide, so it is a path that does.
            rules.insert(&path, rule).map_err(|why| BuildError::in_option("paths", why))?;
        }
        Ok(Self { rules, algebra })
    }
}

/// What all rules promise, this strategy promises.
fn algebra(options: &FieldsOptions) -> Algebra {
    let nested = options.paths.iter().map(|rule| &rule.rule);
    let rules = options.rules.values().chain(nested).chain([&options.default]);
    let united =
        Algebra { commutative: true, associative: true, idempotent: true, memory: MemoryBound::Fields };
    rules.map(RuleSpec::algebra).fold(united, |all, one| Algebra {
        commutative: all.commutative && one.commutative,
        associative: all.associative && one.associative,
        idempotent: all.idempotent && one.idempotent,
        memory: if one.memory == MemoryBound::Input { MemoryBound::Input } else { all.memory },
    })
}

impl MergeStrategy for Fields {
    fn algebra(&self) -> Algebra {
        self.algebra
    }

    fn merge(&self, input: &MergeInput<'_>, conflicts: &mut Conflicts) -> Result<Merged, MergeError> {
        let mut gathered = Gathered::of(&self.rules);
        for (collector, value) in input.decoded(conflicts) {
            match value {
                Value::Object(fields) => gathered.push(fields, collector, conflicts),
                other => {
                    conflicts.push(Conflict::of_payload(ConflictKind::Type, collector).got(other.type_name()))
                }
            }
        }
        Ok(Merged::Value(Value::Object(gathered.finish(conflicts))))
    }
}

register!(merge: Fields);

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
