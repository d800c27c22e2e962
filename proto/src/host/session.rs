//! The state machine.

mod operator;
mod subscription;

pub use operator::ReplyError;
pub use subscription::SetError;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use stook_types::{MonoTime, Refusal, SessionEpoch, Topic};

use self::subscription::Feed;
use super::leases::Leases;
use super::outbound::Outbound;
use super::{Event, HostLimits, ReceivedResult};
use crate::assignment::millis;
use crate::frame::{self, Incoming};
use crate::pace::Pace;
use crate::wire::frame::Body;
use crate::{
    AssignError, Assignment, CollectorHeartbeat, Credit, Decoder, Hello, Lease, LoadMetrics, MAX_STRANGER,
    Rejection, SPAN, Sequences, SessionError, TaskOutcome, VERSION, correlation, encode, results, wire,
};

/// The host's end of one connection: bytes and time in, events and bytes out.
#[derive(Debug)]
pub struct HostSession {
    limits: HostLimits,
    state: State,
    decoder: Decoder,
    out: Outbound,
    connected: MonoTime,
    /// Since when the frame at the front of the read buffer is incomplete.
    partial_since: Option<MonoTime>,
    idle: Pace,
    topics: Vec<Topic>,
    /// How far past the floor of what is settled a sequence may be.
    span: u64,
    settled: Sequences,
    /// What is settled, or has come on this connection: none of it counts again as unsettled.
    received: Sequences,
    highest: u64,
    unsettled: u64,
    credit: Credit,
    leases: Leases,
    /// What the last request asked to be sent.
    feed: Option<Feed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    AwaitHello,
    /// The host makes up its mind.
    Undecided,
    Open,
    /// The collector has said goodbye.
    Left,
    /// An operator waits for an answer.
    Asked,
    /// An operator has its answer, and may ask again.
    Answered,
    /// Somebody is sent what is released.
    Subscribed,
    Closed,
}

impl HostSession {
    /// A session on a connection that was accepted at `now`.
    pub fn new(now: MonoTime, limits: HostLimits) -> Self {
        let limits = limits.coherent();
        Self {
            state: State::AwaitHello,
            decoder: Decoder::new(MAX_STRANGER.min(limits.max_frame_bytes)),
            out: Outbound::default(),
            connected: now,
            partial_since: None,
            idle: Pace::new(now),
            topics: Vec::new(),
            span: 0,
            settled: Sequences::default(),
            received: Sequences::default(),
            highest: 0,
            unsettled: 0,
            credit: limits.credit,
            leases: Leases::after(Lease(0)),
            feed: None,
            limits,
        }
    }

    // === in ===

    /// Where to read the connection into: append, never remove. Has room for about 64 KiB.
    pub fn read_buffer(&mut self) -> &mut BytesMut {
        self.decoder.read_buffer()
    }

    /// The next event of what was read. Call it after each read until it returns `None`, and when
    /// [`deadline`](Self::deadline) has passed (after a last read, so that a host that lagged blames nobody).
    ///
    /// # Errors
    /// If the peer breaks a rule or a deadline. The session is closed then but for
    /// [`reject`](Self::reject), which tells the peer why.
    pub fn poll(&mut self, now: MonoTime) -> Result<Option<Event>, SessionError> {
        if self.state == State::Closed {
            return Ok(None);
        }
        let event = match self.decoder.next_frame().map_err(|error| self.stranger(error)) {
            Ok(Some(frame)) => {
                self.partial_since = None;
                self.take(frame, now).map(Some)
            }
            Ok(None) => self.check_deadlines(now).map(|()| None),
            Err(error) => Err(error),
        };
        if event.is_err() {
            self.close();
        }
        event
    }

    /// When to call [`poll`](Self::poll) at the latest, even though nothing was read.
    pub fn deadline(&self) -> Option<MonoTime> {
        match self.state {
            State::Closed => None,
            State::AwaitHello => Some(self.connected + self.limits.handshake_timeout),
            _ => self.partial_since.map(|since| since + self.limits.frame_timeout),
        }
    }

