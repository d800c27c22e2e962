//! Where results go in.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use stook_proto::Lease;
use stook_proto::collector::NewResult;
use stook_types::{CorrelationId, Value, WallTime, nearest};
use tokio::time::timeout;

use crate::cancellation::{Cancellation, Heed};
use crate::core::Core;
use crate::{FlushError, RecordError, TryRecordError, to_value};

/// Records results. Cheap to clone; every clone is the same.
///
/// | | where there is no room |
/// | --- | --- |
/// | [`record`](Self::record), [`record_as`](Self::record_as) | waits: a slow consumer slows its producers |
/// | [`try_record`](Self::try_record), [`try_record_as`](Self::try_record_as) | gives the result back at once |
///
/// There is no room while the host has not acknowledged enough of what was recorded before
/// ([`Options::replay`](crate::Options::replay)).
#[derive(Clone, Debug)]
pub struct Recorder {
    core: Arc<Core>,
    task: Option<Own>,
}

/// What a result of a task belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    pub(crate) correlation_id: CorrelationId,
    pub(crate) lease: Lease,
    pub(crate) cancellation: Cancellation,
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

/// A result that is ready to be recorded. Made by [`Recorder::encode`], or given back by
/// [`TryRecordError::Full`].
#[derive(Clone, Debug)]
#[must_use = "it is not recorded yet"]
pub struct Encoded {
    pub(crate) result: NewResult,
    /// Of the task, if this is an answer to it.
    pub(crate) cancellation: Option<Cancellation>,
}

// === impl Recorder ===

impl Recorder {
    /// A recorder of answers to a task, or of what no task asks for.
    pub(crate) fn new(core: Arc<Core>, task: Option<Own>) -> Self {
        Self { core, task }
    }

