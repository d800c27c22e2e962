//! Some fields of an open set, kept up to date for the completion policies that read them.

use stook_plugin::{Contribution, MergeError, RunningMerge};
use stook_types::{Object, Value};

use super::rule::Fold;
use super::tree::Rules;
use crate::options::Path;

/// The folds of the fields that somebody reads, and what they have come to. No two fields are inside of one another: a
/// rule takes its field as a whole.
pub(super) struct Running {
    fields: Vec<Followed>,
    value: Object,
}

struct Followed {
    path: Path,
    fold: Box<dyn Fold>,
    /// Whether there is such a field: somebody has given it, or it has a rule of its own.
    exists: bool,
}

impl Running {
    /// Follows the fields at `paths`; what is inside of a field that a rule takes as a whole, through that.
    pub(super) fn of(rules: &Rules, paths: &[Vec<String>]) -> Result<Self, MergeError> {
        let mut fields: Vec<Followed> = Vec::new();
        for path in paths {
            let Some((rule, depth)) = rules.at(path) else { return Err(united(path)) };
            let field = Path::new(&path[..depth]).expect("a rule stands at a field");
            if !rule.algebra().commutative {
                let (field, rule) = (quoted(field.names()), rule.name());
                return Err(MergeError::new(format!(
                    "{field} is merged by `{rule}`, which depends on the order of the results"
                )));
            }
            if fields.iter().all(|followed| followed.path != field) {
                let exists = !std::ptr::eq(rule, &rules.default);
                fields.push(Followed { path: field, fold: rule.begin(), exists });
            }
        }
        let mut running = Self { fields, value: Object::new() };
        running.update();
        Ok(running)
    }

    fn update(&mut self) {
        self.value.clear();
        for field in self.fields.iter_mut().filter(|field| field.exists) {
            if let Ok(Some(value)) = field.fold.finish() {
                insert(&mut self.value, field.path.names(), value);
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
        for field in &mut self.fields {
            if let Some(given) = field.path.take(&mut value) {
                field.exists = true;
                // Likewise for what the rule skips.
                _ = field.fold.push(given, &result.source.collector);
            }
        }
        self.update();
    }

    fn value(&self) -> Value {
        Value::Object(self.value.clone())
    }

    fn bytes(&self) -> usize {
        let field = |field: &Followed| size_of_val(field) + size_of_val(&*field.fold) + field.fold.bytes();
        self.fields.iter().map(field).sum()
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
