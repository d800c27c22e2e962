//! Faults at random: two to six collectors, tasks of every kind, and half a minute of trouble that follows from a seed.
//!
//! `STOOK_SIM_SCHEDULES` says how many schedules, `STOOK_SIM_SEED` plays one of them again.

use std::time::Duration;

use stook_plugin::Draw;
use stook_proto::operator::OperatorSession;
use stook_proto::{FanOut, Request};
use stook_types::{CollectorId, MonoTime, TaskOutcome};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use super::collector::{Order, PROBE, SCAN};
use super::pipe::Pipe;
use super::script::{Death, Script, What};
use super::simulate;
use super::world::{TOO_LARGE, World};
use crate::event::Event;

/// How many, if nobody says so.
const SCHEDULES: u64 = 500;
const FIRST: u64 = 1;
/// Virtual time of trouble.
const TROUBLE: Duration = Duration::from_secs(30);
/// Longer than every deadline.
const REST: Duration = Duration::from_secs(18);

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn whatever_happens_everything_ends_once_and_adds_up() {
    if let Some(seed) = variable("STOOK_SIM_SEED") {
        return simulate(schedule(seed, true));
    }
    let schedules = variable("STOOK_SIM_SCHEDULES").unwrap_or(SCHEDULES);
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                let seeds = FIRST..FIRST + schedules;
                for seed in seeds.filter(|seed| seed % threads == thread) {
                    let told = Told(seed);
                    simulate(schedule(seed, false));
                    drop(told);
                }
            });
        }
    });
}

/// The same seed, the same events.
#[test]
fn a_seed_is_a_schedule() {
    let events = |seed| {
        let (to, from) = std::sync::mpsc::channel();
        simulate(async move { to.send(trouble(seed, false).await.story()).expect("somebody waits") });
        from.recv().expect("told")
    };
    let (first, second): (Vec<_>, Vec<_>) = (events(11), events(11));
    assert!(first.len() > 100, "{}", first.len());
    let differs = first.iter().zip(&second).position(|(first, second)| first != second);
    assert_eq!(differs.map(|at| (&first[at], &second[at])), None);
}

/// Says the seed if it ends in a panic.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("\nthe schedule that failed: STOOK_SIM_SEED={}\n", self.0);
        }
    }
}

async fn schedule(seed: u64, aloud: bool) {
    let mut world = trouble(seed, aloud).await;
    // One in four is stopped in the midst of it.
    if world.draw.below(4) > 0 {
        rest(&mut world).await;
    }
    world.stop().await;
}

/// Whom there is, and how the tasks of the schedule are.
fn config(draw: &mut Draw) -> String {
    let late = ["refuse", "reopen"][draw.below(2)];
    let ack = ["accepted", "delivered"][draw.below(2)];
    let collectors: String =
        IDS.iter().map(|id| format!("[collector.{id}]\npublish = [\"answers.#\", \"told.#\"]\n")).collect();
    let tasks: String = (0..draw.below(3))
        .map(|n| {
            let every = 1_000 + draw.below(9_000);
            let fan_out = ["\"one\"", "\"each\"", "[\"a\", \"b\"]"][draw.below(3)];
            let (what, kills) = (draw.below(3), draw.below(3));
            let attempt = 500 + draw.below(4_000);
            let stall = 2_500 + draw.below(4_000);
            format!(
                "[task.t{n}]\nevery = \"{every}ms\"\ncapabilities = [\"scan\"]\nfan_out = {fan_out}\ntimeout = \"9s\"\n\
                 into = [\"answers\"]\nattempt_timeout = \"{attempt}ms\"\nstall_timeout = \"{stall}ms\"\n\
                 payload = {{ what = {what}, kills = {kills}, after = 800 }}\n"
            )
        })
        .collect();
    format!(
        "[aggregate.answers]\ntopics = [\"answers.#\"]\ncomplete = {{ use = \"everybody\" }}\ntimeout = \"16s\"\n\
         ack = \"{ack}\"\nlate = {{ use = \"refuse\" }}\n\
         [aggregate.told]\ntopics = [\"told.#\"]\ntimeout = \"1s\"\nack = \"delivered\"\nlate = {{ use = \"{late}\" }}\n\
         [dispatch]\nslow_start = \"1s\"\naccrual = {{ failures = 5, eject = \"1s\" }}\n{collectors}{tasks}"
    )
}

