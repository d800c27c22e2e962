//! Unix: a socket file in a directory of mode 0700.

use std::fs::{DirBuilder, File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use interprocess::local_socket::tokio::{Listener, Stream};
use interprocess::local_socket::traits::tokio::Stream as _;
use interprocess::local_socket::{GenericFilePath, ListenerOptions, Name, PeerCreds, ToFsName};

use super::{EndpointError, Obstacle, Peer};

const SOCKET: &str = "socket";

/// Bytes of a socket's path: `sun_path` without its final zero.
const PATH_LIMIT: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// A socket file that we have made.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    identity: (u64, u64),
}

// === directories ===

pub(super) fn runtime(
    absolute: impl Fn(&'static str) -> Result<Option<PathBuf>, EndpointError>,
) -> Result<Option<PathBuf>, EndpointError> {
    if let Some(path) = absolute("XDG_RUNTIME_DIR")? {
        return Ok(Some(path.join("stook")));
    }
    if effective_uid() == 0 {
        return Ok(Some("/run/stook".into()));
    }
    if cfg!(target_os = "macos")
        && let Some(path) = absolute("TMPDIR")?
        && super::directory::check(&path).is_ok()
    {
        return Ok(Some(path.join("stook")));
    }
    Ok(absolute("HOME")?.map(|home| home.join(".stook/run")))
}

pub(super) fn create_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

pub(super) fn check_owner(metadata: &Metadata) -> Result<(), String> {
    let (owner, us) = (metadata.uid(), effective_uid());
    if owner == us { Ok(()) } else { Err(format!("it belongs to user {owner}, and this is user {us}")) }
}

pub(super) fn check_mode(metadata: &Metadata) -> Result<(), String> {
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(format!("its mode {mode:o} lets others in")) }
}

/// Whether this open file is still the one that others find at this path.
pub(super) fn is_still_at(file: &File, path: &Path) -> bool {
    let identity = |metadata: &Metadata| (metadata.dev(), metadata.ino());
    matches!((file.metadata(), std::fs::symlink_metadata(path)), (Ok(a), Ok(b)) if identity(&a) == identity(&b))
}

// === sockets ===

pub(super) async fn bind(directory: &Path) -> Result<(Listener, Place), EndpointError> {
    let path = directory.join(SOCKET);
    let name = name(&path)?;
    clear(&path).await?;
    let failed = |error| EndpointError::io("listen on", &path)(error);
    // Not by the library's own reclaiming: that would unlink whatever is there when we are dropped.
    let listener = ListenerOptions::new().name(name).reclaim_name(false).create_tokio().map_err(failed)?;
    let metadata = std::fs::symlink_metadata(&path).map_err(failed)?;
    let identity = (metadata.dev(), metadata.ino());
    Ok((listener, Place { path, identity }))
}

pub(super) async fn connect(directory: &Path) -> Result<Stream, EndpointError> {
    let path = directory.join(SOCKET);
    let stream = Stream::connect(name(&path)?).await.map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            EndpointError::NoHost { path: directory.to_owned() }
        }
        _ => EndpointError::io("connect to", &path)(error),
    })?;
    let peer = Peer::of(&stream).map_err(EndpointError::io("identify the host on", &path))?;
    if peer.is_ours() {
        return Ok(stream);
    }
    let why = format!("it runs as user {:?}, and this is user {}", peer.uid, effective_uid());
    Err(EndpointError::ForeignHost { path: directory.to_owned(), why })
}

fn name(path: &Path) -> Result<Name<'_>, EndpointError> {
    let length = path.as_os_str().len();
    if length > PATH_LIMIT {
        return Err(EndpointError::PathTooLong { path: path.to_owned(), length, limit: PATH_LIMIT });
    }
    path.to_fs_name::<GenericFilePath>().map_err(EndpointError::io("name a socket", path))
}

/// Makes room for a socket by removing our own dead one, and nothing else.
async fn clear(path: &Path) -> Result<(), EndpointError> {
    let metadata = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found.map_err(EndpointError::io("look at", path))?,
    };
    let kind = metadata.file_type();
    let in_the_way = |what| Err(EndpointError::InTheWay { path: path.to_owned(), what });
    if kind.is_symlink() {
        return in_the_way(Obstacle::Symlink);
    }
    if kind.is_dir() {
        return in_the_way(Obstacle::Directory);
    }
    if !kind.is_socket() {
        return in_the_way(Obstacle::File);
    }
    if metadata.uid() != effective_uid() {
        return in_the_way(Obstacle::ForeignSocket);
    }
    match tokio::net::UnixStream::connect(path).await {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(EndpointError::io("remove the dead socket", path))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        // Connected, or somebody is too busy to take us: alive.
        _ => in_the_way(Obstacle::LiveSocket),
    }
}

// === impl Place ===

impl Place {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let found = std::fs::symlink_metadata(&self.path);
        if found.is_ok_and(|found| (found.dev(), found.ino()) == self.identity) {
            // A dead socket that stays is recognised by the next host.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

// === peers ===

pub(super) fn uid(credentials: &PeerCreds) -> Option<u32> {
    credentials.euid()
}

pub(super) fn is_ours(uid: Option<u32>) -> bool {
    uid == Some(effective_uid())
}

fn effective_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}
