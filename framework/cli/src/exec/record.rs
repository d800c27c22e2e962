//! From the lines of a run to results.

use std::time::SystemTime;

use stook_collector::{Record, RecordError, Recorder, Value};
use stook_types::{CorrelationId, Topic};

use super::lines::Line;
use super::read::Reader;
use crate::output::clean;

/// What lines of one run have in common.
pub(super) struct Run {
    /// Unless they say one.
    pub(super) id: CorrelationId,
    /// Whether its last line is the last of its ID.
    pub(super) marks_last: bool,
}

/// Records the lines of a run.
pub(super) struct Recording<'a> {
    reader: &'a Reader,
    results: &'a Recorder,
    run: &'a Run,
    taken: u64,
    bad: u64,
    /// Where the last line is to be marked, each waits for the next: then it is known not to be the last.
    held: Option<Said<'a>>,
}

/// A line that is a result.
struct Said<'a> {
    number: u64,
    how: Record,
    topic: &'a Topic,
    value: Value,
}

/// Of lines that are no results, these are logged, for each run; all are counted.
const COMPLAINTS: u64 = 10;

impl<'a> Recording<'a> {
    pub(super) fn new(reader: &'a Reader, results: &'a Recorder, run: &'a Run) -> Self {
        Self { reader, results, run, taken: 0, bad: 0, held: None }
    }

    /// Records a line, or the one before it.
    ///
    /// # Errors
    /// If nobody wants any more. A line that is no result is counted.
    pub(super) async fn line(&mut self, Line { number, text }: Line) -> Result<(), RecordError> {
        match self.read(number, text) {
            Ok(None) => {}
            Ok(Some(said)) if self.run.marks_last => {
                if let Some(before) = self.held.replace(said) {
                    self.record(before).await?;
                }
            }
            Ok(Some(said)) => self.record(said).await?,
            Err(why) => self.complain(number, &why),
        }
        Ok(())
    }

    /// There are no more lines.
    ///
    /// # Errors
    /// As [`line`](Self::line).
    pub(super) async fn end(mut self) -> Result<(), RecordError> {
        if let Some(mut last) = self.held.take() {
            last.how = last.how.last();
            self.record(last).await?;
        }
        if self.bad > 0 {
            tracing::warn!(results = self.taken, bad = self.bad, "lines of this run were no results");
        }
        Ok(())
    }

    /// Understands a line; nothing of an empty one.
    fn read(&self, number: u64, text: Option<Vec<u8>>) -> Result<Option<Said<'a>>, String> {
        let limit = self.reader.limit;
        let text = text.ok_or_else(|| {
            format!("it is longer than {limit} bytes; --max-line says how long a line may be")
        })?;
        if text.trim_ascii().is_empty() {
            return Ok(None);
        }
        let read = self.reader.read(&text)?;
        let id = read.id.unwrap_or_else(|| self.run.id.clone());
        let how = Record::new().correlation_id(id).at(SystemTime::now());
        let how = if read.last { how.last() } else { how };
        Ok(Some(Said { number, how, topic: read.topic, value: read.value }))
    }

    async fn record(&mut self, Said { number, how, topic, value }: Said<'a>) -> Result<(), RecordError> {
        match self.results.record_value(how, topic.as_str(), &value).await {
            Ok(()) => self.taken += 1,
            Err(error @ RecordError::Over) => return Err(error),
            Err(error) => self.complain(number, &error.to_string()),
        }
        Ok(())
    }

    fn complain(&mut self, number: u64, why: &str) {
        self.bad += 1;
        if self.bad <= COMPLAINTS {
            tracing::warn!(line = number, why = clean(why), "a line is no result");
        }
    }
}
