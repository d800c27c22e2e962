//! Tasks over several collectors, and what becomes of them when collectors die, hang, leave or never come.
//!
//! Real processes and real signals. What happens at once is compared with timeouts of a minute.
#![cfg(unix)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value as Json;
use stook::{Event, RestartRefused};
use stook_plugin::AggregatedResult;
use stook_proto::wire::frame::Body;
use stook_tests::host::{is_alive, one, signal};
use stook_tests::raw::{Raw, hello};
use stook_tests::{TIMEOUT, TestHost};
use stook_types::{CollectorId, FanOut, Outcome, TaskId, TaskOutcome};

const COLLECTOR: &str = env!("CARGO_BIN_EXE_stook-test-collector");

/// An aggregate for tasks, and these collectors of one kind, each with these arguments.
fn pool(collectors: &[(&str, &str)], restart: &str) -> String {
    let mut config = format!(
        r#"
        [aggregate.scan]
        topics = ["t.#"]
        complete = {{ use = "expected" }}
        timeout = "60s"
        limits = {{ sets = 10000 }}
        [dispatch]
        restart = {restart}
        "#
    );
    for (id, arguments) in collectors {
        config.push_str(&format!(
            "[collector.{id}]\ncommand = [\"@collector\", \"can=work\", {arguments}]\npublish = [\"t.#\"]\n"
        ));
    }
    config
}

const NEVER: &str = r#"{ use = "never" }"#;
const AT_ONCE: &str = r#"{ use = "immediate" }"#;

/// How each task ended, as events say it.
#[derive(Default)]
struct Ends(BTreeMap<TaskId, Vec<TaskOutcome>>);

impl Ends {
    fn note(&mut self, event: &Event) {
        if let Event::TaskEnded { task_id, outcome, .. } = event {
            self.0.entry(*task_id).or_default().push(*outcome);
        }
    }

    /// Waits until so many tasks have ended, each once, and all like this.
    async fn all(&mut self, host: &mut TestHost, count: usize, like: TaskOutcome) {
        while self.0.len() < count {
            let event =
                host.event(|event| matches!(event, Event::TaskEnded { .. }).then(|| event.clone())).await;
            self.note(&event);
        }
        assert!(self.0.values().all(|ends| ends == &[like]), "{:?}", self.0);
    }
}

/// That every task and every result is counted in exactly one place; gives the counts of tasks.
fn adds_up(status: &Json) -> Json {
    let count = |of: &Json, name: &str| of[name].as_u64().expect("a count");
    let tasks = &status["tasks"];
    let ended: u64 =
        ["done", "partial", "failed", "quarantined", "open"].iter().map(|n| count(tasks, n)).sum();
    assert_eq!(count(tasks, "submitted"), ended, "{tasks:#}");
    let results = &status["results"];
    let sum = |of: &Json| of.as_object().expect("a table").values().filter_map(Json::as_u64).sum::<u64>();
    let places: u64 = ["delivered", "duplicate", "late", "pending"].iter().map(|n| count(results, n)).sum();
    let places = places + sum(&results["refused"]) + sum(&results["discarded"]);
    assert_eq!(count(results, "received"), places, "{results:#}");
    tasks.clone()
}

fn collector<'a>(status: &'a Json, id: &str) -> &'a Json {
    let all = status["collectors"].as_array().expect("a list");
    all.iter().find(|collector| collector["id"] == id).expect("configured")
}

fn contributors(set: &AggregatedResult) -> Vec<&str> {
    set.contributors.iter().map(|who| who.collector.as_str()).collect()
}

fn missing(set: &AggregatedResult) -> Vec<String> {
    set.missing.iter().map(|missing| format!("{}: {}", missing.collector, missing.reason)).collect()
}

fn at_once(set: &AggregatedResult) {
    assert!(Duration::from_micros(set.latency_us) < TIMEOUT / 4, "{} us", set.latency_us);
}

