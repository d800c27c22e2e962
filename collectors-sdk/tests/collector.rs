//! A collector and a host over a real socket.

mod host;

use std::time::Duration;

use host::{Host, soon};
use stook_collector::{
    Collector, CorrelationId, Description, Record, Recorder, RunError, Task, TaskError, Value,
};
use stook_proto::collector::ReplayLimits;
use stook_proto::host::{Event, HostLimits};
use stook_proto::{Credit, Lease, RejectReason, Rejection, TaskOutcome};
use stook_types::SessionEpoch;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Does what the task's arguments say.
struct Obedient;

const TOPIC: &str = "test.answers";

impl Collector for Obedient {
    fn describe(&self) -> Description {
        Description::of_kind("obedient").capability("test.obey", 4, [TOPIC]).capability(
            "test.one",
            1,
            [TOPIC],
        )
    }

    async fn task(&self, task: Task, results: &Recorder) -> Result<(), TaskError> {
        match task.arguments()? {
            Value::Int(count) => {
                for n in 0..count {
                    results.record(TOPIC, &n).await?;
                }
                Ok(())
            }
            Value::String(text) if text == "panic" => panic!("as told: {text}"),
            Value::String(text) if text == "hang" => std::future::pending().await,
            Value::String(text) if text == "aside" => {
                let own = Record::new().correlation_id(task.correlation_id);
                results.record_as(own, TOPIC, &1).await?;
                let other = Record::new().correlation_id(CorrelationId::new("other")?);
                Ok(results.record_as(other, TOPIC, &2).await?)
            }
            Value::String(text) if text == "typo" => Ok(results.record("test.anwsers", &1).await?),
            Value::String(text) => Err(std::fs::read(text).map(drop).unwrap_err().into()),
            _ => Err(TaskError::new("not understood")),
        }
    }
}

#[tokio::test]
async fn a_task_from_assignment_to_end() {
    let host = Host::start().await;
    let mut running = host.run(Obedient);
    let mut connection = host.accept().await;
    let Event::Hello(hello) = connection.next().await else { panic!("hello comes first") };
    assert_eq!((hello.id.as_str(), hello.kind.as_str()), ("obedient-1", "obedient"));
    assert_eq!(hello.pid, std::process::id());
    assert_eq!(hello.capabilities[0].concurrency, 4);
    connection.session.welcome(SessionEpoch(1), host.heartbeat, host.last_lease);
    connection.assign(1, "test.obey", 3).await;
    assert!(matches!(connection.next().await, Event::TaskStarted(Lease(1))));
    let mut received = Vec::new();
    while received.len() < 3 {
        received.extend(connection.results().await);
    }
    for (n, result) in (0..).zip(&received) {
        assert_eq!((result.lease, result.fenced), (Some(Lease(1)), false));
        assert_eq!(result.payload.decode(), Ok(Value::Int(n)));
        assert_eq!(result.correlation_id, CorrelationId::new("scan").expect("valid"));
        connection.session.ack(result.sequence);
    }
    assert_eq!(connection.finished(1).await, TaskOutcome::Done);
    running.stop();
    assert!(
        matches!(connection.next().await, Event::Goodbye(reason) if reason == "asked to stop by a signal")
    );
    drop(connection);
    running.end().await.expect("a good end");
    host.leaves_nothing();
}

#[tokio::test]
async fn what_answers_no_task_has_no_lease() {
    let host = Host::start().await;
    let running = host.run(Obedient);
    let mut connection = host.welcome().await;
    connection.assign(1, "test.obey", "aside").await;
    assert!(matches!(connection.next().await, Event::TaskStarted(_)));
    let mut received = Vec::new();
    while received.len() < 2 {
        received.extend(connection.results().await);
    }
    let leases: Vec<_> =
        received.iter().map(|result| (result.correlation_id.to_string(), result.lease)).collect();
    assert_eq!(leases, [("scan".into(), Some(Lease(1))), ("other".into(), None)]);
    running.outcome.abort();
}