    /// The topics that `Hello` declared, by position.
    pub fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// Whether tasks can be assigned and results come.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Results that came and are neither acknowledged nor refused. Where this reaches the collector's replay
    /// capacity, it cannot send another one.
    pub const fn unsettled(&self) -> u64 {
        self.unsettled
    }

    /// How many sequence numbers the collector can go on before the lowest that is unsettled stops it.
    pub const fn span_left(&self) -> u64 {
        self.settled.floor().saturating_add(self.span).saturating_sub(self.highest)
    }

    // === out ===

    /// What is to be written now, all of it in one piece. Remove from the front what was written.
    pub fn transmit(&mut self) -> &mut BytesMut {
        // Only what was said can be used: whoever does not read runs out of it, and cannot make the host hold more.
        self.credit = self.credit.plus(self.out.flush(&self.settled));
        &mut self.out.bytes
    }

    /// Whether [`transmit`](Self::transmit) has something.
    pub fn wants_transmit(&self) -> bool {
        !self.out.is_empty()
    }

    /// Bytes that wait to be read by the peer.
    pub fn outbound_bytes(&self) -> usize {
        self.out.bytes.len()
    }

    /// Takes the collector: opens the session, with the credit of the limits. Nothing unless `Hello` waits for
    /// an answer.
    ///
    /// `last_lease` is the last that the host has given to anybody, or its [`Lease::origin`]: results under that one
    /// and those before it are answers to sessions that are over, and come as fenced.
    pub fn welcome(&mut self, epoch: SessionEpoch, heartbeat: Duration, last_lease: Lease) {
        if self.state != State::Undecided {
            return;
        }
        self.state = State::Open;
        self.leases = Leases::after(last_lease);
        self.decoder.set_limit(self.limits.max_frame_bytes);
        self.out.push(wire::Welcome {
            protocol_minor: VERSION.minor,
            epoch: epoch.0,
            credit_results: self.credit.results,
            credit_bytes: self.credit.bytes,
            max_frame_bytes: self.limits.max_frame_bytes,
            max_result_bytes: self.limits.max_result_bytes,
            heartbeat_ms: u32::try_from(heartbeat.as_millis()).unwrap_or(u32::MAX).max(1),
        });
    }

    /// Tells the peer why the session ends, and closes it. Write [`transmit`](Self::transmit), then close
    /// the connection.
    pub fn reject(&mut self, rejection: &Rejection) {
        self.close();
        self.out.push(rejection.to_wire());
    }

    /// Hands a task to the collector.
    ///
    /// # Errors
    /// If the session is not open, the collector does not read what it was sent, or the task does not fit.
    pub fn assign(&mut self, assignment: &Assignment) -> Result<(), AssignError> {
        if self.state != State::Open {
            return Err(AssignError::NotOpen);
        }
        if self.out.bytes.len() >= self.limits.max_outbound_bytes {
            return Err(AssignError::Full(self.out.bytes.len()));
        }
        if !correlation::has_a_number(&assignment.payload) {
            return Err(AssignError::Encoding(assignment.payload.encoding().content_type));
        }
        if self.leases.is_open(assignment.lease) {
            return Err(AssignError::Lease(assignment.lease));
        }
        let frame = wire::Frame::from(assignment.to_wire());
        let (length, limit) = (prost::Message::encoded_len(&frame), self.limits.max_frame_bytes as usize);
        if length > limit {
            return Err(AssignError::TooLarge { length, limit });
        }
        self.leases.open(assignment.lease);
        encode(frame, &mut self.out.bytes);
        Ok(())
    }

    /// Takes a task back from the collector, so that somebody else may have it: tells it to abandon the task, and
    /// reports what still comes of it as fenced. It still answers with `TaskFinished`, and its place is taken until
    /// then. Nothing for a task that has ended.
    pub fn fence(&mut self, lease: Lease) {
        if self.leases.fence(lease) && self.state == State::Open {
            self.out.push(wire::Cancel { lease: lease.0 });
        }
    }

    /// Tells the collector to finish its tasks, send its results and leave.
    pub fn drain(&mut self, grace: Duration) {
        if self.state == State::Open {
            self.out.push(wire::Drain { grace_ms: millis(grace) });
        }
    }