/// Waits until all of these have a session; gives their processes.
async fn connected(host: &mut TestHost, ids: &[&str]) -> BTreeMap<String, u32> {
    let mut pids = BTreeMap::new();
    while pids.len() < ids.len() {
        let (id, pid) = host
            .event(|event| match event {
                Event::CollectorConnected { collector, pid: Some(pid), .. } => {
                    Some((collector.to_string(), *pid))
                }
                _ => None,
            })
            .await;
        pids.insert(id, pid);
    }
    pids
}

#[tokio::test]
async fn a_killed_collectors_tasks_are_done_by_others_and_it_comes_back() {
    let arguments = r#""do=victim", "ms=150", "concurrency=4""#;
    let config = pool(&[("w1", arguments), ("w2", arguments), ("w3", arguments)], AT_ONCE);
    let mut host = TestHost::builder(&config, COLLECTOR).start().await;
    let pids = connected(&mut host, &["w1", "w2", "w3"]).await;
    for _ in 0..60 {
        host.submit(one("work", "slow", &["scan"])).await;
    }
    host.assigned("w2").await;
    signal(pids["w2"], Signal::KILL);
    let (mut ends, mut moved) = (Ends::default(), 0);
    while ends.0.len() < 60 {
        let event = host.event(|event| Some(event.clone())).await;
        ends.note(&event);
        if let Event::TaskRedistributed { from, to, .. } = event {
            assert_eq!(from.as_str(), "w2");
            assert_ne!(to.as_ref().map(|to| to.as_str()), Some("w2"));
            moved += 1;
        }
    }
    ends.all(&mut host, 60, TaskOutcome::Done).await;
    assert!((1..=4).contains(&moved), "it had {moved}");
    for _ in 0..60 {
        let set = host.result().await;
        assert_eq!(
            (set.outcome, set.reason.as_str(), missing(&set).len()),
            (Outcome::Complete, "expected", 0)
        );
        // With the one that stands in, in place of the dead one.
        assert_eq!((set.results, set.contributors.len()), (1, 1), "{:?}", contributors(&set));
        at_once(&set);
    }
    let status =
        host.status_where("w2 is back", |status| collector(status, "w2")["state"] == "connected").await;
    let back = collector(&status, "w2");
    assert_eq!((&back["restarts"], &back["last_exit"]), (&1.into(), &"killed by signal 9".into()));
    assert_ne!(back["pid"], pids["w2"]);
    assert_eq!(back["slow_start"], true, "{back:#}");
    assert_eq!(adds_up(&status)["redistributed"], moved);
    // It takes work again.
    let only = stook::Submission {
        fan_out: FanOut::Ids(vec!["w2".parse().expect("valid")]),
        ..one("work", "", &["scan"])
    };
    host.submit(only).await;
    assert_eq!(contributors(&host.result().await), ["w2"]);
    host.stop().await;
}

