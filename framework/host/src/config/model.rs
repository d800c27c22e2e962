//! What a config says, in plain types.

use std::sync::Arc;
use std::time::Duration;

use stook_engine::AggregateSpec;
use stook_types::units::ByteSize;
use stook_types::{Capability, CollectorId, TopicPattern};

use super::SinkFactory;

/// A whole config that makes sense. Lists are in the order in which they were written.
#[derive(Debug)]
#[non_exhaustive]
pub struct Config {
    /// `[host]`.
    pub host: HostConfig,
    /// Each `[aggregate.NAME]`.
    pub aggregates: Vec<AggregateConfig>,
    /// Each `[collector.ID]`.
    pub collectors: Vec<CollectorConfig>,
    /// Each `[task.NAME]`.
    pub tasks: Vec<TaskConfig>,
    /// Each `[sink.NAME]`.
    pub sinks: Vec<SinkConfig>,
}

/// The host itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HostConfig {
    /// Names its runtime directory and socket: 1 to 32 of `a-z 0-9 -`.
    pub name: String,
    /// Hard budget for the pending results of all aggregates together.
    pub memory: ByteSize,
}

/// An aggregate and what becomes of its released sets.
#[non_exhaustive]
pub struct AggregateConfig {
    /// What the engine does with it.
    pub spec: AggregateSpec,
    /// When its collectors get their acknowledgements.
    pub ack: Ack,
    /// The sinks that take its released sets, by name.
    pub deliver: Vec<Arc<str>>,
    /// The name of its order, chosen or by default.
    pub order: &'static str,
    /// The name of its dedup.
    pub dedup: &'static str,
    /// The name of its merge.
    pub merge: &'static str,
}

stook_plugin::choice! {
    /// When a result is acknowledged to its collector, which then forgets it.
    #[derive(Default)]
    pub enum Ack {
        /// When it is in its set.
        #[default]
        Accepted = "accepted",
        /// When every sink of its set took it.
        Delivered = "delivered",
    }
}

/// A collector that may connect.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CollectorConfig {
    /// Its name.
    pub id: CollectorId,
    /// Program and arguments, if the host spawns and supervises it; else somebody starts it by hand.
    pub command: Option<Vec<String>>,
    /// Its kind, if config says it.
    pub kind: Option<Arc<str>>,
    /// The topics that it may publish.
    pub publish: Vec<TopicPattern>,
}

/// A task that the host submits by itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskConfig {
    /// Its name.
    pub name: Arc<str>,
    /// From one submission to the next.
    pub every: Duration,
    /// What collectors are asked for, under one correlation ID.
    pub capabilities: Vec<Capability>,
    /// Who is asked.
    pub fan_out: FanOut,
    /// The aggregates that are told whom to expect, by name.
    pub into: Vec<Arc<str>>,
}

/// Which collectors a task goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FanOut {
    /// Every configured or connected collector that has the capability.
    #[default]
    Each,
}

/// A place where released sets go.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SinkConfig {
    /// Its name.
    pub name: Arc<str>,
    /// The name of its plugin.
    pub plugin: &'static str,
    /// What makes it, when the host starts.
    pub factory: SinkFactory,
}

impl std::fmt::Debug for AggregateConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AggregateConfig")
            .field("name", &self.spec.name)
            .field("topics", &self.spec.topics)
            .finish_non_exhaustive()
    }
}
