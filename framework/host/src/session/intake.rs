//! What a session's collector says, on its way to the aggregator, in the order in which it was said.

use std::collections::VecDeque;
use std::sync::Arc;

use stook_engine::{LeaseId, Offered, Released, Route, Session, TaskEnding, Verdict};
use stook_proto::host::ReceivedResult;
use stook_proto::{HostSession, Lease, TaskOutcome};
use stook_types::{MonoTime, Refusal, Topic};

use crate::config::Ack;
use crate::event::clipped;
use crate::hub::Hub;
use crate::mailbox::Mailbox;
use crate::tally::Tally;

use super::gaps::Gaps;

/// Where results of one declared topic go.
#[derive(Clone)]
pub(crate) struct TopicRoute {
    pub(crate) topic: Topic,
    /// The aggregate's route, or why there is none for this collector.
    pub(crate) route: Result<Route, Refusal>,
}

/// A task that ended: told to control only when everything said before it has found its place.
pub(super) struct Finished {
    pub(super) lease: Lease,
    pub(super) ending: TaskEnding,
}

impl Finished {
    /// As its collector says it.
    pub(super) fn said(lease: Lease, outcome: TaskOutcome) -> Self {
        let ending = match outcome {
            TaskOutcome::Done => TaskEnding::Done,
            TaskOutcome::Failed(why) => TaskEnding::Failed(clipped(why)),
            TaskOutcome::Returned(why) => TaskEnding::Returned(clipped(why)),
        };
        Self { lease, ending }
    }
}

pub(super) struct Intake {
    hub: Arc<Hub>,
    session: Session,
    mailbox: Arc<Mailbox>,
    routes: Vec<TopicRoute>,
    replay_capacity: u64,
    /// What has no room yet, within the session's credit; those behind it proceed.
    parked: VecDeque<Parked>,
    gaps: Gaps,
    released: Vec<Released>,
    /// What was said of the results of this batch.
    tally: Tally,
    /// What the last batches did: how many results they had, and how many sets were opened, less those that were
    /// released, meanwhile.
    brought: usize,
    opened: isize,
}

/// So many open sets are no burden. Among many more every look at one is slow.
const FEW_SETS: usize = 4_096;

enum Parked {
    Result {
        route: Route,
        offered: Offered,
    },
    /// Waits for the results before it.
    Finished(Finished),
}

