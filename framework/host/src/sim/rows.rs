//! Faults by their rows in the fault list. What needs processes is in `tests/`.

use std::time::Duration;

use stook_plugin::AggregatedResult;
use stook_proto::FanOut;
use stook_types::{CollectorId, Missing, Outcome, TaskOutcome};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use super::collector::{Order, SCAN};
use super::invariants::HANG;
use super::script::{Death, Script, What};
use super::simulate;
use super::world::{TOO_LARGE, World};
use crate::event::Event;

const CONFIG: &str = r##"
    [aggregate.answers]
    topics = ["answers.#"]
    complete = { use = "everybody" }
    timeout = "30s"

    [aggregate.told]
    topics = ["told.#"]
    timeout = "1s"
    ack = "delivered"

    [collector.a]
    publish = ["#"]

    [collector.b]
    publish = ["#"]

    [collector.c]
    publish = ["#"]
"##;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

const SECOND: Duration = ms(1_000);
const LONG: Script = Script { after: ms(5_000), ..Script::FINISH };
const STUCK: Script = Script { what: What::Stick, results: 0, ..Script::FINISH };

/// Runs with `a` and `b` in service.
fn with_two(run: impl AsyncFnOnce(&mut World)) {
    with(CONFIG, run);
}

fn with(config: &str, run: impl AsyncFnOnce(&mut World)) {
    simulate(async {
        let mut world = World::start(config, 1, 64 << 10).await;
        world.launch("a", 8);
        world.launch("b", 8);
        world.pass(ms(10)).await;
        run(&mut world).await;
        world.stop().await;
    });
}

impl World {
    /// When the first such event came, counted from `since`.
    #[track_caller]
    fn after(&self, since: Instant, what: impl Fn(&Event) -> bool) -> Duration {
        let book = self.log.book();
        let found = book.events.iter().find(|(at, event)| *at >= since && what(event));
        found.unwrap_or_else(|| panic!("not in {:?}", book.events)).0 - since
    }

    fn count(&self, what: impl Fn(&Event) -> bool) -> usize {
        self.log.book().events.iter().filter(|(_, event)| what(event)).count()
    }

    /// Gives a task to whoever is best, and says who that is.
    async fn one(&mut self, script: Script) -> String {
        self.submit(SCAN, FanOut::One, script, 20 * SECOND).await.expect("it is taken");
        self.holder()
    }

    /// Who was given something last.
    fn holder(&self) -> String {
        let book = self.log.book();
        let given = |(_, event): &(Instant, Event)| match event {
            Event::TaskAssigned { collector, .. } => Some(collector.to_string()),
            _ => None,
        };
        book.events.iter().rev().find_map(given).expect("somebody has it")
    }

    /// The attempts of the last task, and how it ended.
    fn end(&self) -> (u32, TaskOutcome) {
        let book = self.log.book();
        let attempts = |(_, event): &(Instant, Event)| match event {
            Event::TaskAssigned { attempt, .. } => Some(*attempt),
            _ => None,
        };
        let outcome = |(_, event): &(Instant, Event)| match event {
            Event::TaskEnded { outcome, .. } => Some(*outcome),
            _ => None,
        };
        let attempts = book.events.iter().rev().find_map(attempts).expect("it was given to somebody");
        (attempts, book.events.iter().rev().find_map(outcome).expect("it has ended"))
    }

    /// The only set.
    fn set(&self) -> AggregatedResult {
        let book = &mut *self.log.book();
        let sets: Vec<_> = book.released().values().flatten().collect();
        assert_eq!(sets.len(), 1, "{sets:?}");
        sets[0].clone()
    }
}

fn lost(event: &Event) -> bool {
    matches!(event, Event::CollectorLost { .. })
}

fn moved(event: &Event) -> bool {
    matches!(event, Event::TaskRedistributed { to: Some(_), .. })
}

