//! An operator: asks, is answered, asks again or leaves.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;
use stook_plugin::SetKey;
use stook_proto::host::Event as Said;
use stook_proto::transport::Peer;
use stook_proto::{HostSession, RejectReason, Rejection, Request, Submission, Subscription};
use stook_types::{CollectorId, CorrelationId, Missing, TaskId, TaskOutcome, Value, to_value};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot, watch};

use super::connection::{Connection, Io};
use super::{consumer, shutting_down};
use crate::control::{Message, Order, SubmitRefused, Submitted, TaskEnd, TaskFailure};
use crate::event::Refused;
use crate::hub::{Hub, Phase, reached};
use crate::strangers::Place;

/// Something to say to the operator.
enum Answer {
    Reply { value: Value, last: bool },
    Refusal { text: String, remedy: String },
}

/// Answers that may wait to be sent.
const ANSWERS: usize = 16;

type Asking = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Serves an operator until it leaves.
pub(super) async fn serve<S>(
    hub: &Arc<Hub>,
    mut connection: Connection<S>,
    peer: Peer,
    place: Place,
    first: Request,
    mut phase: watch::Receiver<Phase>,
) where
    for<'a> &'a S: AsyncRead + AsyncWrite + Unpin,
{
    let permit = hub.operators.try_acquire().ok();
    let consumes = matches!(first, Request::Subscribe(Subscription::Sink { .. }));
    // There are as many consumers of sinks as the config says: whoever asks or looks on shall not keep them out.
    if permit.is_none() && !consumes {
        return connection.reject(&busy()).await;
    }
    // One that has no permit stays a stranger until it has its sink.
    let place = permit.is_none().then_some(place);
    let (to, mut answers) = mpsc::channel(ANSWERS);
    let mut asking: Option<Asking> = None;
    let mut asked = Some(first);
    loop {
        match asked.take() {
            None => {}
            Some(Request::Subscribe(subscription)) => match consumer::admit(hub, &subscription, peer).await {
                Ok(admitted) => {
                    drop(place);
                    return consumer::serve(hub, connection, admitted, permit, phase).await;
                }
                Err((text, remedy)) => {
                    connection.protocol.refuse_request(text, remedy);
                    if permit.is_none() {
                        return connection.reject(&busy()).await;
                    }
                }
            },
            Some(request) => asking = Some(Box::pin(answer(hub.clone(), request, to.clone()))),
        }
        // The stop comes last: what a task ended with is said before.
        tokio::select! {
            biased;
            Some(answer) = answers.recv() => say(&mut connection.protocol, answer),
            () = async { asking.as_mut().expect("there is one").await }, if asking.is_some() => asking = None,
            io = connection.turn() => {
                if matches!(io, Io::Eof | Io::Deaf) {
                    return;
                }
                match connection.protocol.poll(hub.clock.now()) {
                    Ok(Some(Said::Request(request))) => asked = Some(request),
                    Ok(_) => {}
                    Err(error) => {
                        let rejection = error.rejection();
                        let why = format!("{error} (from an operator)");
                        hub.refused(Refused { collector: None, reason: rejection.reason, why }).await;
                        return connection.reject(&rejection).await;
                    }
                }
            }
            () = reached(&mut phase, Phase::Stopping) => {
                while let Ok(answer) = answers.try_recv() {
                    say(&mut connection.protocol, answer);
                }
                return connection.reject(&shutting_down()).await;
            }
        }
    }
}

fn busy() -> Rejection {
    Rejection::new(RejectReason::Busy, "too many operators", "ask again after a while")
}

fn say(protocol: &mut HostSession, answer: Answer) {
    match answer {
        Answer::Reply { value, last } => {
            if let Err(error) = protocol.reply(&value, last) {
                protocol.refuse_request(format!("failed to answer: {error}"), "ask for less");
            }
        }
        Answer::Refusal { text, remedy } => protocol.refuse_request(text, remedy),
    }
}

/// Finds the answers to a request. Who asked may leave meanwhile; then they go nowhere.
async fn answer(hub: Arc<Hub>, request: Request, to: mpsc::Sender<Answer>) {
    let last = match request {
        Request::Status => {
            let (answer, answered) = oneshot::channel();
            let _ = hub.control.send(Message::Status(answer)).await;
            answered.await.map_or_else(|_| gone(), |report| reply(&report, true))
        }
        Request::Restart(id) => {
            let (answer, answered) = oneshot::channel();
            let _ = hub.control.send(Message::Restart(id.clone(), answer)).await;
            match answered.await {
                Ok(Ok(())) => reply(&Restarting { restarting: id }, true),
                Ok(Err(refused)) => {
                    Answer::Refusal { text: refused.to_string(), remedy: refused.remedy().to_owned() }
                }
                Err(_) => gone(),
            }
        }
        Request::Submit(submission) => submit(&hub, submission, &to).await,
        _ => Answer::Refusal {
            text: "this host does not know the request".into(),
            remedy: "use the `stook` of the host's version".into(),
        },
    };
    let _ = to.send(last).await;
}

