//! The one task that owns who is there and what they were given to do.
//!
//! Sessions, children, operators and the clock report here, in order; nothing here is shared, so nothing here is
//! locked. It never waits for a session.
//!
//! | what | module |
//! | --- | --- |
//! | who is let in | `admission` |
//! | who outlived an earlier host | `adoption` |
//! | who is there | `roster` |
//! | children: started, restarted, given up, stopped | `lives` |
//! | tasks: when the host submits them, and what the engine's router makes of them | `schedule`, `tasks` |
//! | what happens, told to listeners and on `stook.events` | `feed` |
//! | policies that misbehave, told | `misbehaved` |
//! | what operators ask, and why not | `status`, `tasks`, `lives`, `refused` |

mod admission;
mod adoption;
mod feed;
mod lives;
mod misbehaved;
mod refused;
mod roster;
mod schedule;
mod status;
mod tasks;

use std::num::NonZeroU32;
use std::sync::Arc;

use stook_engine::{
    Act, Finding, HealthTracker, LeaseId, LoadBalancer, Loss, Released, Restarts, TaskEnding, TaskLimits,
    TaskRouter, Turn,
};
use stook_plugin::{Exit, Source};
use stook_proto::transport::{Endpoint, Peer};
use stook_proto::{CollectorHeartbeat, Hello, Lease, Rejection, Submission};
use stook_types::{CollectorId, Missing, MonoTime, SessionEpoch};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Duration, Instant, sleep_until};
use uuid::Uuid;

use crate::config::{CollectorConfig, DispatchConfig, TaskConfig};
use crate::event::{Cause, Event, Listener, Refused, clipped};
use crate::hub::Hub;
use crate::session::{Admitted, Command};
use crate::supervise::ChildEnd;
use adoption::{ADOPTION, Secrets};
use feed::Feed;
use misbehaved::Complaints;
pub(crate) use roster::Heard;
use roster::{Doing, Roster};
use schedule::Schedule;
pub(crate) use tasks::Scores;
use tasks::Waiters;

pub use refused::{RestartRefused, SubmitRefusal, SubmitRefused};
pub(crate) use status::Report;
pub use tasks::{Submitted, TaskEnd, TaskFailure};

/// Something for control to know or to do.
pub(crate) enum Message {
    /// A collector has introduced itself.
    Register(Box<Registration>),
    /// A session has ended; everything it said before has been reported. `how`: in words, if there is more to say.
    /// `orderly`: its collector said goodbye.
    Ended { source: Arc<Source>, why: Missing, how: Option<String>, orderly: bool },
    /// A collector says that it leaves.
    Leaving { collector: CollectorId, epoch: SessionEpoch },
    /// A collector says how it is.
    Heartbeat { collector: CollectorId, epoch: SessionEpoch, beat: CollectorHeartbeat },
    /// A collector does not run a task any more, and all results before have found their place.
    Finished { collector: CollectorId, epoch: SessionEpoch, lease: Lease, ending: TaskEnding },
    /// A child has ended and is reaped.
    ChildEnded { collector: CollectorId, end: ChildEnd },
    /// Somebody was not let in.
    Refused(Refused),
    /// Kill a child, as a crash would.
    Kill(CollectorId),
    /// Somebody wants a task to be run.
    Submit(Box<Order>),
    /// Somebody wants to know how things stand.
    Status(oneshot::Sender<Report>),
    /// Somebody wants a collector started again.
    Restart(CollectorId, oneshot::Sender<Result<(), RestartRefused>>),
    /// A sink has failed for a while, and said this; or it does not any more.
    Sink { sink: Arc<str>, fails: Option<String> },
    /// Stop everything and end.
    Stop,
}

/// A collector that wants to be let in.
pub(crate) struct Registration {
    pub(crate) hello: Box<Hello>,
    pub(crate) peer: Peer,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) answer: oneshot::Sender<Result<Admitted, Rejection>>,
}

/// A task that somebody wants to be run, and who wants to know what comes of it.
pub(crate) struct Order {
    pub(crate) submission: Submission,
    pub(crate) answer: oneshot::Sender<Result<Submitted, SubmitRefused>>,
    pub(crate) end: Option<oneshot::Sender<TaskEnd>>,
}

