//! A host's open door.

use std::path::Path;

use interprocess::local_socket::tokio::Listener as Inner;
use interprocess::local_socket::traits::tokio::Listener as _;

use super::{EndpointError, Peer, Stream, platform};

/// Accepts connections. Dropping it closes the door and removes what stood in the file system.
#[derive(Debug)]
pub struct Listener {
    inner: Inner,
    /// After the socket itself: a name that leads nowhere is removed, not one that still works.
    place: platform::Place,
}

impl Listener {
    pub(super) async fn bind(directory: &Path) -> Result<Self, EndpointError> {
        let (inner, place) = platform::bind(directory).await?;
        Ok(Self { inner, place })
    }

    /// The next connection and who made it. Cancelling loses nothing.
    ///
    /// # Errors
    /// If the system has no room for another connection, or the peer is gone again. Both pass.
    pub async fn accept(&self) -> Result<(Stream, Peer), EndpointError> {
        let failed = |error| EndpointError::io("accept a connection on", self.place.path())(error);
        let stream = self.inner.accept().await.map_err(failed)?;
        let peer = Peer::of(&stream).map_err(failed)?;
        Ok((stream, peer))
    }
}
