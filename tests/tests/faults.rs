//! What goes wrong slowly: hangs, sessions that come and go, hosts that die.

#[cfg(unix)]
#[path = "faults/apart.rs"]
mod apart;

use std::process::{Command, Stdio};
use std::time::Duration;

use stook::Event;
use stook_proto::transport::Endpoint;
use stook_tests::host::processes_of;
use stook_tests::raw::{Raw, hello, result};
use stook_tests::{TestHost, until};
use stook_types::Outcome;

#[cfg(unix)]
use apart::Apart;

const COLLECTOR: &str = env!("CARGO_BIN_EXE_stook-test-collector");

#[tokio::test]
async fn who_hangs_is_not_waited_for_beyond_the_timeout() {
    let config = r#"
        [aggregate.scan]
        topics = ["t.#"]
        complete = { use = "expected" }
        timeout = "2s"
        [collector.good]
        command = ["@collector", "can=list", "topic=t.good"]
        publish = ["t.good"]
        [collector.stuck]
        command = ["@collector", "can=list", "topic=t.stuck", "do=hang"]
        publish = ["t.stuck"]
        [task.scan]
        every = "50ms"
        capabilities = ["list"]
        into = ["scan"]
    "#;
    let mut host = TestHost::builder(config, COLLECTOR).grace(Duration::from_secs(1)).start().await;
    // It has one task, so many wait for it; that the next one cannot wait is said at once.
    let why = host.event(|event| match event {
        Event::TaskFailed { collector: Some(collector), why, .. } => {
            Some((collector.to_string(), why.clone()))
        }
        _ => None,
    });
    let keeps_up = "the collector does not keep up: too many tasks wait for it";
    assert_eq!(why.await, ("stuck".into(), keeps_up.into()));
    let set = host.result().await;
    assert_eq!((set.reason.as_str(), set.results), ("collectors-lost", 1));
    assert_eq!(set.missing[0].reason.as_str(), "task-failed");
    // The first ones end when their time is up.
    let set = host.result_where(|set| set.reason.as_str() == "timeout").await;
    assert_eq!((set.outcome, set.results), (Outcome::Partial, 1));
    assert_eq!((set.missing[0].collector.as_str(), set.missing[0].reason.as_str()), ("stuck", "timeout"));
    assert!(Duration::from_micros(set.latency_us) >= Duration::from_secs(2));
    host.stop().await;
}

#[tokio::test]
async fn sessions_come_and_go_and_leave_nothing() {
    let config = r#"
        [aggregate.a]
        topics = ["t.#"]
        complete = { use = "count", count = 1 }
        timeout = "60s"
        ack = "delivered"
        [collector.raw-1]
        publish = ["t.#"]
    "#;
    let mut host = TestHost::builder(config, "").start().await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for turn in 0..100 {
        let id = format!("turn {turn}");
        let (mut raw, _) = Raw::join(host.endpoint(), hello("raw-1", "t.x")).await;
        raw.say(result(1, &id, turn)).await;
        if turn % 2 == 0 {
            raw.acknowledged(1).await;
        }
        drop(raw);
        host.event(|event| matches!(event, Event::CollectorLost { .. }).then_some(())).await;
        // What was written before the end is read before it.
        assert_eq!(host.result().await.correlation_id.to_string(), id);
    }
    until("every session's task has ended", || tasks() == before).await;
    assert_eq!(host.stop().await.counters.delivered, 100);
}

/// What a host in a process of its own needs: its config in a file, and where it is to listen.
fn place(directory: &tempfile::TempDir, config: &str) -> (std::path::PathBuf, Endpoint) {
    let file = directory.path().join("host.toml");
    std::fs::write(&file, config.replace("@collector", COLLECTOR)).expect("written");
    (file, Endpoint::in_directory(directory.path().join("host")))
}

