//! A host: everything wired together, from start to stop.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stook_engine::{CounterSnapshot, ResultAggregator};
use stook_plugin::{AggregatedResult, Plugin, Sink, SinkError};
use stook_proto::Submission;
use stook_proto::host::HostLimits;
use stook_proto::transport::Endpoint;
use stook_types::{CollectorId, Value, to_value};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Duration;
use uuid::Uuid;

use crate::HostError;
use crate::clock::{CENTURY, Clock};
use crate::config::{Config, Diagnostics};
use crate::consumer::ConsumerSink;
use crate::control::{
    Control, Message, Order, Parts, RestartRefused, Scores, SubmitRefused, Submitted, TaskEnd,
};
use crate::delivery::{Delivery, TakenBy, Target};
use crate::door;
use crate::event::{Event, Listener};
use crate::hub::{Hub, Phase};
use crate::session::{Open, Turns};
use crate::tally::Tallies;
use crate::ticker::{self, Ticker};
use crate::timed::Slow;

/// A host that is about to run.
///
/// ```no_run
/// use stook::config::{Config, Source};
/// use stook::{Host, Registry};
/// use stook_plugin::BuildContext;
///
/// # async fn embed(registry: Registry, toml: &str) -> Result<(), Box<dyn std::error::Error>> {
/// # let source = Source::deserialize("x", &mut serde_json::Deserializer::from_str(toml))?;
/// let (config, _warnings) = Config::load(&source, &registry, &BuildContext::random())?;
/// let host = Host::builder(config)
///     .on_complete("machine-scan", |result| println!("{} is {}", result.correlation_id, result.outcome))
///     .build()?;
/// let handle = host.handle();
/// let stopper = async move {
///     let _ = tokio::signal::ctrl_c().await;
///     handle.stop();
/// };
/// let (ended, ()) = tokio::join!(host.run(), stopper);
/// println!("{:?}", ended?.counters);
/// # Ok(()) }
/// ```
pub struct Host(HostBuilder);

/// Puts a host together. From [`Host::builder`].
pub struct HostBuilder {
    config: Config,
    endpoint: Option<Endpoint>,
    callbacks: Vec<(String, Box<dyn Sink>)>,
    listener: Option<Listener>,
    limits: HostLimits,
    grace: Duration,
    registration: Duration,
    handle: Handle,
    ready: watch::Sender<bool>,
    inbox: mpsc::Receiver<Message>,
}

/// A host, from outside. Cheap to clone. It can be asked before the host runs, and is answered once it does; after its
/// end it says so. Nothing here panics, and any thread and any runtime will do.
#[derive(Clone, Debug)]
pub struct Handle {
    control: mpsc::Sender<Message>,
    stop: watch::Sender<bool>,
    ready: watch::Receiver<bool>,
}

/// How a host's run went.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Summary {
    /// Where every result went.
    pub counters: CounterSnapshot,
    /// Connections that were not let in, or were ended because they broke a rule.
    pub connections_refused: u64,
}

/// What may wait for control.
const MESSAGES: usize = 1_024;
/// Operators at a time, with those who look on.
const OPERATORS: usize = 256;

impl Host {
    /// A host of this config.
    pub fn builder(config: Config) -> HostBuilder {
        let (control, inbox) = mpsc::channel(MESSAGES);
        let (ready, begun) = watch::channel(false);
        HostBuilder {
            config,
            endpoint: None,
            callbacks: Vec::new(),
            listener: None,
            limits: HostLimits::default(),
            grace: Duration::from_secs(5),
            registration: Duration::from_secs(30),
            handle: Handle { control, stop: watch::Sender::new(false), ready: begun },
            ready,
            inbox,
        }
    }

    /// A way to stop the host and to act on it while it runs.
    pub fn handle(&self) -> Handle {
        self.0.handle()
    }

