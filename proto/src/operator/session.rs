//! The state machine.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use stook_types::{MonoTime, Value};

use super::{Event, ReceivedSet, RequestError};
use crate::frame::{self, Incoming};
use crate::wire::{self, frame::Body, reply::Outcome};
use crate::{
    Decoder, MAX_REPLY, MAX_STRANGER, Rejection, Request, SessionError, Subscription, VALUE, correlation,
    encode,
};

/// An operator's end of one connection: bytes and time in, events and bytes out. The connection is closed by
/// whoever has enough.
#[derive(Debug)]
pub struct OperatorSession {
    state: State,
    decoder: Decoder,
    out: BytesMut,
    /// Since when the frame at the front of the read buffer is incomplete.
    partial_since: Option<MonoTime>,
    /// Sets that have come, and up to which of them the host was told that they are done with.
    sets: u64,
    acknowledged: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ready,
    /// The last reply is still to come.
    Asked {
        then: Then,
    },
    /// Sets come.
    Subscribed {
        to_sink: bool,
    },
    Closed,
}

/// What a request leads to when it is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Ready,
    Subscribed { to_sink: bool },
}

/// Time for the host to complete a frame of a reply that it began. How long an answer may take, the asker knows.
const PATIENCE: Duration = Duration::from_secs(10);

impl OperatorSession {
    /// A session on a connection to a host.
    pub fn new() -> Self {
        Self {
            state: State::Ready,
            decoder: Decoder::new(MAX_REPLY),
            out: BytesMut::new(),
            partial_since: None,
            sets: 0,
            acknowledged: 0,
        }
    }

    /// Asks the host for something. One thing at a time.
    ///
    /// # Errors
    /// If the request before is not answered, the session has ended, or the request cannot be sent.
    pub fn request(&mut self, request: &Request) -> Result<(), RequestError> {
        match self.state {
            State::Ready => {}
            State::Asked { .. } => return Err(RequestError::NotAnswered),
            State::Subscribed { .. } => return Err(RequestError::Subscribed),
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
        let then = match request {
            Request::Subscribe(subscription) => {
                Then::Subscribed { to_sink: matches!(subscription, Subscription::Sink { .. }) }
            }
            _ => Then::Ready,
        };
        self.state = State::Asked { then };
        Ok(())
    }

    /// Tells the host that the consumer has done with all sets up to this number: they are not sent again. Nothing is sent if
    /// it knows.
    ///
    /// # Errors
    /// If that set has not come, or the session is no subscription to a sink.
    pub fn acknowledge(&mut self, number: u64) -> Result<(), RequestError> {
        match self.state {
            State::Closed => Err(RequestError::Closed),
            State::Subscribed { to_sink: true } if (1..=self.sets).contains(&number) => {
                if number > self.acknowledged {
                    self.acknowledged = number;
                    encode(wire::AggregateAck { floor: number }, &mut self.out);
                }
                Ok(())
            }
            _ => Err(RequestError::NoSuchSet(number)),
        }
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

    /// [`read_buffer`](Self::read_buffer) and [`transmit`](Self::transmit), for whoever reads and writes at one time.
    pub fn buffers(&mut self) -> (&mut BytesMut, &mut BytesMut) {
        (self.decoder.read_buffer(), &mut self.out)
    }

    // === impl ===

    fn check_deadline(&mut self, now: MonoTime) -> Result<(), SessionError> {
        // Whoever gets sets may do other things in the middle of one: the rest may have been there for long.
        let counts = !matches!(self.state, State::Subscribed { .. }) && self.decoder.is_partial();
        self.partial_since = counts.then(|| self.partial_since.unwrap_or(now));
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
            Incoming::Other(Body::Reply(reply)) => match self.state {
                State::Asked { then } => self.reply(reply, then),
                _ => Err(SessionError::Illegal { frame: "Reply", when: "without a request" }),
            },
            Incoming::Other(Body::Aggregate(aggregate)) => match self.state {
                State::Subscribed { .. } => self.aggregate(aggregate),
                _ => Err(SessionError::Illegal { frame: "Aggregate", when: "without a subscription" }),
            },
            Incoming::Other(body) => {
                Err(SessionError::Illegal { frame: body.name(), when: "to an operator" })
            }
            Incoming::Results(_) => Err(SessionError::Illegal { frame: "Results", when: "to an operator" }),
        }
    }

    fn reply(
        &mut self,
        wire::Reply { outcome, last }: wire::Reply,
        then: Then,
    ) -> Result<Event, SessionError> {
        match outcome {
            Some(Outcome::Value(bytes)) => {
                if last {
                    self.state = match then {
                        Then::Ready => State::Ready,
                        Then::Subscribed { to_sink } => State::Subscribed { to_sink },
                    };
                }
                Ok(Event::Reply { value: value(&bytes)?, last })
            }
            Some(Outcome::Failure(wire::Failure { text, remedy })) => {
                self.state = State::Ready;
                Ok(Event::Failed { text, remedy })
            }
            None => Err(SessionError::Malformed("a reply of no known kind".into())),
        }
    }

    fn aggregate(&mut self, aggregate: wire::Aggregate) -> Result<Event, SessionError> {
        let wire::Aggregate { number, skipped, set, omitted } = aggregate;
        if number == 0 && skipped > 0 {
            return Ok(Event::Skipped(skipped));
        }
        if number != self.sets + 1 {
            return Err(SessionError::Malformed(format!("set {number} follows set {}", self.sets)));
        }
        self.sets = number;
        Ok(Event::Set(ReceivedSet { number, set: value(&set)?, omitted }))
    }
}

fn value(bytes: &[u8]) -> Result<Value, SessionError> {
    (VALUE.decode)(bytes).map_err(|error| SessionError::Malformed(error.to_string()))
}

impl Default for OperatorSession {
    fn default() -> Self {
        Self::new()
    }
}
