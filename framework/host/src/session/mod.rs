//! One connection: from the first byte to the last, on a task of its own.

mod acks;
mod connection;
mod consumer;
mod gaps;
mod intake;
mod operator;
mod set;
mod turns;

use std::sync::Arc;

use stook_engine::{Session as EngineSession, TaskEnding};
use stook_proto::host::Event as Said;
use stook_proto::transport::Peer;
use stook_proto::{
    AssignError, Assignment, Hello, HostSession, Lease, RejectReason, Rejection, Request, SessionError,
};
use stook_types::{CollectorId, Missing, SessionEpoch};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Duration, Instant, timeout, timeout_at};

use crate::control::{Heard, Message, Registration};
use crate::event::{Refused, clipped};
use crate::hub::{Hub, Phase, reached};
use crate::mailbox::Mailbox;
use crate::strangers::Place;
use acks::Acks;
use connection::{Connection, Io};
use intake::{Finished, Intake};

pub(crate) use intake::TopicRoute;
pub(crate) use turns::Turns;

/// What control tells a session to do.
pub(crate) enum Command {
    Assign(Box<Assignment>),
    /// A task is somebody else's now: abandon it, and take nothing more that is said under it.
    Fence(Lease),
    Drain(Duration),
    /// The session is over, as far as control is concerned.
    End,
}

/// A collector that control has let in.
pub(crate) struct Admitted {
    pub(crate) session: EngineSession,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) routes: Vec<TopicRoute>,
    pub(crate) heartbeat: Duration,
    /// Where it is noted that something was heard.
    pub(crate) heard: Heard,
    /// The last lease that anybody was given: those up to it are not of this session.
    pub(crate) last_lease: Lease,
    /// Becomes true when the collector's process has ended, if it is a child of ours.
    pub(crate) exited: Option<watch::Receiver<bool>>,
}

/// Commands that may wait for one session, beside those about tasks: each task can be given and taken back.
const COMMANDS: usize = 64;
/// Tasks at one session at most, whatever it declares.
const TASKS: usize = 100_000;
/// On the exit of a child: how long to read what is still buffered. A grandchild may hold the socket open.
const AFTER_EXIT: Duration = Duration::from_millis(10);
/// On the end of a child's stream: how long to wait for its exit, so that the reason is the right one.
const AFTER_EOF: Duration = Duration::from_millis(50);

/// Held while a session may still bring something in.
pub(crate) type Open = mpsc::Sender<std::convert::Infallible>;

/// Serves a connection until it ends. It has a stranger's place until it is let in.
pub(crate) async fn serve<S>(hub: Arc<Hub>, stream: S, peer: Peer, place: Place, open: Open)
where
    for<'a> &'a S: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = Connection::new(hub.clone(), stream);
    let mut phase = hub.phase.subscribe();
    let hello = tokio::select! {
        biased;
        hello = introduce(&hub, &mut connection) => hello,
        () = reached(&mut phase, Phase::Stopping) => return connection.reject(&shutting_down()).await,
    };
    let hello = match hello {
        Ok(Some(Introduction::Collector(hello))) => hello,
        Ok(Some(Introduction::Operator(request))) => {
            // Operators bring nothing in.
            drop(open);
            return operator::serve(&hub, connection, peer, place, request, phase).await;
        }
        Ok(None) => return,
        Err(error) => {
            let rejection = error.rejection();
            let why = format!("{error}{}", from(peer));
            hub.refused(Refused { collector: None, reason: rejection.reason, why }).await;
            return connection.reject(&rejection).await;
        }
    };
    let declared = hello.capabilities.iter().map(|declared| declared.concurrency as usize);
    let tasks = declared.fold(0_usize, usize::saturating_add).min(TASKS);
    let (commands, inbox) = mpsc::channel(COMMANDS + 2 * tasks);
    let (answer, answered) = oneshot::channel();
    let replay_capacity = hello.replay_capacity;
    let registration = Box::new(Registration { hello, peer, commands, answer });
    let gone = hub.control.send(Message::Register(registration)).await.is_err();
    let admitted = match answered.await {
        Ok(Ok(admitted)) if !gone => admitted,
        Ok(Err(rejection)) => return connection.reject(&rejection).await,
        _ => return connection.reject(&shutting_down()).await,
    };
    drop(place);
    connection.acks = Acks::of(replay_capacity);
    connection.protocol.welcome(admitted.session.source().epoch, admitted.heartbeat, admitted.last_lease);
    let Admitted { session, mailbox, routes, exited, heard, .. } = admitted;
    let intake = Intake::new(hub.clone(), session, mailbox.clone(), routes, replay_capacity);
    Member { hub, connection, intake, mailbox, inbox, exited, heard, open, leaving: None }.serve(phase).await;
}

