//! `agree`: the value that everybody gives.

use stook_plugin::{Algebra, ConflictKind, MemoryBound, NoOptions};
use stook_types::Value;

use super::rule::{Fold, Rule};

pub(super) struct Agree {
    value: Option<Value>,
    disagreed: bool,
}

impl Rule for Agree {
    const NAME: &'static str = "agree";
    /// Not associative: a part that disagrees is absent from the parts' merge, and absence agrees.
    const ALGEBRA: Algebra =
        Algebra { commutative: true, associative: false, idempotent: true, memory: MemoryBound::Constant };
    type Options = NoOptions;

    fn begin(_: &NoOptions) -> Self {
        Self { value: None, disagreed: false }
    }
}

impl Fold for Agree {
    fn push(&mut self, value: Value) -> Result<(), ConflictKind> {
        if *self.value.get_or_insert_with(|| value.clone()) == value {
            return Ok(());
        }
        self.disagreed = true;
        Err(ConflictKind::Disagree)
    }

    fn finish(self: Box<Self>) -> Result<Option<Value>, ConflictKind> {
        Ok(self.value.filter(|_| !self.disagreed))
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
