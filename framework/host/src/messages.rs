//! What users read of this crate's errors, and of what happens: see `messages/`.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stook_messages::{Source, every, every_of, expect_file, own_sources};
use stook_plugin::{
    AggregatedResult, BuildContext, BuildError, NoOptions, Plugin, Registration, Registry, Sink, SinkError,
};
use stook_proto::operator::RequestError;
use stook_proto::transport::EndpointError;
use stook_proto::{RejectReason, Rejection, SessionError};
use stook_types::{Capability, CollectorId, CorrelationId, Incarnation, Missing, TaskId, TaskOutcome};
use uuid::Uuid;

use crate::config::{self, Config, Diagnostics};
use crate::event::{Cause, Event, log, log_left_out};
use crate::{ClientError, HostError, RestartRefused};

#[test]
fn errors() {
    let path = || "/run/user/1000/stook/stook".into();
    let host = every!(HostError {
        HostError::Endpoint(_) => EndpointError::HostRunning { path: path(), pid: Some(4711) }.into();
        HostError::Sinks(_) => HostError::Sinks(shut());
        HostError::UnknownAggregate { .. } =>
            HostError::UnknownAggregate { name: "scam".into(), there_are: vec!["scan".into(), "other".into()] },
            HostError::UnknownAggregate { name: "scan".into(), there_are: Vec::new() };
        HostError::Thread { .. } =>
            HostError::Thread { sink: "file".into(), source: io::Error::other("resource temporarily unavailable") };
        HostError::Undelivered(_) => HostError::Undelivered(3);
    });
    let rejection = Rejection::new(
        RejectReason::ShuttingDown,
        "the host stops",
        "connect again when it has been started again",
    );
    let client = every!(ClientError {
        ClientError::Unreachable(_) => EndpointError::NoHost { path: path() }.into();
        ClientError::Io(_) => io::Error::other("broken pipe").into();
        ClientError::Closed => ClientError::Closed;
        ClientError::Timeout(_) => ClientError::Timeout(Duration::from_secs(10));
        ClientError::Refused { .. } =>
            ClientError::Refused { text: "the host stops".into(), remedy: "submit it again when it has been started again".into() };
        ClientError::Rejected(_) => ClientError::Rejected(rejection.clone());
        ClientError::Request(_) => RequestError::NotAnswered.into();
        ClientError::Protocol(_) => SessionError::UnknownFrame.into();
    });
    let refused = || {
        [
            RestartRefused::Unknown { collector: id("procmond-2"), near: Some("procmond-1".into()) },
            RestartRefused::Unknown { collector: id("x"), near: None },
            RestartRefused::NotOurs(id("procmond-1")),
            RestartRefused::Stopping,
        ]
    };
    let source = include_str!("control/refused.rs");
    let restart =
        every_of(source, "RestartRefused", &refused(), |refused| format!("{refused}\n{}", refused.remedy()));
    expect_file!["messages/errors.txt"].assert_eq(&[host, client, restart].concat());
}

/// What is logged beside the events: at which level, and with which fields.
#[test]
fn log_lines() {
    let sources = own_sources!();
    let lines = sources.iter().flat_map(Source::log_lines).filter(|line| !line.starts_with("event.rs"));
    expect_file!["messages/log.txt"].assert_eq(&lines.map(|line| line + "\n").collect::<String>());
}

/// What a host says that cannot open a sink.
fn shut() -> Diagnostics {
    struct Shut;

    impl Plugin for Shut {
        const NAME: &'static str = "shut";
        const DOCS: &'static str = "Cannot be opened.";
        type Options = NoOptions;

        fn build(_: NoOptions, _: &BuildContext) -> Result<Self, BuildError> {
            Ok(Self)
        }
    }

    impl Sink for Shut {
        fn open(&mut self) -> Result<(), BuildError> {
            Err(BuildError::new("nothing can be written to /dev/shut; open it"))
        }

        fn deliver(&mut self, _: &AggregatedResult) -> Result<(), SinkError> {
            Ok(())
        }
    }

    let config = r#"{"aggregate": {"a": {"topics": ["t"], "timeout": "1s", "deliver": ["file"]}}, "sink": {"file": {"use": "shut"}}}"#;
    let config = config::Source::deserialize("stook.json", &mut serde_json::Deserializer::from_str(config));
    let registry = Registry::builder().with(Registration::sink::<Shut>("acme")).build().expect("one plugin");
    let config = Config::load(&config.expect("JSON"), &registry, &BuildContext::default());
    config.expect("a config").0.sinks[0].factory.open().err().expect("it is shut")
}

/// What is told to collectors, consumers and operators, and why something ended. Configs have pages of their own.
#[test]
fn reasons() {
    let sources = own_sources!();
    let texts = sources.iter().filter(|source| !source.path().starts_with("config/")).map(Source::texts);
    expect_file!["messages/reasons.txt"].assert_eq(&texts.collect::<String>());
}

