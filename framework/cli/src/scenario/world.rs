//! The engine with everything around it that a scenario can name: time, collectors, a sink.

use std::rc::Rc;
use std::sync::Arc;

use stook::config::Config;
use stook_engine::{CounterSnapshot, Expected, Offered, Released, ResultAggregator, Route, Session, Verdict};
use stook_plugin::SetKey;
use stook_types::units::Span;
use stook_types::{CollectorId, Missing, MonoTime, Refusal, Value, WallTime};

use super::model::{Action, Sent, Step};
use super::pattern::Record;
use super::peers::Peers;
use super::sink::Sink;

pub(super) struct World {
    aggregator: ResultAggregator,
    aggregates: Vec<Arc<str>>,
    now: MonoTime,
    peers: Peers,
    sink: Sink,
    parked: Vec<Waiting>,
    refusals: Vec<Record>,
    out: Vec<Released>,
    /// After a shutdown nothing is brought in: results stay with their collectors, and nobody is expected any more.
    is_down: bool,
}

/// A result that the engine had no room for.
struct Waiting {
    session: Rc<Session>,
    route: Route,
    offered: Offered,
}

/// Everything that came out.
pub(super) struct Outcome {
    pub(super) emissions: Vec<Record>,
    pub(super) refusals: Vec<Record>,
    pub(super) counters: CounterSnapshot,
}

impl World {
    pub(super) fn new(config: Config, steps: &[Step]) -> Self {
        let memory = config.host.memory.bytes();
        let specs: Vec<_> = config.aggregates.into_iter().map(|aggregate| aggregate.spec).collect();
        let aggregates = specs.iter().map(|spec| spec.name.clone()).collect();
        let aggregator = ResultAggregator::new(specs, memory);
        let peers = Peers::new(&aggregator, &config.collectors, steps);
        Self {
            aggregator,
            aggregates,
            now: MonoTime::ZERO,
            peers,
            sink: Sink::default(),
            parked: Vec::new(),
            refusals: Vec::new(),
            out: Vec::new(),
            is_down: false,
        }
    }

    /// Lets time run on; every deadline on the way does its work at its exact instant.
    pub(super) fn advance(&mut self, to: MonoTime) -> Result<(), String> {
        while let Some(due) = self.aggregator.next_deadline().filter(|due| *due <= to) {
            self.now = self.now.max(due);
            self.aggregator.expire(self.now, &mut self.out);
            self.settle()?;
            if self.aggregator.next_deadline().is_some_and(|next| next <= due) {
                let due = Span(due.since_origin());
                return Err(format!(
                    "the engine has still something to do at {due} after it was told to do it"
                ));
            }
        }
        self.now = to;
        Ok(())
    }

    /// Does one step, at the present time.
    pub(super) fn act(&mut self, action: &Action) -> Result<(), String> {
        match action {
            Action::Result(_) | Action::Announce { .. } if self.is_down => {}
            Action::Result(sent) => self.send(sent),
            Action::Announce { aggregate, key, expected, by_task } => {
                self.announce(aggregate, key, expected, *by_task)?;
            }
            Action::TaskEnded { collector, ends, failed, .. } => {
                for (aggregate, key) in ends {
                    let aggregate = self.aggregate(aggregate);
                    let (aggregator, now, out) = (&self.aggregator, self.now, &mut self.out);
                    if *failed {
                        aggregator.task_failed(now, aggregate, key, collector, Missing::TaskFailed, out);
                    } else {
                        aggregator.task_finished(now, aggregate, key, collector, out);
                    }
                }
            }
            Action::Died(id) => self.die(id)?,
            Action::Connected { collector, incarnation } => {
                self.peers.connect(&self.aggregator, collector, incarnation.as_deref());
            }
            Action::Force { aggregate, key } => {
                let aggregate = self.aggregate(aggregate);
                self.aggregator.force(self.now, aggregate, key.as_ref(), &mut self.out);
            }
            Action::Deliver(mood) => self.sink.turn(*mood),
            Action::Shutdown => {
                self.is_down = true;
                self.parked.clear();
                self.aggregator.shutdown(self.now, &mut self.out);
            }
        }
        self.settle()
    }

    /// The end: what has not come out by now does not.
    pub(super) fn end(self) -> Outcome {
        Outcome { counters: self.aggregator.counters(), emissions: self.sink.taken, refusals: self.refusals }
    }

