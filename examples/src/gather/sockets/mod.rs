//! TCP and UDP sockets, by the processes that own them.
//!
//! * Linux: the `procfs` crate (pure Rust): all states, remote addresses, every owner of a shared socket;
//!   sockets of our own network namespace.
//! * Windows, macOS, FreeBSD: the `listeners` crate: all states, but it does not tell the remote address, so
//!   `remote` is null there.
//!
//! A socket whose owner is unknown is left out: without privileges those of other users, and what the kernel
//! keeps after its process let go (`TIME_WAIT`).

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use stook_types::Value;

#[cfg(target_os = "linux")]
use linux as platform;
#[cfg(not(target_os = "linux"))]
use others as platform;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod others;

/// The sockets of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    /// The process.
    pub pid: u32,
    /// Its sockets, sorted.
    pub sockets: Vec<Socket>,
}

/// One TCP or UDP socket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Socket {
    /// What it speaks.
    pub protocol: Protocol,
    /// Where it is bound.
    pub local: SocketAddr,
    /// Whom it is connected to, if it is and the platform tells.
    pub remote: Option<SocketAddr>,
    /// For TCP, in the words of netstat: `LISTEN`, `ESTABLISHED`, `SYN_SENT`, `SYN_RECEIVED`, `FIN_WAIT_1`,
    /// `FIN_WAIT_2`, `TIME_WAIT`, `CLOSED`, `CLOSE_WAIT`, `LAST_ACK`, `CLOSING`.
    pub state: Option<&'static str>,
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP over IPv4 or IPv6.
    Tcp,
    /// UDP over IPv4 or IPv6.
    Udp,
}

/// One row per process that owns sockets, by ascending pid, and always one for this process: an answer that
/// found no socket is not an empty answer.
///
/// # Errors
///
/// The system does not show its socket tables or its processes.
pub fn scan() -> io::Result<Vec<Owned>> {
    let mut owned = BTreeMap::<u32, Vec<Socket>>::from([(std::process::id(), Vec::new())]);
    for (pid, socket) in platform::sockets()? {
        owned.entry(pid).or_default().push(socket);
    }
    let rows = owned.into_iter().map(|(pid, mut sockets)| {
        sockets.sort_unstable();
        Owned { pid, sockets }
    });
    Ok(rows.collect())
}

// === impl Owned, Socket, Protocol ===

impl From<Owned> for Value {
    fn from(owned: Owned) -> Self {
        let sockets: Self = owned.sockets.into_iter().map(Self::from).collect();
        Self::from([("pid", owned.pid.into()), ("sockets", sockets)])
    }
}

impl From<Socket> for Value {
    fn from(socket: Socket) -> Self {
        Self::from([
            ("protocol", Self::from(socket.protocol.as_str())),
            ("local", socket.local.to_string().into()),
            ("remote", socket.remote.map(|remote| remote.to_string()).into()),
            ("state", socket.state.into()),
        ])
    }
}

impl Protocol {
    /// `tcp` or `udp`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;
    use crate::gather::testing::Child;

    /// The sockets of a process that are bound there.
    fn find(pid: u32, local: SocketAddr) -> Vec<Socket> {
        let row = scan().unwrap().into_iter().find(|row| row.pid == pid);
        row.map_or(vec![], |row| row.sockets.into_iter().filter(|socket| socket.local == local).collect())
    }

    fn me() -> u32 {
        std::process::id()
    }

    #[test]
    fn a_listener_of_this_process() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let local = listener.local_addr().unwrap();

        let expected = Socket { protocol: Protocol::Tcp, local, remote: None, state: Some("LISTEN") };
        assert_eq!(find(me(), local), [expected]);
    }

    #[test]
    fn a_listener_over_ipv6() {
        let Ok(listener) = TcpListener::bind("[::1]:0") else {
            eprintln!("skipped: this machine has no IPv6");
            return;
        };
        let local = listener.local_addr().unwrap();

        let expected = Socket { protocol: Protocol::Tcp, local, remote: None, state: Some("LISTEN") };
        assert_eq!(find(me(), local), [expected]);
    }

    #[test]
    fn both_ends_of_a_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (there, _) = listener.accept().unwrap();

        for end in [&here, &there] {
            let found = find(me(), end.local_addr().unwrap());
            let connected: Vec<_> =
                found.iter().filter(|socket| socket.state == Some("ESTABLISHED")).collect();
            assert_eq!(connected.len(), 1, "{found:?}");
            if cfg!(target_os = "linux") {
                assert_eq!(connected[0].remote, Some(end.peer_addr().unwrap()));
            }
        }
    }

    #[test]
    fn a_bound_udp_socket_has_no_state() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let local = socket.local_addr().unwrap();

        let expected = Socket { protocol: Protocol::Udp, local, remote: None, state: None };
        assert_eq!(find(me(), local), [expected]);
    }

    #[test]
    fn a_listener_of_another_process_until_that_ends() {
        let child = Child::start();
        let (pid, local) = (child.pid(), child.listens().parse().unwrap());

        assert_eq!(find(pid, local).len(), 1);
        assert_eq!(find(me(), local), []);
        drop(child);
        assert_eq!(find(pid, local), []);
    }

    #[test]
    fn sorted_with_this_process_among_them() {
        let all = scan().unwrap();

        assert!(all.is_sorted_by(|a, b| a.pid < b.pid));
        assert!(all.iter().any(|row| row.pid == me()));
    }

    #[test]
    fn the_row_as_a_value() {
        let socket = Socket {
            protocol: Protocol::Tcp,
            local: "[::1]:80".parse().unwrap(),
            remote: None,
            state: Some("LISTEN"),
        };

        assert_eq!(
            format!("{:?}", Value::from(Owned { pid: 7, sockets: vec![socket] })),
            r#"{"pid": 7, "sockets": [{"local": "[::1]:80", "protocol": "tcp", "remote": null, "state": "LISTEN"}]}"#
        );
    }
}
