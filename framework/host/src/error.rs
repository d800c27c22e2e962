//! Why a host does not run.

use stook_proto::transport::EndpointError;

use crate::config::Diagnostics;

/// Why a host could not start, or could not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// There is no place to listen, or another host has it.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Sinks could not be made or opened: all of them, each where its config is at fault.
    #[error("{}", .0.to_string().trim_end())]
    Sinks(Diagnostics),
    /// `on_complete` for an aggregate that config does not have.
    #[error("no aggregate is named `{name}`, to call back for; there is {}", if .there_are.is_empty() { "none".to_owned() } else { .there_are.join(", ") })]
    UnknownAggregate {
        /// What was asked for.
        name: String,
        /// What there is.
        there_are: Vec<String>,
    },
    /// The system would not start a thread.
    #[error("failed to start a thread for the sink `{sink}`: {source}")]
    Thread {
        /// Whose thread.
        sink: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Results were still in the host when it ended: their sinks did not take them in time.
    #[error("{0} results were not delivered before the host ended; the log says which sink failed")]
    Undelivered(u64),
}
