//! The stook host: sessions, supervision, config and delivery; embeddable.
//!
//! [`Host::builder`] takes a [`config::Config`] and gives a host to run: see [`Host`] for an example. The binary
//! `stook` is this crate with `stook-strategies` linked and a command line in front: `stook_cli::main`, which a host
//! that needs no code of its own uses as well. What an embedder is given is named here too; policies are written
//! against `stook-plugin`.
//!
//! A host prints nothing. What it has to say goes to [`tracing`](https://docs.rs/tracing), which a program hears that
//! sets a subscriber, and as [`Event`] to whom [`HostBuilder::on_event`] names.
//!
//! The way of a result, by module: `door` lets a connection in, `session` understands it and offers results to the
//! engine's aggregator, `delivery` takes released sets to the sinks, `mailbox` carries acknowledgements back.
//! Beside it: `control` owns who is there and what they were given to do, `supervise` owns child processes, `ticker`
//! does what is due.

mod client;
mod clock;
pub mod config;
mod consumer;
mod control;
mod delivery;
mod door;
mod error;
mod event;
pub mod exit;
mod host;
mod hub;
mod mailbox;
#[cfg(test)]
mod messages;
mod session;
mod signal;
#[cfg(all(test, feature = "toml"))]
mod sim;
mod strangers;
mod supervise;
mod tally;
mod ticker;
mod timed;

pub use client::{Client, ClientError, Consumer, Seen, Set, Tap};
pub use consumer::ConsumerSink;
pub use control::{RestartRefused, SubmitRefusal, SubmitRefused, Submitted, TaskEnd, TaskFailure};
pub use error::HostError;
pub use event::Event;
pub use host::{Handle, Host, HostBuilder, Summary};
pub use signal::told_to_stop;
pub use stook_engine::{CounterSnapshot, Placed};
pub use stook_plugin::{
    AggregatedResult, BuildContext, Conflict, ConflictKind, Contributor, Merged, MissingCollector,
    Provenance, Reason, Registry, RegistryError, Repeat, SetKey, link_plugins,
};
pub use stook_proto::host::HostLimits;
pub use stook_proto::transport::{Endpoint, EndpointError};
pub use stook_proto::{DepthError, RejectReason, Rejection, Submission, payload};
pub use stook_types::{
    Capability, CollectorId, CorrelationId, EmissionId, FanOut, Incarnation, Missing, Object, Outcome,
    Payload, TaskId, TaskOutcome, Topic, Value, WallTime,
};
