//! What the host has to say, joined into as few bytes and writes as can be.

use bytes::BytesMut;

use crate::{Credit, Sequences, encode, wire};

/// Frames to write, with acknowledgements and credit held back until somebody writes.
#[derive(Debug, Default)]
pub(super) struct Outbound {
    pub(super) bytes: BytesMut,
    /// Settled since the last `Ack` was written.
    settled: Vec<wire::Range>,
    refused: Vec<wire::Refused>,
    credit: Credit,
    ack_due: bool,
}

impl Outbound {
    pub(super) fn push(&mut self, frame: impl Into<wire::Frame>) {
        encode(frame, &mut self.bytes);
    }

    pub(super) fn settle(&mut self, sequence: u64) {
        self.ack_due = true;
        match self.settled.last_mut() {
            Some(range) if range.last.checked_add(1) == Some(sequence) => range.last = sequence,
            _ => self.settled.push(wire::Range { first: sequence, last: sequence }),
        }
    }

    pub(super) fn refuse(&mut self, sequence: u64, reason: String) {
        self.ack_due = true;
        self.refused.push(wire::Refused { sequence, reason });
    }

    pub(super) fn return_credit(&mut self, credit: Credit) {
        self.credit = self.credit.plus(credit);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && !self.ack_due && self.credit == Credit::default()
    }

    /// Turns what was held back into frames. Gives the credit in them.
    pub(super) fn flush(&mut self, settled: &Sequences) -> Credit {
        if std::mem::take(&mut self.ack_due) {
            let floor = settled.floor();
            let mut ranges = std::mem::take(&mut self.settled);
            ranges.retain(|range| range.last > floor);
            let refused = std::mem::take(&mut self.refused);
            self.push(wire::Ack { settled: Some(wire::Sequences { floor, ranges }), refused });
        }
        let credit = std::mem::take(&mut self.credit);
        if credit != Credit::default() {
            self.push(wire::Credit { results: credit.results, bytes: credit.bytes });
        }
        credit
    }

    /// Forgets what was held back: the session is over.
    pub(super) fn forget_pending(&mut self) {
        *self = Self { bytes: std::mem::take(&mut self.bytes), ..Self::default() };
    }
}
