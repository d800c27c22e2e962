//! What several tests need.

use std::time::Duration;

use stook_proto::collector::{Declaration, NewResult};
use stook_proto::{Assignment, CapabilityDeclaration, Lease, Token};
use stook_types::{Capability, CollectorId, CorrelationId, Incarnation, TaskId, Topic, Value};

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
        lease: None,
        payload: stook_proto::payload(&Value::Bytes(vec![7; size])).expect("flat"),
    }
}

/// A task of the declared capability.
pub(crate) fn assignment(lease: Lease) -> Assignment {
    Assignment {
        lease,
        task: TaskId::random(),
        capability: Capability::new("process.list").expect("valid"),
        correlation_id: CorrelationId::new("scan").expect("valid"),
        payload: stook_proto::payload(&Value::Null).expect("flat"),
        timeout: None,
    }
}
