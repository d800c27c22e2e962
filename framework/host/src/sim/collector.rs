//! A collector as an actor: the protocol's own end of a session, with bad habits.

use std::future::pending;
use std::time::Duration;

use bytes::BytesMut;
use stook_plugin::Draw;
use stook_proto::collector::{CollectorSession, Declaration, Event, NewResult, RecordError, ReplayLimits};
use stook_proto::{
    CapabilityDeclaration, CollectorHeartbeat, Lease, LoadMetrics, RejectReason, TaskOutcome, Token,
};
use stook_types::{Capability, CollectorId, CorrelationId, Incarnation, MonoTime, Topic, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use super::log::Log;
use super::pipe::Pipe;
use super::script::{Death, Script, What};

/// What a collector is told to do from now on.
#[derive(Clone, Debug)]
pub(super) enum Order {
    /// Stand still: read, write and do nothing.
    Hang(Duration),
    /// Send no heartbeats.
    Mute(Duration),
    /// Say in heartbeats that there is no progress.
    Freeze(Duration),
    /// Read nothing.
    Deafen(Duration),
    /// Go on with tasks that were taken back.
    Careless(bool),
    /// Send so many results that nobody has asked for.
    Tell { id: CorrelationId, results: i64, bytes: i64 },
    /// Send heartbeats without end.
    Flood,
    /// Lose the connection, and come back.
    Reconnect,
    /// Leave in order.
    Leave,
    /// Give up on whatever does not end by itself.
    Heal,
}

/// How a connection has ended.
enum End {
    Lost,
    /// Another process has its name.
    Superseded,
    /// In order.
    Left,
    /// With its process.
    Died,
}

pub(super) struct Collector {
    id: CollectorId,
    incarnation: Incarnation,
    log: Log,
    door: mpsc::Sender<Pipe>,
    capacity: usize,
    origin: Instant,
    session: CollectorSession,
    orders: mpsc::Receiver<Order>,
    jobs: Vec<Job>,
    progress: u64,
    mute: Instant,
    frozen: Instant,
    deaf: Instant,
    careless: bool,
    leaving: bool,
    /// It comes once, and not again if it is not let in.
    pub(super) once: bool,
}

struct Job {
    lease: Lease,
    id: CorrelationId,
    script: Script,
    due: Instant,
    /// It was taken back.
    stale: bool,
}

/// Where a collector connects, and with what.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) log: Log,
    pub(super) door: mpsc::Sender<Pipe>,
    /// Bytes that are under way at most.
    pub(super) capacity: usize,
    pub(super) origin: Instant,
}

/// What every collector of the simulation can do, and on which topic it answers.
pub(super) const SCAN: &str = "scan";
pub(super) const PROBE: &str = "probe";
pub(super) const ANSWERS: &str = "answers.all";
pub(super) const TOLD: &str = "told.all";
/// How long until somebody who was put out comes again.
const AGAIN: Duration = Duration::from_millis(200);

impl Collector {
    pub(super) fn new(
        id: &CollectorId,
        place: Place,
        concurrency: u32,
        draw: &mut Draw,
        orders: mpsc::Receiver<Order>,
    ) -> Self {
        let Place { log, door, capacity, origin } = place;
        let incarnation = Incarnation(Uuid::from_u64_pair(draw.bits(), draw.bits()));
        let topic = |text: &str| Topic::new(text).expect("a topic");
        let capability = |name: &str| CapabilityDeclaration {
            name: Capability::new(name).expect("a capability"),
            concurrency,
            topics: vec![topic(ANSWERS)],
        };
        let declaration = Declaration {
            id: id.clone(),
            kind: "sim".into(),
            incarnation,
            pid: 1,
            token: Token::default(),
            capabilities: vec![capability(SCAN), capability(PROBE)],
            topics: vec![topic(TOLD)],
        };
        let session = CollectorSession::new(declaration, ReplayLimits { results: 256, bytes: 1 << 20 });
        Self {
            id: id.clone(),
            incarnation,
            log,
            door,
            capacity,
            origin,
            session,
            orders,
            jobs: Vec::new(),
            progress: 0,
            mute: origin,
            frozen: origin,
            deaf: origin,
            careless: false,
            leaving: false,
            once: false,
        }
    }

