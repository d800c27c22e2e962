//! The state machine.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use stook_types::MonoTime;

use super::{Event, RequestError};
use crate::frame::{self, Incoming};
use crate::wire::{self, frame::Body, reply::Outcome};
use crate::{Decoder, MAX_REPLY, MAX_STRANGER, Rejection, Request, SessionError, VALUE, correlation, encode};

/// An operator's end of one connection: bytes and time in, events and bytes out. The connection is closed by
/// whoever has enough.
#[derive(Debug)]
pub struct OperatorSession {
    state: State,
    decoder: Decoder,
    out: BytesMut,
    /// Since when the frame at the front of the read buffer is incomplete.
    partial_since: Option<MonoTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ready,
    /// The last reply is still to come.
    Asked,
    Closed,
}

/// Time for the host to complete a frame that it began. How long an answer may take, the asker knows.
const PATIENCE: Duration = Duration::from_secs(10);

impl OperatorSession {
    /// A session on a connection to a host.
    pub fn new() -> Self {
        Self {
            state: State::Ready,
            decoder: Decoder::new(MAX_REPLY),
            out: BytesMut::new(),
            partial_since: None,
        }
    }

    /// Asks the host for something. One thing at a time.
    ///
    /// # Errors
    /// If the request before is not answered, the session has ended, or the request cannot be sent.
    pub fn request(&mut self, request: &Request) -> Result<(), RequestError> {
        match self.state {
            State::Ready => {}
            State::Asked => return Err(RequestError::NotAnswered),
            State::Closed => return Err(RequestError::Closed),
        }
        if let Request::Submit(submission) = request
            && !correlation::has_a_number(&submission.payload)
        {
            return Err(RequestError::Encoding(submission.payload.encoding().content_type));
        }
        let frame = request.to_wire();
        let (length, limit) = (prost::Message::encoded_len(&frame), MAX_STRANGER as usize);
        if length > limit {
            return Err(RequestError::TooLarge { length, limit });
        }
        encode(frame, &mut self.out);
        self.state = State::Asked;
        Ok(())
    }

    // === in ===

    /// Where to read the connection into: append, never remove. Has room for about 64 KiB.
    pub fn read_buffer(&mut self) -> &mut BytesMut {
        self.decoder.read_buffer()
    }

    /// The next event of what was read. Call it after each read until it returns `None`, and when
    /// [`deadline`](Self::deadline) has passed.
    ///
    /// # Errors
    /// If the host breaks a rule or a deadline. The connection is then of no use.
    pub fn poll(&mut self, now: MonoTime) -> Result<Option<Event>, SessionError> {
        if self.state == State::Closed {
            return Ok(None);
        }
        let event = match self.decoder.next_frame() {
            Ok(Some(frame)) => {
                self.partial_since = None;
                self.take(frame).map(Some)
            }
            Ok(None) => self.check_deadline(now).map(|()| None),
            Err(error) => Err(error),
        };
        if event.is_err() {
            self.state = State::Closed;
        }
        event
    }

    /// When to call [`poll`](Self::poll) at the latest, even though nothing was read.
    pub fn deadline(&self) -> Option<MonoTime> {
        self.partial_since.map(|since| since + PATIENCE)
    }

    // === out ===

    /// What is to be written now. Remove from the front what was written.
    pub fn transmit(&mut self) -> &mut BytesMut {
        &mut self.out
    }

    /// Whether [`transmit`](Self::transmit) has something.
    pub fn wants_transmit(&self) -> bool {
        !self.out.is_empty()
    }

    // === impl ===

    fn check_deadline(&mut self, now: MonoTime) -> Result<(), SessionError> {
        self.partial_since = self.decoder.is_partial().then(|| self.partial_since.unwrap_or(now));
        match self.deadline() {
            Some(deadline) if now >= deadline => Err(SessionError::FrameTimeout(PATIENCE)),
            _ => Ok(()),
        }
    }

    fn take(&mut self, frame: Bytes) -> Result<Event, SessionError> {
        match frame::decode(frame)? {
            Incoming::Other(Body::Reject(reject)) => {
                self.state = State::Closed;
                Ok(Event::Rejected(Rejection::from_wire(reject)))
            }
            Incoming::Other(Body::Reply(reply)) if self.state == State::Asked => self.reply(reply),
            Incoming::Other(Body::Reply(_)) => {
                Err(SessionError::Illegal { frame: "Reply", when: "without a request" })
            }
            Incoming::Other(body) => {
                Err(SessionError::Illegal { frame: body.name(), when: "to an operator" })
            }
            Incoming::Results(_) => Err(SessionError::Illegal { frame: "Results", when: "to an operator" }),
        }
    }

    fn reply(&mut self, wire::Reply { outcome, last }: wire::Reply) -> Result<Event, SessionError> {
        let event = match outcome {
            Some(Outcome::Value(bytes)) => {
                let value =
                    (VALUE.decode)(&bytes).map_err(|error| SessionError::Malformed(error.to_string()))?;
                Event::Reply { value, last }
            }
            Some(Outcome::Failure(wire::Failure { text, remedy })) => Event::Failed { text, remedy },
            None => return Err(SessionError::Malformed("a reply of no known kind".into())),
        };
        if last || matches!(event, Event::Failed { .. }) {
            self.state = State::Ready;
        }
        Ok(event)
    }
}

impl Default for OperatorSession {
    fn default() -> Self {
        Self::new()
    }
}
