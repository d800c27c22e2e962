//! `concat`: text, one after the other.

use stook_plugin::{Algebra, ConflictKind, MemoryBound, options};
use stook_types::{CollectorId, Value};

use super::rule::{Fold, Origin, Rule};

options! {
    /// Options of `concat`.
    pub struct ConcatOptions {
        /// What stands between two texts.
        separator: String = " ".to_owned(),
    }
}

pub(super) struct Concat {
    separator: String,
    text: Option<String>,
}

impl Rule for Concat {
    const NAME: &'static str = "concat";
    const ALGEBRA: Algebra =
        Algebra { commutative: false, associative: true, idempotent: false, memory: MemoryBound::Input };
    const ORIGIN: Origin = Origin::Taken;
    type Options = ConcatOptions;

    fn begin(options: &ConcatOptions) -> Self {
        Self { separator: options.separator.clone(), text: None }
    }
}

impl Fold for Concat {
    fn push(&mut self, value: Value, _: &CollectorId) -> Result<(), ConflictKind> {
        let Value::String(next) = value else { return Err(ConflictKind::Type) };
        match &mut self.text {
            None => self.text = Some(next),
            Some(text) => text.extend([&*self.separator, &*next]),
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<Value>, ConflictKind> {
        Ok(self.text.take().map(Value::String))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{absent, check};

    #[test]
    fn joins_text_with_a_separator() {
        let rule = |separator| format!(r#"{{"use":"concat","separator":"{separator}"}}"#);
        check("concat", &[r#""foo""#, r#""bar""#], r#""foo bar""#, &[]);
        check(&rule("\\n"), &[r#""foo""#, r#""bar""#], r#""foo\nbar""#, &[]);
        check(&rule(""), &[r#""foo""#, r#""bar""#], r#""foobar""#, &[]);
        check("concat", &[r#""""#, r#""a""#], r#"" a""#, &[]);
    }

    #[test]
    fn the_wrong_type_is_not_silent() {
        check("concat", &[r#""a""#, "10", r#""b""#], r#""a b""#, &["n type p1 int"]);
        absent("concat", &["null"], &["n type p0 null"]);
    }
}
