//! What one connection may cost.

use std::time::Duration;

use crate::{Credit, MAX_REPLY};

/// Limits of one connection. Each is a bound on what a hostile peer can make the host hold or wait for.
#[derive(Clone, Copy, Debug)]
pub struct HostLimits {
    /// Time from connecting to a whole `Hello`, however much the peer says meanwhile.
    pub handshake_timeout: Duration,
    /// Time from the first byte of a frame that is seen to its last.
    pub frame_timeout: Duration,
    /// Longest frame that a collector sends or is sent, without its length prefix. Raised if need be, so that a largest result fits.
    pub max_frame_bytes: u32,
    /// Longest payload of one result. One that is longer is reported to be refused.
    pub max_result_bytes: u32,
    /// Results, and bytes of their payloads, that may be under way to a set. Bytes are raised if need be, so
    /// that a largest result fits.
    pub credit: Credit,
    /// Largest replay capacity that a collector may declare.
    pub max_replay: u32,
    /// Longest frame of a reply to an operator, without its length prefix. An operator takes 64 MiB: it is no
    /// more than that.
    pub max_reply_bytes: u32,
    /// Bytes that may wait to be read by the peer before no more tasks are assigned to it, and no more replies given.
    pub max_outbound_bytes: usize,
}

/// What a result takes in a frame beyond its payload, at most.
const RESULT_OVERHEAD: u32 = 256;

impl Default for HostLimits {
    /// 5 s for the handshake and a frame, frames of 1 MiB (replies of 64 MiB), results of 1 MiB less their envelope, credit for
    /// 2,048 results or 4 MiB.
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(5),
            frame_timeout: Duration::from_secs(5),
            max_frame_bytes: 1024 * 1024,
            max_result_bytes: 1024 * 1024 - RESULT_OVERHEAD,
            credit: Credit { results: 2048, bytes: 4 * 1024 * 1024 },
            max_replay: 16 * 1024,
            max_reply_bytes: MAX_REPLY,
            max_outbound_bytes: 1024 * 1024,
        }
    }
}

impl HostLimits {
    /// The same limits, made to agree with each other.
    pub(super) fn coherent(mut self) -> Self {
        let largest = self.max_result_bytes.saturating_add(RESULT_OVERHEAD);
        self.max_frame_bytes = self.max_frame_bytes.max(largest);
        self.max_reply_bytes = self.max_reply_bytes.min(MAX_REPLY);
        self.credit.results = self.credit.results.max(1);
        self.credit.bytes = self.credit.bytes.max(self.max_result_bytes.into());
        self
    }
}