/// The process that an event of a connection names.
#[cfg(target_os = "linux")]
fn pid_in(event: &str) -> u32 {
    let (_, pid) = event.split_once("pid: Some(").expect("a process");
    pid.split_once(')').expect("a number").0.parse().expect("a number")
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_host_that_comes_back_takes_its_predecessors_collectors_over() {
    let directory = tempfile::Builder::new().prefix("stook").tempdir().expect("a directory");
    let config = r#"
        [aggregate.a]
        topics = ["t.#"]
        complete = { use = "expected" }
        timeout = "5s"
        [dispatch]
        restart = { use = "immediate" }
        [collector.one]
        command = ["@collector", "can=work", "topic=t.x"]
        publish = ["t.#"]
        [collector.two]
        command = ["@collector", "can=work", "topic=t.x"]
        publish = ["t.#"]
        [task.scan]
        every = "100ms"
        capabilities = ["work"]
        into = ["a"]
    "#;
    let (file, endpoint) = place(&directory, config);
    let first = Apart::start(&file, &endpoint);
    let pids =
        [first.event("CollectorConnected"), first.event("CollectorConnected")].map(|event| pid_in(&event));
    first.event("TaskEnded");
    drop(first);

    let second = Apart::start(&file, &endpoint);
    let mut adopted = [(); 2].map(|()| pid_in(&second.event("CollectorConnected")));
    adopted.sort_unstable();
    let mut wanted = pids;
    wanted.sort_unstable();
    assert_eq!(adopted, wanted, "the same processes, and no twins");
    assert_eq!(processes_of(&endpoint).len(), 2);
    let ended = second.event("TaskEnded");
    assert!(ended.contains("outcome: Done"), "they work for the new host: {ended}");

    // One dies: nobody's child, and yet it has a successor.
    stook_tests::host::signal(pids[0], rustix::process::Signal::KILL);
    second.event("CollectorLost");
    assert!(!pids.contains(&pid_in(&second.event("CollectorConnected"))));

    // The other one is stopped for too long: it has a successor too, and when it comes round it is told so, and exits.
    stook_tests::host::signal(pids[1], rustix::process::Signal::STOP);
    second.event("CollectorSilent");
    let successor = pid_in(&second.event("CollectorConnected"));
    assert_ne!(successor, pids[1]);
    assert!(stook_tests::host::is_alive(pids[1]), "it is not ours to kill");
    stook_tests::host::signal(pids[1], rustix::process::Signal::CONT);
    until("it has exited", || processes_of(&endpoint).len() == 2).await;
    assert!(!processes_of(&endpoint).contains(&pids[1]));
    assert!(second.so_far().iter().all(|event| !event.starts_with("CollectorSilent")));
    second.stop();
    until("all have left", || processes_of(&endpoint).is_empty()).await;
    assert!(!endpoint.directory().exists());
}

#[cfg(unix)]
#[tokio::test]
async fn a_host_that_was_stopped_blames_nobody_for_it() {
    let directory = tempfile::Builder::new().prefix("stook").tempdir().expect("a directory");
    let config = r#"
        [aggregate.a]
        topics = ["t.#"]
        complete = { use = "expected" }
        timeout = "5s"
        [dispatch]
        detect = { use = "deadline", heartbeat = "100ms", dead_after = "400ms" }
        [collector.one]
        command = ["@collector", "can=work", "topic=t.x"]
        publish = ["t.#"]
        [task.scan]
        every = "100ms"
        capabilities = ["work"]
        into = ["a"]
    "#;
    let (file, endpoint) = place(&directory, config);
    let host = Apart::start(&file, &endpoint);
    host.event("TaskEnded");
    stook_tests::host::signal(host.host.id(), rustix::process::Signal::STOP);
    // The time that it stands still is what is tested: five times what a collector may be silent for.
    tokio::time::sleep(Duration::from_secs(2)).await;
    host.so_far();
    stook_tests::host::signal(host.host.id(), rustix::process::Signal::CONT);
    for _ in 0..10 {
        host.event("TaskEnded");
    }
    // It did not lose the collector: nobody has connected since.
    let seen = host.so_far();
    assert!(seen.iter().all(|event| !event.starts_with("Collector")), "{seen:?}");
    host.stop();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_host_that_runs_out_of_file_descriptors_recovers() {
    let directory = tempfile::Builder::new().prefix("stook").tempdir().expect("a directory");
    let config =
        "[aggregate.a]\ntopics = [\"t.#\"]\ntimeout = \"5s\"\n[collector.raw-1]\npublish = [\"t.#\"]\n";
    let (file, endpoint) = place(&directory, config);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "ulimit -n 26; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_stook-test-host")])
        .args([file.as_path(), endpoint.directory()]);
    let host = Apart::of(shell);
    host.event("Listening");
    let fds = || std::fs::read_dir(format!("/proc/{}/fd", host.host.id())).map_or(0, Iterator::count);
    let connect = || std::os::unix::net::UnixStream::connect(endpoint.directory().join("socket"));
    let silent: Vec<_> = (0..20).filter_map(|_| connect().ok()).collect();
    until("it has no file descriptor left", || fds() >= 26).await;
    // It is not busy with that: it waits between its attempts.
    let ticks = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", host.host.id())).expect("it lives");
        let fields: Vec<_> = stat.rsplit(')').next().expect("after the name").split_whitespace().collect();
        fields[11].parse::<u64>().expect("user time") + fields[12].parse::<u64>().expect("system time")
    };
    let before = ticks();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let spent = ticks() - before;
    assert!(spent < 50, "{spent} of 100 ticks in a second");
    drop(silent);
    let (mut raw, _) = Raw::join(&endpoint, hello("raw-1", "t.x")).await;
    raw.say(result(1, "x", 1)).await;
    raw.acknowledged(1).await;
    host.event("CollectorConnected");
    host.stop();
}

#[tokio::test]
async fn collectors_do_not_outlive_a_host_that_was_killed() {
    let directory = tempfile::Builder::new().prefix("stook").tempdir().expect("a directory");
    let config = r#"
        [aggregate.a]
        topics = ["t.#"]
        timeout = "60s"
        [collector.idle]
        command = ["@collector", "can=list", "topic=t.x"]
        publish = ["t.#"]
        [collector.busy]
        command = ["@collector", "topic=t.x"]
        publish = ["t.#"]
    "#;
    let (file, endpoint) = place(&directory, config);
    let mut host = Command::new(env!("CARGO_BIN_EXE_stook-test-host"))
        .args([file.as_path(), endpoint.directory()])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    if cfg!(target_os = "linux") {
        until("its collectors are there", || processes_of(&endpoint).len() == 2).await;
    }
    host.kill().expect("a child of ours");
    host.wait().expect("a child of ours");
    // They wait for another host for `orphan_grace`, 10 s, and no longer.
    until("they have given up", || processes_of(&endpoint).is_empty()).await;
    // Its socket is dead, and in nobody's way.
    let next = endpoint.lock().expect("the system has freed it").bind().await;
    assert!(next.is_ok(), "{next:?}");
}
