//! Whom a set waits for: announced, lost, back again and answering, at once.

use stook_engine::{AggregateSpec, Expected, LatePolicy, LateSpec};
use stook_plugin::Reason;
use stook_types::{CollectorId, Missing};

use crate::explore;
use crate::harness::{collector, key, spec};
use crate::policies::{announced, count, expected, lasts};
use crate::world::{NOW, World, join, message};

const ALL: Reason = Reason::Completed("expected");

fn announces(world: &World, id: &str, collectors: &[&str]) {
    let expected: Vec<_> = collectors.iter().map(|name| Expected::first_result(collector(name))).collect();
    world.act(|sets, out| _ = sets.announce(NOW, 0, &key(id), &expected, out));
}

fn asked() -> AggregateSpec {
    AggregateSpec { completion: vec![announced()], ..spec() }
}

#[test]
fn a_collector_gives_its_last_answer_or_is_lost() {
    explore(|| {
        let world = World::new(asked());
        let (p1, p2) = (world.connect("p1"), world.connect("p2"));
        announces(&world, "t", &["p1", "p2"]);
        let answers = [world.sends(&p1, [message("t", 1)]), world.sends(&p2, [message("t", 2)])];
        world.lose(&p1);
        join(answers);
        let ends = world.check_sets(1);
        match ends["t"].0 {
            ALL => assert_eq!(ends["t"].1, [1, 2]),
            Reason::CollectorsLost => assert_eq!(ends["t"].1, [2]),
            other => panic!("{other:?}"),
        }
    });
}

/// A set that config makes wait: it is opened while one of those is lost, by the other.
#[test]
fn a_set_that_opens_as_a_collector_is_lost_does_not_wait_for_it() {
    explore(|| {
        let world = World::new(AggregateSpec { completion: vec![expected(&["p1", "p2"])], ..spec() });
        let (p1, p2) = (world.connect("p1"), world.connect("p2"));
        let answers = world.sends(&p2, [message("s", 1), message("t", 2)]);
        world.lose(&p1);
        answers.join().unwrap();
        let lost = Reason::CollectorsLost;
        let ends = world.check_sets(2);
        assert_eq!((&ends["s"], &ends["t"]), (&(lost, vec![1]), &(lost, vec![2])));
    });
}

/// Whichever is first, the answer counts, and once.
#[test]
fn announcement_or_first_result() {
    explore(|| {
        let world = World::new(asked());
        let (p1, p2) = (world.connect("p1"), world.connect("p2"));
        let answers = [world.sends(&p1, [message("t", 1)]), world.sends(&p2, [message("t", 2)])];
        announces(&world, "t", &["p1", "p2"]);
        join(answers);
        assert_eq!(world.check_sets(1)["t"], (ALL, vec![1, 2]));
    });
}

#[test]
fn two_announcements_open_one_set() {
    explore(|| {
        let world = World::new(asked());
        let (p1, p2) = (world.connect("p1"), world.connect("p2"));
        let first = world.spawn(|world| announces(world, "t", &["p1"]));
        let second = world.spawn(|world| announces(world, "t", &["p2"]));
        join([first, second]);
        join([world.sends(&p1, [message("t", 1)]), world.sends(&p2, [message("t", 2)])]);
        assert_eq!(world.check_sets(1)["t"], (ALL, vec![1, 2]));
    });
}

/// Of a set that was released an announcement opens the next generation, while late results do so, too.
#[test]
fn announcement_or_result_opens_the_next_generation() {
    explore(|| {
        let late = LateSpec { policy: LatePolicy::Reopen, ..LateSpec::default() };
        let world = World::new(AggregateSpec { late, ..asked() });
        let (p1, p2) = (world.connect("p1"), world.connect("p2"));
        world.offer(&p1, message("t", 1));
        world.force(None);
        let answers = world.sends(&p2, [message("t", 2)]);
        announces(&world, "t", &["p2"]);
        answers.join().unwrap();
        let ends = world.check_sets(2);
        assert_eq!((&ends["t"], &ends["t 2"]), (&(Reason::Forced, vec![1]), &(ALL, vec![2])));
    });
}

