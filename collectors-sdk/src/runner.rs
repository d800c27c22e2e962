//! The life of a collector: connect, serve, lose the host, connect again, leave.

mod leaving;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use stook_proto::collector::Event;
use stook_proto::transport::EndpointError;
use stook_proto::{Assignment, Lease, RejectReason, Rejection, TaskOutcome};
use stook_types::Capability;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use self::leaving::Leaving;
use crate::backoff::Backoff;
use crate::cancellation::Cancellation;
use crate::core::Core;
use crate::link::Connect;
use crate::notices::{Cause, Notices};
use crate::recorder::Own;
use crate::tasks::{Tasks, until, why};
use crate::{Collector, Description, Options, Recorder, RunError, Task, TaskError};

pub(crate) struct Runner<C> {
    collector: Arc<C>,
    description: Description,
    options: Options,
    core: Arc<Core>,
    tasks: Tasks,
    stream: Option<AbortOnDrop<Result<(), TaskError>>>,
    backoff: Backoff,
    /// Since when there is no session.
    alone_since: Instant,
    /// Whether the host has taken the collector on this connection, and on any.
    welcome: bool,
    was_welcome: bool,
    leaving: Option<Leaving>,
    /// Whether a signal has asked it to stop.
    stopped: bool,
    /// What the stream ended with.
    failure: Option<String>,
    /// Whether it has ended by itself, with nothing left to do.
    done: bool,
    /// Whether the host has closed after a goodbye: it has read all that came before.
    heard_out: bool,
    notices: Notices,
}

/// How a connection ended.
enum End {
    Lost(String),
    Rejected(Rejection),
    Left,
}

/// Room for what a host has to say at once; most of it is acknowledgements.
const READ: usize = 16 * 1024;

impl<C: Collector> Runner<C> {
    pub(crate) fn new(collector: impl Into<Arc<C>>, options: Options) -> Result<Self, RunError> {
        let collector = collector.into();
        let description = collector.describe();
        description.check()?;
        let declaration = description.declare(&options, options.id(&description)?);
        let backoff = Backoff::new(declaration.incarnation);
        Ok(Self {
            core: Arc::new(Core::new(declaration, options.replay)),
            collector,
            description,
            options,
            tasks: Tasks::default(),
            stream: None,
            backoff,
            alone_since: Instant::now(),
            welcome: false,
            was_welcome: false,
            leaving: None,
            stopped: false,
            failure: None,
            done: false,
            heard_out: false,
            notices: Notices::new(),
        })
    }

    /// Notices go to whoever has set up a log, and to nobody else.
    #[cfg(feature = "testing")]
    pub(crate) fn noticed_in_the_log(self) -> Self {
        Self { notices: Notices::to_the_log(), ..self }
    }

    /// What its recorders share.
    #[cfg(feature = "testing")]
    pub(crate) fn core(&self) -> Arc<Core> {
        Arc::clone(&self.core)
    }

