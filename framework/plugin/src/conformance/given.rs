//! Options as somebody wrote them.

use serde::Deserializer;
use serde::de::value::{Error, MapAccessDeserializer, MapDeserializer, SeqDeserializer, StringDeserializer};
use serde::de::{IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use stook_types::{Object, Value};

/// A value that something can be read from, as from a file of any format.
pub(super) struct Given(pub(super) Value);

impl<'de> IntoDeserializer<'de> for Given {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Given {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, to: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => to.visit_unit(),
            Value::Bool(value) => to.visit_bool(value),
            Value::Int(value) => to.visit_i64(value),
            Value::Float(value) => to.visit_f64(value),
            Value::String(value) => to.visit_string(value),
            Value::Bytes(value) => to.visit_byte_buf(value),
            Value::Array(values) => SeqDeserializer::new(values.into_iter().map(Given)).deserialize_any(to),
            Value::Object(fields) => fields_of(fields).deserialize_any(to),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, to: V) -> Result<V::Value, Error> {
        if self.0 == Value::Null { to.visit_none() } else { to.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, to: V) -> Result<V::Value, Error> {
        to.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        to: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::String(word) => {
                StringDeserializer::<Error>::new(word).deserialize_enum(name, variants, to)
            }
            Value::Object(fields) => {
                MapAccessDeserializer::new(fields_of(fields)).deserialize_enum(name, variants, to)
            }
            other => Self(other).deserialize_any(to),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

fn fields_of<'de>(fields: Object) -> MapDeserializer<'de, impl Iterator<Item = (String, Given)>, Error> {
    MapDeserializer::new(fields.into_iter().map(|(name, value)| (name, Given(value))))
}