pub(crate) struct Control {
    hub: Arc<Hub>,
    endpoint: Endpoint,
    name: Arc<str>,
    secrets: Secrets,
    roster: Roster,
    router: TaskRouter,
    health: HealthTracker,
    restarts: Restarts,
    schedule: Schedule,
    scores: Scores,
    waiters: Waiters,
    feed: Feed,
    complaints: Complaints,
    grace: Duration,
    registration: Duration,
    stopping: bool,
    /// Until when those are waited for that nobody can end.
    stop_by: Option<Instant>,
    released: Vec<Released>,
    acts: Vec<Act>,
}

/// What control is made of.
pub(crate) struct Parts {
    pub(crate) name: Arc<str>,
    pub(crate) endpoint: Endpoint,
    /// Different in each life of a host, so that answers to an earlier one are not taken for answers to this.
    pub(crate) life: Uuid,
    pub(crate) dispatch: DispatchConfig,
    pub(crate) scores: Scores,
    pub(crate) collectors: Vec<CollectorConfig>,
    pub(crate) tasks: Vec<TaskConfig>,
    pub(crate) listener: Option<Listener>,
    pub(crate) grace: Duration,
    /// A collector that has not registered after this time has failed to.
    pub(crate) registration: Duration,
    /// Told when every configured collector has registered or failed to.
    pub(crate) ready: watch::Sender<bool>,
}

/// How long a child may take to end that was killed.
const UNKILLABLE: Duration = Duration::from_secs(10);
/// What is done in a row before what came of it is delivered.
const AT_ONCE: usize = 64;

impl Control {
    pub(crate) fn new(hub: Arc<Hub>, parts: Parts) -> Self {
        let Parts {
            name,
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
        } = parts;
        let now = hub.clock.now();
        let life = life.as_u128();
        let seed = life as u64;
        let run = NonZeroU32::new((life >> 64) as u32).unwrap_or(NonZeroU32::MIN);
        let balancer = LoadBalancer::new(dispatch.scores, dispatch.modifiers, seed);
        let mut router = TaskRouter::new(balancer, LeaseId(Lease::origin(run).0), TaskLimits::default());
        let mut restarts = Restarts::new(dispatch.restarts, seed, registration);
        let secrets = Secrets::of_host(endpoint.directory());
        let mut inherited = secrets.read();
        for collector in &collectors {
            hub.aggregator.configured(collector.id.clone(), collector.kind.clone().unwrap_or_default());
            router.configured(collector.id.clone());
            if collector.command.is_some() {
                let comes = inherited.contains_key(&collector.id);
                let at = if comes { now + ADOPTION } else { now };
                restarts.add(at, collector.id.clone(), collector.restart);
            }
        }
        Self {
            schedule: Schedule::new(&hub, tasks, ready),
            feed: Feed::new(&hub.aggregator, listener),
            hub,
            endpoint,
            name,
            secrets,
            roster: Roster::new(collectors, &mut inherited),
            router,
            health: HealthTracker::new(dispatch.detectors),
            restarts,
            scores,
            waiters: Waiters::new(),
            complaints: Complaints::default(),
            grace,
            registration,
            stopping: false,
            stop_by: None,
            released: Vec::new(),
            acts: Vec::new(),
        }
    }

