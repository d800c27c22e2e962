//! Who is configured, who is there, and what they last declared.

use std::collections::BTreeMap;
use std::sync::Arc;

use stook_plugin::Source;
use stook_proto::transport::Endpoint;
use stook_proto::{CapabilityDeclaration, Token};
use stook_types::{CollectorId, Missing};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::config::CollectorConfig;
use crate::hub::Hub;
use crate::session::Command;
use crate::supervise::{self, Plan, Supervised};

#[derive(Default)]
pub(super) struct Roster(BTreeMap<CollectorId, Known>);

/// A configured collector.
pub(super) struct Known {
    pub(super) config: CollectorConfig,
    /// What it must show, if the host starts it.
    pub(super) token: Option<Token>,
    /// Its process, while there is one.
    pub(super) child: Option<Supervised>,
    pub(super) standing: Standing,
    /// What it declared last, which holds while it is away.
    pub(super) capabilities: Vec<CapabilityDeclaration>,
}

pub(super) enum Standing {
    /// It has not registered yet, and may.
    Awaited,
    /// It has not registered, and the schedule no longer waits for it.
    NeverCame,
    Connected(Member),
    Lost(Missing),
}

/// A collector in session.
pub(super) struct Member {
    pub(super) source: Arc<Source>,
    pub(super) commands: mpsc::Sender<Command>,
}

impl Roster {
    pub(super) fn new(collectors: Vec<CollectorConfig>) -> Self {
        let known = |config: CollectorConfig| {
            let known = Known {
                token: None,
                child: None,
                standing: Standing::Awaited,
                capabilities: Vec::new(),
                config,
            };
            (known.config.id.clone(), known)
        };
        Self(collectors.into_iter().map(known).collect())
    }

    /// Starts every collector that config has a command for.
    pub(super) fn start_children(&mut self, hub: &Arc<Hub>, endpoint: &Endpoint) {
        for (id, known) in &mut self.0 {
            let Some(command) = &known.config.command else { continue };
            let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
            known.token = Some(Token::new(secret.clone()));
            let plan = Plan { id: id.clone(), command: command.clone(), secret };
            known.child = Some(supervise::start(hub, endpoint, plan));
        }
    }

    pub(super) fn get(&self, id: &CollectorId) -> Option<&Known> {
        self.0.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &CollectorId) -> Option<&mut Known> {
        self.0.get_mut(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&CollectorId, &Known)> {
        self.0.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Known> {
        self.0.values_mut()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(CollectorId::as_str)
    }

    /// Notes the end of a session. False if it was not the collector's current one.
    pub(super) fn lost(&mut self, source: &Source, why: Missing) -> bool {
        let Some(known) = self.0.get_mut(&source.collector) else { return false };
        let current =
            matches!(&known.standing, Standing::Connected(member) if member.source.epoch == source.epoch);
        if current {
            known.standing = Standing::Lost(why);
        }
        current
    }

    pub(super) fn child_ended(&mut self, id: &CollectorId) {
        if let Some(known) = self.0.get_mut(id) {
            known.child = None;
            if matches!(known.standing, Standing::Awaited) {
                known.standing = Standing::NeverCame;
            }
        }
    }

    pub(super) fn give_up_waiting(&mut self) {
        for known in self.0.values_mut().filter(|known| matches!(known.standing, Standing::Awaited)) {
            tracing::warn!(collector = %known.config.id, "has not registered in time");
            known.standing = Standing::NeverCame;
        }
    }

    pub(super) fn all_settled(&self) -> bool {
        !self.0.values().any(|known| matches!(known.standing, Standing::Awaited))
    }

    pub(super) fn all_children_gone(&self) -> bool {
        self.0.values().all(|known| known.child.is_none())
    }
}

impl Known {
    pub(super) fn member(&self) -> Option<&Member> {
        match &self.standing {
            Standing::Connected(member) => Some(member),
            _ => None,
        }
    }

    /// Why it is not there.
    pub(super) fn missing(&self) -> Option<Missing> {
        match self.standing {
            Standing::Connected(_) => None,
            Standing::Awaited | Standing::NeverCame => Some(Missing::NeverConnected),
            Standing::Lost(why) => Some(why),
        }
    }
}
