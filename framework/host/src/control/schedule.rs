//! When the host submits tasks by itself.

use std::sync::Arc;

use stook_types::MonoTime;
use tokio::sync::watch;

use crate::config::TaskConfig;
use crate::hub::Hub;

/// The configured tasks and when each is due.
pub(super) struct Schedule {
    tasks: Vec<Scheduled>,
    begun: watch::Sender<bool>,
}

/// A configured task, with the aggregates that are told whom to expect.
#[derive(Clone)]
pub(super) struct Scheduled {
    pub(super) config: Arc<TaskConfig>,
    pub(super) into: Arc<[usize]>,
    due: MonoTime,
}

impl Schedule {
    /// `begun` is told when it begins.
    pub(super) fn new(hub: &Hub, tasks: Vec<TaskConfig>, begun: watch::Sender<bool>) -> Self {
        let place = |name: &Arc<str>| hub.aggregator.specs().position(|spec| spec.name == *name);
        let scheduled = |config: TaskConfig| Scheduled {
            into: config.into.iter().filter_map(place).collect(),
            config: Arc::new(config),
            due: MonoTime::ZERO,
        };
        Self { tasks: tasks.into_iter().map(scheduled).collect(), begun }
    }

    pub(super) fn has_begun(&self) -> bool {
        *self.begun.borrow()
    }

    /// Every task is due now, and then at its interval.
    pub(super) fn begin(&mut self, now: MonoTime) {
        self.tasks.iter_mut().for_each(|task| task.due = now);
        self.begun.send_replace(true);
    }

    /// When the next task is due.
    pub(super) fn next(&self) -> Option<MonoTime> {
        self.has_begun().then(|| self.tasks.iter().map(|task| task.due).min()).flatten()
    }

    /// The tasks that are due, each put off by its interval. Times that were missed altogether are left out.
    pub(super) fn take_due(&mut self, now: MonoTime) -> Vec<Scheduled> {
        let mut due = Vec::new();
        let begun = self.has_begun();
        for task in self.tasks.iter_mut().filter(|task| begun && task.due <= now) {
            task.due = task.due + task.config.every;
            if task.due <= now {
                task.due = now + task.config.every;
            }
            due.push(task.clone());
        }
        due
    }
}
