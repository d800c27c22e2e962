//! The router, which is driven by one thread while others bring results.

use std::sync::Arc;

use stook_engine::{
    Act, AggregateSpec, Arrival, LeaseId, LoadBalancer, Loss, Modifiers, ScoreId, Session, Task, TaskEnding,
    TaskEvent, TaskLimits, TaskRouter, Turn,
};
use stook_types::{Capability, FanOut, Missing, Payload, TaskId, TaskOutcome};

use crate::harness::{JSON, collector, id, spec};
use crate::policies::announced;
use crate::world::{NOW, World, at};

/// The router with what its thread knows.
pub(crate) struct Tasks {
    router: TaskRouter,
    world: Arc<World>,
    acts: Vec<Act>,
}

/// A world whose sets are complete when everybody who was asked has answered, and its router.
pub(crate) fn set_up() -> (Arc<World>, Tasks) {
    let world = World::new(AggregateSpec { completion: vec![announced()], ..spec() });
    let balancer = LoadBalancer::new(Vec::new(), Modifiers::NONE, 1);
    let router = TaskRouter::new(balancer, LeaseId(0), TaskLimits::default());
    (world.clone(), Tasks { router, world, acts: Vec::new() })
}

pub(crate) fn task(correlation: &str, fan_out: FanOut) -> Task {
    Task {
        id: TaskId(uuid::Uuid::from_u128(0)),
        name: correlation.into(),
        correlation_id: id(correlation),
        capabilities: vec![(Capability::new("scan").unwrap(), ScoreId(0))],
        fan_out,
        into: vec![0],
        payload: Payload::new(bytes::Bytes::new(), &JSON),
        priority: 0,
        deadline: at(60_000),
        attempt: None,
        stall: None,
        backlog: 10,
    }
}

impl Tasks {
    pub(crate) fn step<T>(&mut self, act: impl FnOnce(&mut TaskRouter, &mut Turn<'_>) -> T) -> T {
        let mut released = Vec::new();
        let mut turn =
            Turn { now: NOW, sets: &self.world.sets, released: &mut released, acts: &mut self.acts };
        let done = act(&mut self.router, &mut turn);
        self.world.keep(released);
        assert!(self.router.counters().add_up());
        done
    }

    pub(crate) fn connect(&mut self, name: &str, concurrency: u32) -> Arc<Session> {
        let session = self.world.connect(name);
        let scan = [(Capability::new("scan").unwrap(), concurrency)];
        let source = session.source();
        self.step(|router, turn| router.connected(turn, Arrival { source, capabilities: &scan }));
        session
    }

    pub(crate) fn lose(&mut self, session: &Session) {
        let loss = Loss { why: Missing::Exited, suspicious: true };
        self.step(|router, turn| router.lost(turn, session.source(), loss));
    }

    /// Who has a task, and under which lease.
    pub(crate) fn holds(&self, name: &str) -> Vec<LeaseId> {
        let leases = self.router.status(NOW, usize::MAX).leases;
        leases.iter().filter(|lease| lease.collector == collector(name)).map(|lease| lease.lease).collect()
    }

    pub(crate) fn end_all(&mut self, session: &Session, ending: &TaskEnding) {
        let source = session.source();
        for lease in self.holds(source.collector.as_str()) {
            self.step(|router, turn| {
                router.ended(turn, &source.collector, source.epoch, lease, ending.clone());
            });
        }
    }

    pub(crate) fn ends(&self) -> Vec<TaskOutcome> {
        let end = |act: &Act| match act {
            Act::Tell(TaskEvent::Ended { outcome, .. }) => Some(*outcome),
            _ => None,
        };
        self.acts.iter().filter_map(end).collect()
    }
}
