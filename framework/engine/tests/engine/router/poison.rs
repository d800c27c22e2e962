//! Tasks that kill whoever has them, and tasks that were only there.

use stook_engine::{Task, TaskEnding};
use stook_types::TaskOutcome;

use super::rig;
use super::rig::{at, each, task};

#[test]
fn a_task_that_kills_three_is_quarantined_and_never_takes_a_fourth() {
    let mut rig = rig();
    for name in ["p1", "p2", "p3", "p4", "p5"] {
        rig.connect(name, &["scan:1"]);
    }
    rig.give(task("poison", &["scan"]));
    let holder = |rig: &super::Rig| {
        let holders = ["p1", "p2", "p3", "p4", "p5"];
        holders.into_iter().find(|name| rig.is_connected(name) && !rig.has(name).is_empty())
    };
    let mut killed = Vec::new();
    while let Some(name) = holder(&rig) {
        rig.crash(name);
        killed.push(name);
    }
    assert_eq!(killed.len(), 3);
    let last = killed[2];
    assert_eq!(rig.released(), [format!("poison partial collectors-lost [] missing {last}=exited")]);
    assert_eq!(rig.outcome("poison"), Some(TaskOutcome::Quarantined));
    let quarantine = rig.router.status(rig.now, 0).quarantine;
    assert_eq!(quarantine.len(), 1);
    assert_eq!((&*quarantine[0].task.name, quarantine[0].kills), ("poison", 3));
    assert_eq!(quarantine[0].collector.as_str(), last);
    rig.check_empty();
}

#[test]
fn a_collector_that_is_started_again_and_again_is_killed_three_times() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    rig.give(task("poison", &["scan"]));
    for n in 1..=3 {
        assert_eq!(rig.has("p1"), ["poison"], "{n}");
        rig.crash("p1");
        rig.connect("p1", &["scan:1"]);
    }
    assert_eq!(rig.has("p1").len(), 0);
    assert_eq!(rig.outcome("poison"), Some(TaskOutcome::Quarantined));
}

#[test]
fn those_who_were_with_it_are_not_condemned() {
    let mut rig = rig();
    let names: Vec<_> = (0..20).map(|n| format!("i{n}")).collect();
    rig.connect("p1", &["scan:8"]);
    rig.give(Task { priority: 9, ..task("poison", &["scan"]) });
    for name in &names {
        rig.give(task(name, &["scan"]));
    }
    // Whenever a collector has the poison it dies, with everything that it has, and comes again; else it works.
    for _ in 0..200 {
        let Some(next) = rig.has("p1").first().map(|name| (*name).to_owned()) else { break };
        if rig.has("p1").contains(&"poison") {
            rig.crash("p1");
            rig.connect("p1", &["scan:8"]);
        } else {
            rig.done("p1", &next);
        }
    }
    assert_eq!(rig.outcome("poison"), Some(TaskOutcome::Quarantined));
    for name in &names {
        assert_eq!(rig.outcome(name), Some(TaskOutcome::Done), "{name}");
    }
    assert_eq!(rig.router.status(rig.now, 0).quarantine.len(), 1);
    rig.check_empty();
}

#[test]
fn two_that_kill_are_both_found() {
    let mut rig = rig();
    rig.connect("p1", &["scan:8"]);
    for name in ["a", "poison-1", "b", "poison-2", "c"] {
        rig.give(task(name, &["scan"]));
    }
    let mut deaths = 0;
    for _ in 0..200 {
        let Some(next) = rig.has("p1").first().map(|name| (*name).to_owned()) else { break };
        if rig.has("p1").iter().any(|name| name.starts_with("poison")) {
            rig.crash("p1");
            rig.connect("p1", &["scan:8"]);
            deaths += 1;
        } else {
            rig.done("p1", &next);
        }
    }
    assert_eq!(deaths, 4, "twice together, then each alone");
    for name in ["poison-1", "poison-2"] {
        assert_eq!(rig.outcome(name), Some(TaskOutcome::Quarantined));
    }
    rig.check_empty();
}

