//! One connection: from the first byte to the last, on a task of its own.

mod connection;
mod intake;

use std::sync::Arc;

use stook_engine::Session as EngineSession;
use stook_proto::host::Event as Said;
use stook_proto::transport::{Peer, Stream};
use stook_proto::{Assignment, Hello, RejectReason, Rejection, SessionError, TaskOutcome};
use stook_types::Missing;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Duration, Instant, timeout, timeout_at};

use crate::control::{Message, Registration};
use crate::hub::{Hub, Phase, reached};
use crate::mailbox::Mailbox;
use crate::strangers::Place;
use connection::{Connection, Io};
use intake::{Finished, Intake};

pub(crate) use intake::TopicRoute;

/// What control tells a session to do.
pub(crate) enum Command {
    Assign(Box<Assignment>),
    Drain(Duration),
}

/// A collector that control has let in.
pub(crate) struct Admitted {
    pub(crate) session: EngineSession,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) routes: Vec<TopicRoute>,
    pub(crate) heartbeat: Duration,
    /// Becomes true when the collector's process has ended, if it is a child of ours.
    pub(crate) exited: Option<watch::Receiver<bool>>,
}

/// Commands that may wait for one session.
const COMMANDS: usize = 64;
/// On the exit of a child: how long to read what is still buffered. A grandchild may hold the socket open.
const AFTER_EXIT: Duration = Duration::from_millis(10);
/// On the end of a child's stream: how long to wait for its exit, so that the reason is the right one.
const AFTER_EOF: Duration = Duration::from_millis(50);

/// Held while a session may still bring something in.
pub(crate) type Open = mpsc::Sender<std::convert::Infallible>;

/// Serves a connection until it ends. It has a stranger's place until it is let in.
pub(crate) async fn serve(hub: Arc<Hub>, stream: Stream, peer: Peer, place: Place, open: Open) {
    let mut connection = Connection::new(hub.clone(), stream);
    let mut phase = hub.phase.subscribe();
    let hello = tokio::select! {
        hello = introduce(&hub, &mut connection) => hello,
        () = reached(&mut phase, Phase::Stopping) => return connection.reject(&shutting_down()).await,
    };
    let hello = match hello {
        Ok(Some(hello)) => hello,
        Ok(None) => return,
        Err(error) => {
            hub.refused(format!("{error}{}", from(peer))).await;
            return connection.reject(&error.rejection()).await;
        }
    };
    let (commands, inbox) = mpsc::channel(COMMANDS);
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
    connection.protocol.welcome(admitted.session.source().epoch, admitted.heartbeat, stook_proto::Lease(0));
    let Admitted { session, mailbox, routes, exited, .. } = admitted;
    let intake = Intake::new(hub.clone(), session, mailbox.clone(), routes, replay_capacity);
    Member { hub, connection, intake, mailbox, inbox, exited, open, leaving: false }.serve(phase).await;
}

/// Reads up to the introduction. `None` if the peer left before it.
async fn introduce(hub: &Hub, connection: &mut Connection) -> Result<Option<Box<Hello>>, SessionError> {
    loop {
        match connection.protocol.poll(hub.clock.now())? {
            Some(Said::Hello(hello)) => return Ok(Some(hello)),
            Some(_) => {
                return Err(SessionError::Illegal {
                    frame: "a request",
                    when: "to a host that answers none",
                });
            }
            None => {}
        }
        if connection.turn().await == Io::Eof {
            return Ok(None);
        }
    }
}

/// A collector in session.
struct Member {
    hub: Arc<Hub>,
    connection: Connection,
    intake: Intake,
    mailbox: Arc<Mailbox>,
    inbox: mpsc::Receiver<Command>,
    exited: Option<watch::Receiver<bool>>,
    open: Open,
    /// It has said goodbye.
    leaving: bool,
}

/// How a session ends.
enum End {
    /// The stream ended.
    Eof,
    /// The collector has said goodbye, and everything before that has found its place.
    Left,
    /// The child's process ended; its stream may be held open by somebody else.
    Exited,
    /// The peer broke a rule.
    Violation(SessionError),
    /// The host stops.
    Closing,
}

