//! How long a collector keeps its thread.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::{Collector, Description, Recorder, Task, TaskError};

/// A collector whose futures are timed: how long they keep their thread.
pub(super) struct Watched<C> {
    pub(super) inner: C,
    pub(super) slowest: Arc<Mutex<Duration>>,
}

impl<C> Watched<C> {
    async fn watch<T>(&self, future: impl Future<Output = T> + Send) -> T {
        let mut future = pin!(future);
        std::future::poll_fn(|context| {
            let begin = Instant::now();
            let polled: Poll<T> = future.as_mut().poll(context);
            let took = begin.elapsed();
            let mut slowest = self.slowest.lock().expect("nobody panics with it");
            *slowest = took.max(*slowest);
            polled
        })
        .await
    }
}

impl<C: Collector> Collector for Watched<C> {
    fn describe(&self) -> Description {
        self.inner.describe()
    }

    async fn task(&self, task: Task, results: &Recorder) -> Result<(), TaskError> {
        self.watch(self.inner.task(task, results)).await
    }

    async fn stream(&self, results: Recorder) -> Result<(), TaskError> {
        self.watch(self.inner.stream(results)).await
    }
}