/// Rows 3, 4 and 8: dies with a task.
#[test]
fn a_task_of_a_dead_collector_goes_to_another_at_once() {
    with_two(async |world| {
        let holder = world.one(LONG).await;
        world.pass(SECOND).await;
        let died = Instant::now();
        world.kill(&holder);
        world.pass(10 * SECOND).await;
        assert!(world.after(died, lost) <= ms(1) && world.after(died, moved) == world.after(died, lost));
        assert_eq!(world.end(), (2, TaskOutcome::Done));
    });
}

/// Row 5: dies after the result, before its acknowledgement.
#[test]
fn a_result_that_was_sent_before_death_counts() {
    with_two(async |world| {
        world.one(Script { kills: 1, death: Death::BeforeAck, ..Script::FINISH }).await;
        world.pass(10 * SECOND).await;
        assert_eq!(world.end(), (2, TaskOutcome::Done));
        assert_eq!((world.set().results, world.count(moved)), (2, 1), "of both who had it");
    });
}

/// Row 6: dies with half a result written.
#[test]
fn half_a_result_is_none() {
    with_two(async |world| {
        world.one(Script { kills: 1, death: Death::HalfFrame, ..Script::FINISH }).await;
        world.pass(10 * SECOND).await;
        assert_eq!(world.end(), (2, TaskOutcome::Done));
        assert_eq!(world.set().results, 1);
    });
}

/// Row 9: a task that kills.
#[test]
fn a_task_that_kills_three_is_quarantined() {
    with_two(async |world| {
        world.launch("c", 1);
        world.pass(ms(10)).await;
        world.one(Script { kills: 9, ..Script::FINISH }).await;
        world.pass(10 * SECOND).await;
        assert_eq!(world.end(), (3, TaskOutcome::Quarantined));
        assert_eq!(world.count(|event| matches!(event, Event::TaskQuarantined { kills: 3, .. })), 1);
        world.launch("a", 1);
        world.pass(SECOND).await;
        world.one(Script::FINISH).await;
        world.pass(SECOND).await;
        assert_eq!(world.end(), (1, TaskOutcome::Done), "collectors recover");
    });
}

/// Row 12: lives, and makes no progress.
#[test]
fn a_task_without_progress_is_given_to_another() {
    let task = r#"
        [task.stuck]
        every = "1h"
        capabilities = ["scan"]
        fan_out = "one"
        payload = { what = 2 }
        timeout = "20s"
    "#;
    for (timeout, why) in [("attempt", "it did not end in time"), ("stall", "it made no progress")] {
        let config = format!("{CONFIG}\n{task}\n{timeout}_timeout = \"5s\"");
        with(&config, async |world| {
            world.launch("c", 1);
            ["a", "b", "c"].iter().for_each(|id| world.order(id, Order::Freeze(60 * SECOND)));
            world.pass(9 * SECOND).await;
            let overdue =
                |event: &Event| matches!(event, Event::CollectorOverdue { why: said, .. } if *said == why);
            assert_eq!((world.count(overdue), world.count(moved), world.count(lost)), (1, 1, 0), "{timeout}");
        });
    }
}

/// Row 13: no heartbeats, and results.
#[test]
fn any_frame_is_a_sign_of_life() {
    with_two(async |world| {
        let holder = world.one(Script { after: ms(30_000), ..LONG }).await;
        world.order(&holder, Order::Mute(18 * SECOND));
        for _ in 0..18 {
            let id = world.id();
            world.order(&holder, Order::Tell { id, results: 1, bytes: 8 });
            world.pass(SECOND).await;
        }
        let warned = |event: &Event| matches!(event, Event::CollectorWithoutHeartbeats { .. });
        assert_eq!((world.count(warned), world.count(lost)), (1, 0));
    });
}

/// A hang is silence, and nothing else is: three intervals of 2 s.
#[test]
fn who_hangs_is_given_up_within_three_heartbeats() {
    with_two(async |world| {
        let holder = world.one(LONG).await;
        let hung = Instant::now();
        world.order(&holder, Order::Hang(15 * SECOND));
        world.pass(14 * SECOND).await;
        assert!(world.after(hung, moved) <= HANG && world.after(hung, lost) == world.after(hung, moved));
        assert_eq!(world.end(), (2, TaskOutcome::Done));
        let connected = |event: &Event| matches!(event, Event::CollectorConnected { .. });
        world.pass(5 * SECOND).await;
        assert_eq!(world.count(connected), 3, "and comes again when it goes on");
    });
}

