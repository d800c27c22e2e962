//! A child's standard output and standard error: always read, so that it never blocks on them, logged by line, and the
//! last lines kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::BufMut;
use serde::Serialize;
use stook_types::{CollectorId, MonoTime, Quiet};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Duration, Instant, timeout_at};

/// The last lines of a collector, over all its lives. Bounded: older ones give way, and are counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastLines(Arc<Mutex<Lines>>);

/// What a collector wrote last.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Lines {
    lines: VecDeque<String>,
    /// Lines that gave way.
    dropped: u64,
}

/// Longer lines are logged in pieces.
const LINE: usize = 4 * 1024;
/// So many lines of one stream are logged within [`WINDOW`]; the others are counted.
const LOGGED: u32 = 200;
const WINDOW: Duration = Duration::from_secs(10);
/// How many lines are kept, …
const KEPT: usize = 8;
/// … and how many characters of each. A status shows all of them, of every collector.
const KEPT_OF_ONE: usize = 200;

/// Reads a stream to its end.
pub(super) async fn drain(
    id: CollectorId,
    stream: &'static str,
    last: LastLines,
    mut from: impl AsyncRead + Unpin,
) {
    let mut buffer = Vec::with_capacity(LINE);
    let mut log = Log { id, stream, last, quiet: Quiet::new(LOGGED, WINDOW), begin: Instant::now() };
    loop {
        let mut room = (&mut buffer).limit(LINE);
        let read = from.read_buf(&mut room);
        let read = match log.due() {
            None => read.await,
            Some(due) => match timeout_at(due, read).await {
                Ok(read) => read,
                Err(_) => {
                    log.say_left_out(log.now());
                    continue;
                }
            },
        };
        match read {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = buffer.drain(..=end).collect();
            log.line(&line);
        }
        if buffer.len() >= LINE {
            log.line(&buffer);
            buffer.clear();
        }
    }
    if !buffer.is_empty() {
        log.line(&buffer);
    }
    log.say_left_out(MonoTime::at(Duration::MAX));
}

/// Where the lines of one stream go.
struct Log {
    id: CollectorId,
    stream: &'static str,
    last: LastLines,
    quiet: Quiet<()>,
    begin: Instant,
}

impl Log {
    fn line(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end();
        self.last.push(line);
        let now = self.now();
        self.say_left_out(now);
        if self.quiet.admits(now, ()) {
            tracing::info!(target: "stook::collector", collector = %self.id, stream = self.stream, "{line}");
        }
    }

    fn say_left_out(&mut self, now: MonoTime) {
        for ((), left_out) in self.quiet.take_ended(now) {
            let (collector, stream) = (&self.id, self.stream);
            tracing::warn!(target: "stook::collector", %collector, stream, left_out, "more lines were not logged");
        }
    }

    fn now(&self) -> MonoTime {
        MonoTime::at(self.begin.elapsed())
    }

    fn due(&self) -> Option<Instant> {
        self.quiet.next().map(|due| self.begin + due.since_origin())
    }
}

impl LastLines {
    /// What they are now.
    pub(crate) fn look(&self) -> Lines {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn push(&self, line: &str) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.lines.len() == KEPT {
            inner.lines.pop_front();
            inner.dropped += 1;
        }
        inner.lines.push_back(line.chars().take(KEPT_OF_ONE).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_lines_are_kept_and_the_others_counted() {
        let last = LastLines::default();
        let text: String = (0..100).map(|n| format!("line {n}\n")).chain(["x".repeat(5_000)]).collect();
        drain(CollectorId::new("p").unwrap(), "stderr", last.clone(), text.as_bytes()).await;
        let Lines { lines, dropped } = last.look();
        // The long one in two pieces, each cut.
        assert_eq!((lines.len(), dropped), (KEPT, 102 - KEPT as u64));
        assert_eq!((lines[0].as_str(), lines[5].as_str()), ("line 94", "line 99"));
        assert_eq!(lines[6].len(), KEPT_OF_ONE);
    }
}
