//! The state machine.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use stook_types::{MonoTime, SessionEpoch, Topic};

use super::outbox::Outbox;
use super::replay::{Replay, ReplayLimits};
use super::{Declaration, Event, NewResult, RecordError, Terms};
use crate::frame::{self, Incoming};
use crate::wire::frame::Body;
use crate::{
    Assignment, CollectorHeartbeat, Credit, Decoder, Hello, Lease, Rejection, SessionError, TaskOutcome,
    VERSION, correlation, results, wire,
};

/// A collector's end of its sessions, one after the other: what the host has not settled survives the
/// connection and is sent again, under the same sequence numbers, on the next.
///
/// Life: [`connect`](Self::connect), then read, [`poll`](Self::poll), [`transmit`](Self::transmit); when the
/// connection ends, [`disconnect`](Self::disconnect), and from the start.
#[derive(Debug)]
pub struct CollectorSession {
    hello: Hello,
    topics: HashMap<Topic, u32>,
    replay: Replay,
    state: State,
    decoder: Decoder,
    events: VecDeque<Event>,
    out: Outbox,
    leases: HashSet<Lease>,
    /// What the host took at most in the latest session.
    max_result_bytes: u32,
    /// Nothing is recorded any more: goodbye was said, on this connection or on an earlier one.
    over: bool,
    /// When this side runs out of patience with an incomplete handshake or frame.
    deadline: Option<MonoTime>,
    heartbeat_due: Option<MonoTime>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Disconnected,
    AwaitWelcome,
    Open(Terms),
    /// This side has said goodbye: results recorded before go out, and heartbeats; nothing else is to be said.
    Leaving(Terms),
    /// The host or this side has ended the session.
    Closed,
}

/// Longest frame that a host may send before its own limit is known.
const MAX_WELCOME: u32 = 64 * 1024;

/// Time for the host to answer `Hello`, and to complete a frame that it began.
const PATIENCE: Duration = Duration::from_secs(10);

impl CollectorSession {
    /// A collector that is not connected yet. It can record already.
    pub fn new(declaration: Declaration, limits: ReplayLimits) -> Self {
        let mut topics = declaration.topics;
        topics
            .extend(declaration.capabilities.iter().flat_map(|capability| capability.topics.iter().cloned()));
        topics.sort();
        topics.dedup();
        let replay = Replay::new(limits);
        Self {
            topics: topics.iter().cloned().zip(0..).collect(),
            hello: Hello {
                version: VERSION,
                features: Vec::new(),
                id: declaration.id,
                kind: declaration.kind,
                incarnation: declaration.incarnation,
                pid: declaration.pid,
                token: declaration.token,
                replay_capacity: replay.limits().results,
                settled: replay.settled(),
                topics,
                capabilities: declaration.capabilities,
            },
            replay,
            state: State::Disconnected,
            decoder: Decoder::new(MAX_WELCOME),
            events: VecDeque::new(),
            out: Outbox::default(),
            leases: HashSet::new(),
            max_result_bytes: u32::MAX,
            over: false,
            deadline: None,
            heartbeat_due: None,
        }
    }

    // === connections ===

    /// A connection was made: introduces the collector.
    pub fn connect(&mut self, now: MonoTime) {
        self.disconnect();
        self.hello.settled = self.replay.settled();
        self.out.push(self.hello.to_wire());
        self.state = State::AwaitWelcome;
        self.deadline = Some(now + PATIENCE);
    }

    /// The connection is gone. Leases go with it, and so does what was to be said about them: the host has
    /// fenced them. Results stay.
    pub fn disconnect(&mut self) {
        self.state = State::Disconnected;
        self.decoder = Decoder::new(MAX_WELCOME);
        self.out.clear();
        self.events.clear();
        self.leases.clear();
        self.replay.rewind();
        (self.deadline, self.heartbeat_due) = (None, None);
    }

