//! What the host knows, and what it makes of what it hears.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use stook_proto::host::{Event, HostLimits, ReceivedResult};
use stook_proto::{CollectorHeartbeat, Hello, HostSession, Lease, Rejection, SessionError, TaskOutcome};
use stook_types::{MonoTime, Refusal, SessionEpoch, TaskId, WallTime};

use super::report::{TaskEnd, TestRefusal, TestResult};
use crate::RunError;

/// All that is known of one collector, over all its connections.
pub(super) struct Book {
    pub(super) limits: HostLimits,
    pub(super) heartbeat: Duration,
    /// The connection that there is.
    pub(super) session: Option<HostSession>,
    /// The connection is to be closed once all is written.
    pub(super) closing: bool,
    pub(super) hello: Option<Hello>,
    /// How often the collector was taken.
    pub(super) sessions: u64,
    pub(super) last_lease: Lease,
    pub(super) tasks: HashMap<Lease, Task>,
    /// By sequence.
    pub(super) results: BTreeMap<u64, TestResult>,
    /// By sequence.
    pub(super) refused: BTreeMap<u64, TestRefusal>,
    pub(super) acknowledged: usize,
    pub(super) heartbeats: u64,
    pub(super) last_heartbeat: Option<CollectorHeartbeat>,
    pub(super) goodbye: Option<String>,
    /// A rule of the protocol that the collector broke.
    pub(super) broken: Option<SessionError>,
    pub(super) outcome: Option<Result<(), RunError>>,
    // === faults ===
    pub(super) drop_acks: usize,
    pub(super) stalled: bool,
    pub(super) rejection: Option<Rejection>,
}

pub(super) struct Task {
    pub(super) id: TaskId,
    pub(super) started: bool,
    pub(super) end: Option<TaskEnd>,
}

impl Book {
    pub(super) fn new(limits: HostLimits, heartbeat: Duration) -> Self {
        Self {
            limits,
            heartbeat,
            session: None,
            closing: false,
            hello: None,
            sessions: 0,
            last_lease: Lease::origin(std::num::NonZeroU32::MIN),
            tasks: HashMap::new(),
            results: BTreeMap::new(),
            refused: BTreeMap::new(),
            acknowledged: 0,
            heartbeats: 0,
            last_heartbeat: None,
            goodbye: None,
            broken: None,
            outcome: None,
            drop_acks: 0,
            stalled: false,
            rejection: None,
        }
    }

    pub(super) fn connected(&mut self, now: MonoTime) {
        self.session = Some(HostSession::new(now, self.limits));
        self.closing = false;
    }

    /// The connection is gone, and what it had of tasks.
    pub(super) fn disconnected(&mut self) {
        self.session = None;
        self.drop_acks = 0;
        for task in self.tasks.values_mut() {
            task.end.get_or_insert(TaskEnd::Lost);
        }
    }

    /// Whether tasks can be given now.
    pub(super) fn is_open(&self) -> bool {
        self.session.as_ref().is_some_and(HostSession::is_open)
    }

    /// Acts on all that was read.
    pub(super) fn hear(&mut self, now: MonoTime) {
        while let Some(session) = &mut self.session {
            match session.poll(now) {
                Ok(None) => return,
                Ok(Some(event)) => self.take(event),
                Err(error) => {
                    session.reject(&error.rejection());
                    self.broken = Some(error);
                    self.closing = true;
                    return;
                }
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Hello(hello) => self.answer(*hello),
            Event::Heartbeat(beat) => {
                self.heartbeats += 1;
                self.last_heartbeat = Some(beat);
            }
            Event::Results(batch) => batch.into_iter().for_each(|result| self.result(&result)),
            Event::TaskStarted(lease) => self.task(lease).started = true,
            Event::TaskFinished { lease, outcome } => self.task(lease).end = Some(outcome.into()),
            Event::Goodbye(why) => {
                self.goodbye = Some(why);
                // That the host closes is how the collector knows that all was read.
                self.closing = true;
            }
            other => unreachable!("no collector says {other:?}"),
        }
    }

    fn answer(&mut self, hello: Hello) {
        let Some(session) = &mut self.session else { return };
        if let Some(rejection) = &self.rejection {
            session.reject(rejection);
            self.closing = true;
        } else {
            self.sessions += 1;
            session.welcome(SessionEpoch(self.sessions), self.heartbeat, self.last_lease);
        }
        self.hello = Some(hello);
    }

    fn task(&mut self, lease: Lease) -> &mut Task {
        self.tasks.get_mut(&lease).expect("the session knows only leases that were given")
    }

    /// As a host does: first whether it is known, then whether it may be.
    fn result(&mut self, received: &ReceivedResult) {
        let Some(session) = &mut self.session else { return };
        session.return_credit(1, received.payload.len() as u64);
        let sequence = received.sequence;
        let topic = session.topics()[received.topic].to_string();
        let task = received.lease.and_then(|lease| self.tasks.get(&lease)).map(|task| task.id);
        let refusal = |reason: Refusal| TestRefusal {
            topic: topic.clone(),
            sequence,
            reason: reason.to_string(),
            task,
        };
        let stale = received.fenced.then_some(Refusal::StaleEpoch);
        if let Some(known) = self.results.get_mut(&sequence) {
            known.arrivals += 1;
        } else if let Some(reason) = received.refuse.or(stale) {
            self.refused.insert(sequence, refusal(reason));
            session.refuse(sequence, reason);
            return;
        } else {
            match received.payload.decode() {
                Ok(value) => {
                    let result = TestResult {
                        topic,
                        correlation_id: received.correlation_id.clone(),
                        value,
                        sequence,
                        timestamp: received.timestamp.map(WallTime::from_unix_micros),
                        last: received.last,
                        task,
                        arrivals: 1,
                    };
                    self.results.insert(sequence, result);
                }
                Err(_) => {
                    self.refused.insert(sequence, refusal(Refusal::Decode));
                    session.refuse(sequence, Refusal::Decode);
                    return;
                }
            }
        }
        match self.drop_acks.checked_sub(1) {
            Some(left) => self.drop_acks = left,
            None => {
                self.acknowledged += 1;
                session.ack(sequence);
            }
        }
    }
}

impl From<TaskOutcome> for TaskEnd {
    fn from(outcome: TaskOutcome) -> Self {
        match outcome {
            TaskOutcome::Done => Self::Done,
            TaskOutcome::Failed(why) => Self::Failed(why),
            TaskOutcome::Returned(why) => Self::Returned(why),
        }
    }
}

/// So far, for a test that has waited in vain.
impl fmt::Display for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connected = if self.is_open() { "connected" } else { "not connected" };
        let started = self.tasks.values().filter(|task| task.started).count();
        let ended = self.tasks.values().filter(|task| task.end.is_some()).count();
        write!(
            f,
            "the collector is {connected}, was taken {} times, and has sent {} results ({} refused) and {} \
             heartbeats; of {} tasks {started} have started and {ended} ended",
            self.sessions,
            self.results.len(),
            self.refused.len(),
            self.heartbeats,
            self.tasks.len(),
        )
    }
}