/// Reads up to the introduction. `None` if the peer left before it.
async fn introduce<S>(hub: &Hub, connection: &mut Connection<S>) -> Result<Option<Introduction>, SessionError>
where
    for<'a> &'a S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match connection.protocol.poll(hub.clock.now())? {
            Some(Said::Hello(hello)) => return Ok(Some(Introduction::Collector(hello))),
            Some(Said::Request(request)) => return Ok(Some(Introduction::Operator(request))),
            _ => {}
        }
        if matches!(connection.turn().await, Io::Eof | Io::Deaf) {
            return Ok(None);
        }
    }
}

/// Who it is that has connected.
enum Introduction {
    Collector(Box<Hello>),
    Operator(Request),
}

/// A collector in session.
struct Member<S> {
    hub: Arc<Hub>,
    connection: Connection<S>,
    intake: Intake,
    mailbox: Arc<Mailbox>,
    inbox: mpsc::Receiver<Command>,
    exited: Option<watch::Receiver<bool>>,
    heard: Heard,
    open: Open,
    /// It has said goodbye, and why.
    leaving: Option<String>,
}

/// How a session ends.
enum End {
    /// The stream ended.
    Eof,
    /// The collector has said goodbye, and everything before that has found its place.
    Left,
    /// The child's process ended; its stream may be held open by somebody else.
    Exited,
    /// The peer has not taken what it was sent for too long.
    Deaf,
    /// Control has ended it.
    Fenced,
    /// The peer broke a rule.
    Violation(SessionError),
    /// The host stops.
    Closing,
}

