//! Failover: the router on one thread, results and deadlines on others.

use std::sync::Arc;

use shuttle::sync::atomic::{AtomicBool, Ordering};
use shuttle::thread::JoinHandle;
use stook_engine::{Expected, Session, TaskEnding, Verdict};
use stook_plugin::Reason;
use stook_types::{FanOut, MonoTime, Refusal, TaskOutcome};

use crate::explore;
use crate::harness::{collector, key};
use crate::tasks::{Tasks, set_up, task};
use crate::world::{NOW, World, at_timeout, join, message};

/// Results for set `t` of a collector whose session learns at some moment that it is fenced.
fn sends_until(
    world: &Arc<World>,
    from: &Arc<Session>,
    fenced: &Arc<AtomicBool>,
    sequences: impl IntoIterator<Item = u64> + Send + 'static,
) -> JoinHandle<()> {
    let (from, fenced) = (from.clone(), fenced.clone());
    world.spawn(move |world| {
        for sequence in sequences {
            world.offer(&from, message("t", sequence).fenced(fenced.load(Ordering::SeqCst)));
        }
    })
}

fn submit(tasks: &mut Tasks, correlation: &str, fan_out: FanOut) -> bool {
    tasks.step(|router, turn| router.submit(turn, task(correlation, fan_out))).is_ok()
}

/// `p1` has the task and is lost; `p2` takes over and ends it. Both answer, `p1` until it learns that it is fenced.
fn failover(until: MonoTime) {
    let (world, mut tasks) = set_up();
    let p1 = tasks.connect("p1", 1);
    assert!(submit(&mut tasks, "t", FanOut::One));
    let p2 = tasks.connect("p2", 1);
    let fenced = Arc::<AtomicBool>::default();

    let old = sends_until(&world, &p1, &fenced, 1..=3);
    let clock = world.spawn(move |world| world.expire(until));
    fenced.store(true, Ordering::SeqCst);
    tasks.lose(&p1);
    assert_eq!(tasks.holds("p2").len(), 1);
    let new = world.sends(&p2, [message("t", 11), message("t", 12)]);
    new.join().unwrap();
    tasks.end_all(&p2, &TaskEnding::Done);
    join([old, clock]);

    assert_eq!(tasks.ends(), [TaskOutcome::Done]);
    let ends = world.check_sets(1);
    let (reason, has) = &ends["t"];
    if until == NOW {
        assert_eq!(*reason, Reason::Completed("expected"));
        assert!(has.ends_with(&[11, 12]), "{has:?}");
        for sequence in 1..=3 {
            let verdict = world.verdict(sequence);
            let refused = matches!(verdict, Verdict::Refused(Refusal::StaleEpoch | Refusal::Late));
            assert!(refused || world.is_accepted(sequence), "{verdict:?}");
        }
    } else {
        assert!(matches!(reason, Reason::Completed("expected") | Reason::Timeout), "{reason:?}");
    }
}

#[test]
fn the_replacement_completes_the_set() {
    explore(|| failover(NOW));
}

#[test]
fn a_timeout_and_a_failover_release_a_set_once() {
    explore(|| failover(at_timeout()));
}

#[test]
fn a_set_whose_task_waits_for_somebody_is_not_lost() {
    explore(|| {
        let (world, mut tasks) = set_up();
        let p1 = tasks.connect("p1", 1);
        assert!(submit(&mut tasks, "t", FanOut::One));
        let fenced = Arc::<AtomicBool>::default();
        let old = sends_until(&world, &p1, &fenced, 1..=2);
        fenced.store(true, Ordering::SeqCst);
        tasks.lose(&p1);
        let late = sends_until(&world, &p1, &fenced, [3]);
        // A restart: the same name, and nothing of what the other had.
        let again = tasks.connect("p1", 1);
        assert_eq!(tasks.holds("p1").len(), 1);
        world.offer(&again, message("t", 11));
        tasks.end_all(&again, &TaskEnding::Done);
        join([old, late]);
        let ends = world.check_sets(1);
        assert_eq!(ends["t"].0, Reason::Completed("expected"));
        assert!(ends["t"].1.contains(&11), "{ends:?}");
    });
}

