//! The one task that owns who is there and what they were given to do.
//!
//! Sessions, children and the schedule report here, in order; nothing here is shared, so nothing here is locked.
//! It never waits for a session.

mod admission;
mod roster;
mod schedule;
mod tasks;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use stook_engine::Released;
use stook_plugin::Source;
use stook_proto::transport::{Endpoint, Peer};
use stook_proto::{Hello, Lease, Rejection};
use stook_types::{CollectorId, Missing, SessionEpoch};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Duration, Instant, sleep_until};

use crate::config::{CollectorConfig, TaskConfig};
use crate::event::{self, Event, Listener};
use crate::hub::Hub;
use crate::session::{Admitted, Command};
use crate::supervise::Order;
use roster::{Roster, Standing};
use schedule::Schedule;
use tasks::Tasks;

/// Something for control to know or to do.
pub(crate) enum Message {
    /// A collector has introduced itself.
    Register(Box<Registration>),
    /// A session has ended; everything it said before has been reported.
    Ended { source: Arc<Source>, why: Missing },
    /// A collector has finished or failed a task, and all results before have found their place.
    Finished { collector: CollectorId, epoch: SessionEpoch, lease: Lease, outcome: Result<(), String> },
    /// A child has ended and is reaped.
    ChildEnded { collector: CollectorId, how: String },
    /// Somebody was not let in.
    Refused(String),
    /// Kill a child.
    Kill(CollectorId),
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

pub(crate) struct Control {
    hub: Arc<Hub>,
    roster: Roster,
    tasks: Tasks,
    schedule: Schedule,
    listener: Option<Listener>,
    grace: Duration,
    stopping: bool,
    released: Vec<Released>,
}

/// Heartbeats are asked for at this interval.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long a child without a session has to leave by itself.
const UNASKED: Duration = Duration::from_millis(100);
/// A configured collector that has not registered after this time has failed to.
const REGISTRATION: Duration = Duration::from_secs(30);

impl Control {
    pub(crate) fn new(
        hub: Arc<Hub>,
        collectors: Vec<CollectorConfig>,
        tasks: Vec<TaskConfig>,
        listener: Option<Listener>,
        grace: Duration,
    ) -> Self {
        for collector in &collectors {
            let kind = collector.kind.clone().unwrap_or_default();
            hub.aggregator.configured(collector.id.clone(), kind);
        }
        Self {
            schedule: Schedule::new(&hub, tasks),
            hub,
            roster: Roster::new(collectors),
            tasks: Tasks::default(),
            listener,
            grace,
            stopping: false,
            released: Vec::new(),
        }
    }

    /// Starts the children, serves until told to stop, and returns when every child is gone.
    pub(crate) async fn run(mut self, mut inbox: mpsc::Receiver<Message>, endpoint: &Endpoint) {
        self.tell(&Event::Listening);
        self.roster.start_children(&self.hub, endpoint);
        let registration_ends = Instant::now() + REGISTRATION;
        self.begin_schedule();
        while !(self.stopping && self.roster.all_children_gone()) {
            let next = self.schedule.next();
            let unsettled = !self.schedule.has_begun();
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(message) => self.obey(message),
                    None => break,
                },
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() && !self.stopping => {
                    self.submit_due();
                }
                () = sleep_until(registration_ends), if unsettled => {
                    self.roster.give_up_waiting();
                    self.begin_schedule();
                }
            }
            self.deliver();
        }
    }

    fn obey(&mut self, message: Message) {
        match message {
            Message::Register(registration) => self.register(*registration),
            Message::Ended { source, why } => self.ended(&source, why),
            Message::Finished { collector, epoch, lease, outcome } => {
                self.finished(&collector, epoch, lease, outcome);
            }
            Message::ChildEnded { collector, how } => {
                self.tell(&Event::CollectorExited { collector: collector.clone(), how });
                self.roster.child_ended(&collector);
                self.begin_schedule();
            }
            Message::Refused(why) => self.tell(&Event::ConnectionRefused { why }),
            Message::Kill(collector) => {
                if let Some(child) = self.roster.get(&collector).and_then(|known| known.child.as_ref()) {
                    // Full only if it is being killed already.
                    let _ = child.orders.try_send(Order::Kill);
                }
            }
            Message::Stop => self.stop(),
        }
    }

    /// Children are asked to leave, and made to if they do not. Everybody else stays until the sinks are done.
    fn stop(&mut self) {
        if std::mem::replace(&mut self.stopping, true) {
            return;
        }
        let end = Instant::now() + self.grace;
        for known in self.roster.iter_mut() {
            let Some(child) = &known.child else { continue };
            match &known.standing {
                Standing::Connected(member) => {
                    let _ = member.commands.try_send(Command::Drain(self.grace));
                    let _ = child.orders.try_send(Order::End(end));
                }
                // It cannot be asked.
                _ => _ = child.orders.try_send(Order::End(Instant::now() + UNASKED)),
            }
        }
    }

    fn ended(&mut self, source: &Source, why: Missing) {
        if !self.roster.lost(source, why) {
            return;
        }
        self.tasks.drop_session(&source.collector, source.epoch);
        // Whoever leaves because the host stops is not lost: its sets are released when everybody is gone.
        if !self.stopping {
            self.hub.aggregator.collector_lost(self.hub.clock.now(), source, why, &mut self.released);
            self.tell(&Event::CollectorLost { collector: source.collector.clone(), why });
        }
    }

    /// The schedule begins when every configured collector has registered or failed to.
    fn begin_schedule(&mut self) {
        if !self.schedule.has_begun() && self.roster.all_settled() {
            self.schedule.begin();
        }
    }

    fn deliver(&mut self) {
        self.hub.delivery.submit(&mut self.released);
        self.hub.ticker.consider(self.hub.aggregator.next_deadline());
    }

    fn tell(&mut self, event: &Event) {
        event::log(event, self.stopping);
        let Some(listener) = &mut self.listener else { return };
        if catch_unwind(AssertUnwindSafe(|| listener(event))).is_err() {
            tracing::error!("the embedder's event listener panicked; it is told nothing more");
            self.listener = None;
        }
    }
}
