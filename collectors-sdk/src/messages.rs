//! What a collector's author and its user read of this crate's errors, and in the log: see `messages/`.

use std::io;
use std::time::Duration;

use stook_messages::{Source, every, expect_file, own_sources, page};
use stook_proto::collector::NewResult;
use stook_proto::transport::EndpointError;
use stook_proto::{DepthError, RejectReason, Rejection};
use stook_types::{Capability, CollectorId, CorrelationId, Topic};

use crate::{
    DescriptionError, Encoded, FlushError, RecordError, RunError, SerializeError, TaskError, TryRecordError,
};

/// What is logged: at which level, and with which fields.
#[test]
fn log_lines() {
    let sources = own_sources!();
    let lines = sources.iter().flat_map(Source::log_lines);
    expect_file!["messages/log.txt"].assert_eq(&lines.map(|line| line + "\n").collect::<String>());
}

/// Why a task failed or was given back, and why a collector leaves.
#[test]
fn reasons() {
    let sources = own_sources!();
    let texts = sources.iter().filter(|source| source.path() != "notices.rs").map(Source::texts);
    expect_file!["messages/reasons.txt"].assert_eq(&texts.collect::<String>());
}

#[test]
fn errors() {
    let no_host = || EndpointError::NoHost { path: "/run/user/1000/stook/stook".into() };
    let rejection = Rejection::new(
        RejectReason::UnknownCollector,
        "no collector `procmond-1` is configured",
        "add [collector.procmond-1] with the topics that it may publish to the host's config",
    );
    let run = every!(RunError {
        RunError::NoHost { .. } => RunError::NoHost { kind: "procmond".into(), source: no_host() };
        RunError::Orphaned(_) => RunError::Orphaned(Duration::from_secs(10));
        RunError::Endpoint(_) => EndpointError::Name("a/b".into()).into();
        RunError::Rejected(_) => RunError::Rejected(rejection.clone());
        RunError::Description(_) => DescriptionError::Twice(capability()).into();
        RunError::Id(_) => CollectorId::new("my collector").expect_err("no id").into();
        RunError::Stream(_) => RunError::Stream("failed to read /proc: permission denied".into());
        RunError::AllRefused { .. } => all_refused("events.process", 7), all_refused("events.process", 1);
        RunError::Runtime(_) => RunError::Runtime(io::Error::other("too many open files"));
    });
    let description = every!(DescriptionError {
        DescriptionError::Topic(_) => Topic::new("Events").expect_err("no topic").into();
        DescriptionError::Capability(_) => Capability::new("Process List").expect_err("none").into();
        DescriptionError::Twice(_) => DescriptionError::Twice(capability());
        DescriptionError::NoConcurrency(_) => DescriptionError::NoConcurrency(capability());
        DescriptionError::Threads { .. } => DescriptionError::Threads { needed: 2_000, limit: 512 };
    });
    let near = Topic::new("events.process").ok();
    let record = every!(RecordError {
        RecordError::Topic { .. } => RecordError::Topic { topic: "events.proces".into(), near: near.clone() },
            RecordError::Topic { topic: "other".into(), near: None };
        RecordError::NoCorrelationId => RecordError::NoCorrelationId;
        RecordError::Serialize(_) => SerializeError::UnsignedRange(u128::MAX).into();
        RecordError::Depth(_) => DepthError.into();
        RecordError::Over => RecordError::Over;
        RecordError::TooLarge { .. } => RecordError::TooLarge { length: 2_000_000, limit: 1_048_576 };
    });
    let try_record = every!(TryRecordError {
        TryRecordError::Full(_) => TryRecordError::Full(Box::new(encoded()));
        TryRecordError::Record(_) => RecordError::Over.into();
    });
    let flush = FlushError { unacknowledged: 3, within: Duration::from_secs(5) };
    let rest = page(
        "others",
        &[("FlushError", flush.to_string()), ("TaskError", TaskError::new("no such process").to_string())],
    );
    let pages = [run, description, record, try_record, rest].concat();
    expect_file!["messages/errors.txt"].assert_eq(&pages);
}

fn all_refused(topic: &str, count: u64) -> RunError {
    RunError::AllRefused { count, topic: Some(topic.into()), reason: "topic-not-allowed".into() }
}

fn encoded() -> Encoded {
    let result = NewResult {
        topic: Topic::new("events.process").expect("valid"),
        correlation_id: CorrelationId::random(),
        timestamp: None,
        last: false,
        lease: None,
        payload: stook_proto::payload(&1.into()).expect("flat"),
    };
    Encoded { result, cancellation: None }
}

fn capability() -> Capability {
    Capability::new("process.list").expect("valid")
}
