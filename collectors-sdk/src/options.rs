//! How a collector runs.

use std::time::Duration;

use stook_proto::Token;
use stook_proto::collector::ReplayLimits;
use stook_proto::transport::Endpoint;
use stook_types::CollectorId;

use crate::{Description, RunError};

/// How a collector runs. [`Options::from_env`] is what [`run`](crate::run) uses.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the host is.
    pub endpoint: Endpoint,
    /// Its id; its kind and `-1` if there is none.
    pub id: Option<CollectorId>,
    /// The secret that the host gave it.
    pub token: Token,
    /// Whether a host has spawned it: it gives up when the host is gone for [`orphan_grace`](Self::orphan_grace),
    /// and leaves Ctrl-C to the host.
    pub supervised: bool,
    /// How long a supervised collector outlives its host.
    pub orphan_grace: Duration,
    /// Time to finish tasks and send results when a signal asks to stop; a host brings its own.
    pub drain_grace: Duration,
    /// Time that a task has to end by itself when it is cancelled and has [asked](crate::Task::cancelled) to be told.
    pub cancel_grace: Duration,
    /// What is kept until the host acknowledges it.
    pub replay: ReplayLimits,
}

impl Options {
    /// A collector that was started by hand, for the host at this endpoint.
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            id: None,
            token: Token::default(),
            supervised: false,
            orphan_grace: Duration::from_secs(10),
            drain_grace: Duration::from_secs(5),
            cancel_grace: Duration::from_secs(5),
            replay: ReplayLimits::default(),
        }
    }

    /// As the environment says; the variables are in the crate's documentation.
    ///
    /// # Errors
    /// If a variable has a value that cannot be.
    pub fn from_env() -> Result<Self, RunError> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let host = variable("STOOK_HOST").unwrap_or_else(|| "stook".into());
        let token = Token::new(variable("STOOK_TOKEN").unwrap_or_default());
        Ok(Self {
            id: variable("STOOK_COLLECTOR_ID").map(|id| CollectorId::new(&id)).transpose()?,
            supervised: !token.is_empty(),
            token,
            ..Self::new(Endpoint::from_env(&host)?)
        })
    }

    pub(crate) fn id(&self, description: &Description) -> Result<CollectorId, RunError> {
        match &self.id {
            Some(id) => Ok(id.clone()),
            None => Ok(CollectorId::new(&format!("{}-1", description.kind))?),
        }
    }
}