const IDS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

async fn trouble(seed: u64, aloud: bool) -> World {
    let mut draw = Draw::new(seed ^ 0x5eed);
    let config = config(&mut draw);
    let capacity = [512, 4 << 10, 64 << 10, 256 << 10][draw.below(4)];
    let mut world = World::start(&config, seed, capacity).await;
    let there = 2 + world.draw.below(IDS.len() - 1);
    for id in &IDS[..there] {
        let concurrency = [1, 2, 8, 64][world.draw.below(4)];
        world.launch(id, concurrency);
    }
    let origin = Instant::now();
    while origin.elapsed() < TROUBLE {
        let pause = [0, 1, 30, 300, 2_000][world.draw.below(5)];
        world.pass(Duration::from_millis(pause)).await;
        let who = IDS[world.draw.below(there)];
        step(&mut world, who, &IDS[..there], aloud).await;
    }
    world
}

/// One thing that happens.
async fn step(world: &mut World, who: &str, all: &[&str], aloud: bool) {
    let what = world.draw.below(40);
    if aloud {
        eprintln!("{:>9.3} {what:>2} {who}", world.place.origin.elapsed().as_secs_f64());
    }
    let time = Duration::from_millis([100, 1_000, 4_000, 7_000, 12_000][world.draw.below(5)]);
    match what {
        0..12 => submit(world, who).await,
        12..15 => revive(world, all),
        15..17 => world.kill(who),
        17 => world.order(who, Order::Hang(time)),
        18 => world.order(who, Order::Mute(time)),
        19 => world.order(who, Order::Freeze(time)),
        20 => world.order(who, Order::Deafen(time)),
        21 => world.order(who, Order::Careless(true)),
        22 => world.order(who, Order::Careless(false)),
        23..25 => world.order(who, Order::Reconnect),
        25 => world.order(who, Order::Leave),
        26 => world.twin(who),
        27 => world.order(who, Order::Flood),
        28..30 => {
            let id = world.id();
            world.log.watch(&world.hub, &id);
            for who in all {
                world.order(who, Order::Tell { id: id.clone(), results: 3, bytes: 100 });
            }
        }
        30 => {
            let id = world.id();
            world.log.watch(&world.hub, &id);
            world.order(who, Order::Tell { id, results: 300, bytes: 2_000 });
        }
        31 => {
            let id = world.id();
            world.order(who, Order::Tell { id, results: 2, bytes: TOO_LARGE });
        }
        32 if world.draw.below(3) == 0 => all.iter().for_each(|id| world.kill(id)),
        33 if world.draw.below(3) == 0 => {
            // What is under way at this time arrives before.
            world.pass(Duration::from_millis(1)).await;
            world.jump(Duration::from_secs(60)).await;
        }
        34..36 => operator(world, time),
        36 => {
            let stream = world.visit();
            let half = world.draw.below(9);
            world.spawn(async move {
                let _ = (&stream).write_all(&b"\x40\0\0\0half"[..half]).await;
                let _ = (&stream).read_to_end(&mut Vec::new()).await;
            });
        }
        37 => {
            for _ in 0..world.draw.below(60) {
                submit(world, who).await;
            }
        }
        _ => {}
    }
}

/// Starts again whoever has died.
fn revive(world: &mut World, all: &[&str]) {
    for id in all {
        if !world.runs(id) {
            let concurrency = [1, 2, 8, 64][world.draw.below(4)];
            world.launch(id, concurrency);
        }
    }
}

fn task(world: &mut World, who: &str) -> (FanOut, Script, Duration) {
    let mut below = |n| world.draw.below(n);
    let fan_out = match below(4) {
        0 => FanOut::Each,
        1 => FanOut::Ids(vec![CollectorId::new(who).expect("an id")]),
        _ => FanOut::One,
    };
    let script = Script {
        what: [What::Finish, What::Finish, What::Finish, What::Fail, What::Stick][below(5)],
        after: Duration::from_millis([0, 10, 400, 3_000][below(4)]),
        results: below(4) as i64,
        kills: [0, 0, 0, 0, 1, 2, 9][below(7)],
        death: [Death::Silent, Death::HalfFrame, Death::BeforeAck][below(3)],
        bytes: [8, 500][below(2)],
    };
    let deadline = Duration::from_millis([50, 2_000, 8_000, 15_000][below(4)]);
    (fan_out, script, deadline)
}

