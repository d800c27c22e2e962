//! What an operator asks of a host.

use std::fmt::Display;
use std::hash::Hash;
use std::time::Duration;

use stook_types::{Capability, CollectorId, CorrelationId, FanOut, Payload, Value};

use crate::assignment::millis;
use crate::hello::{MAX_NAMES, twice};
use crate::wire::{frame::Body, submit};
use crate::{DepthError, SessionError, Subscription, VERSION, Version, correlation, payload, wire};

/// A request to a host, by the command line or another program.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Request {
    /// Run a task.
    Submit(Submission),
    /// Say how things stand.
    Status,
    /// Start a collector again.
    Restart(CollectorId),
    /// Send what is released. It has one reply, and then sets come until one side closes.
    Subscribe(Subscription),
}

/// A task that somebody wants to be run. Begin with [`of`](Self::of), and set what is to be otherwise:
///
/// ```
/// use stook_proto::Submission;
/// use stook_types::{FanOut, Value};
///
/// let task = Submission::of("load.read".parse()?).into_aggregate("load").arguments(&Value::from([("cpu", 3)]))?;
/// let each = Submission { fan_out: FanOut::Each, priority: 5, ..task };
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Submission {
    /// The kinds of task to run under one correlation ID; at least one, none twice.
    pub capabilities: Vec<Capability>,
    /// Whom it goes to.
    pub fan_out: FanOut,
    /// The task's arguments.
    pub payload: Payload,
    /// The higher goes first; 0 is usual.
    pub priority: i32,
    /// Time from now until the host gives up on it; `None` if the host decides. Whole milliseconds on the wire.
    pub timeout: Option<Duration>,
    /// Names of the aggregates that gather the answers.
    pub into: Vec<String>,
    /// Under which results are to be recorded; `None` if the host makes one up.
    pub correlation_id: Option<CorrelationId>,
    /// Whether the host is to say what comes of it, too: to who asks it from outside, as `stook submit --wait` does. In the
    /// host's own process that is the difference between `Handle::run_task` and `Handle::submit`, and this says nothing.
    pub wait: bool,
}

/// Longest name of an aggregate or a sink.
const MAX_NAME: usize = 64;

// === impl Request ===

impl Request {
    pub(crate) fn to_wire(&self) -> wire::Frame {
        let Version { major: protocol_major, minor: protocol_minor } = VERSION;
        match self {
            Self::Submit(submission) => submission.to_wire().into(),
            Self::Status => wire::Status { protocol_minor, protocol_major }.into(),
            Self::Restart(id) => {
                wire::Restart { collector: id.to_string(), protocol_minor, protocol_major }.into()
            }
            Self::Subscribe(subscription) => subscription.to_wire().into(),
        }
    }

    /// Parses and checks a request, from an operator that has nothing else to send.
    pub(crate) fn from_wire(body: Body) -> Result<Self, SessionError> {
        match body {
            Body::Submit(submit) => {
                check_version(submit.protocol_major, submit.protocol_minor)?;
                Submission::from_wire(submit).map(Self::Submit).map_err(SessionError::Request)
            }
            Body::Status(status) => {
                check_version(status.protocol_major, status.protocol_minor)?;
                Ok(Self::Status)
            }
            Body::Restart(restart) => {
                check_version(restart.protocol_major, restart.protocol_minor)?;
                let id = CollectorId::new(&restart.collector);
                id.map(Self::Restart).map_err(|error| SessionError::Request(error.to_string()))
            }
            Body::Subscribe(subscribe) => {
                check_version(subscribe.protocol_major, subscribe.protocol_minor)?;
                Subscription::from_wire(&subscribe).map(Self::Subscribe).map_err(SessionError::Request)
            }
            other => Err(SessionError::Illegal { frame: other.name(), when: "after a request" }),
        }
    }
}

fn check_version(major: u32, minor: u32) -> Result<(), SessionError> {
    if major == VERSION.major {
        Ok(())
    } else {
        Err(SessionError::OperatorVersion { theirs: Version { major, minor } })
    }
}

// === impl Submission ===

impl Submission {
    /// A task of one kind, for the best of those who can run it: without arguments, at the usual priority, and gathered by
    /// no aggregate.
    pub fn of(capability: Capability) -> Self {
        Self {
            capabilities: vec![capability],
            fan_out: FanOut::One,
            payload: payload(&Value::Null).expect("nothing is not nested"),
            priority: 0,
            timeout: None,
            into: Vec::new(),
            correlation_id: None,
            wait: false,
        }
    }

