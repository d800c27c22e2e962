//! What every collector must do, as tests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Serialize;
use stook_types::Value;
use tokio::runtime::Runtime;
use tokio::time::sleep;

use super::watched::Watched;
use super::{RejectReason, Report, TaskEnd, TestHost, TestTask};
use crate::{Collector, RunError, to_value};

/// What [`conformance!`](crate::conformance) runs. Each method is a test: it panics where the collector is not as it must be.
pub struct Suite<F> {
    make: F,
    arguments: BTreeMap<&'static str, Value>,
    time: Time,
}

/// Which clock runs, and what is a while on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Time {
    Virtual,
    Real,
}

impl Time {
    fn heartbeat(self) -> Duration {
        match self {
            Self::Virtual => Duration::from_secs(2),
            Self::Real => Duration::from_millis(10),
        }
    }

    /// Some heartbeats.
    fn a_while(self) -> Duration {
        self.heartbeat() * 5
    }
}

/// Time in one piece after which a future is said to block: half of what is between two heartbeats as a rule.
const BLOCKED: Duration = Duration::from_secs(1);

/// Why a task may not have ended in time, and what to do about it.
const ARGUMENTS: &str = "; the arguments that conformance! gives must let a task end by itself: \
    conformance!(…, \"CAPABILITY\" => ARGUMENTS)";

/// Time for what runs when a collector is drained.
const GRACE: Duration = Duration::from_secs(2);

// === impl Suite ===

impl<C: Collector, F: Fn() -> C> Suite<F> {
    /// For a collector that waits for nothing but the clock and the host.
    pub fn virtual_time(make: F) -> Self {
        Self { make, arguments: BTreeMap::new(), time: Time::Virtual }
    }

    /// For a collector that waits for the world outside.
    pub fn real_time(make: F) -> Self {
        Self { make, arguments: BTreeMap::new(), time: Time::Real }
    }

    /// What tasks of this capability are given; nothing without this.
    ///
    /// # Panics
    /// If it cannot be said by a payload.
    #[must_use]
    pub fn arguments(mut self, capability: &'static str, arguments: impl Serialize) -> Self {
        let arguments = to_value(&arguments).unwrap_or_else(|error| panic!("bad arguments: {error}"));
        self.arguments.insert(capability, arguments);
        self
    }

    /// The description is valid, and declares something.
    ///
    /// # Panics
    /// If not.
    pub fn describes_itself(&self) {
        self.run(async |host, _| {
            let hello = host.hello();
            assert!(!hello.kind.is_empty(), "the kind is empty");
            assert!(!hello.topics.is_empty(), "it declares no topic, and can never say anything");
        });
    }

    /// Each task is done or fails with a text, on the topics of its capability, without a panic.
    ///
    /// # Panics
    /// If not.
    pub fn answers_each_capability(&self) {
        self.run(async |host, _| {
            for capability in capabilities(host) {
                self.answers(host, &capability, self.arguments_of(&capability)).await;
            }
        });
    }

    /// So it is with arguments that nobody should send; no task harms the next.
    ///
    /// # Panics
    /// If not.
    pub fn takes_odd_arguments(&self) {
        let odd = [
            Value::from(-1),
            Value::from(""),
            Value::Array(vec![Value::Null; 3]),
            Value::from([("no-such-argument", f64::NAN)]),
        ];
        self.run(async |host, _| {
            for capability in capabilities(host) {
                for arguments in &odd {
                    self.answers(host, &capability, arguments.clone()).await;
                }
                self.answers(host, &capability, self.arguments_of(&capability)).await;
            }
        });
    }

    /// Heartbeats go on while tasks run, because nothing blocks the runtime for a second.
    ///
    /// # Panics
    /// If not.
    pub fn blocks_no_heartbeats(&self) {
        self.run(async |host, slowest| {
            let tasks = self.assign_all(host).await;
            for _ in 0..3 {
                host.heartbeat().await;
            }
            tasks.iter().for_each(TestTask::cancel);
            for task in tasks {
                task.end().await;
            }
            let slowest = *slowest.lock().expect("nobody panics with it");
            assert!(
                slowest < BLOCKED,
                "it kept its thread for {slowest:?} without an await: make it a BlockingCollector, or use spawn_blocking"
            );
        });
    }

    /// What was not acknowledged before a reconnect comes again, and is not recorded again.
    ///
    /// # Panics
    /// If not.
    pub fn survives_lost_acknowledgements(&self) {
        self.run(async |host, _| {
            (0..3).for_each(|_| host.drop_ack());
            self.answers_all(host).await;
            host.reconnect().await;
            self.answers_all(host).await;
            settled(host).await;
        });
    }

    /// When the connection breaks while tasks run, it comes back and runs others.
    ///
    /// # Panics
    /// If not.
    pub fn survives_a_broken_connection(&self) {
        self.run(async |host, _| {
            for _ in 0..3 {
                self.assign_all(host).await;
                host.reconnect().await;
            }
            self.answers_all(host).await;
            settled(host).await;
        });
    }