    /// Runs until it is stopped by its [`Handle`]: listens, starts the configured collectors, submits the configured
    /// tasks, gathers and delivers. Then asks its children to leave, ends those that do not, releases what is still
    /// open as partial, and waits for the sinks.
    ///
    /// Must be called within a tokio runtime with time and I/O enabled. Dropping the future kills the children and
    /// leaves open sets undelivered.
    ///
    /// # Errors
    /// If it cannot start (nothing has happened then), or if sinks did not take everything before it ended.
    pub async fn run(self) -> Result<Summary, HostError> {
        let named = || Endpoint::of_host(&self.0.config.host.name);
        let endpoint = self.0.endpoint.clone().map_or_else(named, Ok)?;
        let lock = endpoint.lock()?;
        let listener = lock.bind().await?;
        let accept = async move || listener.accept().await;
        self.serve(endpoint, Uuid::new_v4(), |hub, open| door::run(hub, accept, open)).await
    }

    /// Serves whoever a door lets in, from start to stop. `life` is different in each life of a host: all that is
    /// random in this one comes from it.
    pub(crate) async fn serve<F>(
        self,
        endpoint: Endpoint,
        life: Uuid,
        door: impl FnOnce(Arc<Hub>, Open) -> F,
    ) -> Result<Summary, HostError>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let HostBuilder {
            config,
            callbacks,
            listener,
            limits,
            grace,
            registration,
            handle,
            ready,
            inbox,
            ..
        } = self.0;
        let Handle { control, stop, .. } = handle;
        // Only now: a sink may touch what belongs to the host that runs already.
        let targets = targets(&config, callbacks)?;

        let Config { host, aggregates, dispatch, collectors, tasks, .. } = config;
        let acks = aggregates.iter().map(|aggregate| aggregate.ack).collect();
        let scores = Scores::new(dispatch.score, &aggregates);
        let slow = Slow::default();
        let specs = aggregates.into_iter().map(|aggregate| slow.watch_aggregate(aggregate.spec)).collect();
        let dispatch = slow.watch(dispatch);
        let clock = Clock::start();
        let (origin, memory) = (clock.origin_on_the_wall(), host.memory.bytes());
        let delivery = Delivery::start(acks, targets, Arc::default(), origin, memory, control.clone())?;
        let hub = Arc::new(Hub {
            clock,
            aggregator: ResultAggregator::new(specs, memory),
            delivery,
            ticker: Ticker::default(),
            turns: Turns::default(),
            tallies: Tallies::of(collectors.iter().map(|collector| &collector.id)),
            limits,
            slow,
            control: control.clone(),
            phase: watch::Sender::default(),
            operators: Semaphore::new(OPERATORS),
            refused: AtomicU64::new(0),
        });

        // Dropped with this future, whatever happens to it.
        let mut helpers = JoinSet::new();
        helpers.spawn(ticker::run(hub.clone()));
        helpers.spawn(async move {
            let mut stop = stop.subscribe();
            if stop.wait_for(|stop| *stop).await.is_ok() {
                let _ = control.send(Message::Stop).await;
            }
        });
        let (open, mut any_open) = mpsc::channel(1);
        let mut doors = JoinSet::new();
        doors.spawn(door(hub.clone(), open));

        let parts = Parts {
            name: host.name.into(),
            endpoint,
            life,
            dispatch,
            scores,
            collectors,
            tasks,
            listener,
            grace,
            registration,
            ready,
        };
        Control::new(hub.clone(), parts).run(inbox).await;

        hub.phase.send_replace(Phase::Stopping);
        // Nothing is ever sent: it ends when the last session has ceased to bring anything in.
        let _ = any_open.recv().await;
        let mut released = Vec::new();
        hub.aggregator.shutdown(hub.clock.now(), &mut released);
        hub.delivery.submit(&mut released);
        let flushing = hub.clone();
        // A panic of the sinks' threads has been logged; there is nothing else to do about it.
        let _ = tokio::task::spawn_blocking(move || flushing.delivery.finish(grace)).await;
        hub.phase.send_replace(Phase::Flushed);
        while doors.join_next().await.is_some() {}

        let counters = hub.aggregator.counters();
        match counters.pending
            + counters.discarded.get(stook_types::Discard::SinkFailed.as_str()).unwrap_or(&0)
        {
            0 => Ok(Summary { counters, connections_refused: hub.refused.load(Ordering::Relaxed) }),
            undelivered => Err(HostError::Undelivered(undelivered)),
        }
    }
}

