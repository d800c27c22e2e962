//! A host that is not quite as usual.

use std::sync::Arc;
use std::time::Duration;

use stook_proto::host::HostLimits;
use stook_proto::transport::Endpoint;
use tokio::sync::{Notify, mpsc};

use super::TestHost;
use super::book::Book;
use super::pipe::Pipes;
use super::server::{Shared, serve};
use crate::runner::{AbortOnDrop, Runner};
use crate::{Collector, Options, ReplayLimits};

/// A host that is not quite as usual. Made by [`TestHost::builder`].
#[must_use]
pub struct Builder {
    limits: HostLimits,
    heartbeat: Duration,
    patience: Duration,
    options: Options,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            limits: HostLimits::default(),
            heartbeat: Duration::from_secs(2),
            patience: Duration::from_secs(60),
            options: Options::new(Endpoint::in_directory("in memory")),
        }
    }

    /// What the host allows a connection: results under way, sizes.
    pub fn limits(self, limits: HostLimits) -> Self {
        Self { limits, ..self }
    }

    /// Time between heartbeats; 2 s without this.
    pub fn heartbeat(self, heartbeat: Duration) -> Self {
        Self { heartbeat, ..self }
    }

    /// What the collector keeps until it is acknowledged.
    pub fn replay(mut self, replay: ReplayLimits) -> Self {
        self.options.replay = replay;
        self
    }

    /// Time that the collector has to end its tasks when it is told to [stop](TestHost::stop); 5 s without this.
    pub fn drain_grace(mut self, grace: Duration) -> Self {
        self.options.drain_grace = grace;
        self
    }

    /// How long a test waits for one thing; 60 s without this.
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Runs a collector, and waits until it is connected.
    ///
    /// # Panics
    /// If what it says of itself is not valid.
    pub async fn start(self, collector: impl Collector) -> TestHost {
        let runner = Runner::new(collector, self.options).unwrap_or_else(|error| panic!("{error}"));
        let runner = runner.noticed_in_the_log();
        let shared = Arc::new(Shared::new(Book::new(self.limits, self.heartbeat)));
        let core = runner.core();
        let (connect, connections) = mpsc::channel(1);
        let stop = Arc::new(Notify::new());
        let (stopped, run) = (Arc::clone(&stop), Arc::clone(&shared));
        let collector = tokio::spawn(async move {
            let outcome = runner.run(Pipes(connect), std::pin::pin!(stopped.notified())).await;
            run.book().outcome = Some(outcome);
            run.heard.notify_waiters();
        });
        let server = tokio::spawn(serve(Arc::clone(&shared), connections));
        let host = TestHost {
            shared,
            core,
            patience: self.patience,
            stop,
            running: [AbortOnDrop(collector), AbortOnDrop(server)],
        };
        // It may have said all it has to say, and left, before this looks.
        host.until("the collector to connect", |book| (book.sessions > 0).then_some(())).await;
        host
    }
}
