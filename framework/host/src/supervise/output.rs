//! A child's standard output and standard error: always read, so that it never blocks on them, and logged by line.

use bytes::BufMut;
use stook_types::CollectorId;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Longer lines are logged in pieces.
const LINE: usize = 4 * 1024;

/// Reads a stream to its end.
pub(super) async fn drain(id: CollectorId, stream: &'static str, mut from: impl AsyncRead + Unpin) {
    let mut buffer = Vec::with_capacity(LINE);
    loop {
        match from.read_buf(&mut (&mut buffer).limit(LINE)).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = buffer.drain(..=end).collect();
            log(&id, stream, &line);
        }
        if buffer.len() >= LINE {
            log(&id, stream, &buffer);
            buffer.clear();
        }
    }
    if !buffer.is_empty() {
        log(&id, stream, &buffer);
    }
}

fn log(id: &CollectorId, stream: &str, line: &[u8]) {
    let line = String::from_utf8_lossy(line);
    tracing::info!(target: "stook::collector", collector = %id, stream, "{}", line.trim_end());
}
