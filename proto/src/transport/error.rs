//! What can stand between a collector and its host.

use std::io;
use std::path::{Path, PathBuf};

/// Why there is no way to listen or to connect.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// A name that cannot be a directory's.
    #[error("`{0}` is no host name: write 1 to 64 of A-Z a-z 0-9 - _ . and no dot in front")]
    Name(String),
    /// The environment names no private directory.
    #[error("no private directory for sockets is known; set {} to one", super::RUNTIME_DIR_VARIABLE)]
    NoDirectory,
    /// An environment variable with a path that depends on where one stands.
    #[error("{variable} is `{}`, which is not absolute", .path.display())]
    Relative {
        /// The variable.
        variable: &'static str,
        /// Its value.
        path: PathBuf,
    },
    /// A directory that somebody else could enter or exchange.
    #[error("`{}` is not private: {why}; {remedy}", .path.display())]
    NotPrivate {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// What to do about it.
        remedy: String,
    },
    /// Sockets have short names.
    #[error("`{}` has {length} bytes, and a socket's path at most {limit}; set {} to a shorter one", .path.display(), super::RUNTIME_DIR_VARIABLE)]
    PathTooLong {
        /// The socket's path.
        path: PathBuf,
        /// Its length in bytes.
        length: usize,
        /// What this system takes.
        limit: usize,
    },
    /// Another host has this name.
    #[error("a host runs in `{}` already{}; stop it or choose another [host] name", .path.display(), with_pid(*.pid))]
    HostRunning {
        /// The host's directory.
        path: PathBuf,
        /// The other host's process, if it says so.
        pid: Option<u32>,
    },
    /// Something that is not our own dead socket.
    #[error("`{}` is in the way: {what}; remove it if nobody needs it", .path.display())]
    InTheWay {
        /// Where the socket would be.
        path: PathBuf,
        /// What is there instead.
        what: Obstacle,
    },
    /// Nobody listens.
    #[error("no host listens in `{}`", .path.display())]
    NoHost {
        /// The host's directory.
        path: PathBuf,
    },
    /// Somebody listens who is not our host.
    #[error("whoever listens in `{}` is not the host: {why}", .path.display())]
    ForeignHost {
        /// The host's directory.
        path: PathBuf,
        /// How that is known.
        why: String,
    },
    /// The system says no.
    #[error("failed to {doing} `{}`: {source}", .path.display())]
    Io {
        /// What was tried, as a fragment after "failed to".
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What can be where the socket should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// A regular file, or something else that is no socket.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, wherever it leads.
    Symlink,
    /// A socket on which somebody listens.
    LiveSocket,
    /// A dead socket of another user.
    ForeignSocket,
}

impl std::fmt::Display for Obstacle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::File => "a file",
            Self::Directory => "a directory",
            Self::Symlink => "a symbolic link",
            Self::LiveSocket => "a socket on which somebody listens",
            Self::ForeignSocket => "a socket of another user",
        })
    }
}

/// How many other hosts are named where one is not there.
const NAMED: usize = 8;

impl EndpointError {
    /// The hosts beside the one that was looked for and is not there, by name. Some may have died without a word.
    pub fn neighbours(&self) -> Vec<String> {
        let Self::NoHost { path } = self else { return Vec::new() };
        let entries = path.parent().and_then(|above| std::fs::read_dir(above).ok());
        let is_host =
            |directory: &Path| ["socket", "endpoint"].iter().any(|file| directory.join(file).exists());
        let others = entries.into_iter().flatten().flatten().filter(|entry| is_host(&entry.path()));
        let mut names: Vec<_> =
            others.filter_map(|entry| entry.file_name().into_string().ok()).take(NAMED).collect();
        names.sort_unstable();
        names
    }

    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}

fn with_pid(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (process {pid})"))
}