/// Row 19: all die together.
#[test]
fn tasks_of_whom_nobody_is_left_wait_for_somebody() {
    with_two(async |world| {
        for _ in 0..8 {
            world.one(Script { after: SECOND, ..LONG }).await;
        }
        world.kill("a");
        world.kill("b");
        world.pass(SECOND).await;
        let status = world.status().await;
        assert_eq!(status["queues"][0]["waiting"], 8, "{status:#}");
        world.launch("c", 8);
        world.pass(12 * SECOND).await;
        assert_eq!(world.status().await["tasks"]["done"], 8);
    });
}

/// Row 22: the host stands still for a minute. (Row 25, the wall clock: no decision has one to look at.)
#[test]
fn a_host_that_stood_still_blames_nobody() {
    with_two(async |world| {
        world.one(Script { after: ms(90_000), ..LONG }).await;
        world.jump(60 * SECOND).await;
        world.pass(10 * SECOND).await;
        world.jump(60 * SECOND).await;
        world.pass(10 * SECOND).await;
        assert_eq!(world.count(lost), 0);
    });
}

/// Row 22 as well: it stood still when somebody had to say something in a moment, who said it meanwhile.
#[test]
fn a_host_that_stood_still_reads_before_it_judges() {
    for early in [1, 60, 200] {
        with_two(async |world| {
            world.order("a", Order::Hang(ms(4_990)));
            world.pass(ms(4_990 - early)).await;
            world.jump(60 * SECOND).await;
            world.pass(10 * SECOND).await;
            assert_eq!(world.count(lost), 0, "{early}");
        });
    }
}

/// Row 28: half a frame, then silence; and row 35: not even half a frame.
#[test]
fn who_does_not_introduce_itself_is_put_out() {
    with_two(async |world| {
        for said in [&b""[..], &b"\x10\x00\x00"[..], &b"\x10\x00\x00\x00half"[..]] {
            let (stream, began) = (world.visit(), Instant::now());
            (&stream).write_all(said).await.expect("it is there");
            let mut answer = Vec::new();
            (&stream).read_to_end(&mut answer).await.expect("it is read");
            assert!(began.elapsed() <= ms(5_500) && !answer.is_empty());
        }
        assert_eq!(world.count(|event| matches!(event, Event::ConnectionRefused { .. })), 3);
    });
}

/// Row 34: does not read what it is sent.
#[test]
fn who_reads_nothing_is_given_no_more_and_given_up() {
    with(CONFIG, async |world| {
        world.launch("c", 10_000);
        world.pass(ms(10)).await;
        world.order("c", Order::Deafen(60 * SECOND));
        let (deaf, began) = (CollectorId::new("c").unwrap(), Instant::now());
        for _ in 0..2_000 {
            let script = Script { after: ms(20_000), ..STUCK };
            let only = FanOut::Ids(vec![deaf.clone()]);
            world.submit(SCAN, only, script, 60 * SECOND).await.expect("it is taken");
        }
        world.pass(30 * SECOND).await;
        let after = world.after(began, lost);
        assert!(ms(10_000) <= after && after <= ms(10_500), "{after:?}");
        assert_eq!(world.status().await["tasks"]["failed"], 2_000);
    });
}

/// Row 38: another one of the same id.
#[test]
fn a_second_of_the_same_id_is_refused_and_the_first_stays() {
    with_two(async |world| {
        world.twin("a");
        world.pass(SECOND).await;
        let said = world.log.book().rejected.clone();
        assert!(matches!(&said[..], [(id, why)] if id.as_str() == "a" && why.contains("connected already")));
        assert_eq!(world.count(lost), 0);
        world.one(Script::FINISH).await;
        world.pass(SECOND).await;
        assert_eq!(world.end(), (1, TaskOutcome::Done));
    });
}