    /// It waits while the host takes nothing, and goes on with it.
    ///
    /// # Panics
    /// If not.
    pub fn survives_a_host_that_stands_still(&self) {
        self.run(async |host, _| {
            let tasks = self.assign_all(host).await;
            host.stall();
            sleep(self.time.a_while()).await;
            host.resume();
            for task in tasks {
                // Of a task that is to go on until it is cancelled there is no end to wait for.
                task.cancel();
                task.end().await;
            }
            self.answers_all(host).await;
            settled(host).await;
        });
    }

    /// A host that does not take it now is asked again.
    ///
    /// # Panics
    /// If not.
    pub fn survives_a_rejection(&self) {
        self.run(async |host, _| {
            host.reject(RejectReason::Busy);
            sleep(self.time.a_while()).await;
            host.accept();
            self.answers_all(host).await;
            settled(host).await;
        });
    }

    /// A task that is cancelled ends, and its place is free.
    ///
    /// # Panics
    /// If not.
    pub fn lets_go_of_what_is_cancelled(&self) {
        self.run(async |host, _| {
            for task in self.assign_all(host).await {
                task.cancel();
                let Report { end, .. } = task.end().await;
                assert!(matches!(end, TaskEnd::Done | TaskEnd::Failed(_)), "{end:?}");
            }
            // Not run to their end: that may be far.
            for task in self.assign_all(host).await {
                assert!(task.has_begun(), "a task was cancelled and ended, and its place is still taken");
                task.cancel();
                task.end().await;
            }
        });
    }

    /// It ends well when the host drains it, and tells the end of each task.
    ///
    /// # Panics
    /// If not.
    pub fn leaves_when_drained(&self) {
        self.run(async |host, _| {
            let tasks = self.assign_all(host).await;
            host.drain(GRACE);
            for task in tasks {
                let Report { end, .. } = task.end().await;
                assert_ne!(end, TaskEnd::Lost, "the collector left without a word about a task");
            }
            host.ended().await.unwrap_or_else(|error| panic!("the collector did not end well: {error}"));
        });
    }

    /// It ends with the host's reason when that wants it no more.
    ///
    /// # Panics
    /// If not.
    pub fn leaves_when_rejected(&self) {
        self.run(async |host, _| {
            host.reject(RejectReason::UnknownCollector);
            let end = host.ended().await;
            assert!(matches!(end, Err(RunError::Rejected(_))), "{end:?}");
        });
    }

    // === impl ===

    /// Runs a test with a collector of its own.
    fn run(&self, test: impl AsyncFn(&TestHost, &Mutex<Duration>)) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().start_paused(self.time == Time::Virtual);
        let runtime = InBackground(Some(runtime.build().expect("the system has room for a runtime")));
        let slowest = Arc::new(Mutex::new(Duration::ZERO));
        let watched = Watched { inner: (self.make)(), slowest: Arc::clone(&slowest) };
        runtime.0.as_ref().expect("there until it is dropped").block_on(async {
            let host = TestHost::builder().heartbeat(self.time.heartbeat()).start(watched).await;
            test(&host, &slowest).await;
            if let Some(topic) = host.undeclared() {
                panic!("it recorded on topic `{topic}`, which is not in its description");
            }
        });
    }

    fn arguments_of(&self, capability: &str) -> Value {
        self.arguments.get(capability).cloned().unwrap_or_default()
    }

    /// One task of each capability.
    async fn assign_all<'a>(&self, host: &'a TestHost) -> Vec<TestTask<'a>> {
        let mut tasks = Vec::new();
        for capability in capabilities(host) {
            let task = host.assign(&capability, self.arguments_of(&capability)).await;
            task.started().await;
            tasks.push(task);
        }
        tasks
    }

    async fn answers_all(&self, host: &TestHost) {
        host.connected().await;
        for capability in capabilities(host) {
            self.answers(host, &capability, self.arguments_of(&capability)).await;
        }
    }

    async fn answers(&self, host: &TestHost, capability: &str, arguments: Value) {
        let task = host.assign(capability, &arguments).await;
        let Report { end, results, .. } = task.end_with(ARGUMENTS).await;
        match &end {
            TaskEnd::Done => {}
            TaskEnd::Failed(why) => {
                assert!(!why.starts_with("panicked"), "`{capability}` {why}, given {arguments:?}");
                assert!(!why.is_empty(), "`{capability}` failed without a text, given {arguments:?}");
            }
            other => panic!("`{capability}` is {other:?}, given {arguments:?}"),
        }
        let hello = host.hello();
        let declared = hello.capabilities.iter().find(|declared| declared.name.to_string() == capability);
        let topics = &declared.expect("it is one of those that are declared").topics;
        for result in results {
            let known = topics.iter().any(|topic| topic.to_string() == result.topic);
            assert!(known, "`{capability}` answered on `{}`, which it does not declare", result.topic);
        }
    }
}

fn capabilities(host: &TestHost) -> Vec<String> {
    host.hello().capabilities.iter().map(|capability| capability.name.to_string()).collect()
}

/// Everything that was recorded has come: nothing is lost, and what came again was known by its sequence.
async fn settled(host: &TestHost) {
    host.flushed().await;
    let missing = host.missing();
    assert!(missing.is_empty(), "the results {missing:?} were lost");
}

/// A runtime that waits for nobody when it goes, also when a test fails.
struct InBackground(Option<Runtime>);

impl Drop for InBackground {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Not to wait for threads that heed nothing.
            runtime.shutdown_background();
        }
    }
}
