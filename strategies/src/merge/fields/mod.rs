//! `fields`: one rule per field.

mod agree;
mod any_all;
mod array;
mod array_length;
mod concat;
mod count;
mod difference;
mod exact;
mod first;
mod gathered;
mod given;
mod last;
mod min_max;
mod moments;
mod object_merge;
mod origin;
mod rule;
mod running;
mod spec;
mod sum;
mod total;
mod tree;
mod unique;
mod vote;

use std::collections::BTreeMap;

use stook_plugin::{
    Algebra, BuildContext, BuildError, Conflict, ConflictKind, Conflicts, MemoryBound, MergeError,
    MergeInput, MergeStrategy, Merged, MindsOrder, Plugin, Provenance, RunningMerge, options, register,
};
use stook_types::{Object, Value};

use gathered::Gathered;
use origin::Origins;
use running::Running;
pub use spec::{PathRule, RuleSpec};
use tree::Rules;

options! {
    /// Options of `fields`.
    pub struct FieldsOptions {
        /// The rules of top-level fields, by name: `{ n = "sum", m = { use = "concat", separator = "" } }`.
        /// One value is chosen by `first`, `last`, `first-non-null`, `last-non-null` (null only if all are),
        /// `shortest-array`, `longest-array` (the first of equals), `agree` (absent if any differs) and `vote` (what more
        /// than half of the collectors give that give any, or `k` of them).
        /// Numbers are taken by `sum`, `min`, `max`, `mean`, `variance` (of a sample), `stdev`, `range` (the greatest less
        /// the least) and `diff` (the last less the first); what an int or a float cannot hold is, by `overflow` of
        /// `sum`, `range` and `diff`, a conflict, or made to saturate, or made a float. Bools are taken by `any` and `all`.
        /// Whatever is there is counted by `count` and `count-distinct`, null too; a field with such a rule is 0
        /// where nobody gives it.
        /// Values are put together by `concat` (text, with `separator`, a space if left out), `array` (each an element),
        /// `array-concat` (arrays in one; what is no array is an element), `unique` (each different one an element) and
        /// `object-merge` (objects, all the way down; the first value of a field wins, and a difference is a conflict).
        rules: BTreeMap<String, RuleSpec> = BTreeMap::new(),
        /// The rules of nested fields: `[{ path = ["message", "num"], use = "sum" }]`. The objects on the way are
        /// united field by field.
        paths: Vec<PathRule> = Vec::new(),
        /// The rule of every field that has none of its own.
        default: RuleSpec = RuleSpec::first(),
        /// Whether the released set says who gave what: for each field of the value the collectors whose values are in
        /// it, or who gave the one that was chosen. Costs decoding every payload once more, twice.
        provenance: bool = false,
    }
}

/// Merges objects field by field.
pub struct Fields {
    rules: Rules,
    algebra: Algebra,
    compares: bool,
    minds_order: Option<MindsOrder>,
    provenance: bool,
}

impl Plugin for Fields {
    const NAME: &'static str = "fields";
    const DOCS: &'static str = "One object with all fields of all payloads, each merged by its own rule. A field that is missing \
        somewhere is merged from the rest; null is a value. What a rule cannot take is skipped and recorded in \
        `conflicts`. Nothing is ever summed that no rule names.";
    type Options = FieldsOptions;

    fn build(options: FieldsOptions, _: &BuildContext) -> Result<Self, BuildError> {
        let algebra = algebra(&options);
        let compares = every_rule(&options).any(RuleSpec::compares);
        let minds_order = minds_order(&options);
        let provenance = options.provenance;
        let mut rules = Rules::new(options.default);
        let top_level = options.rules.into_iter().map(|(name, rule)| (vec![name], rule));
        let nested = options.paths.into_iter().map(|rule| (rule.path.names().to_vec(), rule.rule));
        for (path, rule) in top_level.chain(nested) {
            // Two top-level rules cannot collide, so it is a path that does.
            rules.insert(&path, rule).map_err(|why| BuildError::in_option("paths", why))?;
        }
        Ok(Self { rules, algebra, compares, minds_order, provenance })
    }
}

fn every_rule(options: &FieldsOptions) -> impl Iterator<Item = &RuleSpec> {
    let nested = options.paths.iter().map(|rule| &rule.rule);
    options.rules.values().chain(nested).chain([&options.default])
}

/// What all rules promise, this strategy promises.
fn algebra(options: &FieldsOptions) -> Algebra {
    let united =
        Algebra { commutative: true, associative: true, idempotent: true, memory: MemoryBound::Fields };
    every_rule(options).map(RuleSpec::algebra).fold(united, |all, one| Algebra {
        commutative: all.commutative && one.commutative,
        associative: all.associative && one.associative,
        idempotent: all.idempotent && one.idempotent,
        memory: if one.memory == MemoryBound::Input { MemoryBound::Input } else { all.memory },
    })
}

/// The first rule that minds the order, with the field that it is of.
fn minds_order(options: &FieldsOptions) -> Option<MindsOrder> {
    let top_level = options.rules.iter().map(|(name, rule)| (format!("`{name}`"), rule));
    let nested = options.paths.iter().map(|rule| (format!("`{}`", rule.path), &rule.rule));
    let rest = ("every field that has none of its own".to_owned(), &options.default);
    let mut rules = top_level.chain(nested).chain([rest]);
    let (field, rule) = rules.find(|(_, rule)| !rule.algebra().commutative)?;
    Some(MindsOrder::new(format!("rule `{}` of {field}", rule.name()), rule.name()))
}

impl Fields {
    fn merged(&self, input: &MergeInput<'_>, conflicts: &mut Conflicts) -> Object {
        let mut gathered = Gathered::of(&self.rules);
        for result in input.results {
            let from = &result.source.collector;
            match conflicts.decode(result) {
                None => {}
                Some(Value::Object(fields)) => gathered.push(fields, from, conflicts),
                Some(other) => {
                    conflicts.push(Conflict::of_payload(ConflictKind::Type, from).got(other.type_name()));
                }
            }
        }
        gathered.finish(conflicts)
    }
}

impl MergeStrategy for Fields {
    fn algebra(&self) -> Algebra {
        self.algebra
    }

    fn merge(&self, input: &MergeInput<'_>, conflicts: &mut Conflicts) -> Result<Merged, MergeError> {
        Ok(Merged::Value(Value::Object(self.merged(input, conflicts))))
    }

    fn provenance(&self, input: &MergeInput<'_>) -> Vec<Provenance> {
        if !self.provenance {
            return Vec::new();
        }
        let merged = self.merged(input, &mut Conflicts::default());
        Origins::of(&self.rules, input, &merged)
    }

    fn compares_collectors(&self) -> bool {
        self.compares
    }

    fn minds_order(&self) -> Option<MindsOrder> {
        self.minds_order.clone()
    }

    fn running(&self, paths: &[Vec<String>]) -> Result<Box<dyn RunningMerge>, MergeError> {
        Ok(Box::new(Running::of(&self.rules, paths)?))
    }
}

register!(merge: Fields);

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
