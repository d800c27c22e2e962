//! Windows, macOS and the BSDs, by the `listeners` crate. Despite its name it tells sockets in every state.

use std::io;

use listeners::{Listener, SocketState};

use super::{Protocol, Socket};

/// Every socket with its owner.
pub(super) fn sockets() -> io::Result<Vec<(u32, Socket)>> {
    let found = listeners::get_all().map_err(|error| io::Error::other(error.to_string()))?;
    Ok(found.iter().map(|listener| (listener.process.pid, socket(listener))).collect())
}

fn socket(listener: &Listener) -> Socket {
    let (protocol, state) = match listener.protocol {
        listeners::Protocol::TCP => (Protocol::Tcp, word(listener.state)),
        listeners::Protocol::UDP => (Protocol::Udp, None),
    };
    Socket { protocol, local: listener.socket, remote: None, state }
}

const fn word(state: SocketState) -> Option<&'static str> {
    Some(match state {
        SocketState::Listen => "LISTEN",
        SocketState::Established => "ESTABLISHED",
        SocketState::SynSent => "SYN_SENT",
        SocketState::SynReceived => "SYN_RECEIVED",
        SocketState::FinWait1 => "FIN_WAIT_1",
        SocketState::FinWait2 => "FIN_WAIT_2",
        SocketState::TimeWait => "TIME_WAIT",
        SocketState::Closed => "CLOSED",
        SocketState::CloseWait => "CLOSE_WAIT",
        SocketState::LastAck => "LAST_ACK",
        SocketState::Closing => "CLOSING",
        SocketState::Unknown => return None,
    })
}