    /// The collector may forget this result.
    pub fn ack(&mut self, sequence: u64) {
        self.settle(sequence);
        self.out.settle(sequence);
    }

    /// This result is not taken; the collector may forget it, and is told why.
    pub fn refuse(&mut self, sequence: u64, reason: Refusal) {
        self.settle(sequence);
        self.out.refuse(sequence, reason.to_string());
    }

    /// What these results took has become free, or belongs to a set now.
    pub fn return_credit(&mut self, results: u64, bytes: u64) {
        self.out.return_credit(Credit { results, bytes });
    }

    // === impl ===

    /// Whoever begins with text is no peer that counts wrongly.
    fn stranger(&self, error: SessionError) -> SessionError {
        match error {
            SessionError::FrameTooLarge { length, .. } if self.state == State::AwaitHello => {
                let first = u32::try_from(length).unwrap_or(0).to_le_bytes();
                match first.iter().all(|byte| matches!(byte, b' '..=b'~')) {
                    true => SessionError::Stranger { first: String::from_utf8_lossy(&first).into_owned() },
                    false => error,
                }
            }
            error => error,
        }
    }

    fn close(&mut self) {
        self.state = State::Closed;
        self.out.forget_pending();
    }

    fn settle(&mut self, sequence: u64) {
        // One of an earlier session may be settled before it comes again, and did not count yet.
        let counted = !self.received.insert(sequence);
        if self.settled.insert(sequence) && counted {
            self.unsettled -= 1;
        }
    }

    fn check_deadlines(&mut self, now: MonoTime) -> Result<(), SessionError> {
        self.partial_since = self.decoder.is_partial().then(|| self.partial_since.unwrap_or(now));
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        Err(match self.state {
            State::AwaitHello => SessionError::HandshakeTimeout(self.limits.handshake_timeout),
            _ => SessionError::FrameTimeout(self.limits.frame_timeout),
        })
    }

    fn take(&mut self, frame: Bytes, now: MonoTime) -> Result<Event, SessionError> {
        let body = match (frame::decode(frame)?, self.state) {
            (Incoming::Results(batch), State::Open) => return self.results(&batch, now),
            (Incoming::Other(body), State::Open) => body,
            // It beats on its own and may cross the goodbye.
            (Incoming::Other(body @ Body::Heartbeat(_)), State::Left) => body,
            (Incoming::Other(Body::Hello(hello)), State::AwaitHello) => return self.hello(hello),
            (Incoming::Other(body), State::AwaitHello) if body.is_request() => return self.request(body),
            (Incoming::Other(body), State::Answered) => return self.request(body),
            (Incoming::Other(Body::AggregateAck(ack)), State::Subscribed) => {
                return self.acknowledged(ack.floor, now);
            }
            (other, state) => {
                let frame = if let Incoming::Other(body) = &other { body.name() } else { "Results" };
                return Err(SessionError::Illegal { frame, when: state.when() });
            }
        };
        match body {
            Body::Heartbeat(beat) => self.heartbeat(&beat, now),
            Body::TaskStarted(started) => self.started(Lease(started.lease)),
            Body::TaskFinished(finished) => self.finished(finished),
            Body::Goodbye(goodbye) => {
                self.state = State::Left;
                Ok(Event::Goodbye(goodbye.reason))
            }
            other if other.is_request() => {
                Err(SessionError::Illegal { frame: other.name(), when: "in a collector's session" })
            }
            Body::Hello(_) => Err(SessionError::Illegal { frame: "Hello", when: "twice" }),
            other => Err(SessionError::Illegal { frame: other.name(), when: State::Open.when() }),
        }
    }

    fn hello(&mut self, hello: wire::Hello) -> Result<Event, SessionError> {
        let hello = Hello::from_wire(hello, self.limits.max_replay)?;
        self.state = State::Undecided;
        self.topics.clone_from(&hello.topics);
        self.span = SPAN * u64::from(hello.replay_capacity);
        self.settled = hello.settled.clone();
        self.received = hello.settled.clone();
        self.highest = self.settled.highest();
        Ok(Event::Hello(Box::new(hello)))
    }