#[test]
fn an_end_in_order_is_nobodys_fault() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    rig.give(task("t", &["scan"]));
    for _ in 0..5 {
        rig.part_with("p1");
        rig.connect("p1", &["scan:1"]);
        assert_eq!(rig.has("p1"), ["t"]);
    }
    rig.done("p1", "t");
    assert_eq!(rig.outcome("t"), Some(TaskOutcome::Done));
}

#[test]
fn a_task_that_was_taken_away_is_not_blamed_for_what_comes_later() {
    let mut rig = rig();
    rig.connect("p1", &["scan:1"]);
    for n in 0..4 {
        let name = format!("t{n}");
        rig.give(Task { attempt: Some(crate::harness::ms(10)), ..task(&name, &["scan"]) });
        rig.until(n * 100 + 20);
        rig.crash("p1");
        rig.connect("p1", &["scan:1"]);
        rig.done("p1", &name);
    }
    assert_eq!(rig.router.counters().done, 4);
}

#[test]
fn a_suspect_of_another_capability_is_served_when_the_suspect_before_it_has_ended() {
    let mut rig = rig();
    for name in ["a", "b"] {
        rig.give(task(name, &[if name == "a" { "net" } else { "scan" }]));
    }
    // Both are there at two deaths: from now on each runs alone.
    for _ in 0..2 {
        rig.connect("p1", &["net:1", "scan:1"]);
        assert_eq!(rig.has("p1").len(), 2);
        rig.crash("p1");
    }
    rig.connect("p1", &["net:1", "scan:1"]);
    assert_eq!((rig.has("p1").len(), rig.waiting()), (1, 1));
    let first = rig.has("p1")[0].to_owned();
    rig.done("p1", &first);
    let second = if first == "a" { "b" } else { "a" };
    assert_eq!(rig.has("p1"), [second], "at once, not when something else happens");
}

#[test]
fn a_suspect_that_waits_does_not_hold_up_those_behind_it() {
    let mut rig = rig();
    rig.give(Task { priority: 5, ..task("a", &["scan"]) });
    rig.give(Task { priority: 5, ..task("b", &["scan"]) });
    for _ in 0..2 {
        rig.connect("p1", &["scan:2"]);
        rig.crash("p1");
    }
    rig.give(task("u", &["scan"]));
    rig.give(each("v", &["scan"])); // p1 is away: missing
    rig.connect("p1", &["scan:3"]);
    assert_eq!(rig.has("p1"), ["a", "u"]);
    rig.give(each("w", &["scan"]));
    assert_eq!(rig.has("p1"), ["a", "u", "w"]);
    let slip = rig.slip("p1", "a");
    rig.end_slip(&slip, TaskEnding::Done);
    assert_eq!(rig.has("p1"), ["u", "w", "b"]);
}

#[test]
fn a_set_of_a_condemned_task_keeps_what_others_answered() {
    let mut rig = rig();
    rig.connect("good", &["net:1"]);
    rig.connect("p1", &["scan:1"]);
    rig.give(task("t", &["net", "scan"]));
    rig.offer("good", "t", 1);
    rig.done("good", "t");
    for _ in 0..3 {
        rig.crash("p1");
        rig.connect("p1", &["scan:1"]);
    }
    assert_eq!(rig.outcome("t"), Some(TaskOutcome::Quarantined));
    assert_eq!(rig.released(), ["t partial collectors-lost [1] missing p1=exited"]);
    assert_eq!(rig.router.status(at(0), 0).collectors.len(), 2);
}

#[test]
fn whoever_a_condemned_task_killed_is_missing_though_its_other_task_of_the_set_is_done_elsewhere() {
    let mut rig = rig();
    let of_set = |task: Task| Task { correlation_id: crate::harness::id("s"), ..task };
    rig.give(of_set(task("poison", &["scan"])));
    for name in ["p1", "p2"] {
        rig.connect(name, &["scan:1"]);
        rig.crash(name);
    }
    rig.give(of_set(task("t", &["look"])));
    rig.connect("p3", &["scan:1", "look:1"]);
    assert_eq!(rig.has("p3").len(), 2);
    rig.crash("p3");
    rig.connect("p4", &["look:1"]);
    rig.done("p4", "t");
    assert_eq!(rig.released(), ["s partial collectors-lost [] missing p3=exited"]);
    rig.check_empty();
}
