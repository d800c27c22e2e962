//! What a collector has to say, in the order in which it may be said.

use std::collections::VecDeque;

use bytes::{BufMut, BytesMut};
use prost::encoding::{encode_varint, encoded_len_varint};

use super::Terms;
use super::replay::Replay;
use crate::results::FRAME_KEY;
use crate::{Credit, encode, wire};

/// Bytes to write, and frames that wait for the results recorded before them.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub(super) bytes: BytesMut,
    pub(super) credit: Credit,
    /// Each may go once every result below this sequence was sent.
    after_results: VecDeque<(u64, wire::Frame)>,
}

/// One batch is at most this many results …
const BATCH: usize = 64;

/// … and this many bytes, unless one result alone has more.
const BATCH_BYTES: usize = 64 * 1024;

/// No more is prepared while this much waits to be written.
const HIGH_WATER: usize = 256 * 1024;

/// Bytes of a frame around a batch, at most: a key and a length.
const ENVELOPE: usize = 8;

impl Outbox {
    /// Writes now.
    pub(super) fn push(&mut self, frame: impl Into<wire::Frame>) {
        encode(frame, &mut self.bytes);
    }

    /// Writes once the results below `next` were sent.
    pub(super) fn push_after(&mut self, next: u64, frame: impl Into<wire::Frame>) {
        self.after_results.push_back((next, frame.into()));
    }

    /// The connection is gone, and with it everything that belonged to it.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether every frame was handed out.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.is_said()
    }

    /// Whether no frame waits for results to go first.
    pub(super) fn is_said(&self) -> bool {
        self.after_results.is_empty()
    }

    /// Whether [`fill`](Self::fill) would add anything.
    pub(super) fn has_more(&self, replay: &mut Replay, terms: &Terms) -> bool {
        let next = replay.peek().map(|(sequence, result)| (sequence, cost(result, terms)));
        match (self.after_results.front(), next) {
            (Some((after, _)), next) if next.is_none_or(|(sequence, _)| sequence >= *after) => true,
            (_, Some((_, (_, cost)))) => self.credit.minus(cost).is_some(),
            _ => false,
        }
    }

    /// Prepares what may be written: batches within credit, and frames whose results were sent.
    pub(super) fn fill(&mut self, replay: &mut Replay, terms: &Terms) {
        while self.bytes.len() < HIGH_WATER {
            let next = replay.peek().map(|(sequence, _)| sequence);
            let due = |(after, _): &mut (u64, _)| next.is_none_or(|next| next >= *after);
            if let Some((_, frame)) = self.after_results.pop_front_if(due) {
                encode(frame, &mut self.bytes);
            } else if !self.batch(replay, terms) {
                break;
            }
        }
    }

    /// Writes one batch; `false` if there is nothing that may go.
    fn batch(&mut self, replay: &mut Replay, terms: &Terms) -> bool {
        let barrier = self.after_results.front().map_or(u64::MAX, |(after, _)| *after);
        let limit = BATCH_BYTES.min(terms.max_frame_bytes as usize - ENVELOPE);
        let (mut picked, mut length) = (Vec::new(), 0);
        while picked.len() < BATCH {
            let Some((sequence, result)) = replay.peek().filter(|(sequence, _)| *sequence < barrier) else {
                break;
            };
            let (omit, cost) = cost(result, terms);
            let size = result.wire_len(omit);
            if !picked.is_empty() && length + size > limit {
                break;
            }
            let Some(left) = self.credit.minus(cost) else { break };
            self.credit = left;
            length += size;
            picked.push((sequence, omit));
            replay.advance();
        }
        if picked.is_empty() {
            return false;
        }

        let frame = 1 + encoded_len_varint(length as u64) + length;
        self.bytes.reserve(4 + frame);
        self.bytes.put_u32_le(u32::try_from(frame).expect("a frame is far below 4 GiB"));
        self.bytes.put_u8(FRAME_KEY);
        encode_varint(length as u64, &mut self.bytes);
        for (sequence, omit) in picked {
            replay.get(sequence).expect("it was just there").put(omit, &mut self.bytes);
        }
        true
    }
}

/// Whether the payload is too large to be sent, and what the result takes of the credit.
fn cost(result: &crate::results::Encoded, terms: &Terms) -> (bool, Credit) {
    let omit = result.payload() > terms.max_result_bytes as usize
        || result.wire_len(false) + ENVELOPE > terms.max_frame_bytes as usize;
    (omit, Credit { results: 1, bytes: if omit { 0 } else { result.payload() as u64 } })
}