/// Row 38 as well: whoever has lost its id to another process cannot come again, and send again what is known.
#[test]
fn who_was_superseded_does_not_come_back() {
    with_two(async |world| {
        let id = world.id();
        world.log.watch(&world.hub, &id);
        world.order("a", Order::Tell { id, results: 3, bytes: 8 });
        world.order("a", Order::Reconnect);
        world.pass(ms(100)).await;
        world.twin("a");
        world.pass(SECOND).await;
        let said = world.log.book().rejected.clone();
        assert!(matches!(&said[..], [(_, why)] if why.contains("another process has been `a`")), "{said:?}");
        assert!(!world.runs("a"));
    });
}

/// Row 43: heartbeats without end.
#[test]
fn a_flood_of_heartbeats_ends_its_session() {
    with_two(async |world| {
        let began = Instant::now();
        world.order("a", Order::Flood);
        world.pass(SECOND).await;
        assert!(world.after(began, lost) <= ms(1));
        assert_eq!(world.count(lost), 1, "{:?}", world.log.book().rejected);
        world.one(Script::FINISH).await;
        world.pass(SECOND).await;
        assert_eq!(world.end(), (1, TaskOutcome::Done));
    });
}

/// Row 45: results over the cap, and many of them.
#[test]
fn a_result_over_the_cap_is_refused_alone() {
    with_two(async |world| {
        let (large, many) = (world.id(), world.id());
        world.order("a", Order::Tell { id: large, results: 1, bytes: TOO_LARGE });
        world.order("a", Order::Tell { id: many.clone(), results: 255, bytes: 1_024 });
        world.log.watch(&world.hub, &many);
        world.pass(5 * SECOND).await;
        assert_eq!(world.log.book().refused.get("too-large"), Some(&1));
        assert_eq!((world.set().results, world.count(lost)), (255, 0));
    });
}

/// Row 52: stopped while tasks change hands.
#[test]
fn a_host_that_is_stopped_during_failover_ends() {
    for after in [0, 1, 40, 60, 5_000, 5_250] {
        with_two(async |world| {
            world.launch("c", 8);
            world.pass(ms(10)).await;
            for _ in 0..24 {
                world.one(LONG).await;
            }
            world.order("b", Order::Hang(60 * SECOND));
            world.pass(ms(after)).await;
            world.kill("a");
            if after > 0 {
                world.pass(ms(1)).await;
            }
        });
    }
}

/// A stale answer: recorded after the task was somebody else's, sent again after the connection was lost.
#[test]
fn who_comes_back_cannot_answer_for_what_was_taken_from_it() {
    with_two(async |world| {
        let holder = world.one(Script { after: ms(2_000), ..LONG }).await;
        world.order(&holder, Order::Careless(true));
        world.order(&holder, Order::Reconnect);
        world.pass(10 * SECOND).await;
        assert_eq!(world.end(), (2, TaskOutcome::Done));
        assert_eq!(world.log.book().refused.get("stale-epoch"), Some(&1));
        let set = world.set();
        assert_eq!((set.results, set.outcome), (1, Outcome::Complete));
    });
}

/// Leaves in order: what it has is given back, and suspected of nothing.
#[test]
fn who_leaves_gives_its_tasks_back() {
    with_two(async |world| {
        let holder = world.one(LONG).await;
        world.order(&holder, Order::Leave);
        world.pass(10 * SECOND).await;
        assert_eq!(world.end(), (2, TaskOutcome::Done));
        assert_eq!(world.status().await["tasks"]["returned"], 1);
    });
}

/// One that nobody can stand in for: the set names who is missing, at once.
#[test]
fn nobody_stands_in_where_everybody_is_asked() {
    with_two(async |world| {
        world.submit(SCAN, FanOut::Each, LONG, 20 * SECOND).await.expect("it is taken");
        world.pass(SECOND).await;
        world.kill("b");
        world.pass(5 * SECOND).await;
        let set = world.set();
        let missing: Vec<_> = set.missing.iter().map(|m| (m.collector.as_str(), m.reason)).collect();
        assert_eq!(missing, [("b", Missing::Disconnected)]);
        assert_eq!(world.end(), (1, TaskOutcome::Partial));
    });
}
