//! What a config says, in plain types.

use std::sync::Arc;
use std::time::Duration;

use stook_engine::{
    AggregateSpec, DetectorId, Modifiers, NamedDetector, NamedRestart, NamedScore, RestartId, ScoreId,
};
use stook_types::units::ByteSize;
use stook_types::{Capability, CollectorId, FanOut, TopicPattern, Value};

use super::SinkFactory;

/// A whole config that makes sense. Lists are in the order in which they were written.
#[derive(Debug)]
#[non_exhaustive]
pub struct Config {
    /// `[host]`.
    pub host: HostConfig,
    /// Each `[aggregate.NAME]`.
    pub aggregates: Vec<AggregateConfig>,
    /// `[dispatch]`, and every policy that config selects.
    pub dispatch: DispatchConfig,
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

impl Default for HostConfig {
    fn default() -> Self {
        Self { name: "stook".to_owned(), memory: ByteSize(512 << 20) }
    }
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
    /// What chooses who answers into it.
    pub score: Option<ScoreId>,
    /// The same for capabilities that answer on some of its topics; the most specific pattern wins.
    pub topic_scores: Vec<(TopicPattern, ScoreId)>,
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

/// How tasks are given, and collectors watched and restarted.
#[non_exhaustive]
pub struct DispatchConfig {
    /// Every scoring policy that a table selects.
    pub scores: Vec<NamedScore>,
    /// Every failure detector.
    pub detectors: Vec<NamedDetector>,
    /// Every restart policy.
    pub restarts: Vec<NamedRestart>,
    /// What holds whichever policy scores.
    pub modifiers: Modifiers,
    /// What chooses where nothing nearer says otherwise.
    pub score: ScoreId,
    /// Who watches where nothing nearer says otherwise.
    pub detect: DetectorId,
    /// What decides about restarts where nothing nearer says otherwise.
    pub restart: RestartId,
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
    /// Who watches it for silence.
    pub detect: DetectorId,
    /// What decides whether it is started again.
    pub restart: RestartId,
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
    /// Its arguments.
    pub payload: Value,
    /// Of two that wait for the same place, that with the higher priority goes first.
    pub priority: i32,
    /// When no answer is of use any more; without it, when the last of its sets times out.
    pub timeout: Option<Duration>,
    /// How long one attempt may take.
    pub attempt_timeout: Option<Duration>,
    /// How long a collector that has it may make no progress.
    pub stall_timeout: Option<Duration>,
    /// What chooses among those who can run it, if it says so itself.
    pub score: Option<ScoreId>,
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

impl std::fmt::Debug for DispatchConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = |names: &mut dyn Iterator<Item = &'static str>| names.collect::<Vec<_>>();
        f.debug_struct("DispatchConfig")
            .field("scores", &names(&mut self.scores.iter().map(|named| named.name)))
            .field("detectors", &names(&mut self.detectors.iter().map(|named| named.name)))
            .field("restarts", &names(&mut self.restarts.iter().map(|named| named.name)))
            .field("modifiers", &self.modifiers)
            .finish_non_exhaustive()
    }
}
