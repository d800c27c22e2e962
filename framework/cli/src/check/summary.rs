//! What a config will do, as data.

use super::room::Room;
use serde::Serialize;
use stook::config::{AggregateConfig, CollectorConfig, Config, DispatchConfig, SinkConfig, TaskConfig};
use stook_engine::{DetectorId, KeySpec, LatePolicy, RestartId, ScoreId, WhenFull};
use stook_types::units::{ByteSize, Span};
use stook_types::{Capability, CollectorId, FanOut, TopicPattern, Value};

#[derive(Serialize)]
pub(crate) struct Summary<'a> {
    pub(super) host: Host<'a>,
    pub(super) aggregates: Vec<Aggregate<'a>>,
    pub(super) dispatch: Dispatch,
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
    /// What chooses who answers into it, if it says so.
    pub(super) score: Option<&'static str>,
    /// Patterns whose topics have a score of their own.
    pub(super) topic_score: Vec<(&'a TopicPattern, &'static str)>,
}

/// What holds where no nearer table says otherwise, and the modifiers, which hold everywhere.
#[derive(Serialize)]
pub(super) struct Dispatch {
    pub(super) score: &'static str,
    pub(super) detect: &'static str,
    pub(super) restart: &'static str,
    pub(super) slow_start: Span,
    pub(super) accrual: Accrual,
}

#[derive(Serialize)]
pub(super) struct Accrual {
    /// 0 for never.
    pub(super) failures: u32,
    pub(super) eject: Span,
    /// Shares, from 0 to 1.
    pub(super) most: f64,
    pub(super) panic: f64,
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
    pub(super) room: Room,
}

#[derive(Serialize)]
pub(super) struct Collector<'a> {
    pub(super) id: &'a CollectorId,
    pub(super) kind: Option<&'a str>,
    pub(super) command: Option<&'a [String]>,
    pub(super) publish: &'a [TopicPattern],
    pub(super) detect: &'static str,
    /// None for one that somebody else starts.
    pub(super) restart: Option<&'static str>,
}

#[derive(Serialize)]
pub(super) struct Task<'a> {
    pub(super) name: &'a str,
    pub(super) every: Span,
    pub(super) capabilities: &'a [Capability],
    pub(super) fan_out: Whom<'a>,
    pub(super) into: &'a [std::sync::Arc<str>],
    /// Whether it has arguments.
    pub(super) payload: bool,
    pub(super) priority: i32,
    pub(super) timeout: Option<Span>,
    pub(super) attempt_timeout: Option<Span>,
    pub(super) stall_timeout: Option<Span>,
    /// What chooses, if it says so itself.
    pub(super) score: Option<&'static str>,
}

/// A word, or the list.
pub(super) struct Whom<'a>(pub(super) &'a FanOut);

#[derive(Serialize)]
pub(super) struct Sink<'a> {
    pub(super) name: &'a str,
    #[serde(rename = "use")]
    pub(super) plugin: &'static str,
}

impl<'a> Summary<'a> {
    pub(crate) fn of(config: &'a Config) -> Self {
        Self {
            host: Host { name: &config.host.name, memory: config.host.memory },
            aggregates: config
                .aggregates
                .iter()
                .map(|of| Aggregate::of(of, config.host.memory, &config.dispatch))
                .collect(),
            dispatch: Dispatch::of(&config.dispatch),
            collectors: config.collectors.iter().map(|of| Collector::of(of, &config.dispatch)).collect(),
            tasks: config.tasks.iter().map(|of| Task::of(of, &config.dispatch)).collect(),
            sinks: config.sinks.iter().map(Sink::of).collect(),
        }
    }
}

impl<'a> Aggregate<'a> {
    fn of(config: &'a AggregateConfig, memory: ByteSize, dispatch: &DispatchConfig) -> Self {
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
            order: spec.names.order,
            dedup: spec.names.dedup,
            topic_dedup: spec.topic_dedup.iter().map(|(pattern, _)| pattern).collect(),
            merge: spec.names.merge,
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
                when_full: when_full(spec.limits.when_full),
                room: Room::of(spec, memory),
            },
            ack: config.ack.as_str(),
            deliver: &config.deliver,
            score: config.score.map(|id| score(dispatch, id)),
            topic_score: config.topic_scores.iter().map(|(of, id)| (of, score(dispatch, *id))).collect(),
        }
    }
}

pub(crate) const fn when_full(of: WhenFull) -> &'static str {
    match of {
        WhenFull::EmitOldest => "emit-oldest",
        WhenFull::Refuse => "refuse",
        WhenFull::Backpressure => "backpressure",
    }
}

impl Dispatch {
    fn of(config: &DispatchConfig) -> Self {
        let modifiers = &config.modifiers;
        Self {
            score: score(config, config.score),
            detect: detect(config, config.detect),
            restart: restart(config, config.restart),
            slow_start: Span(modifiers.slow_start),
            accrual: Accrual {
                failures: modifiers.failures,
                eject: Span(modifiers.eject),
                most: modifiers.most_ejected,
                panic: modifiers.panic_below,
            },
        }
    }
}

/// The engine's own rules have no names in a config: they are what is left where nothing is linked.
fn score(config: &DispatchConfig, ScoreId(id): ScoreId) -> &'static str {
    config.scores.get(id).map_or("fewest in flight (built in)", |named| named.name)
}

fn detect(config: &DispatchConfig, DetectorId(id): DetectorId) -> &'static str {
    config.detectors.get(id).map_or("5s of silence (built in)", |named| named.name)
}

fn restart(config: &DispatchConfig, RestartId(id): RestartId) -> &'static str {
    config.restarts.get(id).map_or("never (built in)", |named| named.name)
}

impl<'a> Collector<'a> {
    fn of(config: &'a CollectorConfig, dispatch: &DispatchConfig) -> Self {
        Self {
            id: &config.id,
            kind: config.kind.as_deref(),
            command: config.command.as_deref(),
            publish: &config.publish,
            detect: detect(dispatch, config.detect),
            restart: config.command.is_some().then(|| restart(dispatch, config.restart)),
        }
    }
}

impl<'a> Task<'a> {
    fn of(config: &'a TaskConfig, dispatch: &DispatchConfig) -> Self {
        Self {
            name: &config.name,
            every: Span(config.every),
            capabilities: &config.capabilities,
            fan_out: Whom(&config.fan_out),
            into: &config.into,
            payload: config.payload != Value::Null,
            priority: config.priority,
            timeout: config.timeout.map(Span),
            attempt_timeout: config.attempt_timeout.map(Span),
            stall_timeout: config.stall_timeout.map(Span),
            score: config.score.map(|id| score(dispatch, id)),
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

impl Serialize for Whom<'_> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            FanOut::One => to.serialize_str("one"),
            FanOut::Each => to.serialize_str("each"),
            FanOut::Ids(ids) => ids.serialize(to),
        }
    }
}
