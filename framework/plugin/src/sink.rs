//! The contract of delivery.

use crate::{AggregatedResult, BuildError};

/// Takes finished results somewhere.
///
/// # Contract
///
/// * **Who calls, when.** The host calls [`open`](Self::open) once, when it starts, and before anything else;
///   [`deliver`](Self::deliver) for each released set of the aggregates that
///   name this sink, and [`flush`](Self::flush) when nothing more is waiting, and at the end.
/// * **In which order.** In that of their release, per aggregate. Where a host runs on several threads, sets that are
///   released at the same time may come in any: of one key, `generation` and then `revision` say which is newer.
/// * **Where.** All but `open` on a thread that belongs to this sink alone: it may block and do I/O. While it does, its bounded
///   outbox fills, and then the producers of its aggregates are slowed down; nobody else is.
/// * **`Ok` from `flush` means taken** everything delivered since the last flush: the host then acknowledges the
///   results in it (where `ack = "delivered"`) and never delivers them again. Buffer in `deliver`, make safe in
///   `flush`.
/// * **It takes every result**, whatever is in it: one that it never takes holds up all that come after it. Of a payload
///   that cannot be decoded it writes what can be said ([`AggregatedResult::readable`]).
/// * **An error** keeps what was not flushed; it is delivered again, with growing pauses, and may therefore
///   reach the destination twice: the `emission_id` tells. **A panic** counts as an error.
/// * **The same instance goes on** after either. What it still holds of results that it did not flush comes again: let `flush`
///   forget what it cannot write, as by `std::mem::take`, or it is written twice.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no sink",
    note = "`register!(sink: …)` takes a type that implements `Sink`"
)]
pub trait Sink: Send + 'static {
    /// Finds out whether the destination can be written to, and may open it. A sink that cannot be opened ends the start of the
    /// host, as a mistake in the config: better than to hear of it when the first set is released. Without this method the sink
    /// finds out then, and is tried again for as long as it takes.
    ///
    /// Here, and not where it is built, is the place for what leaves traces: a plugin is also built where a config is only
    /// looked at. The host starts when all its sinks are open, so that this must not wait for somebody else, like the reader
    /// of a pipe. The destination may fail later all the same.
    ///
    /// # Errors
    /// If nothing can be written there: what is wrong, which option says so, and what would be right.
    fn open(&mut self) -> Result<(), BuildError> {
        Ok(())
    }

    /// Takes one result.
    ///
    /// # Errors
    /// If it could not be taken.
    fn deliver(&mut self, result: &AggregatedResult) -> Result<(), SinkError>;

    /// Makes everything that was delivered safe.
    ///
    /// # Errors
    /// If something that was delivered may not have arrived.
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Why a sink did not take a result: a lower-case fragment that fits after "failed to deliver: ".
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
#[non_exhaustive]
pub struct SinkError(pub String);

impl SinkError {
    /// An error with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl From<std::io::Error> for SinkError {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}