impl<S> Member<S>
where
    for<'a> &'a S: AsyncRead + AsyncWrite + Unpin,
{
    async fn serve(mut self, mut phase: watch::Receiver<Phase>) {
        let mut progress = self.hub.delivery.progress();
        let end = loop {
            // In an order that ends: each before the stream has a bound while nothing is read, and what a peer may send
            // while its results are parked has one too.
            tokio::select! {
                biased;
                () = reached(&mut phase, Phase::Stopping) => break End::Closing,
                () = exit(&mut self.exited) => break End::Exited,
                () = self.mailbox.arrived() => {}
                Some(command) = self.inbox.recv(), if self.connection.has_room() => {
                    if !self.obey_all(command).await {
                        break End::Fenced;
                    }
                }
                io = self.connection.turn() => match self.understand(io).await {
                    Ok(true) => {}
                    Ok(false) if io == Io::Deaf => break End::Deaf,
                    Ok(false) => break End::Eof,
                    Err(error) => break End::Violation(error),
                },
                // Marked as seen before the attempt: room that is made during it is a reason for another.
                _ = progress.changed(), if self.intake.has_parked() => {
                    let finished = self.intake.retry(&mut self.connection.protocol);
                    self.tell(finished).await;
                }
            }
            self.heard.parked(|| self.hub.clock.now(), self.intake.parked());
            acknowledge(&self.mailbox, &mut self.connection.protocol);
            if self.leaving.is_some() && !self.intake.has_parked() {
                break End::Left;
            }
        };
        self.end(end, phase).await;
    }

    /// Takes in what was read. False at the end of the stream.
    async fn understand(&mut self, io: Io) -> Result<bool, SessionError> {
        if io == Io::Read {
            self.heard.now(self.hub.clock.now());
        }
        while let Some(said) = self.connection.protocol.poll(self.hub.clock.now())? {
            match said {
                Said::Results(batch) => {
                    self.connection.acks.came(batch.len());
                    self.intake.results(&mut self.connection.protocol, batch);
                }
                Said::TaskFinished { lease, outcome } => {
                    let finished = self.intake.finished(Finished::said(lease, outcome));
                    self.tell(finished).await;
                }
                Said::Goodbye(why) => {
                    tracing::debug!(collector = %self.intake.session().source().collector, why, "goodbye");
                    self.leaving = Some(why);
                    let (collector, epoch) = self.who();
                    let _ = self.hub.control.send(Message::Leaving { collector, epoch }).await;
                }
                Said::Heartbeat(beat) => {
                    let (collector, epoch) = self.who();
                    let _ = self.hub.control.send(Message::Heartbeat { collector, epoch, beat }).await;
                }
                // A sign of life, like every frame.
                Said::TaskStarted(_) => {}
                other => tracing::warn!(?other, "an event that this host does not know"),
            }
        }
        if io == Io::Read {
            self.hub.turns.end(self.intake.is_ahead()).await;
        }
        Ok(!matches!(io, Io::Eof | Io::Deaf))
    }

    async fn tell(&self, finished: impl IntoIterator<Item = Finished>) {
        for Finished { lease, ending } in finished {
            let (collector, epoch) = self.who();
            let message = Message::Finished { collector, epoch, lease, ending };
            // Control outlives the sessions; if not, nobody counts tasks any more.
            let _ = self.hub.control.send(message).await;
        }
    }

    fn who(&self) -> (CollectorId, SessionEpoch) {
        let source = self.intake.session().source();
        (source.collector.clone(), source.epoch)
    }

    /// Obeys a command and those that wait behind it, while there is room for what they say. False if one of them ends
    /// the session.
    async fn obey_all(&mut self, first: Command) -> bool {
        let mut next = Some(first);
        while let Some(command) = next {
            match command {
                Command::Drain(grace) => self.connection.protocol.drain(grace),
                Command::Fence(lease) => {
                    self.intake.fenced(lease);
                    self.connection.protocol.fence(lease);
                }
                Command::Assign(assignment) => {
                    if let Err(error) = self.connection.protocol.assign(&assignment) {
                        let why = format!("failed to assign it: {error}");
                        let ending = match error {
                            // It has crossed the goodbye: somebody else may have it.
                            AssignError::NotOpen => TaskEnding::Returned(why),
                            _ => TaskEnding::Failed(why),
                        };
                        self.tell([Finished { lease: assignment.lease, ending }]).await;
                    }
                }
                Command::End => return false,
            }
            next = if self.connection.has_room() { self.inbox.try_recv().ok() } else { None };
        }
        true
    }

    async fn end(mut self, end: End, mut phase: watch::Receiver<Phase>) {
        if let End::Exited = end {
            self.read_rest().await;
        }
        let finished = self.intake.close(&mut self.connection.protocol);
        self.tell(finished).await;
        let source = self.intake.session().source().clone();
        let Self { hub, mut connection, mailbox, open, mut exited, leaving, .. } = self;
        let orderly = matches!(end, End::Left | End::Closing);
        let how = match &end {
            End::Left => leaving.map(|why| format!("goodbye: {}", clipped(why))),
            End::Deaf => Some("it does not read what it is sent".to_owned()),
            End::Violation(error) => Some(error.to_string()),
            _ => None,
        };
        let ended = async |why| {
            let (source, how) = (source.clone(), how.clone());
            let _ = hub.control.send(Message::Ended { source, why, how, orderly }).await;
        };
        match end {
            End::Exited => ended(Missing::Exited).await,
            End::Eof => ended(after_eof(&mut exited).await).await,
            End::Deaf => {
                tracing::warn!(collector = %source.collector, "collector does not read what it is sent; its session is ended");
                ended(Missing::Disconnected).await;
            }
            // Control knows.
            End::Fenced => {}
            End::Left => {
                connection.part().await;
                ended(after_eof(&mut exited).await).await;
            }
            End::Violation(error) => {
                ended(Missing::Disconnected).await;
                let rejection = error.rejection();
                let collector = Some(source.collector.clone());
                hub.refused(Refused { collector, reason: rejection.reason, why: error.to_string() }).await;
                connection.reject(&rejection).await;
            }
            End::Closing => {
                ended(Missing::Disconnected).await;
                drop(open);
                reached(&mut phase, Phase::Flushed).await;
                acknowledge(&mailbox, &mut connection.protocol);
                connection.reject(&shutting_down()).await;
            }
        }
    }

    /// Takes in what a child wrote before it ended.
    async fn read_rest(&mut self) {
        let until = Instant::now() + AFTER_EXIT;
        while Instant::now() < until
            && let Ok(io) = timeout_at(until, self.connection.turn()).await
            && let Ok(true) = self.understand(io).await
        {}
    }
}

/// Why a collector is missing whose stream has ended. Of one that is no child of ours nothing more will be known.
async fn after_eof(exited: &mut Option<watch::Receiver<bool>>) -> Missing {
    if exited.is_none() {
        return Missing::Disconnected;
    }
    match timeout(AFTER_EOF, exit(exited)).await {
        Ok(()) => Missing::Exited,
        Err(_) => Missing::Disconnected,
    }
}

/// Acknowledges what the sinks have taken.
fn acknowledge(mailbox: &Mailbox, protocol: &mut HostSession) {
    mailbox.take_delivered().into_iter().for_each(|sequence| protocol.ack(sequence));
}

/// Returns when the child has ended; never for a process that is not our child.
async fn exit(exited: &mut Option<watch::Receiver<bool>>) {
    let Some(exited) = exited else { return std::future::pending().await };
    if exited.wait_for(|exited| *exited).await.is_err() {
        std::future::pending().await
    }
}

fn shutting_down() -> Rejection {
    Rejection::new(
        RejectReason::ShuttingDown,
        "the host stops",
        "connect again when it has been started again",
    )
}

fn from(peer: Peer) -> String {
    peer.pid.map_or_else(String::new, |pid| format!(" (from process {pid})"))
}
