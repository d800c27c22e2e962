//! Policies that are asked about a set which is not open: nothing is locked then.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use stook_engine::{AggregateSpec, Offered, ResultAggregator};
use stook_plugin::{Admission, CompletionPolicy, Contribution, Decision, Keep, Roster, Scope, SetView};
use stook_types::{CollectorId, MonoTime, Payload};

use crate::harness::{JSON, id, source, spec, topic};
use crate::policies::{named, remember};

/// Waits, in the one of its calls that is asked about, until the test says so; and tells the test that it does.
struct Waits {
    in_admit: bool,
    reached: Arc<AtomicBool>,
    go_on: Mutex<mpsc::Receiver<()>>,
}

impl Waits {
    fn wait(&self) {
        if !self.reached.swap(true, Ordering::SeqCst) {
            let told = self.go_on.lock().unwrap().recv_timeout(Duration::from_secs(5));
            assert!(told.is_ok(), "something is locked");
        }
    }
}

impl CompletionPolicy for Waits {
    fn decide(&self, _: &SetView<'_>) -> Decision {
        Decision::Pending
    }

    fn admit(&self, set: &SetView<'_>, _: &Contribution) -> Admission {
        if self.in_admit && set.results.is_empty() {
            self.wait();
        }
        Admission::Enters
    }

    fn expects(&self, _: &Roster<'_>) -> Vec<CollectorId> {
        if !self.in_admit {
            self.wait();
        }
        Vec::new()
    }
}

/// Another set's result does not wait for a policy that is asked of a set which is not open.
#[test]
fn nothing_is_locked_while_a_policy_is_asked_whether_a_set_may_open() {
    for in_admit in [false, true] {
        let (tell, go_on) = mpsc::channel();
        let reached = Arc::new(AtomicBool::new(false));
        let policy = Waits { in_admit, reached: reached.clone(), go_on: Mutex::new(go_on) };
        let dedup = Some(remember(Scope::Aggregate, 60_000, 100, Keep::First));
        let spec = AggregateSpec { completion: vec![named("waits", policy)], dedup, ..spec() };
        let engine = ResultAggregator::new(vec![spec], 1 << 30);
        let sessions = ["p1", "p2"].map(|name| engine.connected(source(name, 1, 1)));
        let route = engine.route(&topic("a.x")).unwrap();
        let offer = |session: usize, json: &'static str| {
            let payload = Payload::new(json.as_bytes().into(), &JSON);
            let offered = Offered::new(topic("a.x"), id(json), 1, payload);
            engine.offer(MonoTime::ZERO, &sessions[session], route, &offered, &mut Vec::new())
        };
        thread::scope(|scope| {
            scope.spawn(|| {
                while !reached.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
                offer(1, "2");
                tell.send(()).unwrap();
            });
            offer(0, "1");
        });
        assert_eq!(engine.counters().plugin_panics, 0, "another set's result waited for the policy");
    }
}
