//! Where results go in.

use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;
use stook_proto::Lease;
use stook_proto::collector::{NewResult, RecordError as SessionRecordError};
use stook_types::{CorrelationId, Value, WallTime, nearest};

use crate::core::Core;
use crate::{RecordError, to_value};

/// Records results. Cheap to clone; every clone is the same.
#[derive(Clone, Debug)]
pub struct Recorder {
    core: Arc<Core>,
    task: Option<(CorrelationId, Lease)>,
}

/// How to record a result, where the default is not what one wants.
///
/// The default: the task's correlation ID, no timestamp, not the last.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Record {
    correlation_id: Option<CorrelationId>,
    timestamp: Option<WallTime>,
    last: bool,
}

// === impl Recorder ===

impl Recorder {
    /// A recorder of answers to a task, or of what no task asks for.
    pub(crate) fn new(core: Arc<Core>, task: Option<(CorrelationId, Lease)>) -> Self {
        Self { core, task }
    }

    /// Records a result: a [`Value`], or whatever else serde can serialize (see [`to_value`]).
    ///
    /// Returns when the result is kept for delivery. Waits while the host has not acknowledged enough of the
    /// results before: this is how a slow consumer slows its producers. Dropping the future records nothing.
    ///
    /// # Errors
    /// If the topic is not in the collector's description, the value cannot be said by a payload, or it is
    /// larger than the replay buffer.
    pub async fn record<T: Serialize + ?Sized>(&self, topic: &str, value: &T) -> Result<(), RecordError> {
        self.record_as(Record::default(), topic, value).await
    }

    /// Records a result with options.
    ///
    /// # Errors
    /// As [`record`](Self::record); also if this is outside of a task and there is no correlation ID.
    pub async fn record_as<T: Serialize + ?Sized>(
        &self,
        how: Record,
        topic: &str,
        value: &T,
    ) -> Result<(), RecordError> {
        self.record_value(how, topic, &to_value(value)?).await
    }

    /// Records a result that is a [`Value`] already.
    ///
    /// # Errors
    /// As [`record_as`](Self::record_as).
    pub async fn record_value(&self, how: Record, topic: &str, value: &Value) -> Result<(), RecordError> {
        let payload = stook_proto::payload(value)?;
        let topic = self.core.topics.get(topic).ok_or_else(|| self.unknown(topic))?.clone();
        let own = self.task.as_ref();
        let correlation_id = how.correlation_id.or_else(|| own.map(|(id, _)| id.clone()));
        let correlation_id = correlation_id.ok_or(RecordError::NoCorrelationId)?;
        let result = NewResult {
            topic,
            // What belongs to something else stays true when the task is given to somebody else.
            lease: own.filter(|(id, _)| *id == correlation_id).map(|(_, lease)| *lease),
            correlation_id,
            timestamp: how.timestamp.map(WallTime::unix_micros),
            last: how.last,
            payload,
        };
        match self.core.record(result).await {
            Ok(_) => Ok(()),
            Err(SessionRecordError::TooLarge { length, limit }) => {
                Err(RecordError::TooLarge { length, limit })
            }
            Err(other) => unreachable!("topics and encodings were checked: {other}"),
        }
    }

    /// Says that work goes on although nothing is recorded. Heartbeats carry the count; one that stands still
    /// while tasks run looks like a hang.
    pub fn progress(&self) {
        self.core.progress();
    }

    fn unknown(&self, topic: &str) -> RecordError {
        let mut known: Vec<_> = self.core.topics.keys().map(String::as_str).collect();
        known.sort_unstable();
        let near = nearest(topic, known).and_then(|near| self.core.topics.get(near)).cloned();
        RecordError::Topic { topic: topic.to_owned(), near }
    }
}

// === impl Record ===

impl Record {
    /// The default.
    pub fn new() -> Self {
        Self::default()
    }

    /// For something else than the task's question.
    pub fn correlation_id(self, id: CorrelationId) -> Self {
        Self { correlation_id: Some(id), ..self }
    }

    /// When it was so.
    pub fn at(self, time: SystemTime) -> Self {
        Self { timestamp: Some(time.into()), ..self }
    }

    /// This is the collector's last result for its correlation ID.
    pub fn last(self) -> Self {
        Self { last: true, ..self }
    }
}