/// As a line of the log, and as it stands on `stook.events`.
#[test]
fn events() {
    let pages = every_of(include_str!("event.rs"), "Event", &all_events(), |event| {
        let json = serde_json::to_string(event).expect("an event is JSON");
        format!("{}{json}", logged(|| log(event, false)))
    });
    let collector = || Some(id("procmond-1"));
    let causes = [
        Cause { what: "collector.lost", collector: collector(), reason: "disconnected" },
        Cause { what: "task.failed", collector: None, reason: "" },
    ];
    let left_out: String = causes.iter().map(|cause| logged(|| log_left_out(cause, 1_234))).collect();
    let stops = Event::CollectorExited { collector: id("procmond-1"), how: "exit code 0".into() };
    let rest = format!(
        "while the host stops\n  {}left out\n  {}",
        logged(|| log(&stops, true)),
        left_out.replace("\n ", "\n   ")
    );
    expect_file!["messages/events.txt"].assert_eq(&format!("{pages}{rest}"));
}

fn all_events() -> Vec<Event> {
    let collector = || id("procmond-1");
    let task: fn() -> Arc<str> = || "scan".into();
    let incarnation = Incarnation(Uuid::from_u128(1));
    let task_id = TaskId(Uuid::from_u128(2));
    let correlation_id = || CorrelationId::Uuid(Uuid::from_u128(3));
    let capability = || Capability::new("process.list").expect("valid");
    vec![
        Event::Listening,
        Event::CollectorConnected { collector: collector(), incarnation, pid: Some(4711) },
        Event::CollectorLost { collector: collector(), why: Missing::Exited, how: None, orderly: false },
        Event::CollectorLost {
            collector: collector(),
            why: Missing::Disconnected,
            how: Some("goodbye: the stream has ended".into()),
            orderly: true,
        },
        Event::CollectorSilent { collector: collector() },
        Event::CollectorWithoutHeartbeats { collector: collector() },
        Event::CollectorOverdue { collector: collector(), task: task(), why: "it did not end before its deadline" },
        Event::CollectorExited { collector: collector(), how: "exit code 3".into() },
        Event::CollectorAdopted { collector: collector(), incarnation },
        Event::CollectorRestarting { collector: collector(), in_ms: 200 },
        Event::CollectorRestarted { collector: collector(), restarts: 2, after_ms: 412 },
        Event::CollectorQuarantined { collector: collector(), why: "5 restarts within 1m".into() },
        Event::CollectorLeft { collector: collector(), why: "exit code 0; its restart policy leaves it".into() },
        Event::TaskAssigned {
            task: task(),
            task_id,
            collector: collector(),
            capability: capability(),
            correlation_id: correlation_id(),
            attempt: 1,
        },
        Event::TaskRedistributed {
            task: task(),
            task_id,
            capability: capability(),
            from: collector(),
            to: Some(id("procmond-2")),
            why: "procmond-1 was lost (exited)".into(),
        },
        Event::TaskFinished { task: task(), task_id, collector: collector(), capability: capability(), took_us: 900 },
        Event::TaskFailed {
            task: task(),
            task_id,
            capability: capability(),
            collector: Some(collector()),
            why: "no such process".into(),
        },
        Event::TaskQuarantined { task: task(), task_id, capability: capability(), collector: collector(), kills: 3 },
        Event::TaskEnded { task: task(), task_id, correlation_id: correlation_id(), outcome: TaskOutcome::Partial },
        Event::TaskUnassigned { task: task(), why: "no collector has process.list so far; it waits for one".into() },
        Event::PluginMisbehaved { plugin: "p2c", kind: "scoring", what: "has panicked or made no sense once".into() },
        Event::SinkFailing { sink: "file".into(), why: "no space left on device".into() },
        Event::SinkRecovered { sink: "file".into() },
        Event::ConnectionRefused {
            collector: Some(collector()),
            reason: RejectReason::Token.as_str(),
            why: "procmond-1: `procmond-1` is started by the host, and this process does not have its token (token)".into(),
            in_session: false,
        },
        Event::ConnectionRefused {
            collector: Some(collector()),
            reason: RejectReason::Protocol.as_str(),
            why: "the collector sent 1 results where it had credit for 0".into(),
            in_session: true,
        },
    ]
}

fn id(id: &str) -> CollectorId {
    CollectorId::new(id).expect("valid")
}

/// What is logged meanwhile, without times and targets.
fn logged(what: impl FnOnce()) -> String {
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);
    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (written, level) = (Written::default(), tracing::Level::DEBUG);
    let to = written.clone();
    let log = tracing_subscriber::fmt().without_time().with_target(false).with_ansi(false);
    let log = log.with_max_level(level).with_writer(move || to.clone()).finish();
    tracing::subscriber::with_default(log, what);
    String::from_utf8(std::mem::take(&mut *written.0.lock().expect("no panic"))).expect("text")
}
