//! A value written piece by piece, without a [`Value`] of the whole.

use bytes::Bytes;
use stook_types::{DecodeError, Payload, Value};

use super::{DepthError, MAX_DEPTH, VALUE, check, put_delimited, put_message, put_value};

/// The place of one value in what is being written. Each method writes that value, and forgets what was written there
/// before: whoever cannot write one thing can write another instead. A place must not be left empty.
///
/// ```
/// use stook_proto::{DepthError, VALUE, ValueWriter, payload};
/// use stook_types::Value;
///
/// let encoded = payload(&Value::from([("pid", 4711)]))?;
/// let whole = ValueWriter::whole(|place| {
///     place.object(|fields| {
///         fields.field("results", |place| place.value(&Value::Int(1)))?;
///         fields.field("value", |place| {
///             place.payload(&encoded).expect("it was encoded here");
///             Ok(())
///         })
///     })
/// })?;
/// let says = Value::from([("results", 1.into()), ("value", Value::from([("pid", 4711)]))]);
/// assert_eq!((VALUE.decode)(&whole)?, says);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ValueWriter<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    depth: usize,
}

/// The inside of an array that is being written.
#[derive(Debug)]
pub struct Elements<'a>(Inside<'a>);

/// The inside of an object that is being written.
#[derive(Debug)]
pub struct Fields<'a>(Inside<'a>);

#[derive(Debug)]
struct Inside<'a> {
    out: &'a mut Vec<u8>,
    depth: usize,
}

type Done = Result<(), DepthError>;

impl ValueWriter<'_> {
    /// All that `write` writes, encoded as [`VALUE`].
    ///
    /// # Errors
    /// Those of `write`.
    pub fn whole(write: impl FnOnce(&mut ValueWriter<'_>) -> Done) -> Result<Bytes, DepthError> {
        let mut out = Vec::new();
        write(&mut ValueWriter { start: 0, out: &mut out, depth: MAX_DEPTH })?;
        Ok(out.into())
    }

    /// Writes a value.
    ///
    /// # Errors
    /// If it is nested too deep for its place.
    pub fn value(&mut self, value: &Value) -> Done {
        self.out.truncate(self.start);
        put_value(value, self.depth, self.out)
    }

    /// Writes what a payload says: as it is, if its encoding is that of the wire, after a look whether everybody can
    /// read it.
    ///
    /// # Errors
    /// If it cannot be decoded, or is nested too deep for its place.
    pub fn payload(&mut self, payload: &Payload) -> Result<(), DecodeError> {
        let content_type = payload.encoding().content_type;
        let failed = |why: String| DecodeError { content_type, why };
        if content_type != VALUE.content_type {
            return self.value(&payload.decode()?).map_err(|error| failed(error.to_string()));
        }
        check(payload.bytes(), self.depth).map_err(|error| failed(error.to_string()))?;
        self.out.truncate(self.start);
        self.out.extend_from_slice(payload.bytes());
        Ok(())
    }

    /// Writes an array.
    ///
    /// # Errors
    /// If it is nested too deep for its place, and those of `write`.
    pub fn array(&mut self, write: impl FnOnce(&mut Elements<'_>) -> Done) -> Done {
        self.container(7, |inside| write(&mut Elements(inside)))
    }

    /// Writes an object.
    ///
    /// # Errors
    /// If it is nested too deep for its place, and those of `write`.
    pub fn object(&mut self, write: impl FnOnce(&mut Fields<'_>) -> Done) -> Done {
        self.container(8, |inside| write(&mut Fields(inside)))
    }

    fn container(&mut self, tag: u32, write: impl FnOnce(Inside<'_>) -> Done) -> Done {
        self.out.truncate(self.start);
        let depth = self.depth.checked_sub(1).ok_or(DepthError)?;
        put_message(tag, self.out, |out| write(Inside { out, depth }))
    }
}

impl Elements<'_> {
    /// Writes the next element.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn element(&mut self, write: impl FnOnce(&mut ValueWriter<'_>) -> Done) -> Done {
        put_message(1, self.0.out, |out| {
            write(&mut ValueWriter { start: out.len(), out, depth: self.0.depth })
        })
    }
}

impl Fields<'_> {
    /// Writes a field. Of two with one name the later counts.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn field(&mut self, name: &str, write: impl FnOnce(&mut ValueWriter<'_>) -> Done) -> Done {
        put_message(1, self.0.out, |out| {
            put_delimited(out, 1, name.as_bytes());
            put_message(2, out, |out| write(&mut ValueWriter { start: out.len(), out, depth: self.0.depth }))
        })
    }
}
