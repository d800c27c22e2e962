//! What both sides read of this crate's errors: see `messages/errors.txt`.

use std::io;
use std::time::Duration;

use stook_messages::{every_of, expect_file, page};
use stook_proto::collector::RecordError;
use stook_proto::host::ReplyError;
use stook_proto::operator::RequestError;
use stook_proto::transport::{EndpointError, Obstacle};
use stook_proto::{AssignError, DepthError, Lease, RejectReason, Rejection, SessionError, Version};
use stook_types::Topic;

fn session_errors() -> Vec<SessionError> {
    let (old, new) = (Version { major: 0, minor: 9 }, Version { major: 99, minor: 0 });
    vec![
        SessionError::HandshakeTimeout(Duration::from_secs(5)),
        SessionError::FrameTimeout(Duration::from_secs(5)),
        SessionError::FrameTooLarge { length: 1 << 30, limit: 4 << 20 },
        SessionError::Malformed("invalid wire type value: 7".into()),
        SessionError::UnknownFrame,
        SessionError::Illegal { frame: "Results", when: "before Hello" },
        SessionError::Version { theirs: old },
        SessionError::Version { theirs: new },
        SessionError::Declaration("topic `t.x` is declared twice".into()),
        SessionError::OperatorVersion { theirs: old },
        SessionError::OperatorVersion { theirs: new },
        SessionError::Request("no capability is named".into()),
        SessionError::Unread(1 << 20),
        SessionError::CreditOverrun { of: "results", sent: 1, left: 0 },
        SessionError::Stranger { first: "HTTP/1.1".into() },
        SessionError::AcknowledgedTooMuch { floor: 9, sent: 8 },
        SessionError::Acknowledged { sequence: 9, recorded: 8 },
        SessionError::LeaseTwice { frame: "TaskStarted", lease: 9 },
        SessionError::UndeclaredTopic { topic: 3, declared: 2 },
        SessionError::Sequence { sequence: 900, floor: 20, capacity: 64 },
        SessionError::Lease { frame: "TaskFinished", lease: 9 },
        SessionError::Flood,
    ]
}

#[test]
fn sessions() {
    let source = include_str!("../src/error.rs");
    let errors = every_of(source, "SessionError", &session_errors(), ToString::to_string);
    // What the peer is told, with the remedy.
    let told = every_of(source, "SessionError", &session_errors(), |error| error.rejection().to_string());
    let (length, limit) = (2_000_000, 1_048_576);
    let record = every_of(
        include_str!("../src/collector/event.rs"),
        "RecordError",
        &[
            RecordError::Full,
            RecordError::TooLarge { length, limit },
            RecordError::Topic(Topic::new("events.x").expect("valid")),
            RecordError::Encoding("a text over 4 GiB"),
            RecordError::Over,
        ],
        ToString::to_string,
    );
    let request = every_of(
        include_str!("../src/operator/event.rs"),
        "RequestError",
        &[
            RequestError::NotAnswered,
            RequestError::Subscribed,
            RequestError::NoSuchSet(9),
            RequestError::Closed,
            RequestError::TooLarge { length, limit },
            RequestError::Encoding("a text over 4 GiB"),
        ],
        ToString::to_string,
    );
    let reply = every_of(
        include_str!("../src/host/session/operator.rs"),
        "ReplyError",
        &[
            ReplyError::NotAsked,
            ReplyError::Full(1 << 20),
            ReplyError::Depth(DepthError),
            ReplyError::TooLarge { length, limit },
        ],
        ToString::to_string,
    );
    let assign = every_of(
        include_str!("../src/assignment.rs"),
        "AssignError",
        &[
            AssignError::NotOpen,
            AssignError::Full(1 << 20),
            AssignError::TooLarge { length, limit },
            AssignError::Encoding("a text over 4 GiB"),
            AssignError::Lease(Lease(9)),
        ],
        ToString::to_string,
    );
    let reasons = every_of(
        include_str!("../src/rejection.rs"),
        "RejectReason",
        &[
            RejectReason::Version,
            RejectReason::UnknownCollector,
            RejectReason::Duplicate,
            RejectReason::Token,
            RejectReason::TopicNotAllowed,
            RejectReason::Declaration,
            RejectReason::Superseded,
            RejectReason::ShuttingDown,
            RejectReason::Protocol,
            RejectReason::Timeout,
            RejectReason::Busy,
            RejectReason::Request,
            RejectReason::Other,
        ],
        |reason| Rejection::new(*reason, "what is wrong", "what would be right").to_string(),
    );
    let pages =
        [errors, "Rejection of a ".to_owned(), told, record, request, reply, assign, reasons].concat();
    expect_file!["messages/sessions.txt"].assert_eq(&pages);
}

#[test]
fn endpoints() {
    let path = || "/run/user/1000/stook/stook/socket".into();
    let in_the_way = |what| EndpointError::InTheWay { path: path(), what };
    let errors = [
        EndpointError::Name("a/b".into()),
        EndpointError::NoDirectory,
        EndpointError::Relative { variable: "STOOK_ENDPOINT", path: "here".into() },
        EndpointError::NotPrivate {
            path: path(),
            why: "others can write there".into(),
            remedy: "chmod go-rwx it".into(),
        },
        EndpointError::PathTooLong { path: path(), length: 130, limit: 107 },
        EndpointError::HostRunning { path: path(), pid: Some(4711) },
        EndpointError::HostRunning { path: path(), pid: None },
        in_the_way(Obstacle::File),
        in_the_way(Obstacle::Directory),
        in_the_way(Obstacle::Symlink),
        in_the_way(Obstacle::LiveSocket),
        in_the_way(Obstacle::ForeignSocket),
        EndpointError::NoHost { path: path() },
        EndpointError::ForeignHost { path: path(), why: "it belongs to user 1001".into() },
        EndpointError::Io {
            doing: "bind",
            path: path(),
            source: io::Error::other("no space left on device"),
        },
    ];
    let source = include_str!("../src/transport/error.rs");
    let errors = every_of(source, "EndpointError", &errors, ToString::to_string);
    let obstacles = [
        Obstacle::File,
        Obstacle::Directory,
        Obstacle::Symlink,
        Obstacle::LiveSocket,
        Obstacle::ForeignSocket,
    ];
    let obstacles = every_of(source, "Obstacle", &obstacles, ToString::to_string);
    let depth = page("DepthError", &[("DepthError", DepthError.to_string())]);
    expect_file!["messages/endpoints.txt"].assert_eq(&[errors, obstacles, depth].concat());
}
