//! A result's content, encoded until somebody looks inside.

use std::fmt;

use bytes::Bytes;
use serde::ser::{Serialize, Serializer};

use crate::Value;

/// Encoded content and the way to read it.
///
/// A strategy that never calls [`decode`](Self::decode) costs no decoding: `list` hands payloads on as they
/// came. Cloning shares the bytes.
#[derive(Clone)]
pub struct Payload {
    bytes: Bytes,
    encoding: &'static Encoding,
}

/// How the bytes of a payload become a [`Value`]. Each is a `static` beside the code that knows the format.
pub struct Encoding {
    /// The media type, like `application/json`.
    pub content_type: &'static str,
    /// Reads one value out of all the bytes. Must not panic, whatever the bytes are: they come from outside.
    pub decode: fn(&[u8]) -> Result<Value, DecodeError>,
}

/// Why bytes are not what their encoding promises.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("payload is not valid {content_type}: {why}")]
pub struct DecodeError {
    /// The encoding that was promised.
    pub content_type: &'static str,
    /// What is wrong with the bytes.
    pub why: String,
}

// === impl Payload ===

impl Payload {
    /// A payload of these bytes.
    pub const fn new(bytes: Bytes, encoding: &'static Encoding) -> Self {
        Self { bytes, encoding }
    }

    /// The encoded bytes.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The encoding.
    pub const fn encoding(&self) -> &'static Encoding {
        self.encoding
    }

    /// Size of the encoded bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Reads the payload. Decodes anew each time: whoever needs the value twice keeps it.
    ///
    /// # Errors
    /// If the bytes are not what the encoding promises.
    pub fn decode(&self) -> Result<Value, DecodeError> {
        (self.encoding.decode)(&self.bytes)
    }

    /// The same payload in memory of its own.
    ///
    /// A payload that was sliced out of a read buffer keeps that whole buffer alive; one that will linger is
    /// better copied out.
    pub fn detach(&mut self) {
        self.bytes = Bytes::copy_from_slice(&self.bytes);
    }
}

/// What it says, if that is short and can be read, else how much there is of what.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHORT: usize = 1_024;
        if self.len() <= SHORT
            && let Ok(value) = self.decode()
        {
            return value.fmt(f);
        }
        write!(f, "Payload({} bytes of {})", self.len(), self.encoding.content_type)
    }
}

/// As the value that it encodes.
impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.decode().map_err(serde::ser::Error::custom)?.serialize(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static TEXT: Encoding = Encoding {
        content_type: "text/plain",
        decode: |bytes| match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.into()),
            Err(error) => Err(DecodeError { content_type: "text/plain", why: error.to_string() }),
        },
    };

    #[test]
    fn a_short_payload_shows_what_it_says() {
        let shown = |bytes: Vec<u8>| format!("{:?}", Payload::new(bytes.into(), &TEXT));
        assert_eq!(shown(b"so".to_vec()), "\"so\"");
        assert_eq!(shown(vec![0xff]), "Payload(1 bytes of text/plain)");
        assert_eq!(shown(vec![b'x'; 1_025]), "Payload(1025 bytes of text/plain)");
    }
}