impl Member {
    async fn serve(mut self, mut phase: watch::Receiver<Phase>) {
        let mut progress = self.hub.delivery.progress();
        let end = loop {
            tokio::select! {
                io = self.connection.turn() => match self.understand(io).await {
                    Ok(true) => {}
                    Ok(false) => break End::Eof,
                    Err(error) => break End::Violation(error),
                },
                () = self.mailbox.arrived() => {}
                Some(command) = self.inbox.recv() => self.obey(command).await,
                // Marked as seen before the attempt: room that is made during it is a reason for another.
                _ = progress.changed(), if self.intake.has_parked() => {
                    let finished = self.intake.retry(&mut self.connection.protocol);
                    self.tell(finished).await;
                }
                () = exit(&mut self.exited) => break End::Exited,
                () = reached(&mut phase, Phase::Stopping) => break End::Closing,
            }
            acknowledge(&self.mailbox, &mut self.connection);
            if self.leaving && !self.intake.has_parked() {
                break End::Left;
            }
        };
        self.end(end, phase).await;
    }

    /// Takes in what was read. False at the end of the stream.
    async fn understand(&mut self, io: Io) -> Result<bool, SessionError> {
        while let Some(said) = self.connection.protocol.poll(self.hub.clock.now())? {
            match said {
                Said::Results(batch) => self.intake.results(&mut self.connection.protocol, batch),
                Said::TaskFinished { lease, outcome } => {
                    let outcome = match outcome {
                        TaskOutcome::Done => Ok(()),
                        TaskOutcome::Failed(why) | TaskOutcome::Returned(why) => Err(why),
                    };
                    let finished = self.intake.finished(Finished { lease, outcome });
                    self.tell(finished).await;
                }
                Said::Goodbye(why) => {
                    tracing::debug!(collector = %self.intake.session().source().collector, why, "goodbye");
                    self.leaving = true;
                }
                // A sign of life, which is all that there is to it until somebody watches for silence.
                Said::Heartbeat(_) | Said::TaskStarted(_) => {}
                other => tracing::warn!(?other, "an event that this host does not know"),
            }
        }
        if io == Io::Read {
            // One busy session shall not be drained alone.
            tokio::task::yield_now().await;
        }
        Ok(io != Io::Eof)
    }

    async fn tell(&self, finished: impl IntoIterator<Item = Finished>) {
        let source = self.intake.session().source();
        for Finished { lease, outcome } in finished {
            let message = Message::Finished {
                collector: source.collector.clone(),
                epoch: source.epoch,
                lease,
                outcome,
            };
            // Control outlives the sessions; if not, nobody counts tasks any more.
            let _ = self.hub.control.send(message).await;
        }
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Drain(grace) => self.connection.protocol.drain(grace),
            Command::Assign(assignment) => {
                if let Err(error) = self.connection.protocol.assign(&assignment) {
                    let why = format!("failed to assign it: {error}");
                    self.tell([Finished { lease: assignment.lease, outcome: Err(why) }]).await;
                }
            }
        }
    }

    async fn end(mut self, end: End, mut phase: watch::Receiver<Phase>) {
        if let End::Exited = end {
            self.read_rest().await;
        }
        let finished = self.intake.close(&mut self.connection.protocol);
        self.tell(finished).await;
        let source = self.intake.session().source().clone();
        let Self { hub, mut connection, mailbox, open, mut exited, .. } = self;
        let ended = async |why| {
            let _ = hub.control.send(Message::Ended { source: source.clone(), why }).await;
        };
        match end {
            End::Exited => ended(Missing::Exited).await,
            End::Eof => ended(after_eof(&mut exited).await).await,
            End::Left => {
                connection.part().await;
                ended(after_eof(&mut exited).await).await;
            }
            End::Violation(error) => {
                ended(Missing::Disconnected).await;
                hub.refused(format!("{error} (from {})", source.collector)).await;
                connection.reject(&error.rejection()).await;
            }
            End::Closing => {
                ended(Missing::Disconnected).await;
                drop(open);
                reached(&mut phase, Phase::Flushed).await;
                acknowledge(&mailbox, &mut connection);
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

/// Why a collector is missing whose stream has ended.
async fn after_eof(exited: &mut Option<watch::Receiver<bool>>) -> Missing {
    match timeout(AFTER_EOF, exit(exited)).await {
        Ok(()) => Missing::Exited,
        Err(_) => Missing::Disconnected,
    }
}

/// Acknowledges what the sinks have taken.
fn acknowledge(mailbox: &Mailbox, connection: &mut Connection) {
    mailbox.take_delivered().into_iter().for_each(|sequence| connection.protocol.ack(sequence));
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
