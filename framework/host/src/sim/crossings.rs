//! What host and collector say at the same moment, before either has heard the other.

use std::time::Duration;

use stook_proto::FanOut;
use stook_types::TaskOutcome;

use super::collector::{Order, SCAN};
use super::script::Script;
use super::simulate;
use super::world::World;
use crate::event::Event;

const CONFIG: &str = r##"
    [aggregate.answers]
    topics = ["answers.#"]
    complete = { use = "everybody" }
    timeout = "30s"

    [aggregate.told]
    topics = ["told.#"]
    timeout = "1s"
    limits = { sets = 1, when_full = "backpressure" }

    [collector.a]
    publish = ["#"]

    [collector.b]
    publish = ["#"]
"##;

/// Turns of those who are ready to run: more than a frame takes from end to end.
const TURNS: usize = 12;
const SECOND: Duration = Duration::from_secs(1);

/// The goodbye has been read and results before it wait for room, when a task comes for who has said it: it is somebody
/// else's, not one that failed.
#[test]
fn a_task_that_crosses_the_goodbye_goes_to_another() {
    for turns in 0..TURNS {
        simulate(async {
            let mut world = World::start(CONFIG, 1, 64 << 10).await;
            world.launch("a", 8);
            world.pass(SECOND).await;
            for _ in 0..2 {
                let id = world.id();
                world.order("a", Order::Tell { id, results: 1, bytes: 8 });
            }
            world.order("a", Order::Leave);
            let task = world.task(SCAN, FanOut::One, Script::FINISH, 20 * SECOND);
            let handle = world.handle.clone();
            let submitted = tokio::spawn(async move {
                for _ in 0..turns {
                    // Not `yield_now`, after which everybody else has done everything.
                    tokio::spawn(async {}).await.expect("it does nothing");
                }
                handle.submit(task).await.expect("it is taken")
            });
            let submitted = submitted.await.expect("no panic");
            world.log.book().submitted.push((submitted.task, submitted.correlation_id));
            world.launch("b", 8);
            world.pass(5 * SECOND).await;
            let ends: Vec<_> = world
                .log
                .book()
                .events
                .iter()
                .filter_map(|(_, event)| match event {
                    Event::TaskEnded { outcome, .. } => Some(*outcome),
                    _ => None,
                })
                .collect();
            assert_eq!(ends, [TaskOutcome::Done], "after {turns} turns");
            world.stop().await;
        });
    }
}