    pub(crate) async fn run<L: Connect, S: Future<Output = ()>>(
        mut self,
        host: L,
        mut stop: Pin<&mut S>,
    ) -> Result<(), RunError> {
        let core = Arc::clone(&self.core);
        let heart = AbortOnDrop(tokio::spawn(async move { core.beat().await }));
        let (collector, results) = (Arc::clone(&self.collector), Recorder::new(Arc::clone(&self.core), None));
        self.stream = Some(AbortOnDrop(tokio::spawn(async move { collector.stream(results).await })));

        let outcome = self.connections(&host, stop.as_mut()).await;
        self.tasks = Tasks::default();
        self.stream = None;
        drop(heart);
        self.core.close();
        let recorded = self.core.recorded();
        match (self.core.session().unsettled(), self.heard_out) {
            (0, _) => {}
            (results, true) => tracing::info!(results, "left before the host acknowledged everything"),
            (results, false) => {
                let what = format!("left with results that the host has not acknowledged: {results}");
                self.notices.warn(Cause::Host, &what);
            }
        }
        self.notices.end();
        outcome?;
        if let Some(text) = self.failure {
            return Err(RunError::Stream(text));
        }
        match self.notices.most_refused() {
            Some((count, topic, reason)) if self.done && count == recorded => Err(RunError::AllRefused {
                count,
                topic: topic.map(ToString::to_string),
                reason: reason.to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// One connection after the other.
    async fn connections<L: Connect, S: Future<Output = ()>>(
        &mut self,
        host: &L,
        mut stop: Pin<&mut S>,
    ) -> Result<(), RunError> {
        loop {
            let end = match host.connect().await {
                Ok(mut connection) => self.connection(L::halves(&mut connection), stop.as_mut()).await,
                Err(error) => self.no_host(error)?,
            };
            self.core.session().disconnect();
            // The host has fenced their leases. Not only cancelled: what one of them may still say must not be
            // taken for the answer of a later lease of the same number.
            self.tasks = Tasks::default();
            self.count_tasks();
            if std::mem::take(&mut self.welcome) {
                self.alone_since = Instant::now();
            }
            match end {
                End::Left => return Ok(()),
                End::Rejected(rejection) if rejection.reason == RejectReason::Superseded => return Ok(()),
                End::Rejected(rejection) if !rejection.reason.is_temporary() => {
                    return Err(RunError::Rejected(rejection));
                }
                End::Rejected(rejection) => {
                    // Somebody may have to stop the other one first.
                    self.backoff
                        .patient(rejection.reason == RejectReason::Duplicate && !self.options.supervised);
                    self.notices.lost(&rejection);
                }
                End::Lost(why) => {
                    // Whoever had the name may have gone with the host.
                    self.backoff.patient(false);
                    self.notices.lost(&why);
                }
            }
            if self.options.supervised && self.alone_since.elapsed() >= self.options.orphan_grace {
                return Err(RunError::Orphaned(self.options.orphan_grace));
            }
            if self.wait(stop.as_mut()).await {
                return Ok(());
            }
        }
    }

    /// What it means that no connection can be made.
    fn no_host(&self, error: EndpointError) -> Result<End, RunError> {
        match error {
            error @ EndpointError::NoHost { .. } if !self.options.supervised && !self.was_welcome => {
                Err(RunError::NoHost { kind: self.description.kind.clone(), source: error })
            }
            error @ (EndpointError::NoHost { .. } | EndpointError::Io { .. }) => {
                Ok(End::Lost(error.to_string()))
            }
            error => Err(error.into()),
        }
    }

    /// Waits before the next attempt. `true` if there is to be none.
    async fn wait<S: Future<Output = ()>>(&mut self, mut stop: Pin<&mut S>) -> bool {
        let retry = sleep(self.backoff.next());
        tokio::pin!(retry);
        while !self.may_go() {
            tokio::select! {
                () = &mut retry => return false,
                () = until(self.leaving_deadline()) => {}
                () = until(self.notices.next()) => self.notices.tell_left_out(),
                () = stop.as_mut(), if self.heeds_signals() => self.stop(),
                ended = stream_end(&mut self.stream) => self.stream_ended(ended),
            }
        }
        true
    }

    /// Serves one connection to its end.
    async fn connection<S: Future<Output = ()>>(
        &mut self,
        (mut reader, mut writer): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
        mut stop: Pin<&mut S>,
    ) -> End {
        self.core.session().connect(self.core.now());
        let core = Arc::clone(&self.core);
        let (mut input, mut output) = (BytesMut::with_capacity(READ), BytesMut::new());
        // Whether the goodbye was written, too.
        let (mut writable, mut said_all) = (true, false);
        loop {
            if output.is_empty() {
                output = core.transmit();
            }
            let due = self.deadline();
            tokio::select! {
                read = reader.read_buf(&mut input) => match read {
                    Ok(0) => return self.gone("the host has closed the connection", said_all),
                    Ok(_) => core.read(&mut input),
                    Err(error) => return self.gone(&error.to_string(), said_all),
                },
                wrote = writer.write(&output), if writable && !output.is_empty() => match wrote {
                    Ok(n) if n > 0 => {
                        output.advance(n);
                        said_all |= output.is_empty() && self.leaving.is_some() && core.session().has_left();
                    }
                    // The reason may still be there to be read.
                    _ => writable = false,
                },
                () = core.output.notified(), if output.is_empty() => {}
                () = until(due) => {}
                () = until(self.notices.next()) => self.notices.tell_left_out(),
                () = stop.as_mut(), if self.heeds_signals() => self.stop(),
                ended = stream_end(&mut self.stream) => self.stream_ended(ended),
                (lease, outcome) = self.tasks.next() => self.task_ended(lease, outcome),
            }
            // A process that stood still is late itself: what is there is read before the host is blamed.
            if due.is_some_and(|due| due <= Instant::now())
                && let Ok(Ok(1..)) = timeout(Duration::ZERO, reader.read_buf(&mut input)).await
            {
                core.read(&mut input);
            }
            if let Some(end) = self.hear() {
                return end;
            }
            if let Some(end) = self.go_on_leaving() {
                return end;
            }
        }
    }

    /// Acts on everything that the host has said.
    fn hear(&mut self) -> Option<End> {
        loop {
            match self.core.poll() {
                Ok(None) => return None,
                Ok(Some(event)) => {
                    if let Some(end) = self.act(event) {
                        return Some(end);
                    }
                }
                Err(error) => return Some(End::Lost(error.to_string())),
            }
        }
    }

    fn act(&mut self, event: Event) -> Option<End> {
        match event {
            Event::Welcome(terms) => {
                tracing::info!(epoch = %terms.epoch, "the host has taken this collector");
                (self.welcome, self.was_welcome) = (true, true);
                self.backoff.reset();
                self.notices.taken();
            }
            Event::Rejected(rejection) => return Some(End::Rejected(rejection)),
            Event::Assigned(assignment) => self.start(assignment),
            Event::Cancelled(lease) => self.tasks.cancel(lease, self.options.cancel_grace),
            Event::Drain(grace) => self.leave("drained by the host", grace),
            Event::Refused { sequence, topic, reason } => {
                tracing::debug!(sequence, reason, "the host refused a result");
                self.notices.refused(topic, &reason);
            }
            _ => {}
        }
        None
    }

    fn start(&mut self, assignment: Assignment) {
        let Assignment { lease, task: id, capability, correlation_id, payload, timeout } = assignment;
        if let Err(outcome) = self.may_start(&capability) {
            self.core.session().task_finished(lease, outcome);
            return;
        }
        self.core.session().task_started(lease);
        let cancellation = Cancellation::new();
        let own = Own { correlation_id: correlation_id.clone(), lease, cancellation: cancellation.clone() };
        let results = Recorder::new(Arc::clone(&self.core), Some(own));
        let task = Task {
            id,
            capability: capability.clone(),
            correlation_id,
            timeout,
            payload,
            cancellation: cancellation.clone(),
        };
        let collector = Arc::clone(&self.collector);
        let work = async move { collector.task(task, &results).await };
        self.tasks.spawn(lease, capability, cancellation, work);
        self.count_tasks();
    }

    fn may_start(&self, capability: &Capability) -> Result<(), TaskOutcome> {
        if let Some(leaving) = &self.leaving {
            return Err(TaskOutcome::Returned(format!("the collector leaves: {}", leaving.reason)));
        }
        let declared = self.description.capabilities.iter().find(|declared| declared.name == *capability);
        match declared.map(|declared| declared.concurrency as usize) {
            None => Err(TaskOutcome::Failed(format!("the collector has no capability `{capability}`"))),
            Some(most) if self.tasks.running(capability) >= most => Err(TaskOutcome::Failed(format!(
                "`{capability}` runs {most} times already, which is its concurrency"
            ))),
            Some(_) => Ok(()),
        }
    }

    fn task_ended(&mut self, lease: Lease, outcome: TaskOutcome) {
        match &outcome {
            TaskOutcome::Done => {}
            TaskOutcome::Failed(text) => {
                self.notices.warn(Cause::Task, &format!("a task failed: {text}"));
            }
            TaskOutcome::Returned(text) => tracing::info!(%lease, text, "gave a task back"),
        }
        self.core.session().task_finished(lease, outcome);
        self.core.progress();
        self.count_tasks();
    }

    fn count_tasks(&self) {
        let active = u32::try_from(self.tasks.len()).unwrap_or(u32::MAX);
        self.core.active_tasks.store(active, std::sync::atomic::Ordering::Relaxed);
    }

    /// If the collector has nothing left to do by this, it leaves.
    fn stream_ended(&mut self, ended: Result<(), String>) {
        self.stream = None;
        match ended {
            // Whoever is told to leave may stop in the middle of something.
            Err(text) if self.leaving.is_some() => tracing::info!(text, "the stream has ended"),
            Err(text) => {
                tracing::error!(text, "the stream failed");
                self.failure = Some(text);
                self.leave("the stream has failed", self.options.drain_grace);
            }
            Ok(()) if self.leaving.is_none() && self.description.capabilities.is_empty() => {
                self.done = true;
                self.leave("the stream has ended", self.options.drain_grace);
            }
            Ok(()) => {}
        }
    }

    /// Whether something runs that may still record.
    fn is_busy(&self) -> bool {
        self.tasks.len() > 0 || self.stream.is_some()
    }

    /// The connection has ended. A host that had not even been sent the goodbye has not closed because of it: what it has
    /// not acknowledged goes again.
    fn gone(&mut self, why: &str, said_all: bool) -> End {
        let session = self.core.session();
        let over = session.has_left() && (said_all || session.unsettled() == 0);
        drop(session);
        if over {
            self.heard_out = true;
            return End::Left;
        }
        End::Lost(why.into())
    }

    fn deadline(&self) -> Option<Instant> {
        let session = self.core.session().deadline().map(|deadline| self.core.instant(deadline));
        session.into_iter().chain(self.leaving_deadline()).min()
    }

    fn leaving_deadline(&self) -> Option<Instant> {
        self.leaving.as_ref().map(|leaving| leaving.deadline(self.is_busy()))
    }
}

/// Stops a task when its owner goes, however that happens.
pub(crate) struct AbortOnDrop<T>(pub(crate) JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How the stream ended; never, if it has already.
async fn stream_end(stream: &mut Option<AbortOnDrop<Result<(), TaskError>>>) -> Result<(), String> {
    match stream {
        Some(AbortOnDrop(stream)) => {
            stream.await.map_or_else(|error| Err(why(error)), |ended| ended.map_err(TaskError::into_text))
        }
        None => std::future::pending().await,
    }
}
