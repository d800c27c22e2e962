//! What several tests need.

use std::time::Duration;

use stook_proto::collector::{Declaration, NewResult};
use stook_proto::{CapabilityDeclaration, Token};
use stook_types::{Capability, CollectorId, CorrelationId, Incarnation, Topic, Value};

pub(crate) const HEARTBEAT: Duration = Duration::from_secs(2);

pub(crate) fn topic() -> Topic {
    Topic::new("events.process.lifecycle").expect("valid")
}

pub(crate) fn declaration() -> Declaration {
    Declaration {
        id: CollectorId::new("procmond-1").expect("valid"),
        kind: "procmond".into(),
        incarnation: Incarnation::random(),
        pid: 1,
        token: Token::new("secret"),
        capabilities: vec![CapabilityDeclaration {
            name: Capability::new("process.list").expect("valid"),
            concurrency: 100,
            topics: vec![topic()],
        }],
        topics: Vec::new(),
    }
}

/// A result whose payload says `size` bytes.
pub(crate) fn result(size: usize) -> NewResult {
    NewResult {
        topic: topic(),
        correlation_id: CorrelationId::new("scan").expect("valid"),
        timestamp: None,
        last: false,
        payload: stook_proto::payload(&Value::Bytes(vec![7; size])).expect("flat"),
    }
}
