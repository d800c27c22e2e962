//! What a result says, decoded.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

/// The fields of an object, sorted by name: two objects are equal, hash alike and print alike whatever the
/// order in which their fields were written.
pub type Object = BTreeMap<String, Value>;

/// A decoded payload, or a part of one.
///
/// Typed: `1`, `1.0` and `"1"` are three different values. Equality is an equivalence (`NaN` equals `NaN`,
/// `0.0` equals `-0.0`), so that values can be keys.
#[derive(Clone, Default)]
pub enum Value {
    /// Present, and nothing. Not the same as a missing field.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number. One of JSON that has no room here cannot be read, but for those from 2^64 up, which readers of JSON
    /// make floats.
    Int(i64),
    /// A 64-bit float.
    Float(f64),
    /// Text.
    String(String),
    /// Raw bytes; lower-case hexadecimal in formats for people.
    Bytes(Vec<u8>),
    /// An ordered list.
    Array(Vec<Value>),
    /// Named fields.
    Object(Object),
}

// === impl Value ===

impl Value {
    /// The name of the type, as errors and conflicts use it.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }

    /// The fields, if this is an object.
    pub const fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(fields) => Some(fields),
            _ => None,
        }
    }

    /// The elements, if this is an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if this is a whole one.
    pub const fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The number, if this is one that a float holds exactly: a float, but not `NaN`, or a whole number that is not
    /// rounded on the way, as all up to 2^53 are. Who compares larger ones compares [`as_int`](Self::as_int).
    pub const fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(number) if !number.is_nan() => Some(*number),
            // Wider than either, so that nothing is lost in the comparison.
            Self::Int(number) if (*number as f64) as i128 == *number as i128 => Some(*number as f64),
            _ => None,
        }
    }

    /// The value at a path of field names, if every step is an object that has the next field.
    pub fn at<S: AsRef<str>>(&self, path: &[S]) -> Option<&Self> {
        path.iter().try_fold(self, |value, field| value.as_object()?.get(field.as_ref()))
    }

    /// Bytes that it holds on the heap, roughly: for budgets.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Float(_) => 0,
            Self::String(text) => text.capacity(),
            Self::Bytes(bytes) => bytes.capacity(),
            Self::Array(elements) => {
                let inside: usize = elements.iter().map(Self::heap_bytes).sum();
                elements.capacity() * size_of::<Self>() + inside
            }
            Self::Object(fields) => {
                let field = |(name, value): (&String, &Self)| {
                    size_of::<(String, Self)>() + name.capacity() + value.heap_bytes()
                };
                fields.iter().map(field).sum()
            }
        }
    }

    /// Bits that are equal for equal floats.
    fn float_bits(float: f64) -> u64 {
        if float.is_nan() {
            f64::NAN.to_bits()
        } else if float == 0.0 {
            0
        } else {
            float.to_bits()
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => Self::float_bits(*a) == Self::float_bits(*b),
            (Self::String(a), Self::String(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Array(a), Self::Array(b)) => a == b,
            (Self::Object(a), Self::Object(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, to: &mut H) {
        std::mem::discriminant(self).hash(to);
        match self {
            Self::Null => {}
            Self::Bool(value) => value.hash(to),
            Self::Int(value) => value.hash(to),
            Self::Float(value) => Self::float_bits(*value).hash(to),
            Self::String(value) => value.hash(to),
            Self::Bytes(value) => value.hash(to),
            Self::Array(value) => value.hash(to),
            Self::Object(value) => value.hash(to),
        }
    }
}

/// As JSON, for people.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::String(value) => value.fmt(f),
            Self::Bytes(value) => write!(f, "\"{}\"", Hex(value)),
            Self::Array(value) => f.debug_list().entries(value).finish(),
            Self::Object(value) => f.debug_map().entries(value).finish(),
        }
    }
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

macro_rules! from {
    ($($type:ty => |$value:ident| $into:expr),+ $(,)?) => {$(
        impl From<$type> for Value {
            fn from($value: $type) -> Self { $into }
        }
    )+};
}
from!(
    bool => |value| Self::Bool(value),
    i64 => |value| Self::Int(value),
    i32 => |value| Self::Int(value.into()),
    u32 => |value| Self::Int(value.into()),
    u16 => |value| Self::Int(value.into()),
    f64 => |value| Self::Float(value),
    &str => |value| Self::String(value.to_owned()),
    String => |value| Self::String(value),
    Vec<Value> => |value| Self::Array(value),
    Object => |value| Self::Object(value),
);

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<K: Into<String>, V: Into<Value>, const N: usize> From<[(K, V); N]> for Value {
    fn from(fields: [(K, V); N]) -> Self {
        Self::Object(fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl FromIterator<Value> for Value {
    fn from_iter<I: IntoIterator<Item = Value>>(values: I) -> Self {
        Self::Array(values.into_iter().collect())
    }
}

// === serde ===

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => to.serialize_unit(),
            Self::Bool(value) => to.serialize_bool(*value),
            Self::Int(value) => to.serialize_i64(*value),
            Self::Float(value) => to.serialize_f64(*value),
            Self::String(value) => to.serialize_str(value),
            Self::Bytes(value) if to.is_human_readable() => to.collect_str(&Hex(value)),
            Self::Bytes(value) => to.serialize_bytes(value),
            Self::Array(value) => value.serialize(to),
            Self::Object(value) => value.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, a bool, a number, a string, bytes, an array or an object")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        Value::deserialize(from)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        i64::try_from(value)
            .map(Value::Int)
            .map_err(|_| E::custom(format!("{value} is an integer outside 64 signed bits; send it as text")))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_bytes<E: de::Error>(self, value: &[u8]) -> Result<Value, E> {
        Ok(Value::Bytes(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(element) = elements.next_element()? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Object::new();
        while let Some((name, value)) = entries.next_entry()? {
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn typed_and_order_free() {
        assert_ne!(json("1"), json("1.0"));
        assert_ne!(json("1"), json("\"1\""));
        assert_ne!(json("{\"a\":null}"), json("{}"));
        assert_eq!(json("{\"a\":1,\"b\":2}"), json("{\"b\":2,\"a\":1}"));
        assert_eq!(Value::Float(f64::NAN), Value::Float(-f64::NAN));
        assert_eq!(Value::Float(0.0), Value::Float(-0.0));
    }

    /// Not what serde_json does by itself: it may be off by the last bit.
    #[test]
    fn a_float_of_json_is_the_float_that_was_sent() {
        for text in ["123456789.12345679", "123456789.1234568", "8.533e68", "0.1", "5e-324"] {
            assert_eq!(json(text), Value::Float(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn json_round_trip() {
        let text = r#"{"a":[1,2.5,"x",null,true],"b":{"c":-9223372036854775808}}"#;
        assert_eq!(serde_json::to_string(&json(text)).unwrap(), text);
        assert_eq!(serde_json::to_string(&Value::Bytes(vec![0, 255])).unwrap(), "\"00ff\"");
    }

    #[test]
    fn an_integer_that_has_no_room_is_refused_as_far_as_json_shows_it() {
        for text in ["9223372036854775808", "18446744073709551615"] {
            let error = serde_json::from_str::<Value>(text).unwrap_err().to_string();
            let says = format!("{text} is an integer outside 64 signed bits; send it as text");
            assert!(error.starts_with(&says), "{error}");
        }
        assert_eq!(json("18446744073709551616"), Value::Float(18_446_744_073_709_551_616.0));
    }

    #[test]
    fn what_is_on_the_heap_counts() {
        assert_eq!(json("[]").heap_bytes() + json("7").heap_bytes() + json("{}").heap_bytes(), 0);
        assert_eq!(Value::String("abc".into()).heap_bytes(), 3);
        let (one, nested) = (json(r#"{"a":"0123456789"}"#), json(r#"{"a":{"b":["0123456789"]}}"#));
        assert!(one.heap_bytes() >= 11 && nested.heap_bytes() > one.heap_bytes());
    }

    #[test]
    fn a_number_is_a_float_where_nothing_is_lost() {
        let exact = 1_i64 << 53;
        assert_eq!(Value::Int(-exact).as_f64(), Some(-9_007_199_254_740_992.0));
        assert_eq!((Value::Int(exact + 1).as_f64(), Value::Int(i64::MAX).as_f64()), (None, None));
        assert_eq!(
            (json("0.5").as_f64(), Value::Float(f64::INFINITY).as_f64()),
            (Some(0.5), Some(f64::INFINITY))
        );
        assert_eq!(
            (Value::Float(f64::NAN).as_f64(), json("\"1\"").as_f64(), json("true").as_f64()),
            (None, None, None)
        );
    }

    #[test]
    fn a_dot_in_a_name_is_no_path() {
        let value = json(r#"{"a.b":1,"a":{"b":2}}"#);
        assert_eq!(value.at(&["a", "b"]), Some(&Value::Int(2)));
        assert_eq!(value.at(&["a.b"]), Some(&Value::Int(1)));
        assert_eq!(value.at(&["a", "x"]), None);
    }
}
