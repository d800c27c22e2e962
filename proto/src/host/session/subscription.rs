//! The same machine where somebody is sent what the host releases.

use bytes::Bytes;
use stook_types::MonoTime;

use super::{HostSession, State};
use crate::host::Event;
use crate::{SessionError, Subscription, encode, wire};

/// What was sent, and what came back for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Feed {
    /// How many sets may be sent and not be acknowledged; `None` for somebody who looks on.
    window: Option<u64>,
    sent: u64,
    acknowledged: u64,
}

/// Why a set cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetError {
    /// Nobody has subscribed, or the window or the buffer is full: [`takes_set`](HostSession::takes_set) tells.
    #[error("the peer takes no set now")]
    NotNow,
    /// It does not fit into a frame.
    #[error("the set takes a frame of {length} bytes; the limit is {limit}")]
    TooLarge {
        /// Bytes of the frame.
        length: usize,
        /// The session's limit for replies, which holds for sets too.
        limit: usize,
    },
}

impl HostSession {
    /// Whether a set may be sent now: to somebody who reads what it is sent and, where it has a window, acknowledges it.
    pub fn takes_set(&self) -> bool {
        self.state == State::Subscribed
            && self.out.bytes.len() < self.limits.max_outbound_bytes
            && self.feed.is_some_and(|feed| feed.window.is_none_or(|window| feed.open() < window))
    }

    /// Sends a set: an object, encoded as [`VALUE`](crate::VALUE). `omitted` says why it is less than the whole, and is
    /// empty if it is not.
    ///
    /// # Errors
    /// If no set may be sent now, or this one does not fit. Nothing has happened then.
    pub fn send_set(&mut self, set: Bytes, omitted: &str) -> Result<(), SetError> {
        let takes = self.takes_set();
        let feed = self.feed.as_mut().filter(|_| takes).ok_or(SetError::NotNow)?;
        let frame = wire::Aggregate { number: feed.sent + 1, skipped: 0, set, omitted: omitted.to_owned() };
        let frame = wire::Frame::from(frame);
        let (length, limit) = (prost::Message::encoded_len(&frame), self.limits.max_reply_bytes as usize);
        if length > limit {
            return Err(SetError::TooLarge { length, limit });
        }
        feed.sent += 1;
        encode(frame, &mut self.out.bytes);
        Ok(())
    }

    /// Says that so many sets were released here and are not sent. Nothing unless somebody looks on.
    pub fn send_gap(&mut self, skipped: u64) {
        if self.state == State::Subscribed && self.feed.is_some_and(|feed| feed.window.is_none()) {
            self.out.push(wire::Aggregate { skipped, ..wire::Aggregate::default() });
        }
    }

    /// Sets that were sent and not acknowledged.
    pub fn unacknowledged(&self) -> u64 {
        self.feed.map_or(0, Feed::open)
    }

    pub(super) fn acknowledged(&mut self, floor: u64, now: MonoTime) -> Result<Event, SessionError> {
        let Some(Feed { window: Some(_), sent, acknowledged }) = &mut self.feed else {
            let when = "after a subscription without a sink: nobody waits for it";
            return Err(SessionError::Illegal { frame: "AggregateAck", when });
        };
        if floor > *sent {
            return Err(SessionError::AcknowledgedTooMuch { floor, sent: *sent });
        }
        let more = floor.saturating_sub(*acknowledged);
        *acknowledged += more;
        if more == 0 {
            self.spend_idle(now)?;
        }
        Ok(Event::Acknowledged(more))
    }
}

// === impl Feed ===

impl Feed {
    pub(super) fn of(subscription: &Subscription) -> Self {
        let window = match subscription {
            Subscription::Aggregates(_) => None,
            Subscription::Sink { window, .. } => Some(u64::from(*window)),
        };
        Self { window, sent: 0, acknowledged: 0 }
    }

    const fn open(self) -> u64 {
        self.sent - self.acknowledged
    }
}
