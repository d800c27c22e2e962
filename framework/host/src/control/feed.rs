//! What happens, told to whoever wants to know: the log, the embedder's listener, the topic `stook.events`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use stook_engine::{Offered, Released, ResultAggregator, Route, Session, Verdict};
use stook_plugin::Source;
use stook_types::{
    CollectorId, CorrelationId, Incarnation, MonoTime, Quiet, Refusal, SessionEpoch, Topic, to_value,
};
use tokio::time::Duration;

use crate::config::HOST;
use crate::event::{self, Cause, Event, Listener};
use crate::hub::Hub;

/// Where events go.
pub(super) struct Feed {
    listener: Option<Listener>,
    topic: Option<OnTopic>,
    log: Quiet<Cause>,
}

/// Lines of one cause that are logged within a minute. The others are counted: a collector that comes and goes a thousand
/// times a second shall not fill the disk, nor hide what else there is to read.
const LOGGED: u32 = 8;

/// The host as a source of results: one for each event, each of a set of its own unless the aggregate's key says
/// otherwise.
struct OnTopic {
    session: Session,
    route: Route,
    topic: Topic,
    sequence: u64,
}

impl Feed {
    pub(super) fn new(aggregator: &ResultAggregator, listener: Option<Listener>) -> Self {
        let topic = Topic::host_events();
        let topic = aggregator.route(&topic).map(|route| {
            let id = CollectorId::new(HOST).expect("a valid id");
            let pid = Some(std::process::id());
            let source = Source::new(id, HOST, Incarnation::random(), SessionEpoch(0), pid);
            OnTopic { session: aggregator.connected(source), route, topic, sequence: 0 }
        });
        Self { listener, topic, log: Quiet::new(LOGGED, Duration::from_secs(60)) }
    }

    pub(super) fn tell(&mut self, hub: &Hub, event: &Event, stopping: bool, released: &mut Vec<Released>) {
        if Cause::of(event).is_none_or(|cause| self.log.admits(hub.clock.now(), cause)) {
            event::log(event, stopping);
        }
        if let Some(topic) = &mut self.topic {
            topic.publish(hub, event, released);
        }
        let Some(listener) = &mut self.listener else { return };
        if catch_unwind(AssertUnwindSafe(|| listener(event))).is_err() {
            tracing::error!("the embedder's event listener panicked; it is told nothing more");
            self.listener = None;
        }
    }

    /// Whether to log something else that this can cause again and again.
    pub(super) fn logs(&mut self, now: MonoTime, cause: Cause) -> bool {
        self.log.admits(now, cause)
    }

    /// When it is to be logged how much was not.
    pub(super) fn next(&self) -> Option<MonoTime> {
        self.log.next()
    }

    pub(super) fn tick(&mut self, now: MonoTime) {
        for (cause, left_out) in self.log.take_ended(now) {
            event::log_left_out(&cause, left_out);
        }
    }
}

impl Drop for Feed {
    /// What was not logged is told at the end, if not before.
    fn drop(&mut self) {
        self.tick(MonoTime::at(Duration::MAX));
    }
}

impl OnTopic {
    fn publish(&mut self, hub: &Hub, event: &Event, released: &mut Vec<Released>) {
        let payload = to_value(event).ok().and_then(|value| stook_proto::payload(&value).ok());
        let Some(payload) = payload else { return };
        self.sequence += 1;
        let mut offered = Offered::new(self.topic.clone(), CorrelationId::random(), self.sequence, payload);
        offered.timestamp = Some(stook_types::WallTime::from(std::time::SystemTime::now()).unix_micros());
        // Control cannot wait for room: an event for which there is none is in the log, and counted as refused.
        let has_room = hub.delivery.has_room(self.route.aggregate());
        let verdict = has_room
            .then(|| hub.aggregator.offer(hub.clock.now(), &self.session, self.route, &offered, released));
        match verdict {
            None | Some(Verdict::Parked) => hub.aggregator.refused(Refusal::SetFull),
            Some(Verdict::Accepted { replaced: Some((source, sequence)) }) => hub.replaced(&source, sequence),
            Some(_) => {}
        }
    }
}