impl Intake {
    pub(super) fn new(
        hub: Arc<Hub>,
        session: Session,
        mailbox: Arc<Mailbox>,
        routes: Vec<TopicRoute>,
        replay_capacity: u32,
    ) -> Self {
        let replay_capacity = replay_capacity.into();
        Self {
            hub,
            session,
            mailbox,
            routes,
            replay_capacity,
            parked: VecDeque::new(),
            gaps: Gaps::default(),
            released: Vec::new(),
            tally: Tally::default(),
            brought: 0,
            opened: 0,
        }
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// How much of what was said has no room yet.
    pub(super) fn parked(&self) -> usize {
        self.parked.len()
    }

    pub(super) fn has_parked(&self) -> bool {
        !self.parked.is_empty()
    }

    /// Whether its collector runs ahead of others: where there are many open sets, and a good part of what came since the
    /// last look has opened more of them.
    pub(super) fn is_ahead(&mut self) -> bool {
        let (brought, opened) = (std::mem::take(&mut self.brought), std::mem::take(&mut self.opened));
        opened > (brought / 4).cast_signed() && self.hub.aggregator.open_sets() > FEW_SETS
    }

    /// Takes a batch of results.
    pub(super) fn results(&mut self, protocol: &mut HostSession, batch: Vec<ReceivedResult>) {
        let now = self.hub.clock.now();
        let open = self.hub.aggregator.open_sets();
        self.brought += batch.len();
        for received in batch {
            let TopicRoute { topic, route } = &self.routes[received.topic];
            let (route, of) = (received.refuse.map_or(*route, Err), route.ok());
            let offered = Offered {
                topic: topic.clone(),
                correlation_id: received.correlation_id,
                sequence: received.sequence,
                timestamp: received.timestamp,
                last: received.last,
                lease: received.lease.map(|lease| LeaseId(lease.0)),
                fenced: received.fenced,
                payload: received.payload,
            };
            match route {
                Err(reason) => {
                    let collector = &self.session.source().collector;
                    self.hub.aggregator.refused_of(of, collector, &offered.correlation_id, reason);
                    self.tally.refuse(reason);
                    self.refuse(protocol, &offered, reason);
                }
                Ok(route) => {
                    if !self.offer(now, protocol, route, &offered) {
                        self.parked.push_back(Parked::Result { route, offered });
                    }
                }
            }
        }
        self.relieve(now, protocol);
        self.opened += self.hub.aggregator.open_sets().cast_signed() - open.cast_signed();
        self.submit();
    }

    /// Takes the end of a task; gives it back if everything before it has found its place.
    pub(super) fn finished(&mut self, finished: Finished) -> Option<Finished> {
        if !self.parked.is_empty() {
            self.parked.push_back(Parked::Finished(finished));
            return None;
        }
        let Finished { lease, ending } = finished;
        let ending = match (ending, self.gaps.take(lease)) {
            (TaskEnding::Done, Some(lacks)) => TaskEnding::Refused(lacks),
            (ending, _) => ending,
        };
        Some(Finished { lease, ending })
    }

    /// The task is somebody else's now.
    pub(super) fn fenced(&mut self, lease: Lease) {
        self.gaps.take(lease);
    }

    /// Offers again what was parked. Gives the tasks that have ended with it.
    pub(super) fn retry(&mut self, protocol: &mut HostSession) -> Vec<Finished> {
        let now = self.hub.clock.now();
        let mut finished = Vec::new();
        for parked in std::mem::take(&mut self.parked) {
            match parked {
                Parked::Result { route, offered } => {
                    if !self.offer(now, protocol, route, &offered) {
                        self.parked.push_back(Parked::Result { route, offered });
                    }
                }
                Parked::Finished(task) => finished.extend(self.finished(task)),
            }
        }
        self.submit();
        finished
    }

    /// The session is over: what is still parked cannot be kept. It is counted, and where its collector lives on, it
    /// will be sent again. A task that ended behind it has not ended: its results are not in their sets.
    pub(super) fn close(&mut self, protocol: &mut HostSession) -> Vec<Finished> {
        let finished = self.retry(protocol);
        for parked in std::mem::take(&mut self.parked) {
            if let Parked::Result { .. } = parked {
                self.hub.aggregator.refused(Refusal::SetFull);
                self.tally.refuse(Refusal::SetFull);
            }
        }
        self.submit();
        finished
    }

    /// Offers one result. False if it must wait.
    fn offer(&mut self, now: MonoTime, protocol: &mut HostSession, route: Route, offered: &Offered) -> bool {
        let aggregate = route.aggregate();
        if !self.hub.delivery.has_room(aggregate) {
            return false;
        }
        let sequence = offered.sequence;
        let mut on_delivery = self.hub.delivery.ack(aggregate) == Ack::Delivered;
        let mut retransmit = false;
        if on_delivery && let Some(key) = self.hub.aggregator.key(route, offered) {
            retransmit = !self.mailbox.expect(sequence, aggregate, key);
            on_delivery = !retransmit;
        }
        let verdict = self.hub.aggregator.offer(now, &self.session, route, offered, &mut self.released);
        self.tally.count(&verdict);
        if on_delivery && !matches!(verdict, Verdict::Accepted { .. }) {
            self.mailbox.forget(sequence);
        }
        match verdict {
            Verdict::Parked => return false,
            Verdict::Accepted { replaced } => {
                if let Some((source, replaced)) = replaced {
                    self.hub.replaced(&source, replaced);
                }
                if !on_delivery {
                    protocol.ack(sequence);
                }
            }
            // One that waits for its sinks is acknowledged when they have taken it, not when it comes again.
            Verdict::Duplicate if retransmit => {}
            Verdict::Duplicate | Verdict::Discarded(_) => protocol.ack(sequence),
            Verdict::Refused(reason) => {
                self.refuse(protocol, offered, reason);
                return true;
            }
        }
        protocol.return_credit(1, offered.payload.len() as u64);
        true
    }

    /// Nothing may wait for a result that cannot be sent: where everything that the collector may keep is in open
    /// sets, the longest idle of them is released; where the lowest sequence holds up all others, its set is.
    fn relieve(&mut self, now: MonoTime, protocol: &HostSession) {
        let aggregator = &self.hub.aggregator;
        if protocol.unsettled() >= self.replay_capacity {
            let sets = self.mailbox.sets();
            let sets = sets.iter().map(|(aggregate, key)| (*aggregate, key));
            aggregator.evict_longest_idle(now, sets, &mut self.released);
        } else if protocol.span_left() == 0
            && let Some((aggregate, key)) = self.mailbox.lowest()
        {
            aggregator.evict_longest_idle(now, [(aggregate, &key)], &mut self.released);
        }
    }

    /// Passes on what a batch did: what it has released, and how many of it are where.
    fn submit(&mut self) {
        self.hub.tallies.add(&self.session.source().collector, &std::mem::take(&mut self.tally));
        self.hub.delivery.submit(&mut self.released);
        self.hub.ticker.consider(self.hub.aggregator.next_deadline());
    }

    fn refuse(&mut self, protocol: &mut HostSession, offered: &Offered, reason: Refusal) {
        if let Some(LeaseId(lease)) = offered.lease {
            self.gaps.note(Lease(lease), &offered.topic, reason);
        }
        protocol.refuse(offered.sequence, reason);
        protocol.return_credit(1, offered.payload.len() as u64);
    }
}