    /// No connection will come any more: nothing is recorded from here on.
    pub fn close(&mut self) {
        self.disconnect();
        self.over = true;
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
    /// If the host breaks a rule or a deadline. The connection is then of no use; another one may be.
    pub fn poll(&mut self, now: MonoTime) -> Result<Option<Event>, SessionError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            if matches!(self.state, State::Disconnected | State::Closed) {
                return Ok(None);
            }
            let taken = match self.decoder.next_frame() {
                Ok(Some(frame)) => self.take(frame, now),
                Ok(None) => {
                    return self
                        .check_deadline(now)
                        .map(|()| None)
                        .inspect_err(|_| self.state = State::Closed);
                }
                Err(error) => Err(error),
            };
            if let Err(error) = taken {
                self.state = State::Closed;
                return Err(error);
            }
        }
    }

    /// When to call [`poll`](Self::poll) at the latest, even though nothing was read.
    pub fn deadline(&self) -> Option<MonoTime> {
        self.deadline
    }

    // === out ===

    /// What is to be written now. Remove from the front what was written, then ask again: there may be more.
    pub fn transmit(&mut self) -> &mut BytesMut {
        if let State::Open(terms) | State::Leaving(terms) = &self.state {
            self.out.fill(&mut self.replay, terms);
        }
        &mut self.out.bytes
    }

    /// Whether [`transmit`](Self::transmit) has something.
    pub fn wants_transmit(&mut self) -> bool {
        match &self.state {
            State::Open(terms) | State::Leaving(terms) => {
                !self.out.bytes.is_empty() || self.out.has_more(&mut self.replay, terms)
            }
            _ => !self.out.bytes.is_empty(),
        }
    }

    /// Takes a result for delivery, and gives its sequence number.
    ///
    /// # Errors
    /// [`RecordError::Full`] until the host settles others, [`RecordError::Over`] after [`goodbye`](Self::goodbye) or
    /// [`close`](Self::close); the rest are mistakes of the caller. What is recorded before the first session is held
    /// against the limit of none: if it is too large for the host, it is refused there.
    pub fn record(&mut self, result: &NewResult) -> Result<u64, RecordError> {
        if self.over {
            return Err(RecordError::Over);
        }
        if !correlation::has_a_number(&result.payload) {
            return Err(RecordError::Encoding(result.payload.encoding().content_type));
        }
        let topic =
            *self.topics.get(&result.topic).ok_or_else(|| RecordError::Topic(result.topic.clone()))?;
        let limits = self.replay.limits();
        // A cheap test first: a waiting recorder tries again and again.
        if !self.replay.has_room(0) {
            return Err(RecordError::Full);
        }
        let (length, most) = (result.payload.len(), self.max_result_bytes as usize);
        if length > most {
            return Err(RecordError::TooLarge { length, limit: most });
        }
        let sequence = self.replay.next();
        let encoded = results::encode_item(topic, sequence, result);
        if encoded.size() > limits.bytes {
            return Err(RecordError::TooLarge { length: encoded.size(), limit: limits.bytes });
        }
        if !self.replay.has_room(encoded.size()) {
            return Err(RecordError::Full);
        }
        self.replay.push(encoded);
        Ok(sequence)
    }

    /// A task runs. Nothing if its lease went with its connection, or with a goodbye.
    pub fn task_started(&mut self, lease: Lease) {
        if self.leases.contains(&lease) {
            self.out.push_after(self.replay.next(), wire::TaskStarted { lease: lease.0 });
        }
    }

    /// A task has ended. The host learns it after the results recorded until now, and not at all if the lease
    /// went with its connection, or with a goodbye.
    pub fn task_finished(&mut self, lease: Lease, outcome: TaskOutcome) {
        if self.leases.remove(&lease) {
            self.out.push_after(self.replay.next(), outcome.into_wire(lease));
        }
    }

    /// When the next heartbeat is due; `None` while no session is open.
    pub fn heartbeat_due(&self) -> Option<MonoTime> {
        self.heartbeat_due
    }

    /// Says that the collector is alive. Does not wait for results to go first.
    pub fn heartbeat(&mut self, now: MonoTime, beat: CollectorHeartbeat) {
        let (State::Open(terms) | State::Leaving(terms)) = &self.state else { return };
        self.heartbeat_due = Some(now + terms.heartbeat);
        self.out.push(wire::Heartbeat {
            progress: beat.progress,
            active_tasks: beat.load.active_tasks,
            queue_depth: beat.load.queue_depth,
            cpu: beat.load.cpu,
            memory_bytes: beat.load.memory_bytes,
        });
    }

    /// Ends the session, once the results recorded until now were sent. From here on nothing is recorded, on this
    /// connection or on a later one: what is not settled goes again there, and the goodbye has to be said again.
    ///
    /// Nothing while no session is open, or where it was said already.
    pub fn goodbye(&mut self, reason: &str) {
        if let State::Open(terms) = self.state {
            self.state = State::Leaving(terms);
            self.over = true;
            // The host gives them to somebody else.
            self.leases.clear();
            self.out.push_after(self.replay.next(), wire::Goodbye { reason: reason.into() });
        }
    }

    // === state ===

    /// Who and what was declared.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Whether the host has taken the collector, on the connection that there is now.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_) | State::Leaving(_))
    }

    /// Whether goodbye was said on this connection, and everything before it was handed out.
    pub fn has_left(&self) -> bool {
        matches!(self.state, State::Leaving(_)) && self.out.is_said()
    }

    /// Results recorded and not settled.
    pub fn unsettled(&self) -> usize {
        self.replay.len()
    }

    /// The sequence of the last result that was recorded; 0 before the first.
    pub fn recorded(&self) -> u64 {
        self.replay.next() - 1
    }

    /// Of those up to this sequence, the results that are not settled.
    pub fn unsettled_up_to(&self, sequence: u64) -> usize {
        self.replay.len_up_to(sequence)
    }

    /// Whether nothing is left to say or to wait for: all results settled, all frames handed out.
    pub fn is_idle(&self) -> bool {
        self.replay.len() == 0 && self.out.is_empty()
    }

    // === impl ===

    fn check_deadline(&mut self, now: MonoTime) -> Result<(), SessionError> {
        let waiting = self.decoder.is_partial() || matches!(self.state, State::AwaitWelcome);
        self.deadline = waiting.then(|| self.deadline.unwrap_or(now + PATIENCE));
        match (self.deadline, &self.state) {
            (Some(deadline), _) if now < deadline => Ok(()),
            (None, _) => Ok(()),
            (_, State::AwaitWelcome) => Err(SessionError::HandshakeTimeout(PATIENCE)),
            _ => Err(SessionError::FrameTimeout(PATIENCE)),
        }
    }

    fn take(&mut self, frame: Bytes, now: MonoTime) -> Result<(), SessionError> {
        let body = match frame::decode(frame)? {
            Incoming::Other(body) => body,
            Incoming::Results(_) => {
                return Err(SessionError::Illegal { frame: "Results", when: "to a collector" });
            }
        };
        match (body, &self.state) {
            (Body::Reject(reject), _) => {
                self.state = State::Closed;
                self.events.push_back(Event::Rejected(Rejection::from_wire(reject)));
                Ok(())
            }
            (Body::Welcome(welcome), State::AwaitWelcome) => {
                self.welcome(&welcome, now);
                Ok(())
            }
            (body, State::Open(_) | State::Leaving(_)) => {
                self.deadline = None;
                self.take_open(body)
            }
            (body, _) => Err(SessionError::Illegal { frame: body.name(), when: "before Welcome" }),
        }
    }

    fn welcome(&mut self, welcome: &wire::Welcome, now: MonoTime) {
        let terms = Terms {
            epoch: SessionEpoch(welcome.epoch),
            heartbeat: Duration::from_millis(welcome.heartbeat_ms.max(1).into()),
            max_frame_bytes: welcome.max_frame_bytes.max(1024),
            max_result_bytes: welcome.max_result_bytes,
        };
        self.state = State::Open(terms);
        self.max_result_bytes = terms.max_result_bytes;
        self.deadline = None;
        self.heartbeat_due = Some(now + terms.heartbeat);
        self.decoder.set_limit(terms.max_frame_bytes.max(MAX_WELCOME));
        self.out.credit = Credit { results: welcome.credit_results, bytes: welcome.credit_bytes };
        self.events.push_back(Event::Welcome(terms));
    }

    fn take_open(&mut self, body: Body) -> Result<(), SessionError> {
        match body {
            Body::Ack(ack) => return self.ack(ack),
            Body::Credit(more) => {
                self.out.credit = self.out.credit.plus(Credit { results: more.results, bytes: more.bytes });
            }
            Body::Assign(assign) => {
                let assignment = Assignment::from_wire(assign)?;
                // It has crossed the goodbye.
                if let State::Leaving(_) = self.state {
                    return Ok(());
                }
                if !self.leases.insert(assignment.lease) {
                    return Err(SessionError::Lease { frame: "Assign", lease: assignment.lease.0 });
                }
                self.events.push_back(Event::Assigned(assignment));
            }
            Body::Cancel(cancel) => {
                let lease = Lease(cancel.lease);
                // A task that has just ended: the two crossed.
                if self.leases.contains(&lease) {
                    self.events.push_back(Event::Cancelled(lease));
                }
            }
            Body::Drain(drain) => self.events.push_back(Event::Drain(Duration::from_millis(drain.grace_ms))),
            other => {
                let when = if let Body::Welcome(_) = other { "twice" } else { "to a collector" };
                return Err(SessionError::Illegal { frame: other.name(), when });
            }
        }
        Ok(())
    }

    fn ack(&mut self, ack: wire::Ack) -> Result<(), SessionError> {
        let next = self.replay.next();
        let never_sent = |sequence| SessionError::Acknowledged { sequence, recorded: next - 1 };
        for refused in ack.refused {
            let topic = self.replay.get(refused.sequence).map(results::Encoded::topic);
            if !self.replay.settle(refused.sequence) {
                return Err(never_sent(refused.sequence));
            }
            let topic = topic.and_then(|id| self.hello.topics.get(id as usize)).cloned();
            self.events.push_back(Event::Refused {
                sequence: refused.sequence,
                topic,
                reason: refused.reason,
            });
        }
        let settled = ack.settled.unwrap_or_default();
        let highest = settled.ranges.iter().map(|range| range.last).fold(settled.floor, u64::max);
        if self.replay.settle_all(&settled) { Ok(()) } else { Err(never_sent(highest)) }
    }
}
