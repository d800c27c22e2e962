//! Identities on the wire.

use bytes::Bytes;
use stook_types::{CorrelationId, Encoding, Payload};
use uuid::Uuid;

use crate::error::Malformed;
use crate::results::Correlation;
use crate::{VALUE, wire};

/// Stands for an encoding that this side does not know: the payload can be passed on, but not read.
pub(crate) static UNKNOWN: Encoding = Encoding {
    content_type: "application/octet-stream",
    decode: |_| {
        Err(stook_types::DecodeError {
            content_type: UNKNOWN.content_type,
            why: "its content type is unknown to this version".into(),
        })
    },
};

pub(crate) fn correlation_id(correlation: Option<Correlation<'_>>) -> Result<CorrelationId, Malformed> {
    match correlation {
        None => Err(Malformed::new("there is no correlation ID")),
        Some(Correlation::Uuid(bytes)) => uuid(bytes, "a correlation ID").map(CorrelationId::Uuid),
        Some(Correlation::Text(text)) => {
            CorrelationId::new(text).map_err(|error| Malformed::new(&error.to_string()))
        }
    }
}

pub(crate) fn uuid(bytes: &[u8], what: &str) -> Result<Uuid, Malformed> {
    Uuid::from_slice(bytes).map_err(|_| Malformed::new(&format!("{what} has {} bytes, not 16", bytes.len())))
}

pub(crate) fn to_wire(id: &CorrelationId) -> wire::Correlation {
    wire::Correlation {
        id: Some(match id {
            CorrelationId::Uuid(uuid) => wire::correlation::Id::Uuid(Bytes::copy_from_slice(uuid.as_bytes())),
            CorrelationId::Text(text) => wire::correlation::Id::Text((**text).to_owned()),
        }),
    }
}

pub(crate) fn from_wire(correlation: Option<&wire::Correlation>) -> Result<CorrelationId, Malformed> {
    correlation_id(correlation.and_then(|correlation| correlation.id.as_ref()).map(|id| match id {
        wire::correlation::Id::Uuid(bytes) => Correlation::Uuid(bytes),
        wire::correlation::Id::Text(text) => Correlation::Text(text),
    }))
}

/// The payload under the encoding of this number.
pub(crate) fn payload(content_type: i32, bytes: Bytes) -> Payload {
    Payload::new(bytes, if content_type == wire::ContentType::Value as i32 { &VALUE } else { &UNKNOWN })
}

/// Whether the payload can go over the wire as it is.
pub(crate) fn has_a_number(payload: &Payload) -> bool {
    payload.encoding().content_type == VALUE.content_type
}
