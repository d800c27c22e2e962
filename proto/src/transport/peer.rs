//! Who is at the other end, as the system knows it.

use std::io;

use interprocess::local_socket::traits::StreamCommon;

use super::{Stream, platform};

/// The process at the other end of a connection, as the system knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its effective user; Unix only.
    pub uid: Option<u32>,
    /// Its process id, where the system has it (Linux, FreeBSD, Windows; not macOS).
    pub pid: Option<u32>,
}

impl Peer {
    /// The peer of this connection.
    ///
    /// # Errors
    /// If the system does not tell, for instance because the peer is gone already.
    pub fn of(stream: &Stream) -> io::Result<Self> {
        let credentials = stream.peer_creds()?;
        Ok(Self {
            uid: platform::uid(&credentials),
            pid: credentials.pid().and_then(|pid| pid.try_into().ok()),
        })
    }

    /// Whether it runs as the user that this process runs as. True on Windows, where the pipe itself lets nobody
    /// else in.
    pub fn is_ours(&self) -> bool {
        platform::is_ours(self.uid)
    }
}
