//! A host with collectors that can be made to do anything, in virtual time.

use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use stook_plugin::{BuildContext, Draw};
use stook_proto::transport::{Endpoint, Peer};
use stook_proto::{FanOut, Submission};
use stook_types::{Capability, CollectorId, CorrelationId};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance, sleep};
use uuid::Uuid;

use super::collector::{Collector, Order, Place};
use super::invariants;
use super::log::Log;
use super::pipe::Pipe;
use super::plugins::registry;
use super::script::Script;
use crate::config::{Config, Source};
use crate::control::{SubmitRefused, Submitted};
use crate::event::Event;
use crate::host::{Handle, Host, Summary};
use crate::hub::Hub;
use crate::{HostError, HostLimits, door};

pub(super) struct World {
    pub(super) log: Log,
    pub(super) handle: Handle,
    pub(super) hub: Arc<Hub>,
    pub(super) draw: Draw,
    pub(super) place: Place,
    host: JoinHandle<Result<Summary, HostError>>,
    running: Vec<Running>,
    others: Vec<JoinHandle<()>>,
}

/// A collector's process.
pub(super) struct Running {
    pub(super) id: CollectorId,
    orders: mpsc::Sender<Order>,
    life: JoinHandle<()>,
    incarnation: stook_types::Incarnation,
}

/// What the host of the simulation allows: little, so that it is met.
pub(super) fn limits() -> HostLimits {
    HostLimits { max_result_bytes: 16 << 10, max_outbound_bytes: 64 << 10, ..HostLimits::default() }
}

/// Bytes of a result that is over the host's limit.
pub(super) const TOO_LARGE: i64 = 20 << 10;

/// What may wait for somebody here: more than any schedule has.
const UNSEEN: usize = 4_096;

impl World {
    /// Starts a host. All that is random comes from the seed.
    pub(super) async fn start(config: &str, seed: u64, capacity: usize) -> Self {
        let source = Source::toml("sim.toml", config).unwrap_or_else(|errors| panic!("{errors}"));
        let (config, _) = Config::load(&source, &registry(), &BuildContext::default())
            .unwrap_or_else(|errors| panic!("{errors}"));
        let mut draw = Draw::new(seed);
        let log = Log::default();
        let (door, visitors) = mpsc::channel::<Pipe>(UNSEEN);
        let hub: Arc<OnceLock<Arc<Hub>>> = Arc::default();
        let (noted, known) = (log.clone(), hub.clone());
        let (aloud, began) = (std::env::var_os("STOOK_SIM_SEED").is_some(), Instant::now());
        let listener = move |event: &Event| {
            if let (Event::TaskAssigned { correlation_id, .. }, Some(hub)) = (event, known.get()) {
                noted.watch(hub, correlation_id);
            }
            if aloud {
                eprintln!("{:>9.3} {event:?}", began.elapsed().as_secs_f64());
            }
            noted.book().events.push((Instant::now(), event.clone()));
        };
        let host = Host::builder(config).limits(limits()).on_event(listener).build().expect("no callbacks");
        let handle = host.handle();
        let visitors = Mutex::new(visitors);
        let accept = async move || match visitors.lock().await.recv().await {
            Some(pipe) => Ok::<_, Infallible>((pipe, ourselves())),
            None => pending().await,
        };
        let found = hub.clone();
        let life = Uuid::from_u64_pair(draw.bits(), draw.bits());
        let running = host.serve(Endpoint::in_directory("nowhere"), life, move |hub, open| {
            assert!(found.set(hub.clone()).is_ok(), "one door");
            door::run(hub, accept, open)
        });
        let host = tokio::spawn(running);
        let place = Place { log: log.clone(), door, capacity, origin: Instant::now() };
        while hub.get().is_none() {
            tokio::task::yield_now().await;
        }
        let hub = hub.get().expect("just seen").clone();
        Self { log, handle, hub, draw, place, host, running: Vec::new(), others: Vec::new() }
    }

    /// Starts a collector's process.
    pub(super) fn launch(&mut self, id: &str, concurrency: u32) {
        let (orders, collector) = self.collector(id, concurrency);
        let (id, incarnation) = (CollectorId::new(id).expect("an id"), collector.incarnation());
        self.running.push(Running { id, orders, life: tokio::spawn(collector.live()), incarnation });
    }

    /// Starts another process under the same id, which gives up when it is not let in.
    pub(super) fn twin(&mut self, id: &str) {
        let (orders, mut collector) = self.collector(id, 1);
        collector.once = true;
        self.others.push(tokio::spawn(async move {
            collector.live().await;
            drop(orders);
        }));
    }