#[test]
fn everybody_is_asked_one_is_lost_and_the_other_answers() {
    explore(|| {
        let (world, mut tasks) = set_up();
        let p1 = tasks.connect("p1", 2);
        let p2 = tasks.connect("p2", 2);
        assert!(["s", "t"].into_iter().all(|name| submit(&mut tasks, name, FanOut::Each)));
        let of_p1 = world.sends(&p1, [message("s", 1), message("t", 2)]);
        let of_p2 = world.sends(&p2, [message("s", 11), message("t", 12)]);
        tasks.lose(&p1);
        of_p2.join().unwrap();
        tasks.end_all(&p2, &TaskEnding::Done);
        of_p1.join().unwrap();
        assert_eq!(tasks.ends(), [TaskOutcome::Partial; 2]);
        for (name, (reason, has)) in world.check_sets(2) {
            assert_eq!(reason, Reason::CollectorsLost);
            assert!(has.contains(if name == "s" { &11 } else { &12 }), "{has:?}");
        }
    });
}

#[test]
fn a_task_that_was_taken_into_an_open_set_is_waited_for() {
    explore(|| {
        let (world, mut tasks) = set_up();
        let p1 = tasks.connect("p1", 1);
        let other = tasks.connect("p9", 0);
        let expected = [Expected::first_result(collector("p9"))];
        world.act(|sets, out| sets.announce(NOW, 0, &key("t"), &expected, out)).unwrap();
        // The only answer that the set waits for comes while a task is taken into it.
        let answer = world.sends(&other, [message("t", 1)]);
        let taken = submit(&mut tasks, "t", FanOut::One);
        if taken {
            world.offer(&p1, message("t", 2));
            tasks.end_all(&p1, &TaskEnding::Done);
        }
        answer.join().unwrap();
        let ends = world.check_sets(1);
        assert_eq!(ends["t"].1, if taken { vec![1, 2] } else { vec![1] });
    });
}

#[test]
fn a_set_that_is_forced_while_its_task_moves_is_released_once() {
    explore(|| {
        let (world, mut tasks) = set_up();
        let p1 = tasks.connect("p1", 1);
        assert!(submit(&mut tasks, "t", FanOut::One));
        let p2 = tasks.connect("p2", 1);
        let forces = world.spawn(|world| _ = world.force(Some("t")));
        let answers = world.sends(&p2, [message("t", 11)]);
        tasks.lose(&p1);
        tasks.end_all(&p2, &TaskEnding::Failed("it did not work".into()));
        join([forces, answers]);
        let ends = world.check_sets(1);
        assert!(matches!(ends["t"].0, Reason::Forced | Reason::CollectorsLost), "{ends:?}");
    });
}

#[test]
fn the_set_itself_refuses_the_lost_though_its_session_has_not_heard_of_it() {
    explore(|| {
        let (world, mut tasks) = set_up();
        let p1 = tasks.connect("p1", 1);
        assert!(submit(&mut tasks, "t", FanOut::One));
        let p2 = tasks.connect("p2", 1);
        let moved = Arc::<AtomicBool>::default();
        let old = {
            let (p1, moved) = (p1.clone(), moved.clone());
            world.spawn(move |world| {
                let offer = |sequence| {
                    let was_moved = moved.load(Ordering::SeqCst);
                    world.offer(&p1, message("t", sequence));
                    (sequence, was_moved)
                };
                (1..=4).map(offer).collect::<Vec<_>>()
            })
        };
        tasks.lose(&p1);
        moved.store(true, Ordering::SeqCst);
        tasks.end_all(&p2, &TaskEnding::Done);
        let offered = old.join().unwrap();
        let ends = world.check_sets(1);
        assert_eq!(ends["t"].0, Reason::Completed("expected"));
        for (sequence, _) in offered.iter().filter(|(_, was_moved)| *was_moved) {
            assert!(!ends["t"].1.contains(sequence), "{offered:?} {ends:?}");
        }
    });
}