impl HostBuilder {
    /// Calls back with each released set of this aggregate, beside the sinks that its config names, in the order in which
    /// they were released. In a runtime of several threads that is so for what one collector's results release; of sets of one
    /// key that are released at the same moment, generation and then revision say which is newer. Called on a thread of
    /// its own: it may block, and then slows down the producers of its aggregate.
    ///
    /// A callback that panics is a sink that failed: that is logged, and after a pause its set comes again, until it is
    /// taken. A few that came right before it come again too, and so may the last of a host that was killed, in its next
    /// life: what comes again has the same [`emission_id`](AggregatedResult::emission_id).
    #[must_use]
    pub fn on_complete(
        mut self,
        aggregate: impl Into<String>,
        callback: impl FnMut(&AggregatedResult) + Send + 'static,
    ) -> Self {
        self.callbacks.push((aggregate.into(), Box::new(Callback(callback))));
        self
    }

    /// Calls back with what happens. Called on the task that runs the host: it must not block.
    #[must_use]
    pub fn on_event(mut self, listener: impl FnMut(&Event) + Send + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// Listens here instead of where the host's name says.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = Some(endpoint);
        self
    }

    /// What one connection may cost.
    #[must_use]
    pub fn limits(mut self, limits: HostLimits) -> Self {
        self.limits = limits;
        self
    }

    /// How long collectors may take to leave and sinks to take what is left, each; 5 s by default, a century at most.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace.min(CENTURY);
        self
    }

    /// How long a collector has to register after it was started; 30 s by default, a century at most. One that does
    /// not is killed, and started again as its restart policy says. Scheduled tasks wait for nobody longer than that.
    #[must_use]
    pub fn registration(mut self, deadline: Duration) -> Self {
        self.registration = deadline.min(CENTURY);
        self
    }

    /// A way to stop the host and to act on it while it runs, for callbacks that are made before it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// The host, which has done nothing yet.
    ///
    /// # Errors
    /// If there is no such aggregate as `on_complete` was given.
    pub fn build(self) -> Result<Host, HostError> {
        let names = || self.config.aggregates.iter().map(|aggregate| aggregate.spec.name.to_string());
        if let Some((name, _)) = self.callbacks.iter().find(|(name, _)| !names().any(|known| known == *name))
        {
            return Err(HostError::UnknownAggregate { name: name.clone(), there_are: names().collect() });
        }
        Ok(Host(self))
    }
}

impl Handle {
    /// Stops the host: [`Host::run`] returns when everything has ended, at most the [`grace`](HostBuilder::grace) for
    /// collectors and the same for sinks later (a child that cannot be killed costs 10 s more). Returns at once; a second call changes nothing.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Completes when every configured collector has registered or failed to, which is when the tasks of the config
    /// begin: at most after [`registration`](HostBuilder::registration). Before that nobody may have a capability yet, and
    /// what is submitted is refused. `false` if the host ends before.
    pub async fn ready(&self) -> bool {
        self.ready.clone().wait_for(|ready| *ready).await.is_ok()
    }

    /// Has a task run, and says what became of it so far: how many of its parts went out, and how many wait. A dropped
    /// future may have submitted it all the same.
    ///
    /// Its results meet in a set of each aggregate that is named in the answer, which goes to whom the config delivers it
    /// and to [`on_complete`](HostBuilder::on_complete). It has the task's correlation ID, and may be there before this
    /// returns: who waits for it chooses the ID.
    ///
    /// ```no_run
    /// # async fn ask(handle: stook::Handle) -> Result<(), Box<dyn std::error::Error>> {
    /// use stook::{CorrelationId, Submission};
    ///
    /// if handle.ready().await {
    ///     let id = CorrelationId::new("scan-1")?; // `on_complete` sees `result.correlation_id == SetKey::Id(id)`
    ///     let task = Submission::of("process.list".parse()?).into_aggregate("machine-scan").under(id);
    ///     let submitted = handle.submit(task).await?;
    ///     println!("{} waits in {:?}", submitted.task, submitted.sets);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// If nobody could ever run it, there is no room for it, or the host has ended; [`SubmitRefused::kind`] says which.
    /// Nothing has happened then.
    pub async fn submit(&self, submission: Submission) -> Result<Submitted, SubmitRefused> {
        self.order(submission, None).await
    }

