//! Where a host listens, and how to reach it: a local socket in a directory that nobody else can enter.
//!
//! ```no_run
//! # async fn example() -> Result<(), stook_proto::transport::EndpointError> {
//! use stook_proto::transport::Endpoint;
//!
//! // The host's side.
//! let lock = Endpoint::of_host("stook")?.lock()?; // a second host is refused here
//! let listener = lock.bind().await?;
//! let (stream, peer) = listener.accept().await?;
//! assert!(peer.is_ours(), "drop the stream: somebody else's process");
//!
//! // The collector's side.
//! let stream = Endpoint::from_env("stook")?.connect().await?;
//! # Ok(()) }
//! ```
//!
//! A [`Stream`] is shared by reference (`&Stream` reads and writes), so that reading and writing need no lock
//! and no split. It has no half-close: the connection ends when the stream is dropped.

mod directory;
mod endpoint;
mod error;
mod listener;
mod lock;
mod peer;
#[cfg(unix)]
#[path = "unix.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;

pub use endpoint::Endpoint;
pub use error::{EndpointError, Obstacle};
pub use interprocess::local_socket::tokio::Stream;
pub use listener::Listener;
pub use lock::HostLock;
pub use peer::Peer;

/// Environment variable that names the directory of the host to connect to, whatever the host's name.
pub const ENDPOINT_VARIABLE: &str = "STOOK_ENDPOINT";

/// Environment variable that names the private directory in which every host has its own.
pub const RUNTIME_DIR_VARIABLE: &str = "STOOK_RUNTIME_DIR";