    /// Starts the children, serves until told to stop, and returns when every child is gone.
    pub(crate) async fn run(mut self, mut inbox: mpsc::Receiver<Message>) {
        self.tell(&Event::Listening);
        self.tick();
        let registration_ends = Instant::now() + self.registration;
        self.begin_schedule();
        while !self.is_done() {
            let due = self.next_deadline().map(|due| self.hub.clock.instant(due));
            let unsettled = !self.schedule.has_begun();
            let stop_by = self.stop_by.map(|by| if by > Instant::now() { by } else { by + UNKILLABLE });
            tokio::select! {
                biased;
                () = sleep_until(stop_by.unwrap_or_else(Instant::now)), if stop_by.is_some() => {}
                () = sleep_until(registration_ends), if unsettled => {
                    self.roster.give_up_waiting();
                    self.begin_schedule();
                }
                message = inbox.recv() => {
                    let Some(message) = message else { break };
                    self.obey(message);
                    // What else is there already is done at the same go: a wake-up costs more than most of it.
                    for _ in 1..AT_ONCE {
                        let Ok(message) = inbox.try_recv() else { break };
                        self.obey(message);
                    }
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
            self.tick();
            self.deliver();
        }
        self.turn(|router, turn| router.abandon(turn));
        self.deliver();
        self.secrets.remove();
    }

    /// Every child is gone, and whoever was taken over from an earlier host has left or had the time to.
    fn is_done(&self) -> bool {
        let in_time = |patience| self.stop_by.is_some_and(|by| Instant::now() < by + patience);
        let waits = self.roster.any_adopted() && in_time(Duration::ZERO);
        // One that is killed and does not end is beyond us: a host that never ends would not help.
        let gone = self.roster.all_children_gone() || !in_time(UNKILLABLE);
        self.stopping && gone && !waits
    }

    fn obey(&mut self, message: Message) {
        match message {
            Message::Register(registration) => self.register(*registration),
            Message::Ended { source, why, how, orderly } => {
                self.roster.ends(&source, how, orderly);
                self.ended(&source, why, !orderly);
            }
            Message::Leaving { collector, epoch } => {
                if self.is_current(&collector, epoch) {
                    self.router.draining(self.hub.clock.now(), &collector);
                }
            }
            Message::Heartbeat { collector, epoch, beat } => self.heartbeat(&collector, epoch, &beat),
            Message::Finished { collector, epoch, lease, ending } => {
                self.turn(|router, turn| router.ended(turn, &collector, epoch, LeaseId(lease.0), ending));
            }
            Message::ChildEnded { collector, end } => self.child_ended(&collector, end),
            Message::Refused(Refused { collector, reason, why }) => {
                let (reason, why, in_session) = (reason.as_str(), clipped(why), collector.is_some());
                self.tell(&Event::ConnectionRefused { collector, reason, why, in_session });
            }
            Message::Kill(collector) => self.kill(&collector, Doing::Kill),
            Message::Submit(order) => self.take_order(*order),
            // Whoever asked may have gone.
            Message::Status(answer) => _ = answer.send(self.report()),
            Message::Restart(collector, answer) => _ = answer.send(self.restart(&collector)),
            Message::Sink { sink, fails: Some(why) } => self.tell(&Event::SinkFailing { sink, why }),
            Message::Sink { sink, fails: None } => self.tell(&Event::SinkRecovered { sink }),
            Message::Stop => self.stop(),
        }
    }

    /// When there is something to do next although nobody reports anything.
    fn next_deadline(&self) -> Option<MonoTime> {
        let now = self.hub.clock.now();
        let (schedule, restarts) = match self.stopping {
            true => (None, None),
            false => (self.schedule.next(), self.restarts.next_deadline(now)),
        };
        let rest = [self.router.next_deadline(), self.health.next_sweep(), self.feed.next()];
        rest.into_iter().chain([schedule, restarts]).flatten().min()
    }

    /// Does everything that is due.
    fn tick(&mut self) {
        let now = self.hub.clock.now();
        if self.health.next_sweep().is_some_and(|due| due <= now) {
            self.sweep(now);
        }
        if self.router.next_deadline().is_some_and(|due| due <= now) {
            self.turn(|router, turn| router.expire(turn));
        }
        if !self.stopping {
            self.start_due(now);
            self.submit_due(now);
        }
        self.complain(now);
        self.feed.tick(now);
    }

    /// A step of the router, and what it says is to be done.
    fn turn<T>(&mut self, step: impl FnOnce(&mut TaskRouter, &mut Turn<'_>) -> T) -> T {
        let mut turn = Turn {
            now: self.hub.clock.now(),
            sets: &self.hub.aggregator,
            released: &mut self.released,
            acts: &mut self.acts,
        };
        let done = step(&mut self.router, &mut turn);
        self.act();
        done
    }

    /// Looks for those who are silent for too long.
    fn sweep(&mut self, now: MonoTime) {
        let roster = &self.roster;
        let heard = |id: &CollectorId| Some(roster.get(id)?.member()?.heard.last());
        for finding in self.health.sweep(now, heard) {
            match finding {
                Finding::Silent { collector, epoch } if self.is_current(&collector, epoch) => {
                    self.silent(&collector);
                }
                Finding::NoHeartbeats(collector) => {
                    self.tell(&Event::CollectorWithoutHeartbeats { collector });
                }
                _ => {}
            }
        }
    }

    /// Nothing was heard of a collector for too long: what it has is given to others first, and then it is ended.
    fn silent(&mut self, id: &CollectorId) {
        let Some(member) = self.roster.get(id).and_then(|known| known.member()) else { return };
        let (source, commands) = (member.source.clone(), member.commands.clone());
        self.tell(&Event::CollectorSilent { collector: id.clone() });
        self.roster.ends(&source, Some("nothing was heard of it for too long".into()), false);
        self.ended_by(&source, Missing::Disconnected, true, Exit::Silent);
        // Full only of what it does not take anyway; then the session ends by its write deadline.
        let _ = commands.try_send(Command::End);
        self.kill(id, Doing::Silent);
    }

    fn heartbeat(&mut self, collector: &CollectorId, epoch: SessionEpoch, beat: &CollectorHeartbeat) {
        if !self.is_current(collector, epoch) {
            return;
        }
        self.health.beat(self.hub.clock.now(), collector);
        let load = &beat.load;
        let hints = stook_plugin::LoadHints::clamped(load.cpu, load.memory_bytes, load.queue_depth);
        let progress = beat.progress;
        self.turn(|router, turn| router.heartbeat(turn, collector, progress, hints));
    }

    /// A session is over: everything that it held is let go of here, and nowhere else. `suspicious`: what it had in
    /// flight may be the cause.
    fn ended(&mut self, source: &Source, why: Missing, suspicious: bool) {
        let exit = if suspicious { Exit::Failure } else { Exit::Success };
        self.ended_by(source, why, suspicious, exit);
    }

    /// As [`ended`](Self::ended). `exit`: what that means for a process whose end nobody tells us.
    fn ended_by(&mut self, source: &Source, why: Missing, suspicious: bool, exit: Exit) {
        if !self.roster.lost(source, why) {
            return;
        }
        self.health.end(&source.collector, source.epoch);
        let known = self.roster.get(&source.collector);
        // What the host does to a process is no task's fault, but for silence: that may be.
        let by_us = known.and_then(|known| known.doing).is_some_and(|doing| doing != Doing::Silent);
        let (how, orderly) = known.map_or((None, false), |known| (known.how.clone(), known.orderly));
        let loss = Loss { why, suspicious: suspicious && !by_us };
        // Whoever leaves because the host stops is not lost: its sets are released when everybody is gone.
        if !self.stopping {
            self.tell(&Event::CollectorLost { collector: source.collector.clone(), why, how, orderly });
        }
        let before = self.router.counters().redistributed;
        self.turn(|router, turn| router.lost(turn, source, loss));
        let tasks = self.router.counters().redistributed - before;
        let cause = Cause::of_collector("tasks.redistributed", &source.collector);
        if tasks > 0 && !self.stopping && self.feed.logs(self.hub.clock.now(), cause) {
            tracing::info!(from = %source.collector, tasks, "tasks redistributed");
        }
        self.adopted_ended(&source.collector, exit);
        if self.roster.get(&source.collector).is_some_and(|known| known.child.is_some()) {
            self.restarts.disconnected(self.hub.clock.now(), &source.collector);
        }
    }

    fn is_current(&self, collector: &CollectorId, epoch: SessionEpoch) -> bool {
        let member = self.roster.get(collector).and_then(|known| known.member());
        member.is_some_and(|member| member.source.epoch == epoch)
    }

    /// The schedule begins when every configured collector has registered or failed to.
    fn begin_schedule(&mut self) {
        if !self.schedule.has_begun() && self.roster.all_settled() {
            self.schedule.begin(self.hub.clock.now());
        }
    }

    fn deliver(&mut self) {
        self.hub.delivery.submit(&mut self.released);
        self.hub.ticker.consider(self.hub.aggregator.next_deadline());
    }

    fn tell(&mut self, event: &Event) {
        self.feed.tell(&self.hub, event, self.stopping, &mut self.released);
    }
}