    /// Records a result: a [`Value`], or whatever else serde can serialize (see [`to_value`]).
    ///
    /// Returns when the result is kept for delivery. Waits while the host has not acknowledged enough of the
    /// results before: this is how a slow consumer slows its producers. Dropping the future records nothing.
    ///
    /// # Errors
    /// If the topic is not in the collector's description, the value cannot be said by a payload, it is
    /// larger than the host takes (once there was a session: before, the host is sent it and refuses it) or the replay
    /// buffer, the task that it answers is over, or the collector has said goodbye. That the host refuses a result for
    /// another reason is known later: it is [told](crate#what-it-says-about-itself), and counted by the host.
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
        self.core.record(&self.encode(how, topic, value)?).await
    }

    /// Records a result that is a [`Value`] already.
    ///
    /// # Errors
    /// As [`record_as`](Self::record_as).
    pub async fn record_value(&self, how: Record, topic: &str, value: &Value) -> Result<(), RecordError> {
        self.core.record(&self.encode_value(how, topic, value)?).await
    }

    /// Records a result if there is room now. Never waits.
    ///
    /// ```
    /// # use stook_collector::{Recorder, TaskError, TryRecordError};
    /// # fn sample(results: &Recorder, missed: &mut u64) -> Result<(), TaskError> {
    /// match results.try_record("events.host.load", &0.5) {
    ///     Ok(()) => {}
    ///     Err(TryRecordError::Full(_)) => *missed += 1, // the next sample says more than this one
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`TryRecordError::Full`] with the result if there is no room; else as [`record`](Self::record).
    pub fn try_record<T: Serialize + ?Sized>(&self, topic: &str, value: &T) -> Result<(), TryRecordError> {
        self.try_record_as(Record::default(), topic, value)
    }

    /// Records a result with options if there is room now. Never waits.
    ///
    /// # Errors
    /// As [`try_record`](Self::try_record); also if this is outside of a task and there is no correlation ID.
    pub fn try_record_as<T: Serialize + ?Sized>(
        &self,
        how: Record,
        topic: &str,
        value: &T,
    ) -> Result<(), TryRecordError> {
        let result = self.encode(how, topic, value)?;
        if self.core.try_record(&result)? { Ok(()) } else { Err(TryRecordError::Full(Box::new(result))) }
    }

    /// Makes a result ready, and does not record it yet.
    ///
    /// # Errors
    /// As [`record_as`](Self::record_as), except for what is known only when it is recorded.
    pub fn encode<T: Serialize + ?Sized>(
        &self,
        how: Record,
        topic: &str,
        value: &T,
    ) -> Result<Encoded, RecordError> {
        self.encode_value(how, topic, &to_value(value)?)
    }

    /// Records a result that was made ready, when there is room.
    ///
    /// # Errors
    /// If it is larger than the replay buffer, the task that it answers is over, or the collector has said goodbye.
    pub async fn record_encoded(&self, result: &Encoded) -> Result<(), RecordError> {
        self.core.record(result).await
    }

    /// Records a result that was made ready, if there is room now. Says whether there was.
    ///
    /// # Errors
    /// As [`record_encoded`](Self::record_encoded).
    pub fn try_record_encoded(&self, result: &Encoded) -> Result<bool, RecordError> {
        self.core.try_record(result)
    }

    /// Waits until the host has acknowledged or refused everything that this collector has recorded so far, in
    /// whatever task.
    ///
    /// Not for answers to a task that goes on where the aggregate has `ack = "delivered"`: those are acknowledged when
    /// their set is released, and the set may wait for the end of the task.
    ///
    /// # Errors
    /// If that is not so within this time. Everything is kept, and sent again if need be.
    pub async fn flush(&self, within: Duration) -> Result<(), FlushError> {
        let last = self.core.recorded();
        timeout(within, self.core.settled(last)).await.map_err(|_| {
            let unacknowledged = self.core.unsettled_up_to(last);
            FlushError { unacknowledged, within }
        })
    }

    /// Says that work goes on although nothing is recorded. Heartbeats carry the count; one that stands still
    /// while tasks run looks like a hang.
    pub fn progress(&self) {
        self.core.progress();
    }

    /// Completes when the collector is to leave: the host drains it, or a signal asks it to stop.
    ///
    /// A [`stream`](crate::Collector::stream) is dropped then, at its next await. One that has called this is not, but has
    /// four fifths of the grace to record what it still has, and to return. What it returns then is no failure of the
    /// collector.
    ///
    /// ```
    /// # use stook_collector::{Recorder, TaskError};
    /// # async fn watch(_: &Recorder) -> Result<(), TaskError> { Ok(()) }
    /// # async fn last_words(_: &Recorder) -> Result<(), TaskError> { Ok(()) }
    /// async fn stream(results: Recorder) -> Result<(), TaskError> {
    ///     tokio::select! {
    ///         ended = watch(&results) => ended,
    ///         () = results.leaving() => last_words(&results).await,
    ///     }
    /// }
    /// ```
    pub async fn leaving(&self) {
        // Of a task this says nothing: that has its own time.
        if self.task.is_none() {
            self.core.leaving.will(Heed::Asked);
        }
        self.core.leaving.wait().await;
    }

    fn encode_value(&self, how: Record, topic: &str, value: &Value) -> Result<Encoded, RecordError> {
        let payload = stook_proto::payload(value)?;
        let topic = self.core.topics.get(topic).ok_or_else(|| self.unknown(topic))?.clone();
        let own = self.task.as_ref();
        let correlation_id = how.correlation_id.or_else(|| own.map(|own| own.correlation_id.clone()));
        let correlation_id = correlation_id.ok_or(RecordError::NoCorrelationId)?;
        // What belongs to something else stays true when the task is given to somebody else.
        let own = own.filter(|own| own.correlation_id == correlation_id);
        Ok(Encoded {
            result: NewResult {
                topic,
                lease: own.map(|own| own.lease),
                correlation_id,
                timestamp: how.timestamp.map(WallTime::unix_micros),
                last: how.last,
                payload,
            },
            cancellation: own.map(|own| own.cancellation.clone()),
        })
    }

    fn unknown(&self, topic: &str) -> RecordError {
        if self.core.undeclared.set(topic.to_owned()).is_ok() {
            tracing::warn!(
                topic,
                "a result on a topic that is not in the collector's description; declare it in `describe`"
            );
        }
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