#[tokio::test]
async fn who_is_silent_for_too_long_is_fenced_and_what_it_says_later_is_refused() {
    let config = pool(&[("w1", r#""do=victim""#)], NEVER).replace(
        "[dispatch]",
        "[dispatch]\ndetect = { use = \"deadline\", heartbeat = \"100ms\", dead_after = \"400ms\" }",
    ) + "[collector.late]\npublish = [\"t.#\"]\n";
    let mut host = TestHost::builder(&config, COLLECTOR).start().await;
    connected(&mut host, &["w1"]).await;
    // Started by somebody else, so that the host does not kill it: it goes on where it stood, with a result that it has
    // recorded and not sent.
    let late = Elsewhere::start(&host, "late", &["can=work", "do=stop-midway", "n=1000"]);
    connected(&mut host, &["late"]).await;
    let only = stook::Submission {
        fan_out: FanOut::Ids(vec!["w1".parse().expect("valid")]),
        ..one("work", "slow", &[])
    };
    host.submit(only).await;
    let task = host.submit(one("work", "", &["scan"])).await;
    host.assigned("late").await;
    let from = host
        .event(|event| match event {
            Event::TaskRedistributed { task_id, from, .. } if *task_id == task.task => Some(from.to_string()),
            _ => None,
        })
        .await;
    assert_eq!(from, "late");
    let id = task.correlation_id.to_string();
    let set = host.result_where(|set| set.correlation_id.to_string() == id).await;
    // What it said before it fell silent stays; it is not waited for, and not missing: somebody stood in.
    assert_eq!((set.reason.as_str(), missing(&set).len()), ("expected", 0));
    assert_eq!(contributors(&set), ["late", "w1"]);
    at_once(&set);
    let before = host.status().await;
    assert_eq!(before["results"]["refused"]["stale-epoch"], Json::Null);
    signal(late.pid(), Signal::CONT);
    connected(&mut host, &["late"]).await;
    let after = host
        .status_where("what it had left to say is refused", |status| {
            status["results"]["refused"]["stale-epoch"] == 1
        })
        .await;
    assert_eq!(adds_up(&after)["done"], 2, "each task ended once");
    assert!(
        host.results_so_far().iter().all(|set| set.correlation_id.to_string() != id),
        "and its set was released once"
    );
    drop(late);
    host.stop().await;
}

/// A collector that somebody else has started. Killed when it is dropped.
struct Elsewhere(std::process::Child);

impl Elsewhere {
    fn start(host: &TestHost, id: &str, arguments: &[&str]) -> Self {
        use std::process::Stdio;
        let child = std::process::Command::new(COLLECTOR)
            .args(arguments)
            .env(stook_proto::transport::ENDPOINT_VARIABLE, host.endpoint().directory())
            .env("STOOK_COLLECTOR_ID", id)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.expect("it starts"))
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn all_die_together_and_what_waits_is_done_when_they_are_back() {
    let arguments = r#""do=victim", "ms=300", "concurrency=2""#;
    let config = pool(&[("w1", arguments), ("w2", arguments), ("w3", arguments)], AT_ONCE);
    let mut host = TestHost::builder(&config, COLLECTOR).start().await;
    let pids = connected(&mut host, &["w1", "w2", "w3"]).await;
    for _ in 0..30 {
        host.submit(one("work", "slow", &["scan"])).await;
    }
    for pid in pids.values() {
        signal(*pid, Signal::KILL);
    }
    Ends::default().all(&mut host, 30, TaskOutcome::Done).await;
    let tasks = adds_up(&host.status().await);
    assert_eq!((&tasks["done"], &tasks["redistributed"]), (&30.into(), &6.into()), "{tasks:#}");
    for _ in 0..30 {
        assert_eq!(host.result().await.outcome, Outcome::Complete);
    }
    host.stop().await;
}

#[tokio::test]
async fn a_task_that_kills_whoever_has_it_is_quarantined_and_the_others_are_done() {
    let arguments = r#""do=victim", "ms=50", "concurrency=2""#;
    let config = pool(&[("w1", arguments), ("w2", arguments), ("w3", arguments)], AT_ONCE);
    let mut host = TestHost::builder(&config, COLLECTOR).start().await;
    connected(&mut host, &["w1", "w2", "w3"]).await;
    let poison = host.submit(one("work", "poison", &["scan"])).await;
    for _ in 0..20 {
        host.submit(one("work", "slow", &["scan"])).await;
    }
    let (mut ends, mut holders, mut quarantined) = (BTreeMap::new(), BTreeSet::new(), None);
    while ends.len() < 21 {
        match host.event(|event| Some(event.clone())).await {
            Event::TaskAssigned { task_id, collector, attempt, .. } if task_id == poison.task => {
                holders.insert((attempt, collector));
            }
            Event::TaskQuarantined { task_id, kills, .. } => quarantined = Some((task_id, kills)),
            Event::TaskEnded { task_id, outcome, .. } => {
                assert_eq!(ends.insert(task_id, outcome), None, "it ends once");
            }
            _ => {}
        }
    }
    assert_eq!(quarantined, Some((poison.task, 3)));
    assert_eq!(holders.iter().map(|(attempt, _)| *attempt).collect::<Vec<_>>(), [1, 2, 3], "no fourth");
    for (task, outcome) in ends {
        let wanted = if task == poison.task { TaskOutcome::Quarantined } else { TaskOutcome::Done };
        assert_eq!(outcome, wanted);
    }
    let id = poison.correlation_id.to_string();
    let set = host.result_where(|set| set.correlation_id.to_string() == id).await;
    assert_eq!((set.outcome, set.reason.as_str()), (Outcome::Partial, "collectors-lost"));
    assert_eq!(set.missing.len(), 1, "{:?}", missing(&set));
    at_once(&set);
    let status = host
        .status_where("the collectors recover", |status| {
            ["w1", "w2", "w3"].iter().all(|id| collector(status, id)["state"] == "connected")
        })
        .await;
    let condemned = &status["quarantine"]["tasks"][0];
    assert_eq!((&condemned["kills"], &condemned["correlation_id"]), (&3.into(), &id.into()));
    assert_eq!(adds_up(&status)["quarantined"], 1);
    host.stop().await;
}

#[tokio::test]
async fn a_crash_loop_ends_in_quarantine_and_a_restart_takes_it_out() {
    let backoff =
        r#"{ use = "backoff", initial = "1ms", max = "10ms", give_up = { restarts = 3, within = "60s" } }"#;
    let config = pool(&[("loop", r#""do=exit-at-once""#)], backoff);
    let mut host = TestHost::builder(&config, COLLECTOR).start().await;
    for turn in 1..=2 {
        let (mut ends, mut delays) = (0, Vec::new());
        let why = loop {
            match host.event(|event| Some(event.clone())).await {
                Event::CollectorExited { how, .. } => {
                    assert_eq!(how, "exit code 3");
                    ends += 1;
                }
                Event::CollectorRestarting { in_ms, .. } => delays.push(in_ms),
                Event::CollectorQuarantined { why, .. } => break why,
                _ => {}
            }
        };
        assert_eq!((ends, delays.len()), (4, 3), "once, and three times again");
        assert!(delays.is_sorted(), "{delays:?}");
        assert!(why.contains("3 restarts") && why.contains("60s") || why.contains("1m"), "{why}");
        let status = host.status().await;
        let quarantined = collector(&status, "loop");
        assert_eq!(quarantined["state"], "quarantined");
        assert_eq!(quarantined["restarts"], 3 * turn + (turn - 1));
        assert_eq!(status["quarantine"]["collectors"], serde_json::json!(["loop"]));
        host.handle().restart(&"loop".parse().expect("valid")).await.expect("it is ours to start");
    }
    host.stop().await;
}

#[tokio::test]
async fn an_exit_with_success_is_restarted_only_if_permanent() {
    let exits = r#""do=exit""#;
    let config = pool(&[("transient", exits), ("permanent", exits)], AT_ONCE).replace(
        "[collector.permanent]",
        "[collector.permanent]\nrestart = { use = \"intensity\", when = \"permanent\" }",
    );
    let mut host = TestHost::builder(&config, COLLECTOR).start().await;
    connected(&mut host, &["transient", "permanent"]).await;
    for id in ["transient", "permanent"] {
        let ids = FanOut::Ids(vec![id.parse().expect("valid")]);
        host.submit(stook::Submission { fan_out: ids, ..one("work", "", &["scan"]) }).await;
        // Whatever the policy: what it had is not waited for.
        let set = host.result().await;
        assert_eq!((set.reason.as_str(), missing(&set)), ("collectors-lost", vec![format!("{id}: exited")]));
        at_once(&set);
    }
    let status = host
        .status_where("both have come to rest, and the permanent one is back", |status| {
            let state = |id| &collector(status, id)["state"];
            state("permanent") == "connected" && state("transient") == "left"
        })
        .await;
    let left = collector(&status, "transient");
    let why = "exit code 0; its restart policy leaves it";
    assert_eq!((&left["why"], &left["restarts"]), (&why.into(), &0.into()), "{left:#}");
    assert_eq!(left["last_exit"], "exit code 0");
    host.stop().await;
}

#[tokio::test]
async fn who_ends_well_before_it_registers_has_left_and_that_is_told() {
    let config = pool(&[("brief", "\"n=1\"")], AT_ONCE)
        .replace("command = [\"@collector\"", "command = [\"sh\", \"-c\", \"exit 0\"");
    let mut host = TestHost::builder(&config, COLLECTOR).start().await;
    let told = host
        .event(|event| match event {
            Event::CollectorLeft { collector, why } => Some((collector.to_string(), why.clone())),
            _ => None,
        })
        .await;
    let why = "exit code 0; its restart policy leaves it";
    assert_eq!(told, ("brief".to_owned(), why.to_owned()));
    let status = host.status().await;
    let left = collector(&status, "brief");
    assert_eq!((&left["state"], &left["why"]), (&"left".into(), &why.into()), "{left:#}");
    // It can be had again.
    host.handle().restart(&"brief".parse().expect("valid")).await.expect("it is ours to start");
    host.event(|event| matches!(event, Event::CollectorLeft { .. }).then_some(())).await;
    host.stop().await;
}

#[tokio::test]
async fn what_cannot_be_started_is_quarantined_at_once_and_says_why() {
    let config = pool(&[("w1", "\"n=1\""), ("gone", "\"n=1\"")], AT_ONCE).replace(
        "[collector.gone]\ncommand = [\"@collector\"",
        "[collector.gone]\ncommand = [\"/nowhere/to/be/found\"",
    );
    let mut host = TestHost::builder(&config, COLLECTOR).start().await;
    let why = host
        .event(|event| match event {
            Event::CollectorQuarantined { collector, why } if collector.as_str() == "gone" => {
                Some(why.clone())
            }
            _ => None,
        })
        .await;
    assert!(why.starts_with("failed to start `/nowhere/to/be/found`: "), "{why}");
    connected(&mut host, &["w1"]).await;
    host.submit(one("work", "", &["scan"])).await;
    assert_eq!(contributors(&host.result().await), ["w1"]);
    let nobody: CollectorId = "gona".parse().expect("valid");
    let refused = host.handle().restart(&nobody).await.expect_err("it is not there");
    assert_eq!(refused.to_string(), "no collector `gona` is configured; did you mean `gone`?");
    assert_eq!(refused, RestartRefused::Unknown { collector: nobody, near: Some("gone".into()) });
    host.stop().await;
}

#[tokio::test]
async fn who_does_not_register_is_killed_and_started_again() {
    let config = pool(&[("mute", "\"do=never-connect\""), ("w1", "\"n=1\"")], AT_ONCE);
    let builder = TestHost::builder(&config, COLLECTOR).registration(Duration::from_millis(300));
    let mut host = builder.start().await;
    for _ in 0..2 {
        let how = host
            .event(|event| match event {
                Event::CollectorExited { collector, how } if collector.as_str() == "mute" => {
                    Some(how.clone())
                }
                _ => None,
            })
            .await;
        assert_eq!(how, "killed by signal 9");
        host.event(|event| matches!(event, Event::CollectorRestarting { .. }).then_some(())).await;
    }
    let status = host.status().await;
    assert_eq!(collector(&status, "w1")["state"], "connected", "the others serve");
    host.stop().await;
}

#[tokio::test]
async fn a_grandchild_that_keeps_the_socket_does_not_keep_the_task() {
    let builder = TestHost::builder(
        &pool(&[("w1", r#""do=keep-socket", "apart=yes", "leash=@here/leash""#), ("w2", "\"n=1\"")], NEVER),
        COLLECTOR,
    );
    let leash = builder.here().join("leash");
    std::fs::write(&leash, "").expect("a file");
    let mut host = builder.start().await;
    connected(&mut host, &["w1", "w2"]).await;
    // One each: the second could have gone to either, so there are two.
    let tasks =
        [host.submit(one("work", "", &["scan"])).await, host.submit(one("work", "", &["scan"])).await];
    let mut ends = Ends::default();
    ends.all(&mut host, 2, TaskOutcome::Done).await;
    for _ in tasks {
        let set = host.result().await;
        assert_eq!((set.outcome, contributors(&set)), (Outcome::Complete, vec!["w2"]));
        at_once(&set);
    }
    std::fs::remove_file(leash).expect("still there");
    host.stop().await;
}

#[tokio::test]
async fn what_a_collector_has_started_ends_with_it() {
    let builder =
        TestHost::builder(&pool(&[("w1", r#""do=grandchild", "leash=@here/leash""#)], NEVER), COLLECTOR);
    let leash = builder.here().join("leash");
    std::fs::write(&leash, "").expect("a file");
    let mut host = builder.start().await;
    connected(&mut host, &["w1"]).await;
    host.submit(one("work", "", &["scan"])).await;
    host.event(|event| matches!(event, Event::CollectorExited { .. }).then_some(())).await;
    // Nobody takes its leash away: it is ended with the group of its parent. `stop` sees that nobody is left.
    assert!(leash.exists());
    host.stop().await;
}

#[tokio::test]
async fn a_worker_that_is_stuck_is_given_up_on_and_gets_nothing_more() {
    let stuck = r#""do=stuck-first", "concurrency=2""#;
    let config = pool(&[("w1", stuck)], NEVER)
        + r#"
        [task.watch]
        every = "600s"
        capabilities = ["work"]
        fan_out = "one"
        attempt_timeout = "300ms"
        into = ["scan"]
        [collector.w2]
        publish = ["t.#"]
        "#;
    let mut host =
        TestHost::builder(&config, COLLECTOR).registration(Duration::from_millis(500)).start().await;
    let why = host
        .event(|event| match event {
            Event::CollectorOverdue { collector, why, .. } => Some((collector.to_string(), *why)),
            _ => None,
        })
        .await;
    assert_eq!(why, ("w1".into(), "it did not end in time"));
    let status = host.status().await;
    assert_eq!(collector(&status, "w1")["overdue"], 1, "it lives, and is not trusted");
    assert_eq!(status["queues"][0]["waiting"], 1, "its task waits for another one");
    let other = host.run("w2", Other);
    let set = host.result().await;
    assert_eq!((set.outcome, contributors(&set)), (Outcome::Complete, vec!["w2"]));
    other.stop().await.expect("it leaves");
    host.stop().await;
}

/// A collector in this process that answers at once.
struct Other;

impl stook_collector::Collector for Other {
    fn describe(&self) -> stook_collector::Description {
        stook_collector::Description::of_kind("test").capability("work", 4, ["t.x"])
    }

    async fn task(
        &self,
        _: stook_collector::Task,
        results: &stook_collector::Recorder,
    ) -> Result<(), stook_collector::TaskError> {
        results.record("t.x", &1).await?;
        Ok(())
    }
}

#[tokio::test]
async fn priorities_hold_and_a_capability_that_nobody_has_waits_and_says_so() {
    let config = pool(&[], NEVER) + "[collector.w2]\npublish = [\"t.#\"]\n";
    let mut host = TestHost::builder(&config, COLLECTOR).start().await;
    let mut ids = Vec::new();
    for priority in [1, 5, 3, 2, 4] {
        let taken = host.submit(stook::Submission { priority, ..one("work", "", &["scan"]) }).await;
        assert_eq!((taken.placed.assigned, taken.placed.waiting), (0, 1));
        assert_eq!(taken.placed.unknown[0].as_str(), "work", "nobody has it, and that is said");
        ids.push((priority, taken.task));
    }
    let other = host.run("w2", Other);
    let mut seen = Vec::new();
    for _ in 0..5 {
        let task = host
            .event(|event| match event {
                Event::TaskAssigned { task_id, .. } => Some(*task_id),
                _ => None,
            })
            .await;
        seen.push(ids.iter().find(|(_, id)| *id == task).expect("submitted").0);
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    let each = stook::Submission { fan_out: FanOut::Each, ..one("nothing.such", "", &["scan"]) };
    let refused = host.handle().submit(each).await.expect_err("nobody has it");
    assert_eq!(refused.text, "no collector has any of its capabilities");
    assert_eq!(refused.remedy, "there is work");
    // Nor is anything left of those that nobody came for.
    let brief = Some(Duration::from_millis(20));
    for n in 0..100 {
        host.submit(stook::Submission { timeout: brief, ..one(&format!("nothing.{n}"), "", &["scan"]) })
            .await;
    }
    let all_over = |status: &Json| status["tasks"]["open"] == 0;
    let status = host.status_where("they are over", all_over).await;
    assert_eq!(status["queues"].as_array().map(Vec::len), Some(1), "{:#}", status["queues"]);
    other.stop().await.expect("it leaves");
    host.stop().await;
}

#[tokio::test]
async fn a_collector_that_leaves_gives_back_what_it_has_not_done() {
    let config = pool(&[("w1", r#""do=victim", "ms=200""#)], NEVER) + "[collector.w2]\npublish = [\"t.#\"]\n";
    let mut host = TestHost::builder(&config, COLLECTOR).start().await;
    connected(&mut host, &["w1"]).await;
    let slow = host.run("w2", Slow);
    connected(&mut host, &["w2"]).await;
    let tasks: Vec<_> = {
        let mut tasks = Vec::new();
        for _ in 0..6 {
            tasks.push(host.submit(one("work", "slow", &["scan"])).await.task);
        }
        tasks
    };
    host.assigned("w2").await;
    // Its grace is too short for what it has begun.
    slow.stop().await.expect("it leaves");
    Ends::default().all(&mut host, tasks.len(), TaskOutcome::Done).await;
    let tasks = adds_up(&host.status().await);
    assert!(tasks["returned"].as_u64() >= Some(1), "{tasks:#}");
    host.stop().await;
}

/// A collector in this process that does not get done.
struct Slow;

impl stook_collector::Collector for Slow {
    fn describe(&self) -> stook_collector::Description {
        stook_collector::Description::of_kind("test").capability("work", 2, ["t.x"])
    }

    async fn task(
        &self,
        _: stook_collector::Task,
        _: &stook_collector::Recorder,
    ) -> Result<(), stook_collector::TaskError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn what_happens_is_told_on_a_topic_that_an_aggregate_can_take() {
    let config = pool(&[("w1", "\"n=1\"")], AT_ONCE)
        + r#"
        [aggregate.events]
        topics = ["stook.events"]
        complete = { use = "count", count = 1 }
        timeout = "60s"
        merge = { use = "first" }
        "#;
    let mut host = TestHost::builder(&config, COLLECTOR).start().await;
    let pids = connected(&mut host, &["w1"]).await;
    signal(pids["w1"], Signal::KILL);
    let mut seen = BTreeSet::new();
    let wanted = [
        "collector.connected",
        "collector.lost",
        "collector.exited",
        "collector.restarting",
        "collector.restarted",
    ];
    while !wanted.iter().all(|name| seen.contains(*name)) {
        let set = host.result_where(|set| &*set.aggregate == "events").await;
        let value = serde_json::to_value(&set.value).expect("a value is one");
        assert_eq!(contributors(&set), ["stook"]);
        seen.insert(value["event"].as_str().expect("its name").to_owned());
    }
    assert!(!is_alive(pids["w1"]));
    adds_up(&host.status().await);
    host.stop().await;
}

#[tokio::test]
async fn the_token_of_an_earlier_start_opens_nothing_and_stops_no_restart() {
    let config = pool(
        &[],
        r#"{ use = "backoff", initial = "300ms", max = "300ms", jitter = 0.0, give_up = { restarts = 60, within = "60s" } }"#,
    ) + "[collector.p]\ncommand = [\"sh\", \"-c\", \"echo $STOOK_TOKEN >> @here/tokens; exit 1\"]\npublish = [\"t.#\"]\n";
    let mut host = TestHost::builder(&config, "").start().await;
    let restarting = |event: &Event| matches!(event, Event::CollectorRestarting { .. }).then_some(());
    host.event(restarting).await;
    let tokens = std::fs::read_to_string(host.here().join("tokens")).expect("it has left its token");
    let mut late = Raw::connect(host.endpoint()).await;
    let token = tokens.lines().next().expect("a line").to_owned();
    late.say(stook_proto::wire::Hello { token, ..hello("p", "t.x") }).await;
    let answer = late.next().await;
    assert!(matches!(answer, Some(Body::Reject(_))), "{answer:?}");
    for _ in 0..3 {
        host.event(restarting).await;
    }
    host.stop().await;
}