async fn submit(world: &mut World, who: &str) {
    let (fan_out, script, deadline) = task(world, who);
    // That nobody could run it is an answer.
    let _ = world.submit(SCAN, fan_out, script, deadline).await;
}

/// Somebody asks something, and does not always wait for the answer.
fn operator(world: &mut World, patience: Duration) {
    let request = match world.draw.below(3) {
        0 => Request::Status,
        1 => Request::Restart(CollectorId::new("a").expect("an id")),
        _ => {
            let (fan_out, script, deadline) = task(world, "a");
            let mut submission = world.task(SCAN, fan_out, script, deadline);
            submission.wait = world.draw.below(2) == 0;
            Request::Submit(submission)
        }
    };
    let stream = world.visit();
    world.spawn(async move {
        let _ = timeout(patience, ask(&stream, &request)).await;
    });
}

async fn ask(mut stream: &Pipe, request: &Request) {
    let mut session = OperatorSession::new();
    session.request(request).expect("it fits");
    loop {
        let mut out = session.transmit().split();
        if stream.write_all_buf(&mut out).await.is_err() {
            return;
        }
        match stream.read_buf(session.read_buffer()).await {
            Ok(n) if n > 0 => while let Ok(Some(_)) = session.poll(MonoTime::ZERO) {},
            _ => return,
        }
    }
}

/// Everybody recovers, and everything that was to end has ended.
async fn rest(world: &mut World) {
    for id in IDS {
        world.order(id, Order::Heal);
    }
    world.pass(REST).await;
    for id in IDS {
        world.order(id, Order::Heal);
    }
    world.pass(Duration::from_secs(1)).await;
    let open = |event: &Event| matches!(event, Event::TaskEnded { .. });
    let ended = world.log.book().events.iter().filter(|(_, event)| open(event)).count();
    let status = world.status().await;
    let tasks = |name: &str| status["tasks"][name].as_u64().expect("a number");
    let all = ["done", "partial", "failed", "quarantined"].map(tasks).iter().sum::<u64>();
    assert_eq!((tasks("submitted"), ended as u64), (all + tasks("open"), all), "I1: {status:#}");
    let results = &status["results"];
    let count = |name: &str| results[name].as_u64().unwrap_or(0);
    let counts = |name: &str| {
        results[name].as_object().into_iter().flatten().filter_map(|(_, n)| n.as_u64()).sum::<u64>()
    };
    let accounted = count("delivered") + count("duplicate") + count("late") + count("pending");
    assert_eq!(count("received"), accounted + counts("refused") + counts("discarded"), "I8: {results:#}");
    // Nothing of what was is left: who is there works.
    let Ok(probe) = world.submit(PROBE, FanOut::One, Script::FINISH, REST).await else { return };
    let end = loop {
        world.pass(Duration::from_secs(1)).await;
        let ended = |(_, event): &(Instant, Event)| match event {
            Event::TaskEnded { task_id, outcome, .. } if *task_id == probe.task => Some(*outcome),
            _ => None,
        };
        if let Some(end) = world.log.book().events.iter().rev().find_map(ended) {
            break end;
        }
    };
    // The schedule's tasks may have killed the last meanwhile.
    let there = IDS.iter().any(|id| world.runs(id));
    assert!(!there || end == TaskOutcome::Done, "{end:?}: nothing works any more: {status:#}");
}

impl World {
    /// Everything that the host has said, without names that are random.
    fn story(&self) -> Vec<String> {
        let book = self.log.book();
        let told = |(at, event): &(Instant, Event)| {
            let mut event = serde_json::to_value(event).expect("JSON");
            event.as_object_mut().expect("an object").remove("task_id");
            if event["task"].as_str().is_some_and(|task| task.starts_with('t')) {
                event.as_object_mut().expect("an object").remove("correlation_id");
            }
            format!("{:?} {event}", *at - self.place.origin)
        };
        book.events.iter().map(told).collect()
    }
}