#[tokio::test]
async fn failures_are_told_and_survived() {
    let host = Host::start().await;
    let mut running = host.run(Obedient);
    let mut connection = host.welcome().await;
    let cases: [(Value, &str); 4] = [
        ("panic".into(), "panicked: as told: panic"),
        ("/no/such/file".into(), "No such file or directory (os error 2)"),
        (
            "typo".into(),
            "topic `test.anwsers` is not in the collector's description; did you mean `test.answers`?",
        ),
        (Value::Null, "not understood"),
    ];
    for (lease, (arguments, text)) in (1..).zip(cases) {
        connection.assign(lease, "test.obey", arguments).await;
        assert_eq!(connection.finished(lease).await, TaskOutcome::Failed(text.to_owned()));
    }
    connection.assign(9, "test.obey", 1).await;
    assert_eq!(connection.finished(9).await, TaskOutcome::Done, "it lives on");
    running.stop();
    while connection.event().await.is_some_and(|event| !matches!(event, Event::Goodbye(_))) {}
    drop(connection);
    running.end().await.expect("a good end");
}

#[tokio::test]
async fn cancelled_and_too_many() {
    let host = Host::start().await;
    let running = host.run(Obedient);
    let mut connection = host.welcome().await;
    connection.assign(1, "test.one", "hang").await;
    connection.assign(2, "test.one", 1).await;
    let text = "`test.one` runs 1 times already, which is its concurrency";
    assert_eq!(connection.finished(2).await, TaskOutcome::Failed(text.into()));
    connection.session.fence(Lease(1));
    connection.flush().await;
    assert_eq!(connection.finished(1).await, TaskOutcome::Failed("cancelled by the host".into()));
    connection.assign(4, "test.one", 1).await;
    assert_eq!(connection.finished(4).await, TaskOutcome::Done, "its place is free");
    connection.assign(3, "test.none", 1).await;
    assert_eq!(
        connection.finished(3).await,
        TaskOutcome::Failed("the collector has no capability `test.none`".into())
    );
    running.outcome.abort();
}

#[tokio::test]
async fn what_was_not_acknowledged_comes_again() {
    let mut host = Host::start().await;
    let running = host.run(Obedient);
    let mut first = host.welcome().await;
    first.assign(1, "test.obey", 5).await;
    let mut sequences = Vec::new();
    while sequences.len() < 5 {
        if let Event::Results(batch) = first.next().await {
            sequences.extend(batch.iter().map(|result| result.sequence));
        }
    }
    assert_eq!(sequences, [1, 2, 3, 4, 5]);
    first.session.ack(1);
    first.session.ack(4);
    // The collector has read the acknowledgement once it answers what comes after it.
    first.assign(2, "test.obey", 0).await;
    assert_eq!(first.finished(2).await, TaskOutcome::Done);
    drop(first);

    host.last_lease = Lease(2);
    let mut second = host.welcome().await;
    let mut again = Vec::new();
    while again.len() < 3 {
        again.extend(second.results().await);
    }
    assert_eq!(again.iter().map(|result| result.sequence).collect::<Vec<_>>(), [2, 3, 5]);
    assert!(again.iter().all(|result| (result.lease, result.fenced) == (Some(Lease(1)), true)));
    // And goes on counting.
    second.assign(3, "test.obey", 1).await;
    loop {
        if let Event::Results(batch) = second.next().await {
            assert_eq!((batch[0].sequence, batch[0].lease, batch[0].fenced), (6, Some(Lease(3)), false));
            break;
        }
    }
    running.outcome.abort();
}

