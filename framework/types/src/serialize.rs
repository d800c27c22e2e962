//! Anything that serde knows, as a [`Value`].

use std::fmt;

use crate::{Object, Value};
use serde::ser::{self, Serialize};

/// The value that says the same.
///
/// A struct or a map becomes an object, a sequence or a tuple an array, `None` and `()` null, an enum what serde
/// makes of it in self-describing formats: its name, or an object of its name and its content. Types that have
/// two forms, like `IpAddr` or `Uuid`, take the readable one; so does a [`Value::Bytes`] in there.
///
/// # Errors
/// If an integer does not fit into 64 signed bits, a map has keys that are no text, or `value` fails by itself.
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, SerializeError> {
    value.serialize(Serializer)
}

/// Why there is no such value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SerializeError {
    /// An integer outside of 64 signed bits.
    #[error("{0} does not fit into 64 signed bits")]
    IntegerRange(i128),
    /// A larger one still.
    #[error("{0} does not fit into 64 signed bits")]
    UnsignedRange(u128),
    /// A key that is no text.
    #[error("the key of a map is no text, number, bool or unit variant")]
    Key,
    /// What the type's own serialization says.
    #[error("{0}")]
    Custom(String),
}

impl ser::Error for SerializeError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::Custom(text.to_string())
    }
}

struct Serializer;

type Outcome = Result<Value, SerializeError>;

macro_rules! integers {
    ($($method:ident($type:ty)),+ $(,)?) => {$(
        fn $method(self, value: $type) -> Outcome {
            Ok(Value::Int(value.into()))
        }
    )+};
}

impl ser::Serializer for Serializer {
    type Ok = Value;
    type Error = SerializeError;
    type SerializeSeq = Elements;
    type SerializeTuple = Elements;
    type SerializeTupleStruct = Elements;
    type SerializeTupleVariant = Elements;
    type SerializeMap = Fields;
    type SerializeStruct = Fields;
    type SerializeStructVariant = Fields;

    integers!(
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_i64(i64),
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
    );

    fn serialize_u64(self, value: u64) -> Outcome {
        self.serialize_u128(value.into())
    }

    fn serialize_i128(self, value: i128) -> Outcome {
        i64::try_from(value).map(Value::Int).map_err(|_| SerializeError::IntegerRange(value))
    }

    fn serialize_u128(self, value: u128) -> Outcome {
        i64::try_from(value).map(Value::Int).map_err(|_| SerializeError::UnsignedRange(value))
    }

    fn serialize_bool(self, value: bool) -> Outcome {
        Ok(Value::Bool(value))
    }

    fn serialize_f32(self, value: f32) -> Outcome {
        Ok(Value::Float(value.into()))
    }

    fn serialize_f64(self, value: f64) -> Outcome {
        Ok(Value::Float(value))
    }

    fn serialize_char(self, value: char) -> Outcome {
        Ok(Value::String(value.into()))
    }

    fn serialize_str(self, value: &str) -> Outcome {
        Ok(Value::String(value.to_owned()))
    }

    fn serialize_bytes(self, value: &[u8]) -> Outcome {
        Ok(Value::Bytes(value.to_vec()))
    }

    fn serialize_none(self) -> Outcome {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Outcome {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Outcome {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Outcome {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Outcome {
        Ok(Value::String(variant.to_owned()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Outcome {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Outcome {
        Ok(Value::from([(variant, value.serialize(self)?)]))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Elements, SerializeError> {
        Ok(Elements::default())
    }

    fn serialize_tuple(self, _: usize) -> Result<Elements, SerializeError> {
        Ok(Elements::default())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Elements, SerializeError> {
        Ok(Elements::default())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Elements, SerializeError> {
        Ok(Elements { variant: Some(variant), ..Elements::default() })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Fields, SerializeError> {
        Ok(Fields::default())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields, SerializeError> {
        Ok(Fields::default())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Fields, SerializeError> {
        Ok(Fields { variant: Some(variant), ..Fields::default() })
    }

    /// Addresses and the like as people write them.
    fn is_human_readable(&self) -> bool {
        true
    }
}

/// An array in the making, inside an object of its variant's name if it is an enum's.
#[derive(Default)]
struct Elements {
    variant: Option<&'static str>,
    elements: Vec<Value>,
}

/// An object in the making, likewise.
#[derive(Default)]
struct Fields {
    variant: Option<&'static str>,
    fields: Object,
    key: String,
}

fn tagged(variant: Option<&'static str>, value: Value) -> Value {
    match variant {
        Some(variant) => Value::from([(variant, value)]),
        None => value,
    }
}

macro_rules! elements {
    ($($trait:ident: $method:ident),+ $(,)?) => {$(
        impl ser::$trait for Elements {
            type Ok = Value;
            type Error = SerializeError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeError> {
                self.elements.push(to_value(value)?);
                Ok(())
            }

            fn end(self) -> Outcome {
                Ok(tagged(self.variant, Value::Array(self.elements)))
            }
        }
    )+};
}
elements!(
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field,
);

macro_rules! fields {
    ($($trait:ident),+ $(,)?) => {$(
        impl ser::$trait for Fields {
            type Ok = Value;
            type Error = SerializeError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), SerializeError> {
                self.fields.insert(name.to_owned(), to_value(value)?);
                Ok(())
            }

            fn end(self) -> Outcome {
                Ok(tagged(self.variant, Value::Object(self.fields)))
            }
        }
    )+};
}
fields!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Fields {
    type Ok = Value;
    type Error = SerializeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), SerializeError> {
        self.key = match to_value(key)? {
            Value::String(text) => text,
            Value::Int(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            _ => return Err(SerializeError::Key),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeError> {
        self.fields.insert(std::mem::take(&mut self.key), to_value(value)?);
        Ok(())
    }

    fn end(self) -> Outcome {
        Ok(tagged(self.variant, Value::Object(self.fields)))
    }
}

#[cfg(test)]
#[path = "serialize_tests.rs"]
mod tests;