    /// The same, and this aggregate gathers the answers too.
    #[must_use]
    pub fn into_aggregate(mut self, name: impl Into<String>) -> Self {
        self.into.push(name.into());
        self
    }

    /// The same with these arguments.
    ///
    /// # Errors
    /// If they are nested too deep for the wire.
    pub fn arguments(self, arguments: &Value) -> Result<Self, DepthError> {
        Ok(Self { payload: payload(arguments)?, ..self })
    }

    /// The same under this correlation ID, by which its set is recognised.
    #[must_use]
    pub fn under(mut self, correlation_id: CorrelationId) -> Self {
        self.correlation_id = Some(correlation_id);
        self
    }

    fn to_wire(&self) -> wire::Submit {
        wire::Submit {
            capabilities: self.capabilities.iter().map(ToString::to_string).collect(),
            fan_out: Some(match &self.fan_out {
                FanOut::One => submit::FanOut::One(true),
                FanOut::Each => submit::FanOut::Each(true),
                FanOut::Ids(ids) => {
                    let ids = ids.iter().map(ToString::to_string).collect();
                    submit::FanOut::Ids(wire::Collectors { ids })
                }
            }),
            content_type: wire::ContentType::Value.into(),
            payload: self.payload.bytes().clone(),
            priority: self.priority,
            timeout_ms: self.timeout.map(millis),
            into: self.into.clone(),
            correlation: self.correlation_id.as_ref().map(correlation::to_wire),
            wait: self.wait,
            protocol_minor: VERSION.minor,
            protocol_major: VERSION.major,
        }
    }

    fn from_wire(submit: wire::Submit) -> Result<Self, String> {
        let fan_out = match submit.fan_out {
            Some(submit::FanOut::One(_)) => FanOut::One,
            Some(submit::FanOut::Each(_)) => FanOut::Each,
            Some(submit::FanOut::Ids(wire::Collectors { ids })) => {
                FanOut::Ids(at_least_one("collector", names("collector", &ids, CollectorId::new)?)?)
            }
            None => return Err("it names no fan-out that this host knows".into()),
        };
        let capabilities = names("capability", &submit.capabilities, Capability::new)?;
        // Looked into here, where somebody waits for an answer: each collector would fail with it.
        let payload = correlation::payload(submit.content_type, submit.payload);
        payload.decode().map_err(|error| format!("its arguments cannot be read: {error}"))?;
        let correlation_id = submit.correlation.as_ref().map(|id| correlation::from_wire(Some(id)));
        Ok(Self {
            capabilities: at_least_one("capability", capabilities)?,
            fan_out,
            payload,
            priority: submit.priority,
            timeout: submit.timeout_ms.map(Duration::from_millis),
            into: names("aggregate", &submit.into, aggregate)?,
            correlation_id: correlation_id.transpose().map_err(|error| error.to_string())?,
            wait: submit.wait,
        })
    }
}

fn at_least_one<T>(what: &str, names: Vec<T>) -> Result<Vec<T>, String> {
    if names.is_empty() { Err(format!("it names no {what}")) } else { Ok(names) }
}

/// Few names, all valid and different.
pub(crate) fn names<T: Display + Eq + Hash, E: Display>(
    what: &str,
    texts: &[String],
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, String> {
    if texts.len() > MAX_NAMES {
        return Err(format!("{} names of a {what}; the limit is {MAX_NAMES}", texts.len()));
    }
    let parsed: Result<Vec<_>, _> = texts.iter().map(|text| parse(text)).collect();
    let parsed = parsed.map_err(|error| error.to_string())?;
    match twice(&parsed) {
        Some(name) => Err(format!("{what} `{name}` is named twice")),
        None => Ok(parsed),
    }
}

/// A name that a config can give to an aggregate.
pub(crate) fn aggregate(name: &str) -> Result<String, String> {
    configured("aggregate", name)
}

/// A name that a config can give to a sink.
pub(crate) fn sink(name: &str) -> Result<String, String> {
    configured("sink", name)
}

fn configured(what: &str, name: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(allowed) {
        return Err(format!("`{name}` is no {what}: write 1 to {MAX_NAME} of A-Z a-z 0-9 - _ ."));
    }
    Ok(name.to_owned())
}
