//! A task that a test has given.

use stook_proto::Lease;

use super::TestHost;
use super::book::Task;
use super::report::Report;

/// A task that was given to the collector.
pub struct TestTask<'a> {
    host: &'a TestHost,
    lease: Lease,
}

impl<'a> TestTask<'a> {
    pub(super) fn new(host: &'a TestHost, lease: Lease) -> Self {
        Self { host, lease }
    }

    /// Waits until the collector runs it, or has refused to.
    pub async fn started(&self) {
        let begun = |task: &Task| (task.started || task.end.is_some()).then_some(());
        self.host.until("a task to start", |book| begun(&book.tasks[&self.lease])).await;
    }

    /// The host wants it no more: what comes of it from now on is refused.
    pub fn cancel(&self) {
        if let Some(session) = &mut self.host.shared.book().session {
            session.fence(self.lease);
        }
        self.host.shared.told.notify_one();
    }

    /// Whether the collector has begun it.
    pub(super) fn has_begun(&self) -> bool {
        self.host.shared.book().tasks[&self.lease].started
    }

    /// Waits for its end. Until all its results are here, too, if the host has had to refuse none.
    pub async fn end(self) -> Report {
        self.end_with("").await
    }

    /// As [`end`](Self::end); `hint` follows what is said where it was waited for in vain.
    pub(super) async fn end_with(self, hint: &str) -> Report {
        let lease = self.lease;
        let what = format!("a task to end{hint}");
        let end = self.host.until(&what, |book| book.tasks[&lease].end.clone()).await;
        let book = self.host.shared.book();
        let id = Some(book.tasks[&lease].id);
        Report {
            end,
            results: book.results.values().filter(|result| result.task == id).cloned().collect(),
            refused: book.refused.values().filter(|refused| refused.task == id).cloned().collect(),
        }
    }
}