#[test]
fn a_set_does_not_wait_for_one_who_was_lost_as_it_was_announced() {
    explore(|| {
        let world = World::new(asked());
        let p1 = world.connect("p1");
        let announced = world.spawn(|world| announces(world, "t", &["p1"]));
        world.lose(&p1);
        announced.join().unwrap();
        assert_eq!(world.check_sets(1)["t"], (Reason::CollectorsLost, vec![]));
    });
}

/// It is lost and comes back while it is announced: the set still waits for its answer.
#[test]
fn a_set_waits_for_one_who_is_back_as_it_is_announced() {
    explore(|| {
        let world = World::new(asked());
        let (p1, p2) = (world.connect("p1"), world.connect("p2"));
        let announced = world.spawn(|world| announces(world, "t", &["p1", "p2"]));
        world.lose(&p1);
        let again = world.connect("p1");
        announced.join().unwrap();
        // With this the set would be released, if the other still counted as lost.
        world.offer(&p2, message("t", 2));
        world.offer(&again, message("t", 1));
        assert_eq!(world.check_sets(1)["t"], (ALL, vec![1, 2]));
    });
}

/// One sends again what it sent over the connection before, while that is still read: each result is there once.
#[test]
fn what_is_sent_again_over_the_next_connection_is_dropped() {
    explore(|| {
        let world = World::new(AggregateSpec { completion: vec![count(2)], ..spec() });
        let p1 = world.connect("p1");
        let before = world.sends(&p1, [message("t", 1), message("t", 2)]);
        let again = world.connect_again(&p1);
        join([before, world.sends(&again, [message("t", 1), message("t", 2)])]);
        assert_eq!(world.check_sets(1)["t"], (Reason::Completed("count"), vec![1, 2]));
        assert_eq!(world.sets.counters().duplicate, 2);
    });
}

/// A loss that is still being told to the set before is none for the next generation, in which it is back.
#[test]
fn a_loss_is_told_to_the_set_that_waited_then() {
    explore(|| {
        let late = LateSpec { policy: LatePolicy::Reopen, ..LateSpec::default() };
        let world = World::new(AggregateSpec { late, ..asked() });
        let p1 = world.connect("p1");
        announces(&world, "t", &["p1"]);
        let lost = world.spawn(move |world| world.lose(&p1));
        world.force(Some("t"));
        let again = world.connect("p1");
        announces(&world, "t", &["p1"]);
        lost.join().unwrap();
        world.offer(&again, message("t", 1));
        assert_eq!(world.check_sets(2)["t 2"], (ALL, vec![1]));
    });
}

/// Where only a last result is an answer, the end of a task is one, too; and a task that fails beats them all.
#[test]
fn a_task_that_fails_as_its_collector_says_its_last() {
    explore(|| {
        let world = World::new(AggregateSpec { completion: vec![lasts(&[])], ..spec() });
        let p1 = world.connect("p1");
        let id: CollectorId = collector("p1");
        let tasks = [Expected::tasks(id.clone(), 2)];
        world.act(|sets, out| sets.announce(NOW, 0, &key("t"), &tasks, out)).unwrap();
        let says = world.sends(&p1, [message("t", 1), message("t", 2).last()]);
        let failed = id.clone();
        let fails = world.spawn(move |world| {
            let why = Missing::TaskFailed;
            world.act(|sets, out| sets.task_failed(NOW, 0, &key("t"), &failed, why, out));
        });
        world.act(|sets, out| sets.task_finished(NOW, 0, &key("t"), &id, out));
        join([says, fails]);
        let ends = world.check_sets(1);
        let complete = ends["t"].0 == Reason::Completed("lasts");
        assert!(complete || ends["t"].0 == Reason::CollectorsLost, "{ends:?}");
        assert!(!complete || ends["t"].1 == [1, 2], "{ends:?}");
    });
}
