//! The same machine where an operator is the peer: a request, its replies, the next request.

use stook_types::Value;

use super::subscription::Feed;
use super::{HostSession, State};
use crate::host::Event;
use crate::wire::{frame::Body, reply::Outcome};
use crate::{DepthError, Request, SessionError, encode, payload, wire};

/// Why a host cannot give this reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// There is no request that waits for an answer.
    #[error("no request waits for a reply")]
    NotAsked,
    /// The operator does not read what it was sent.
    #[error("{0} bytes wait to be read by the operator already")]
    Full(usize),
    /// The value is nested too deep.
    #[error(transparent)]
    Depth(#[from] DepthError),
    /// The value does not fit into a reply.
    #[error("the reply takes a frame of {length} bytes; the limit is {limit}")]
    TooLarge {
        /// Bytes of the frame.
        length: usize,
        /// The session's limit, which is another one than that of what is read.
        limit: usize,
    },
}

impl HostSession {
    /// Answers the request: in one piece, or in several of which one is the last. That to a subscription takes it: from
    /// then on [sets](Self::send_set) are sent, and no other request comes.
    ///
    /// # Errors
    /// If there is no request, the operator does not read what it was sent, or the value does not fit. The request
    /// still waits then, for another reply or for [`refuse_request`](Self::refuse_request).
    pub fn reply(&mut self, value: &Value, last: bool) -> Result<(), ReplyError> {
        if self.state != State::Asked {
            return Err(ReplyError::NotAsked);
        }
        if self.out.bytes.len() >= self.limits.max_outbound_bytes {
            return Err(ReplyError::Full(self.out.bytes.len()));
        }
        let value = payload(value)?.bytes().clone();
        let frame = wire::Frame::from(wire::Reply { outcome: Some(Outcome::Value(value)), last });
        let (length, limit) = (prost::Message::encoded_len(&frame), self.limits.max_reply_bytes as usize);
        if length > limit {
            return Err(ReplyError::TooLarge { length, limit });
        }
        encode(frame, &mut self.out.bytes);
        if last {
            self.state = if self.feed.is_some() { State::Subscribed } else { State::Answered };
        }
        Ok(())
    }

    /// Says that there is no answer, or no more of it, and what to do about it. Nothing unless a request waits.
    pub fn refuse_request(&mut self, text: impl Into<String>, remedy: impl Into<String>) {
        if self.state == State::Asked {
            let failure = wire::Failure { text: text.into(), remedy: remedy.into() };
            self.out.push(wire::Reply { outcome: Some(Outcome::Failure(failure)), last: true });
            self.state = State::Answered;
            self.feed = None;
        }
    }

    pub(super) fn request(&mut self, body: Body) -> Result<Event, SessionError> {
        let unread = self.out.bytes.len();
        if unread >= self.limits.max_outbound_bytes {
            return Err(SessionError::Unread(unread));
        }
        let request = Request::from_wire(body)?;
        self.state = State::Asked;
        if let Request::Subscribe(subscription) = &request {
            self.feed = Some(Feed::of(subscription));
        }
        Ok(Event::Request(request))
    }
}