    /// Has a task run, and waits for its end, which may be before its sets are delivered: until its timeout, at most. That
    /// is the submission's, else the longest of its aggregates', else 60 s. A dropped future leaves the task to run.
    ///
    /// # Errors
    /// As [`submit`](Self::submit); also, of the kind [`Stopping`](crate::SubmitRefusal::Stopping), if the host ends
    /// before the task does.
    pub async fn run_task(&self, submission: Submission) -> Result<(Submitted, TaskEnd), SubmitRefused> {
        let (end, ended) = oneshot::channel();
        let submitted = self.order(submission, Some(end)).await?;
        Ok((submitted, ended.await.map_err(|_| SubmitRefused::gone())?))
    }

    async fn order(
        &self,
        submission: Submission,
        end: Option<oneshot::Sender<TaskEnd>>,
    ) -> Result<Submitted, SubmitRefused> {
        let (answer, answered) = oneshot::channel();
        let order = Message::Submit(Box::new(Order { submission, answer, end }));
        // If it cannot be sent, its answer is gone with it.
        let _ = self.control.send(order).await;
        answered.await.map_err(|_| SubmitRefused::gone())?
    }

    /// How things stand, as `stook status --format json` prints it: times in the unit that the field's name ends with,
    /// memory in bytes. `None` if the host has ended.
    pub async fn status(&self) -> Option<Value> {
        let (answer, answered) = oneshot::channel();
        self.control.send(Message::Status(answer)).await.ok()?;
        to_value(&answered.await.ok()?).ok()
    }

    /// Ends a collector that the host has started and starts it again, whatever became of it before: one that is
    /// quarantined is taken out, one that has left comes back. Returns when it was asked to leave, and does not wait
    /// until it has, which takes the [`grace`](HostBuilder::grace) at most.
    ///
    /// # Errors
    /// If it is none that the host starts, or the host ends. Nothing has happened then.
    pub async fn restart(&self, collector: &CollectorId) -> Result<(), RestartRefused> {
        let (answer, answered) = oneshot::channel();
        let _ = self.control.send(Message::Restart(collector.clone(), answer)).await;
        answered.await.unwrap_or(Err(RestartRefused::Stopping))
    }

    /// Kills the process of a collector that the host has started, as a crash would. Nothing if there is none.
    pub fn kill(&self, collector: &CollectorId) {
        // Full only while the host is overwhelmed; then a crash more or less makes no difference.
        let _ = self.control.try_send(Message::Kill(collector.clone()));
    }
}

/// A function as a sink.
struct Callback<F>(F);

impl<F: FnMut(&AggregatedResult) + Send + 'static> Sink for Callback<F> {
    fn deliver(&mut self, result: &AggregatedResult) -> Result<(), SinkError> {
        (self.0)(result);
        Ok(())
    }
}

/// The sinks that somebody delivers to, made and opened; callbacks included.
fn targets(config: &Config, callbacks: Vec<(String, Box<dyn Sink>)>) -> Result<Vec<Target>, HostError> {
    let (mut targets, mut wrong) = (Vec::new(), Diagnostics::default());
    for sink in &config.sinks {
        let delivers = |(_, aggregate): &(usize, &crate::config::AggregateConfig)| {
            aggregate.deliver.contains(&sink.name)
        };
        let aggregates: Vec<_> =
            config.aggregates.iter().enumerate().filter(delivers).map(|(i, _)| i).collect();
        if aggregates.is_empty() {
            continue;
        }
        let taken_by = match sink.plugin {
            ConsumerSink::NAME => TakenBy::Consumer,
            _ => match sink.factory.open() {
                Ok(sink) => TakenBy::Sink(sink),
                Err(why) => {
                    wrong.append(why);
                    continue;
                }
            },
        };
        targets.push(Target { name: sink.name.clone(), plugin: Some(sink.plugin), taken_by, aggregates });
    }
    if !wrong.is_empty() {
        return Err(HostError::Sinks(wrong));
    }
    for (name, sink) in callbacks {
        let aggregates = config.aggregates.iter().position(|aggregate| *aggregate.spec.name == *name);
        let aggregates = aggregates.into_iter().collect();
        let taken_by = TakenBy::Sink(sink);
        targets.push(Target { name: name.into(), plugin: None, taken_by, aggregates });
    }
    Ok(targets)
}