#[tokio::test]
async fn recording_waits_for_acknowledgements() {
    let host = Host::start().await;
    let replay = ReplayLimits { results: 4, ..ReplayLimits::default() };
    let running = host.run_with(Obedient, stook_collector::Options { replay, ..host.options() });
    let mut connection = host.welcome().await;
    connection.assign(1, "test.obey", 20).await;
    let (mut highest, mut most) = (0, 0);
    while highest < 20 {
        match connection.next().await {
            Event::Results(batch) => {
                for result in batch {
                    most = most.max(connection.session.unsettled());
                    highest = result.sequence;
                    connection.session.return_credit(1, result.payload.len() as u64);
                    connection.session.ack(result.sequence);
                }
                connection.flush().await;
            }
            Event::TaskStarted(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(most <= 4, "{most}");
    assert_eq!(connection.finished(1).await, TaskOutcome::Done);
    running.outcome.abort();
}

#[tokio::test]
async fn sending_waits_for_credit() {
    let mut host = Host::start().await;
    host.limits = HostLimits { credit: Credit { results: 2, bytes: 1 << 20 }, ..host.limits };
    let running = host.run(Obedient);
    let mut connection = host.welcome().await;
    connection.assign(1, "test.obey", 10).await;
    let mut received = 0;
    while received < 10 {
        match connection.next().await {
            Event::Results(batch) => {
                assert!(batch.len() <= 2);
                received += batch.len();
                connection.session.return_credit(batch.len() as u64, 0);
                connection.flush().await;
            }
            Event::TaskStarted(_) => {}
            other => panic!("{other:?}"),
        }
    }
    running.outcome.abort();
}

#[tokio::test]
async fn drained_by_the_host() {
    let host = Host::start().await;
    let running = host.run(Obedient);
    let mut connection = host.welcome().await;
    connection.assign(1, "test.obey", "hang").await;
    assert!(matches!(connection.next().await, Event::TaskStarted(_)));
    connection.session.drain(Duration::from_millis(200));
    connection.assign(2, "test.obey", 1).await;
    let returned = TaskOutcome::Returned("the collector leaves: drained by the host".into());
    assert_eq!(connection.finished(2).await, returned);
    assert_eq!(connection.finished(1).await, returned, "when its grace is over");
    assert!(matches!(connection.next().await, Event::Goodbye(reason) if reason == "drained by the host"));
    drop(connection);
    running.end().await.expect("a good end");
}

#[tokio::test]
async fn stopped_by_a_signal() {
    let host = Host::start().await;
    let drain_grace = Duration::from_millis(200);
    let mut running = host.run_with(Obedient, stook_collector::Options { drain_grace, ..host.options() });
    let mut connection = host.welcome().await;
    connection.assign(1, "test.obey", "hang").await;
    assert!(matches!(connection.next().await, Event::TaskStarted(_)));
    running.stop();
    let why = "the collector leaves: asked to stop by a signal";
    assert_eq!(connection.finished(1).await, TaskOutcome::Returned(why.into()));
    assert!(matches!(connection.next().await, Event::Goodbye(_)));
    drop(connection);
    running.end().await.expect("a good end");
}

#[tokio::test]
async fn a_pause_inside_a_frame_loses_nothing() {
    let host = Host::start().await;
    let running = host.run(Obedient);
    let mut connection = host.welcome().await;
    for lease in 1..=3 {
        let assignment = stook_proto::Assignment {
            lease: Lease(lease),
            task: stook_types::TaskId::random(),
            capability: stook_types::Capability::new("test.obey").expect("valid"),
            correlation_id: CorrelationId::random(),
            payload: stook_proto::payload(&Value::Int(0)).expect("flat"),
            timeout: None,
        };
        connection.session.assign(&assignment).expect("open");
    }
    let bytes = connection.session.transmit().split();
    for byte in bytes.chunks(1) {
        (&connection.stream).write_all(byte).await.expect("it reads");
        tokio::task::yield_now().await;
    }
    for lease in 1..=3 {
        assert_eq!(connection.finished(lease).await, TaskOutcome::Done);
    }
    running.outcome.abort();
}

#[tokio::test]
async fn heartbeats_come_by_themselves() {
    let mut host = Host::start().await;
    host.heartbeat = Duration::from_millis(5);
    let running = host.run(Obedient);
    let mut connection = host.welcome().await;
    connection.assign(1, "test.obey", "hang").await;
    let beat = loop {
        let now = stook_types::MonoTime::ZERO;
        match connection.session.poll(now).expect("good") {
            Some(Event::Heartbeat(beat)) if beat.load.active_tasks == 1 => break beat,
            Some(_) => {}
            None => {
                let mut stream = &connection.stream;
                let read = stream.read_buf(connection.session.read_buffer());
                assert!(soon(read).await.expect("open") > 0);
            }
        }
    };
    assert_eq!(beat.load.memory_bytes.is_some(), cfg!(target_os = "linux"));
    assert_eq!(beat.load.cpu.is_some(), cfg!(unix));
    running.outcome.abort();
}

#[tokio::test]
async fn no_host() {
    let mut host = Host::start().await;
    host.close();
    let error = host.run(Obedient).end().await.unwrap_err();
    assert_eq!(error.exit_code(), 69);
    let text = error.to_string();
    assert!(
        text.starts_with("`obedient` is a stook collector: it works for a host, and no host listens in `")
    );
    assert!(text.contains("stook run stook.toml"), "{text}");

    // Under a host it waits for another one, but not for ever.
    let orphan_grace = Duration::from_millis(100);
    let options = stook_collector::Options { supervised: true, orphan_grace, ..host.options() };
    let error = host.run_with(Obedient, options).end().await.unwrap_err();
    assert!(matches!(error, RunError::Orphaned(_)), "{error}");
    assert_eq!(error.exit_code(), 69);
}

#[tokio::test]
async fn rejected() {
    let host = Host::start().await;
    let reject = async |reason| {
        let running = host.run(Obedient);
        let mut connection = host.accept().await;
        connection.next().await;
        connection.session.reject(&Rejection::new(reason, "no collector `obedient-1`", "configure it"));
        connection.flush().await;
        drop(connection);
        running.end().await
    };
    let error = reject(RejectReason::UnknownCollector).await.unwrap_err();
    assert_eq!(error.exit_code(), 78);
    assert_eq!(
        error.to_string(),
        "the host does not take this collector: no collector `obedient-1` (unknown-collector); configure it"
    );
    assert_eq!(reject(RejectReason::Version).await.unwrap_err().exit_code(), 76);
    reject(RejectReason::Superseded).await.expect("a successor is no failure");
}

/// Streams three results and is done, or fails.
struct Stream(bool);

impl Collector for Stream {
    fn describe(&self) -> Description {
        Description::of_kind("stream").topic(TOPIC)
    }

    async fn stream(&self, results: Recorder) -> Result<(), TaskError> {
        results.record(TOPIC, &1).await.expect_err("there is no correlation ID");
        for n in 0..3 {
            let how = Record::new().correlation_id(CorrelationId::new("mine")?).last();
            results.record_as(how, TOPIC, &n).await?;
        }
        if self.0 { Ok(()) } else { panic!("enough") }
    }
}

#[tokio::test]
async fn streams_end() {
    let host = Host::start().await;
    for good in [true, false] {
        let running = host.run(Stream(good));
        let mut connection = host.welcome().await;
        let mut received = Vec::new();
        while received.len() < 3 {
            received.extend(connection.results().await);
        }
        assert!(received.iter().all(|result| result.last));
        assert!(matches!(connection.next().await, Event::Goodbye(_)));
        drop(connection);
        match running.end().await {
            Ok(()) => assert!(good),
            Err(error) => assert_eq!(error.to_string(), "failed to stream: panicked: enough"),
        }
    }
}

#[tokio::test]
async fn a_wrong_description_is_an_error() {
    struct Wrong;
    impl Collector for Wrong {
        fn describe(&self) -> Description {
            Description::of_kind("wrong").topic("Events")
        }
    }
    let host = Host::start().await;
    let error = host.run(Wrong).end().await.unwrap_err();
    assert_eq!(error.exit_code(), 78);
    assert!(
        error.to_string().starts_with("the collector describes itself wrongly: `Events` has `E`"),
        "{error}"
    );
}
