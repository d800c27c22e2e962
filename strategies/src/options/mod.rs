//! Types of options that several plugins share.

mod give_up;
mod when;
mod whom;

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use stook_plugin::{OptionType, TypeSpec};
use stook_types::Value;

pub use give_up::GiveUp;
pub use when::When;
pub use whom::Whom;

/// A whole number that is not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtLeastOne(usize);

/// The way to a value inside a payload: the names of nested fields, outermost first.
///
/// In config, a field name or an array of names. A name is never split on dots: `"a.b"` is one name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(Vec<String>);

// === impl AtLeastOne ===

impl AtLeastOne {
    /// This number, or 1 if it is 0.
    pub const fn new(number: usize) -> Self {
        Self(if number == 0 { 1 } else { number })
    }

    /// The number.
    pub const fn get(self) -> usize {
        self.0
    }
}

impl OptionType for AtLeastOne {
    const TAKES: TypeSpec = TypeSpec::Int(1);

    fn to_value(&self) -> Value {
        self.0.to_value()
    }
}

impl<'de> Deserialize<'de> for AtLeastOne {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = i64::deserialize(from)?;
        match usize::try_from(number) {
            Ok(number @ 1..) => Ok(Self(number)),
            _ => Err(D::Error::custom(format_args!("{number} is too small; it must be at least 1"))),
        }
    }
}

// === impl Path ===

impl Path {
    /// The path of these names; `None` if there are none.
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Option<Self> {
        let names: Vec<_> = names.into_iter().map(Into::into).collect();
        (!names.is_empty()).then_some(Self(names))
    }

    /// The names, outermost first. At least one.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// The value there, if every step is an object that has the next field.
    pub fn of<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        value.at(&self.0)
    }

    /// Takes the field there out of its object, if it is there.
    pub fn take(&self, value: &mut Value) -> Option<Value> {
        let (last, way) = self.0.split_last()?;
        let mut fields = value;
        for name in way {
            let Value::Object(inside) = fields else { return None };
            fields = inside.get_mut(name)?;
        }
        let Value::Object(fields) = fields else { return None };
        fields.remove(last)
    }
}

/// As an array of names, which says where one name ends and the next begins.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl OptionType for Path {
    const TAKES: TypeSpec = TypeSpec::AnyOf(
        "a field name or an array of names",
        &[TypeSpec::Text, TypeSpec::List(&TypeSpec::Text)],
    );

    fn to_value(&self) -> Value {
        match &self.0[..] {
            [name] => name.to_value(),
            names => names.iter().cloned().map(Value::String).collect(),
        }
    }
}

impl<'de> Deserialize<'de> for Path {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(PathVisitor)
    }
}

struct PathVisitor;

impl<'de> Visitor<'de> for PathVisitor {
    type Value = Path;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name or an array of names")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Path, E> {
        Ok(Path(vec![name.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Path, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = elements.next_element::<String>()? {
            names.push(name);
        }
        Path::new(names).ok_or_else(|| A::Error::custom("an array of names must have at least one"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::json;

    #[test]
    fn a_path_is_a_name_or_names_and_never_split() {
        let path = |text| serde_json::from_str::<Path>(text).unwrap();
        let value = json(r#"{"a.b":1,"a":{"b":null}}"#);
        assert_eq!(path(r#""a.b""#).of(&value), Some(&Value::Int(1)));
        assert_eq!(path(r#"["a","b"]"#).of(&value), Some(&Value::Null));
        assert_eq!(path(r#"["a","c"]"#).of(&value), None);
        assert_eq!(path(r#"["a.b","c"]"#).of(&value), None);
        for text in [r#""a""#, r#"["a","b.c"]"#] {
            assert_eq!(serde_json::to_string(&path(text).to_value()).unwrap(), text);
        }
        assert_eq!(path(r#"["a", "b.c"]"#).to_string(), r#"["a", "b.c"]"#);
    }

    #[test]
    fn what_is_taken_is_gone() {
        let path = Path::new(["a", "b"]).unwrap();
        let mut value = json(r#"{"a":{"b":1,"c":2}}"#);
        assert_eq!(path.take(&mut value), Some(Value::Int(1)));
        assert_eq!(value, json(r#"{"a":{"c":2}}"#));
        for without in [r#"{"a":{"c":2}}"#, r#"{"a":7}"#, "{}", "[1]"] {
            let mut value = json(without);
            assert_eq!(path.take(&mut value), None);
            assert_eq!(value, json(without));
        }
    }
}
