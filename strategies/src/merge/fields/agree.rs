//! `agree`: the value that everybody gives.

use stook_plugin::{Algebra, ConflictKind, MemoryBound, NoOptions};
use stook_types::{CollectorId, Value};

use super::rule::{Fold, Origin, Rule};

pub(super) struct Agree {
    value: Option<Value>,
    disagreed: bool,
}

impl Rule for Agree {
    const NAME: &'static str = "agree";
    /// Not associative: a part that disagrees is absent from the parts' merge, and absence agrees.
    const ALGEBRA: Algebra =
        Algebra { commutative: true, associative: false, idempotent: true, memory: MemoryBound::Constant };
    const ORIGIN: Origin = Origin::Chosen;
    type Options = NoOptions;

    fn begin(_: &NoOptions) -> Self {
        Self { value: None, disagreed: false }
    }
}

impl Fold for Agree {
    fn push(&mut self, value: Value, _: &CollectorId) -> Result<(), ConflictKind> {
        match &self.value {
            None => self.value = Some(value),
            Some(first) if *first == value => {}
            Some(_) => {
                self.disagreed = true;
                return Err(ConflictKind::Disagree);
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<Value>, ConflictKind> {
        Ok(if self.disagreed { None } else { self.value.clone() })
    }

    fn bytes(&self) -> usize {
        self.value.as_ref().map_or(0, Value::heap_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{absent, check};

    #[test]
    fn any_difference_omits_the_field() {
        check("agree", &["1", "1"], "1", &[]);
        check("agree", &[r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#], r#"{"a":1,"b":2}"#, &[]);
        absent("agree", &["1", "2", "1"], &["n disagree p1"]);
        absent("agree", &["1", "1.0", "null"], &["n disagree p1", "n disagree p2"]);
    }
}
