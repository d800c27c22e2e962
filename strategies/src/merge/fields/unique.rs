//! `unique`: every different value once, in effective order.

use std::collections::HashMap;

use stook_plugin::{Algebra, ConflictKind, MemoryBound, NoOptions};
use stook_types::{CollectorId, Value};

use super::rule::{Fold, Origin, Rule};

/// Each value with its place.
pub(super) struct Unique(HashMap<Value, usize>);

impl Rule for Unique {
    const NAME: &'static str = "unique";
    const ALGEBRA: Algebra =
        Algebra { commutative: false, associative: false, idempotent: true, memory: MemoryBound::Input };
    const ORIGIN: Origin = Origin::Taken;
    type Options = NoOptions;

    fn begin(_: &NoOptions) -> Self {
        Self(HashMap::new())
    }
}

impl Fold for Unique {
    fn push(&mut self, value: Value, _: &CollectorId) -> Result<(), ConflictKind> {
        let place = self.0.len();
        self.0.entry(value).or_insert(place);
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<Value>, ConflictKind> {
        let mut values: Vec<_> = self.0.drain().collect();
        values.sort_unstable_by_key(|(_, place)| *place);
        Ok((!values.is_empty()).then(|| values.into_iter().map(|(value, _)| value).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn keeps_effective_order_and_types_apart() {
        check("unique", &[r#""b""#, r#""a""#, r#""b""#], r#"["b","a"]"#, &[]);
        check("unique", &["1", "1.0", r#""1""#, "1", "null", "null"], r#"[1,1.0,"1",null]"#, &[]);
        check("unique", &[r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#], r#"[{"a":1,"b":2}]"#, &[]);
    }
}