    fn collector(&mut self, id: &str, concurrency: u32) -> (mpsc::Sender<Order>, Collector) {
        let (orders, inbox) = mpsc::channel(UNSEEN);
        let id = CollectorId::new(id).expect("an id");
        (orders, Collector::new(&id, self.place.clone(), concurrency, &mut self.draw, inbox))
    }

    /// Somebody else connects.
    pub(super) fn visit(&self) -> Pipe {
        let (here, there) = Pipe::pair(self.place.capacity);
        let _ = self.place.door.try_send(there);
        here
    }

    /// Whatever else goes on while the host runs.
    pub(super) fn spawn(&mut self, other: impl Future<Output = ()> + Send + 'static) {
        self.others.push(tokio::spawn(other));
    }

    /// Whether there is a process.
    pub(super) fn runs(&self, id: &str) -> bool {
        self.running.iter().any(|running| running.id.as_str() == id && !running.life.is_finished())
    }

    /// Tells a collector what to do. Nothing if there is none.
    pub(super) fn order(&self, id: &str, order: Order) {
        let running = self.running.iter().rfind(|running| running.id.as_str() == id);
        let _ = running.map(|running| running.orders.try_send(order));
    }

    /// Kills a process. Nothing if there is none.
    pub(super) fn kill(&self, id: &str) {
        let alive = |running: &&Running| running.id.as_str() == id && !running.life.is_finished();
        for running in self.running.iter().filter(alive) {
            self.log.eof(&running.id, running.incarnation);
            running.life.abort();
        }
    }

    /// Has a task run under an ID of its own.
    pub(super) async fn submit(
        &mut self,
        capability: &str,
        fan_out: FanOut,
        script: Script,
        timeout: Duration,
    ) -> Result<Submitted, SubmitRefused> {
        let submission = self.task(capability, fan_out, script, timeout);
        let submitted = self.handle.submit(submission).await;
        if let Ok(submitted) = &submitted {
            let taken = (submitted.task, submitted.correlation_id.clone());
            self.log.book().submitted.push(taken);
        }
        submitted
    }

    /// A task whose sets are kept.
    pub(super) fn task(
        &mut self,
        capability: &str,
        fan_out: FanOut,
        script: Script,
        timeout: Duration,
    ) -> Submission {
        let id = self.id();
        self.log.watch(&self.hub, &id);
        Submission {
            capabilities: vec![Capability::new(capability).expect("a capability")],
            fan_out,
            payload: script.payload(),
            priority: self.draw.below(3) as i32,
            timeout: Some(timeout),
            into: vec!["answers".into()],
            correlation_id: Some(id),
            wait: false,
        }
    }

    pub(super) fn id(&mut self) -> CorrelationId {
        CorrelationId::Uuid(Uuid::from_u64_pair(self.draw.bits(), self.draw.bits()))
    }

    /// Lets time pass.
    pub(super) async fn pass(&self, time: Duration) {
        sleep(time).await;
    }

    /// The host stands still: time passes, and nobody is asked what he did meanwhile.
    pub(super) async fn jump(&self, time: Duration) {
        self.log.book().jumps.push(Instant::now());
        advance(time).await;
    }

    /// How things stand.
    pub(super) async fn status(&self) -> serde_json::Value {
        let status = self.handle.status().await.expect("the host runs");
        self.hub.tallies.check(&self.hub.aggregator.counters());
        serde_json::to_value(&status).expect("JSON")
    }

    /// Stops the host, and checks everything that must hold whatever happened.
    pub(super) async fn stop(self) {
        let Self { log, handle, hub, host, running, others, place, .. } = self;
        let began = Instant::now();
        handle.stop();
        let ended = host.await.expect("the host does not panic");
        let took = began.elapsed();
        drop(place);
        for life in running.iter().map(|running| &running.life).chain(&others) {
            life.abort();
        }
        for life in running.into_iter().map(|running| running.life).chain(others) {
            assert!(!life.await.is_err_and(|error| error.is_panic()), "an actor panicked");
        }
        invariants::check(log, &hub, ended, took);
    }
}

/// A peer of our own user.
fn ourselves() -> Peer {
    #[cfg(unix)]
    let uid = Some(rustix::process::geteuid().as_raw());
    #[cfg(not(unix))]
    let uid = None;
    Peer { uid, pid: None }
}