    pub(super) fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Connects, serves, is lost and connects again, until it dies or leaves.
    pub(super) async fn live(mut self) {
        loop {
            let (here, there) = Pipe::pair(self.capacity);
            if self.door.try_send(there).is_err() {
                return;
            }
            let end = self.connection(&here).await;
            self.session.disconnect();
            if self.careless {
                self.jobs.iter_mut().for_each(|job| job.stale = true);
            } else {
                self.jobs.clear();
            }
            match end {
                End::Left | End::Superseded => return,
                End::Died => return self.log.eof(&self.id, self.incarnation),
                End::Lost if self.once || self.leaving => return,
                End::Lost => {}
            }
            drop(here);
            sleep(AGAIN).await;
        }
    }

    async fn connection(&mut self, stream: &Pipe) -> End {
        self.session.connect(self.now());
        self.deaf = Instant::now();
        let (mut reader, mut writer, mut out) = (stream, stream, BytesMut::new());
        let mut writable = true;
        loop {
            if out.is_empty() {
                out = self.session.transmit().split();
            }
            let due = self.due();
            tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    None => return End::Died,
                    Some(Order::Hang(time)) => {
                        self.log.quiet(&self.id, self.incarnation, time, true);
                        sleep(time).await;
                    }
                    Some(Order::Reconnect) => {
                        self.log.eof(&self.id, self.incarnation);
                        return End::Lost;
                    }
                    Some(order) => self.obey(order),
                },
                read = reader.read_buf(self.session.read_buffer()), if self.deaf <= Instant::now() => {
                    if !matches!(read, Ok(n) if n > 0) {
                        return if self.leaving { End::Left } else { End::Lost };
                    }
                }
                wrote = writer.write_buf(&mut out), if writable && !out.is_empty() => {
                    writable = matches!(wrote, Ok(n) if n > 0);
                }
                () = until(due) => {}
            }
            if let Some(end) = self.hear() {
                return end;
            }
            if let Some(death) = self.work() {
                self.last_words(&mut writer, out, death).await;
                return End::Died;
            }
        }
    }

    /// When there is something to do by itself.
    fn due(&self) -> Option<Instant> {
        let now = Instant::now();
        let at = |time: MonoTime| self.origin + time.since_origin();
        let beat = self.session.heartbeat_due().map(|due| at(due).max(self.mute));
        let jobs = self.jobs.iter().filter(|job| !job.sticks()).map(|job| job.due).min();
        let hears = Some(self.deaf).filter(|deaf| *deaf > now);
        [beat, jobs, hears, self.session.deadline().map(at)].into_iter().flatten().min()
    }

    fn hear(&mut self) -> Option<End> {
        loop {
            let Ok(event) = self.session.poll(self.now()) else { return Some(End::Lost) };
            match event? {
                Event::Assigned(task) if self.leaving => {
                    self.session.task_finished(task.lease, TaskOutcome::Returned("it leaves".into()));
                }
                Event::Assigned(task) => {
                    self.session.task_started(task.lease);
                    let script = Script::of(&task.payload);
                    let due = Instant::now() + script.after;
                    let id = task.correlation_id;
                    self.jobs.push(Job { lease: task.lease, id, script, due, stale: false });
                }
                Event::Cancelled(lease) => {
                    self.jobs.iter_mut().filter(|job| job.lease == lease).for_each(|job| job.stale = true);
                    if !self.careless {
                        self.jobs.retain(|job| job.lease != lease);
                        self.session.task_finished(lease, TaskOutcome::Failed("cancelled".into()));
                    }
                }
                Event::Welcome(_) if self.leaving => self.session.goodbye("asked to"),
                Event::Drain(_) => self.obey(Order::Leave),
                Event::Refused { reason, .. } => {
                    *self.log.book().refused.entry(reason).or_default() += 1;
                }
                Event::Rejected(rejection) => {
                    self.log.book().rejected.push((self.id.clone(), rejection.to_string()));
                    let superseded = rejection.reason == RejectReason::Superseded;
                    return Some(if superseded { End::Superseded } else { End::Lost });
                }
                _ => {}
            }
        }
    }

    fn obey(&mut self, order: Order) {
        let now = Instant::now();
        match order {
            Order::Mute(time) => {
                self.log.quiet(&self.id, self.incarnation, time, false);
                self.mute = now + time;
            }
            Order::Freeze(time) => self.frozen = now + time,
            Order::Deafen(time) => {
                self.deaf = now + time;
                if !self.session.is_open() {
                    self.log.quiet(&self.id, self.incarnation, time, false);
                }
            }
            Order::Careless(careless) => self.careless = careless,
            Order::Tell { id, results, bytes } => {
                (0..results).for_each(|_| self.record(TOLD, &id, None, false, bytes));
            }
            Order::Flood => {
                (0..3_000).for_each(|_| self.beat());
            }
            Order::Leave => {
                for job in std::mem::take(&mut self.jobs) {
                    self.session.task_finished(job.lease, TaskOutcome::Returned("it leaves".into()));
                }
                self.leaving = true;
                self.session.goodbye("asked to");
            }
            Order::Heal => {
                self.careless = false;
                (self.mute, self.frozen, self.deaf) = (now, now, now);
                let (ends, sticks) =
                    std::mem::take(&mut self.jobs).into_iter().partition(|job: &Job| !job.sticks());
                self.jobs = ends;
                for job in Vec::from_iter::<Vec<Job>>(sticks) {
                    self.session.task_finished(job.lease, TaskOutcome::Failed("given up".into()));
                }
            }
            Order::Hang(_) | Order::Reconnect => {}
        }
    }

    /// Does what is due. Says if it has to die of it, and how.
    fn work(&mut self) -> Option<Death> {
        let now = Instant::now();
        if self.mute <= now && self.session.heartbeat_due().is_some_and(|due| due <= self.now()) {
            self.beat();
        }
        while let Some(at) = self.jobs.iter().position(|job| job.due <= now && !job.sticks()) {
            let Job { lease, id, script, stale, .. } = self.jobs.swap_remove(at);
            let dies = self.log.kills(&id, script.kills);
            if !dies || script.death != Death::Silent {
                (0..script.results).for_each(|_| self.record(ANSWERS, &id, Some(lease), stale, script.bytes));
            }
            if dies {
                return Some(script.death);
            }
            let outcome = match script.what {
                What::Finish | What::Stick => TaskOutcome::Done,
                What::Fail => TaskOutcome::Failed("as it was told".into()),
            };
            self.session.task_finished(lease, outcome);
            self.progress += 1;
        }
        None
    }

    fn record(&mut self, topic: &str, id: &CorrelationId, lease: Option<Lease>, stale: bool, bytes: i64) {
        let number = self.log.number();
        let value = Value::from([
            ("n", Value::from(number)),
            ("pad", Value::Bytes(vec![0; usize::try_from(bytes).unwrap_or(0)])),
        ]);
        let result = NewResult {
            topic: Topic::new(topic).expect("a topic"),
            correlation_id: id.clone(),
            timestamp: None,
            last: false,
            lease,
            payload: stook_proto::payload(&value).expect("flat"),
        };
        // A replay buffer that is full loses it: nobody here waits.
        match self.session.record(&result) {
            Ok(_) if stale => _ = self.log.book().stale.insert(number),
            // Its own end of the session knows.
            Err(RecordError::TooLarge { .. }) => {
                *self.log.book().refused.entry("too-large".into()).or_default() += 1;
            }
            _ => {}
        }
    }

    fn beat(&mut self) {
        if self.frozen <= Instant::now() {
            self.progress += 1;
        }
        let beat = CollectorHeartbeat { progress: self.progress, load: LoadMetrics::default() };
        self.session.heartbeat(self.now(), beat);
    }

    /// What still goes out of a process that dies.
    async fn last_words(&mut self, writer: &mut &Pipe, mut out: BytesMut, death: Death) {
        if death == Death::Silent {
            return;
        }
        out.unsplit(self.session.transmit().split());
        if death == Death::HalfFrame {
            out.truncate(out.len().saturating_sub(3));
        }
        // As far as there is room.
        let _ = tokio::time::timeout(Duration::ZERO, writer.write_all_buf(&mut out)).await;
    }

    fn now(&self) -> MonoTime {
        MonoTime::at(self.origin.elapsed())
    }
}

impl Job {
    fn sticks(&self) -> bool {
        self.script.what == What::Stick && self.script.kills == 0
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}
