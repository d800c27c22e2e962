//! What a config will do, as data.

use serde::Serialize;
use stook::config::{AggregateConfig, CollectorConfig, Config, SinkConfig, TaskConfig};
use stook_engine::{KeySpec, LatePolicy, WhenFull};
use stook_types::units::{ByteSize, Span};
use stook_types::{Capability, CollectorId, TopicPattern};

#[derive(Serialize)]
pub(super) struct Summary<'a> {
    pub(super) host: Host<'a>,
    pub(super) aggregates: Vec<Aggregate<'a>>,
    pub(super) collectors: Vec<Collector<'a>>,
    pub(super) tasks: Vec<Task<'a>>,
    pub(super) sinks: Vec<Sink<'a>>,
}

#[derive(Serialize)]
pub(super) struct Host<'a> {
    pub(super) name: &'a str,
    pub(super) memory: ByteSize,
}

#[derive(Serialize)]
pub(super) struct Aggregate<'a> {
    pub(super) name: &'a str,
    pub(super) topics: &'a [TopicPattern],
    pub(super) key: Key<'a>,
    pub(super) complete: Vec<&'static str>,
    pub(super) timeout: Span,
    pub(super) idle: Option<Span>,
    pub(super) order: &'static str,
    pub(super) dedup: &'static str,
    /// Patterns whose topics have a dedup of their own.
    pub(super) topic_dedup: Vec<&'a TopicPattern>,
    pub(super) merge: &'static str,
    pub(super) late: Late,
    pub(super) limits: Limits,
    pub(super) ack: &'static str,
    pub(super) deliver: &'a [std::sync::Arc<str>],
}

/// The ID, or the paths.
pub(super) struct Key<'a>(pub(super) &'a KeySpec);

#[derive(Serialize)]
pub(super) struct Late {
    #[serde(rename = "use")]
    pub(super) policy: &'static str,
    pub(super) grace: Option<Span>,
    pub(super) tombstones: usize,
    pub(super) remember: Span,
}

#[derive(Serialize)]
pub(super) struct Limits {
    pub(super) sets: usize,
    pub(super) results_per_set: usize,
    pub(super) bytes_per_set: ByteSize,
    /// What all sets together could hold; the host's memory bounds it further.
    pub(super) bytes: ByteSize,
    pub(super) when_full: &'static str,
}

#[derive(Serialize)]
pub(super) struct Collector<'a> {
    pub(super) id: &'a CollectorId,
    pub(super) kind: Option<&'a str>,
    pub(super) command: Option<&'a [String]>,
    pub(super) publish: &'a [TopicPattern],
}

#[derive(Serialize)]
pub(super) struct Task<'a> {
    pub(super) name: &'a str,
    pub(super) every: Span,
    pub(super) capabilities: &'a [Capability],
    pub(super) fan_out: &'static str,
    pub(super) into: &'a [std::sync::Arc<str>],
}

#[derive(Serialize)]
pub(super) struct Sink<'a> {
    pub(super) name: &'a str,
    #[serde(rename = "use")]
    pub(super) plugin: &'static str,
}

impl<'a> Summary<'a> {
    pub(super) fn of(config: &'a Config) -> Self {
        Self {
            host: Host { name: &config.host.name, memory: config.host.memory },
            aggregates: config.aggregates.iter().map(Aggregate::of).collect(),
            collectors: config.collectors.iter().map(Collector::of).collect(),
            tasks: config.tasks.iter().map(Task::of).collect(),
            sinks: config.sinks.iter().map(Sink::of).collect(),
        }
    }
}

impl<'a> Aggregate<'a> {
    fn of(config: &'a AggregateConfig) -> Self {
        let spec = &config.spec;
        let (policy, grace) = match spec.late.policy {
            LatePolicy::Refuse => ("refuse", None),
            LatePolicy::Reopen => ("reopen", None),
            LatePolicy::Correct(grace) => ("correct", Some(Span(grace))),
        };
        let bytes_per_set = spec.limits.bytes_per_set as u64;
        Self {
            name: &spec.name,
            topics: &spec.topics,
            key: Key(&spec.key),
            complete: spec.completion.iter().map(|named| named.name).collect(),
            timeout: Span(spec.timeout),
            idle: spec.idle.map(Span),
            order: config.order,
            dedup: config.dedup,
            topic_dedup: spec.topic_dedup.iter().map(|(pattern, _)| pattern).collect(),
            merge: config.merge,
            late: Late {
                policy,
                grace,
                tombstones: spec.late.tombstones,
                remember: Span(spec.late.remember),
            },
            limits: Limits {
                sets: spec.limits.sets,
                results_per_set: spec.limits.results_per_set,
                bytes_per_set: ByteSize(bytes_per_set),
                bytes: ByteSize(bytes_per_set.saturating_mul(spec.limits.sets as u64)),
                when_full: match spec.limits.when_full {
                    WhenFull::EmitOldest => "emit-oldest",
                    WhenFull::Refuse => "refuse",
                    WhenFull::Backpressure => "backpressure",
                },
            },
            ack: config.ack.as_str(),
            deliver: &config.deliver,
        }
    }
}

impl<'a> Collector<'a> {
    fn of(config: &'a CollectorConfig) -> Self {
        Self {
            id: &config.id,
            kind: config.kind.as_deref(),
            command: config.command.as_deref(),
            publish: &config.publish,
        }
    }
}

impl<'a> Task<'a> {
    fn of(config: &'a TaskConfig) -> Self {
        Self {
            name: &config.name,
            every: Span(config.every),
            capabilities: &config.capabilities,
            fan_out: "each",
            into: &config.into,
        }
    }
}

impl<'a> Sink<'a> {
    fn of(config: &'a SinkConfig) -> Self {
        Self { name: &config.name, plugin: config.plugin }
    }
}

impl Serialize for Key<'_> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            KeySpec::CorrelationId => to.serialize_str("correlation-id"),
            KeySpec::Paths(paths) => paths.serialize(to),
        }
    }
}