    fn heartbeat(&mut self, beat: &wire::Heartbeat, now: MonoTime) -> Result<Event, SessionError> {
        self.spend_idle(now)?;
        Ok(Event::Heartbeat(CollectorHeartbeat {
            progress: beat.progress,
            load: LoadMetrics {
                active_tasks: beat.active_tasks,
                queue_depth: beat.queue_depth,
                cpu: beat.cpu.filter(|cpu| cpu.is_finite() && *cpu >= 0.0),
                memory_bytes: beat.memory_bytes,
            },
        }))
    }

    fn spend_idle(&mut self, now: MonoTime) -> Result<(), SessionError> {
        if self.idle.take(now) { Ok(()) } else { Err(SessionError::Flood) }
    }

    fn results(&mut self, batch: &Bytes, now: MonoTime) -> Result<Event, SessionError> {
        let mut received = Vec::with_capacity(64);
        for item in results::walk(batch) {
            received.push(self.result(batch, item?)?);
        }
        if received.is_empty() {
            self.spend_idle(now)?;
        }
        Ok(Event::Results(received))
    }

    fn result(&mut self, batch: &Bytes, item: results::Item<'_>) -> Result<ReceivedResult, SessionError> {
        let declared = self.topics.len();
        if item.topic as usize >= declared {
            return Err(SessionError::UndeclaredTopic { topic: item.topic, declared });
        }
        let (sequence, floor) = (item.sequence, self.settled.floor());
        if sequence == 0 || sequence > floor.saturating_add(self.span) {
            return Err(SessionError::Sequence { sequence, floor, capacity: self.span / SPAN });
        }
        let bytes = item.payload.len() as u64;
        let cost = Credit { results: 1, bytes };
        self.credit = self.credit.minus(cost).ok_or_else(|| overrun(self.credit, bytes))?;
        self.highest = self.highest.max(sequence);
        // One that comes twice is one that the collector keeps.
        if self.received.insert(sequence) {
            self.unsettled += 1;
        }
        let lease = (item.lease != 0).then_some(Lease(item.lease));
        let too_large = bytes.max(item.omitted_bytes) > u64::from(self.limits.max_result_bytes);
        Ok(ReceivedResult {
            topic: item.topic as usize,
            correlation_id: correlation::correlation_id(item.correlation)?,
            sequence,
            timestamp: item.timestamp,
            last: item.last,
            lease,
            fenced: lease.is_some_and(|lease| self.leases.is_fenced(lease)),
            payload: correlation::payload(item.content_type, batch.slice_ref(item.payload)),
            refuse: (too_large || item.omitted_bytes > 0).then_some(Refusal::TooLarge),
        })
    }

    fn started(&mut self, lease: Lease) -> Result<Event, SessionError> {
        if self.leases.start(lease) {
            Ok(Event::TaskStarted(lease))
        } else if self.leases.is_open(lease) {
            Err(SessionError::LeaseTwice { frame: "TaskStarted", lease: lease.0 })
        } else {
            Err(SessionError::Lease { frame: "TaskStarted", lease: lease.0 })
        }
    }

    fn finished(&mut self, finished: wire::TaskFinished) -> Result<Event, SessionError> {
        let lease = Lease(finished.lease);
        if self.leases.finish(lease) {
            Ok(Event::TaskFinished { lease, outcome: TaskOutcome::from_wire(finished) })
        } else {
            Err(SessionError::Lease { frame: "TaskFinished", lease: lease.0 })
        }
    }
}

/// Of what there was too little for one result of this size.
fn overrun(left: Credit, bytes: u64) -> SessionError {
    match left.results {
        0 => SessionError::CreditOverrun { of: "results", sent: 1, left: 0 },
        _ => SessionError::CreditOverrun { of: "bytes of payload", sent: bytes, left: left.bytes },
    }
}

// === impl State ===

impl State {
    const fn when(self) -> &'static str {
        match self {
            Self::AwaitHello => "before Hello",
            Self::Undecided => "before Welcome",
            Self::Open => "to a host",
            Self::Left => "after Goodbye",
            Self::Asked => "before the last reply to its request",
            Self::Answered => "after a request",
            Self::Subscribed => "after a subscription",
            Self::Closed => "after the end",
        }
    }
}