/// Submits a task; with `wait` also says what comes of it. Gives the last answer.
async fn submit(hub: &Hub, mut submission: Submission, to: &mpsc::Sender<Answer>) -> Answer {
    let id = submission.correlation_id.get_or_insert_with(CorrelationId::random).clone();
    // Before it is submitted: its sets may be released at once.
    let watch = submission.wait.then(|| hub.delivery.watchers().watch(SetKey::Id(id)));
    let (end, ended) = oneshot::channel();
    let (answer, answered) = oneshot::channel();
    let order = Order { end: watch.is_some().then_some(end), submission, answer };
    let _ = hub.control.send(Message::Submit(Box::new(order))).await;
    let submitted = answered.await.unwrap_or_else(|_| Err(SubmitRefused::gone()));
    let (submitted, mut watch) = match (submitted, watch) {
        (Err(SubmitRefused { text, remedy, .. }), _) => return Answer::Refusal { text, remedy },
        (Ok(submitted), None) => return reply(&Progress::Submitted(Taken::from(submitted)), true),
        (Ok(submitted), Some(watch)) => (submitted, watch),
    };
    // Others may share its correlation ID: they are told, and not waited for.
    let mut open = submitted.sets.clone();
    if to.send(reply(&Progress::Submitted(Taken::from(submitted)), false)).await.is_err() {
        return gone();
    }
    tokio::pin!(ended);
    let mut end = None;
    loop {
        tokio::select! {
            biased;
            Some(set) = watch.sets.recv() => {
                open.retain(|aggregate| *aggregate != set.aggregate);
                if to.send(reply(&Progress::Result(&set), false)).await.is_err() {
                    return gone();
                }
            }
            ended = &mut ended, if end.is_none() => match ended {
                Ok(TaskEnd { outcome, failures }) => end = Some((outcome, failures)),
                Err(_) => return gone(),
            },
            // The task has ended, and whoever asked was too slow to be told of every set.
            else => open.clear(),
        }
        // Every set that was told of it is released at its timeout at the latest.
        if let Some((outcome, failures)) = end.take_if(|_| open.is_empty()) {
            while let Ok(set) = watch.sets.try_recv() {
                let _ = to.send(reply(&Progress::Result(&set), false)).await;
            }
            let failures = failures.into_iter().map(|TaskFailure { collector, reason, text }| Failure {
                collector,
                reason,
                text,
            });
            return reply(&Progress::Ended(Ended { outcome, failures: failures.collect() }), true);
        }
    }
}

fn reply(what: &impl Serialize, last: bool) -> Answer {
    match to_value(what) {
        Ok(value) => Answer::Reply { value, last },
        Err(error) => Answer::Refusal {
            text: format!("failed to write the answer: {error}"),
            remedy: "report this: it is a mistake in stook".into(),
        },
    }
}

fn gone() -> Answer {
    let SubmitRefused { text, remedy, .. } = SubmitRefused::gone();
    Answer::Refusal { text, remedy }
}

// === what is said; the names are a published format ===

#[derive(Serialize)]
struct Restarting {
    restarting: CollectorId,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Progress<'a> {
    Submitted(Taken),
    Result(&'a stook_plugin::AggregatedResult),
    Ended(Ended),
}

#[derive(Serialize)]
struct Taken {
    task: TaskId,
    correlation_id: CorrelationId,
    /// Sets that will be released for it.
    sets: usize,
    /// Parts that went out at once, and that wait for a place.
    assigned: usize,
    waiting: usize,
    /// Collectors that should have been asked and are not there.
    missing: usize,
    /// Capabilities that nobody is known to have.
    unknown: Vec<String>,
}

#[derive(Serialize)]
struct Ended {
    outcome: TaskOutcome,
    failures: Vec<Failure>,
}

#[derive(Serialize)]
struct Failure {
    collector: Option<CollectorId>,
    reason: Missing,
    text: Option<String>,
}

impl From<Submitted> for Taken {
    fn from(Submitted { task, correlation_id, sets, placed }: Submitted) -> Self {
        Self {
            task,
            correlation_id,
            sets: sets.len(),
            assigned: placed.assigned,
            waiting: placed.waiting,
            missing: placed.missing,
            unknown: placed.unknown.iter().map(ToString::to_string).collect(),
        }
    }
}
