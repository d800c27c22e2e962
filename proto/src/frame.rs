//! From bytes to frames and back.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message;
use prost::encoding::decode_varint;

use crate::wire::{self, frame::Body};
use crate::{SessionError, results};

/// How much room a read gets: the size that measured best.
const READ: usize = 64 * 1024;

/// Bytes of the length before each frame.
const PREFIX: usize = 4;

/// Cuts frames out of what was read. Partial frames wait here, whatever becomes of the read.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    limit: usize,
}

/// A frame as far as a session wants it decoded.
pub(crate) enum Incoming {
    /// The bytes of a `Results` message, for the hand walk.
    Results(Bytes),
    /// Any other.
    Other(Body),
}

impl Decoder {
    /// A decoder of frames of at most `limit` bytes (without their length prefix).
    pub fn new(limit: u32) -> Self {
        Self { buffer: BytesMut::new(), limit: limit as usize }
    }

    /// Changes the limit for frames that are not yet cut.
    pub fn set_limit(&mut self, limit: u32) {
        self.limit = limit as usize;
    }

    /// Where to read into: append, never remove. Has room for at least half of 64 KiB.
    ///
    /// Grows with what has arrived, not with what a length prefix announces: a peer that promises a large frame
    /// makes us hold no more than it sent.
    pub fn read_buffer(&mut self) -> &mut BytesMut {
        if self.buffer.capacity() - self.buffer.len() < READ / 2 {
            self.buffer.reserve(READ);
        }
        &mut self.buffer
    }

    /// The next whole frame, as a slice of the read buffer.
    ///
    /// # Errors
    /// If its length is over the limit. The stream cannot be used after that.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, SessionError> {
        let Some(length) = self.buffer.first_chunk::<PREFIX>() else { return Ok(None) };
        let length = u32::from_le_bytes(*length) as usize;
        if length > self.limit {
            return Err(SessionError::FrameTooLarge { length, limit: self.limit });
        }
        if self.buffer.len() < PREFIX + length {
            return Ok(None);
        }
        self.buffer.advance(PREFIX);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }

    /// Whether a part of a frame waits for the rest. True as well for whole frames that were not yet taken.
    pub fn is_partial(&self) -> bool {
        !self.buffer.is_empty()
    }
}

/// Appends a frame with its length to `out`.
pub fn encode(frame: impl Into<wire::Frame>, out: &mut BytesMut) {
    let frame = frame.into();
    let length = frame.encoded_len();
    out.reserve(PREFIX + length);
    out.put_u32_le(u32::try_from(length).expect("a frame is far below 4 GiB"));
    frame.encode(out).expect("room was reserved");
}

/// Decodes a frame, except for the results of a batch.
pub(crate) fn decode(frame: Bytes) -> Result<Incoming, SessionError> {
    if let Some(batch) = only_results(&frame) {
        return Ok(Incoming::Results(frame.slice_ref(batch)));
    }
    match wire::Frame::decode(frame)?.body {
        None => Err(SessionError::UnknownFrame),
        // Written in a way that nobody writes: brought into the usual form, for the walk to read.
        Some(Body::Results(batch)) => Ok(Incoming::Results(batch.encode_to_vec().into())),
        Some(body) => Ok(Incoming::Other(body)),
    }
}

/// The `Results` message that is all there is in this frame, if that is so.
fn only_results(frame: &[u8]) -> Option<&[u8]> {
    let mut rest = frame.strip_prefix(&[results::FRAME_KEY])?;
    let length = decode_varint(&mut rest).ok()?;
    (rest.len() as u64 == length).then_some(rest)
}
