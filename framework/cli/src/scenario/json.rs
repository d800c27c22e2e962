//! Payloads of scenarios are compact JSON: what a payload weighs can be counted by eye.

use stook_types::{DecodeError, Encoding, Payload, Value};

/// JSON, as the scenarios' payloads are written.
static JSON: Encoding = Encoding { content_type: "application/json", decode };

/// The payload of this value.
pub(super) fn payload(value: &Value) -> Payload {
    raw(serde_json::to_vec(value).expect("every value can be written as JSON"))
}

/// A payload of these bytes, JSON or not.
pub(super) fn raw(bytes: Vec<u8>) -> Payload {
    Payload::new(bytes.into(), &JSON)
}

fn decode(bytes: &[u8]) -> Result<Value, DecodeError> {
    serde_json::from_slice(bytes)
        .map_err(|error| DecodeError { content_type: JSON.content_type, why: error.to_string() })
}
