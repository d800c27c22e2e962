//! The kernel's socket tables name inodes; the descriptors of the processes say whose they are.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::SocketAddr;

use procfs::ProcError;
use procfs::net::{self, TcpNetEntry, TcpState, UdpNetEntry};
use procfs::process::{self, FDTarget};

use super::{Protocol, Socket};

/// Every socket with each of its owners.
pub(super) fn sockets() -> io::Result<Vec<(u32, Socket)>> {
    let by_inode = tables()?;
    let mut sockets = Vec::new();
    for (pid, inode) in descriptors()? {
        if let Some(socket) = by_inode.get(&inode) {
            sockets.push((pid, socket.clone()));
        }
    }
    Ok(sockets)
}

fn tables() -> io::Result<HashMap<u64, Socket>> {
    let tcp = or_empty(net::tcp())?.into_iter().chain(or_empty(net::tcp6())?).map(tcp);
    let udp = or_empty(net::udp())?.into_iter().chain(or_empty(net::udp6())?).map(udp);
    Ok(tcp.chain(udp).collect())
}

/// A kernel built or booted without IPv6 has no such table.
fn or_empty<T>(table: Result<Vec<T>, ProcError>) -> io::Result<Vec<T>> {
    match table {
        Err(ProcError::NotFound(_)) => Ok(Vec::new()),
        table => table.map_err(io::Error::other),
    }
}

fn tcp(entry: TcpNetEntry) -> (u64, Socket) {
    let socket = Socket {
        protocol: Protocol::Tcp,
        local: entry.local_address,
        remote: connected(entry.remote_address),
        state: Some(word(&entry.state)),
    };
    (entry.inode, socket)
}

fn udp(entry: UdpNetEntry) -> (u64, Socket) {
    let socket = Socket {
        protocol: Protocol::Udp,
        local: entry.local_address,
        remote: connected(entry.remote_address),
        state: None,
    };
    (entry.inode, socket)
}

/// The kernel writes zeros for nobody.
fn connected(remote: SocketAddr) -> Option<SocketAddr> {
    (remote.port() != 0).then_some(remote)
}

const fn word(state: &TcpState) -> &'static str {
    match state {
        TcpState::Listen => "LISTEN",
        TcpState::Established => "ESTABLISHED",
        TcpState::SynSent => "SYN_SENT",
        TcpState::SynRecv | TcpState::NewSynRecv => "SYN_RECEIVED",
        TcpState::FinWait1 => "FIN_WAIT_1",
        TcpState::FinWait2 => "FIN_WAIT_2",
        TcpState::TimeWait => "TIME_WAIT",
        TcpState::Close => "CLOSED",
        TcpState::CloseWait => "CLOSE_WAIT",
        TcpState::LastAck => "LAST_ACK",
        TcpState::Closing => "CLOSING",
    }
}

/// Which process holds which socket, each pair once. A process that ends meanwhile, or whose descriptors we may
/// not see, has none.
fn descriptors() -> io::Result<BTreeSet<(u32, u64)>> {
    let mut held = BTreeSet::new();
    for process in process::all_processes().map_err(io::Error::other)?.flatten() {
        let (Ok(pid), Ok(descriptors)) = (u32::try_from(process.pid()), process.fd()) else {
            continue;
        };
        held.extend(descriptors.flatten().filter_map(|descriptor| match descriptor.target {
            FDTarget::Socket(inode) => Some((pid, inode)),
            _ => None,
        }));
    }
    Ok(held)
}
