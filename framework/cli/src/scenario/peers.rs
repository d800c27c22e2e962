//! The collectors of a scenario: who is connected, as which incarnation, and how far their numbers count.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use stook::config::CollectorConfig;
use stook_engine::{AggregateSpec, ResultAggregator, Session};
use stook_plugin::{Roster, Source};
use stook_types::{CollectorId, Incarnation, SessionEpoch, Topic, TopicPattern};
use uuid::Uuid;

use super::model::{Action, Step};

#[derive(Default)]
pub(super) struct Peers {
    peers: BTreeMap<CollectorId, Peer>,
    epoch: u64,
    /// The name of each incarnation, by the UUID that stands for it.
    names: BTreeMap<Incarnation, String>,
}

#[derive(Default)]
pub(super) struct Peer {
    kind: Arc<str>,
    /// The topics that it may publish; without config all.
    grants: Option<Vec<TopicPattern>>,
    session: Option<Rc<Session>>,
    /// Of the latest session.
    incarnation: String,
    /// Every incarnation that it has had.
    past: BTreeSet<String>,
    /// The highest sequence number so far.
    highest: u64,
}

/// What an incarnation is called that the scenario gives no name.
const UNNAMED: &str = "1";

impl Peers {
    /// Everybody that config or steps name. Each is connected, unless the first thing that it does itself is to
    /// connect.
    pub(super) fn new(aggregator: &ResultAggregator, config: &[CollectorConfig], steps: &[Step]) -> Self {
        let mut peers = Self::default();
        for collector in config {
            let kind = collector.kind.clone().unwrap_or_default();
            aggregator.configured(collector.id.clone(), kind.clone());
            let grants = Some(collector.publish.clone());
            peers.peers.insert(collector.id.clone(), Peer { kind, grants, ..Peer::default() });
        }
        let named =
            aggregator.specs().flat_map(named_by).chain(steps.iter().flat_map(|step| named_in(&step.action)));
        for id in named {
            peers.peers.entry(id).or_default();
        }
        let ids: Vec<_> = peers.peers.keys().cloned().collect();
        for id in ids {
            let acts = |step: &&Step| step.action.actor().is_some_and(|(actor, _)| *actor == id);
            let first = steps.iter().find(acts).map(|step| &step.action);
            if !matches!(first, Some(Action::Connected { .. })) {
                let incarnation = first.and_then(Action::actor).and_then(|(_, incarnation)| incarnation);
                peers.connect(aggregator, &id, Some(incarnation.unwrap_or(UNNAMED)));
            }
        }
        peers
    }

    /// Begins a session: of this incarnation; else of the same again, or of a fresh one if it has died.
    pub(super) fn connect(
        &mut self,
        aggregator: &ResultAggregator,
        id: &CollectorId,
        incarnation: Option<&str>,
    ) {
        self.epoch += 1;
        let number = self.names.len() as u128 + 1;
        let peer = self.peers.get_mut(id).expect("everybody who is named is known");
        let name = match incarnation {
            Some(name) => name.to_owned(),
            None if peer.session.is_some() => peer.incarnation.clone(),
            None => peer.fresh_name(),
        };
        let same = self.names.iter().find(|(_, known)| **known == format!("{id} {name}"));
        let incarnation = match (same, Uuid::try_parse(&name)) {
            (Some((incarnation, _)), _) => *incarnation,
            (None, Ok(uuid)) => Incarnation(uuid),
            // In order of appearance, so that they are listed in this order too.
            (None, Err(_)) => Incarnation(Uuid::from_u128(number)),
        };
        self.names.insert(incarnation, format!("{id} {name}"));
        let source = Source::new(id.clone(), peer.kind.clone(), incarnation, SessionEpoch(self.epoch), None);
        peer.session = Some(Rc::new(aggregator.connected(source)));
        peer.past.insert(name.clone());
        peer.incarnation = name;
    }

    /// The session that a result of this incarnation arrives in: the present one, or the first of an incarnation
    /// that was never heard. None if its session is over.
    pub(super) fn session_for(
        &mut self,
        aggregator: &ResultAggregator,
        id: &CollectorId,
        incarnation: Option<&str>,
    ) -> Option<Rc<Session>> {
        let peer = self.peer(id);
        let present =
            peer.session.clone().filter(|_| incarnation.is_none_or(|name| name == peer.incarnation));
        let fresh = incarnation.filter(|name| !peer.past.contains(*name));
        if present.is_none() && fresh.is_some() {
            self.connect(aggregator, id, fresh);
            return self.peer(id).session.clone();
        }
        present
    }

    /// Ends the session, if there is one.
    pub(super) fn take_session(&mut self, id: &CollectorId) -> Option<Rc<Session>> {
        self.peers.get_mut(id)?.session.take()
    }

    pub(super) fn is_connected(&self, id: &CollectorId) -> bool {
        self.peer(id).session.is_some()
    }

    /// Whether it ever was.
    pub(super) fn has_connected(&self, id: &CollectorId) -> bool {
        !self.peer(id).past.is_empty()
    }

    pub(super) fn may_publish(&self, id: &CollectorId, topic: &Topic) -> bool {
        let grants = self.peer(id).grants.as_ref();
        grants.is_none_or(|grants| grants.iter().any(|pattern| pattern.matches(topic)))
    }

    /// The sequence number of a result: the one that is given, else the one after the highest so far.
    pub(super) fn number(&mut self, id: &CollectorId, given: Option<u64>) -> u64 {
        let peer = self.peers.get_mut(id).expect("everybody who is named is known");
        let number = given.unwrap_or(peer.highest + 1);
        peer.highest = peer.highest.max(number);
        number
    }

    /// What the scenario calls the incarnation that is written so.
    pub(super) fn incarnation_name(&self, written: &str) -> Option<&str> {
        let incarnation = Incarnation(Uuid::try_parse(written).ok()?);
        self.names.get(&incarnation)?.split_once(' ').map(|(_, name)| name)
    }

    fn peer(&self, id: &CollectorId) -> &Peer {
        &self.peers[id]
    }
}

impl Peer {
    fn fresh_name(&self) -> String {
        let mut names = (1..).map(|number: u32| number.to_string());
        names.find(|name| !self.past.contains(name)).unwrap_or_default()
    }
}

/// Whom the policies of an aggregate name.
pub(super) fn named_by(spec: &AggregateSpec) -> Vec<CollectorId> {
    spec.completion.iter().flat_map(|named| named.policy.expects(&Roster::new(&[]))).collect()
}

pub(super) fn named_in(action: &Action) -> Vec<CollectorId> {
    match action {
        Action::Announce { expected, .. } => expected.clone(),
        other => other.actor().map(|(id, _)| id.clone()).into_iter().collect(),
    }
}