    fn send(&mut self, sent: &Sent) {
        let sequence = self.peers.number(&sent.from, sent.sequence);
        let session = self.peers.session_for(&self.aggregator, &sent.from, sent.incarnation.as_deref());
        let admitted = session.ok_or(Refusal::StaleEpoch).and_then(|session| {
            let granted = sent.topic.as_ref().filter(|topic| self.peers.may_publish(&sent.from, topic));
            let topic = granted.ok_or(Refusal::TopicNotAllowed)?;
            let route = self.aggregator.route(topic).ok_or(Refusal::UnknownTopic)?;
            let mut offered = Offered::new(topic.clone(), sent.id.clone(), sequence, sent.payload.clone());
            (offered.timestamp, offered.last) = (sent.timestamp, sent.last);
            Ok(Waiting { session, route, offered })
        });
        match admitted {
            Ok(result) => self.offer(result),
            Err(reason) => {
                self.aggregator.refused_of(None, &sent.from, &sent.id, reason);
                let topic = sent.topic.as_ref().map(ToString::to_string);
                self.note_refusal(&sent.from, topic, sent.id.to_string(), reason);
            }
        }
    }

    fn offer(&mut self, result: Waiting) {
        let Waiting { session, route, offered } = &result;
        match self.aggregator.offer(self.now, session, *route, offered, &mut self.out) {
            Verdict::Parked => self.parked.push(result),
            Verdict::Refused(reason) => {
                let (topic, id) = (Some(offered.topic.to_string()), offered.correlation_id.to_string());
                self.note_refusal(&session.source().collector, topic, id, reason);
            }
            Verdict::Accepted { .. } | Verdict::Duplicate | Verdict::Discarded(_) => {}
        }
    }

    fn note_refusal(&mut self, from: &CollectorId, topic: Option<String>, id: String, reason: Refusal) {
        let fields = [
            ("at", Value::String(Span(self.now.since_origin()).to_string())),
            ("from", Value::String(from.to_string())),
            ("topic", topic.into()),
            ("id", Value::String(id)),
            ("reason", Value::String(reason.to_string())),
        ];
        self.refusals.push(fields.map(|(name, value)| (name.to_owned(), value)).into());
    }

    /// Tells the aggregate whom to expect. A task goes to those that are there: the others are missing at once.
    fn announce(
        &mut self,
        aggregate: &str,
        key: &SetKey,
        expected: &[CollectorId],
        by_task: bool,
    ) -> Result<(), String> {
        let expected: Vec<_> = expected
            .iter()
            .map(|id| match by_task {
                false => Expected::first_result(id.clone()),
                true if self.peers.is_connected(id) => Expected::tasks(id.clone(), 1),
                true if self.peers.has_connected(id) => Expected::missing(id.clone(), Missing::Exited),
                true => Expected::missing(id.clone(), Missing::NeverConnected),
            })
            .collect();
        let aggregate = self.aggregate(aggregate);
        self.aggregator
            .announce(self.now, aggregate, key, &expected, &mut self.out)
            .map_err(|error| format!("the set could not be announced: {error}"))
    }

    fn die(&mut self, id: &CollectorId) -> Result<(), String> {
        let session = self.peers.take_session(id).ok_or_else(|| format!("`{id}` is not connected"))?;
        self.aggregator.collector_lost(self.now, session.source(), Missing::Exited, &mut self.out);
        // What was not acknowledged is the collector's to send again; this one cannot.
        self.parked.retain(|waiting| !Rc::ptr_eq(&waiting.session, &session));
        Ok(())
    }

    /// Hands on what was released, and gives parked results another chance, until nothing moves.
    fn settle(&mut self) -> Result<(), String> {
        loop {
            let released = !self.out.is_empty();
            for released in self.out.drain(..) {
                self.sink.offer(released.finish(WallTime::default()));
            }
            let taken = self.sink.take(self.now, &self.peers)?;
            if !released && !taken {
                return Ok(());
            }
            for parked in std::mem::take(&mut self.parked) {
                self.offer(parked);
            }
        }
    }

    fn aggregate(&self, name: &str) -> usize {
        let mut names = self.aggregates.iter();
        names.position(|aggregate| **aggregate == *name).expect("names were checked before anything ran")
    }
}
