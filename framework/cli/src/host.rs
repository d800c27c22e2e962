//! The host argument of the verbs that ask one, and what is said when it does not answer as asked.

use std::fmt::Display;
use std::future::Future;
use std::path::Path;

use stook::{Client, ClientError, Endpoint, EndpointError, RejectReason, Rejection};

use crate::output::Failure;

/// Which host.
#[derive(clap::Args)]
pub(crate) struct HostArg {
    /// The name of the host, as its config has it. It wins over the environment; without it the host is that of
    /// the directory STOOK_ENDPOINT, else of the name STOOK_HOST, else `stook`.
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
}

impl HostArg {
    /// Does something with a connection to the host.
    pub(crate) fn ask<F: Future<Output = Result<(), Failure>>>(
        &self,
        what: impl FnOnce(Client) -> F,
    ) -> Result<(), Failure> {
        let endpoint = self.endpoint().map_err(|error| unreachable(&error))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::Other(format!("failed to start: {error}")))?;
        runtime.block_on(async { what(Client::connect(&endpoint).await.map_err(failure)?).await })
    }

    /// What a command has to be given to ask the same host.
    pub(crate) fn flag(&self) -> String {
        self.host.as_ref().map_or_else(String::new, |name| format!(" --host {name}"))
    }

    pub(crate) fn endpoint(&self) -> Result<Endpoint, EndpointError> {
        match &self.host {
            Some(name) => Endpoint::of_host(name),
            None => {
                let name = std::env::var("STOOK_HOST").ok().filter(|name| !name.is_empty());
                Endpoint::from_env(name.as_deref().unwrap_or("stook"))
            }
        }
    }
}

/// Why a request came to nothing.
pub(crate) fn failure(error: ClientError) -> Failure {
    match error {
        ClientError::Unreachable(error) => unreachable(&error),
        ClientError::Io(_) | ClientError::Closed | ClientError::Timeout(_) => {
            Failure::Unreachable(error.to_string())
        }
        ClientError::Refused { text, remedy } => Failure::Other(with(text, &remedy)),
        ClientError::Rejected(rejection) => rejected(rejection),
        ClientError::Request(_) => Failure::Other(error.to_string()),
        other => Failure::Protocol(other.to_string()),
    }
}

pub(crate) fn unreachable(error: &EndpointError) -> Failure {
    match error {
        EndpointError::Name(_) | EndpointError::Relative { .. } => Failure::Usage(error.to_string()),
        EndpointError::NoHost { path } => {
            let there = match error.neighbours() {
                none if none.is_empty() => String::new(),
                some => format!("; there is {}", some.join(", ")),
            };
            let remedy = "start one with `stook run FILE`, or name another with --host NAME or STOOK_ENDPOINT=DIRECTORY";
            Failure::Unreachable(format!("{error}, {}{there}\n{remedy}", origin(path)))
        }
        _ => Failure::Unreachable(error.to_string()),
    }
}

/// Why it was looked for there.
fn origin(directory: &Path) -> String {
    let set = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty());
    let name = directory.file_name().unwrap_or_default();
    match set("STOOK_ENDPOINT").is_some_and(|endpoint| Path::new(&endpoint) == directory) {
        true => "as STOOK_ENDPOINT says".to_owned(),
        false if set("STOOK_HOST").is_some_and(|host| host == name) => "as STOOK_HOST says".to_owned(),
        false if name == "stook" => "where nothing names another".to_owned(),
        false => format!("the host's name being `{}`", name.display()),
    }
}

fn rejected(Rejection { reason, text, remedy, .. }: Rejection) -> Failure {
    let said = with(text, &remedy);
    match reason {
        RejectReason::Request => Failure::Usage(said),
        RejectReason::Busy | RejectReason::ShuttingDown | RejectReason::Timeout => Failure::Unreachable(said),
        _ => Failure::Protocol(said),
    }
}

fn with(text: impl Display, remedy: &str) -> String {
    if remedy.is_empty() { text.to_string() } else { format!("{text}\n{remedy}") }
}
