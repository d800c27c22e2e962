//! Some fields of an open set, kept up to date for the completion policies that read them.

use stook_plugin::{Contribution, MergeError, RunningMerge};
use stook_types::{Object, Value};

use super::rule::Fold;
use super::tree::Rules;
use crate::options::Path;

/// The folds of the fields that somebody reads, and what they have come to. No two fields are inside of one another: a
/// rule takes its field as a whole.
pub(super) struct Running {
    folds: Vec<(Path, Box<dyn Fold>)>,
    value: Object,
}

impl Running {
    /// Follows the fields at `paths`; what is inside of a field that a rule takes as a whole, through that.
    pub(super) fn of(rules: &Rules, paths: &[Vec<String>]) -> Result<Self, MergeError> {
        let mut folds: Vec<(Path, Box<dyn Fold>)> = Vec::new();
        for path in paths {
            let Some((rule, depth)) = rules.at(path) else { return Err(united(path)) };
            let field = Path::new(&path[..depth]).expect("a rule stands at a field");
            if !rule.algebra().commutative {
                let (field, rule) = (quoted(field.names()), rule.name());
                return Err(MergeError::new(format!(
                    "{field} is merged by `{rule}`, which depends on the order of the results"
                )));
            }
            if folds.iter().all(|(followed, _)| *followed != field) {
                folds.push((field, rule.begin()));
            }
        }
        let mut running = Self { folds, value: Object::new() };
        running.update();
        Ok(running)
    }

    fn update(&mut self) {
        self.value.clear();
        for (path, fold) in &mut self.folds {
            if let Ok(Some(value)) = fold.finish() {
                insert(&mut self.value, path.names(), value);
            }
        }
    }
}

/// Why an object cannot be followed: who knows which fields there will be.
fn united(path: &[String]) -> MergeError {
    let object = if path.is_empty() { "the value".to_owned() } else { quoted(path) };
    MergeError::new(format!("{object} is united field by field; name the field in it that is wanted"))
}

fn quoted(path: &[String]) -> String {
    match path {
        [name] => format!("`{name}`"),
        names => format!("`{names:?}`"),
    }
}

impl RunningMerge for Running {
    fn push(&mut self, result: &Contribution) {
        // What is no object gives no fields; the merge will say so.
        let Ok(mut value) = result.payload.decode() else { return };
        for (path, fold) in &mut self.folds {
            if let Some(given) = path.take(&mut value) {
                // Likewise for what the rule skips.
                _ = fold.push(given, &result.source.collector);
            }
        }
        self.update();
    }

    fn value(&self) -> Value {
        Value::Object(self.value.clone())
    }

    fn bytes(&self) -> usize {
        let fold = |(path, fold): &(Path, Box<dyn Fold>)| {
            size_of_val(path) + size_of_val(fold) + size_of_val(&**fold) + fold.bytes()
        };
        self.folds.iter().map(fold).sum()
    }
}

/// Puts a value at this path, into objects that are made on the way.
fn insert(fields: &mut Object, path: &[String], value: Value) {
    match path {
        [] => {}
        [name] => drop(fields.insert(name.clone(), value)),
        [name, inside @ ..] => {
            let object = fields.entry(name.clone()).or_insert_with(|| Value::Object(Object::new()));
            if let Value::Object(fields) = object {
                insert(fields, inside, value);
            }
        }
    }
}
