//! Windows: a pipe with a random name, which is written down in the user's own directory.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use interprocess::local_socket::tokio::{Listener, Stream};
use interprocess::local_socket::traits::tokio::Stream as _;
use interprocess::local_socket::{GenericFilePath, ListenerOptions, Name, PeerCreds, ToFsName};
use interprocess::os::windows::local_socket::ListenerOptionsExt;
use interprocess::os::windows::security_descriptor::SecurityDescriptor;

use super::{EndpointError, Obstacle, Peer};

/// Holds the pipe's name and the host's process id, one a line.
const FILE: &str = "endpoint";

/// Protected from inheritance; everything for the owner, nothing for anybody else.
const OWNER_ONLY: &widestring::U16CStr = widestring::u16cstr!("D:P(A;;GA;;;OW)");

/// The file that names our pipe.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    content: String,
}

// === directories ===

pub(super) fn runtime(
    absolute: impl Fn(&'static str) -> Result<Option<PathBuf>, EndpointError>,
) -> Result<Option<PathBuf>, EndpointError> {
    Ok(absolute("LOCALAPPDATA")?.map(|local| local.join("stook").join("run")))
}

pub(super) fn create_private(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

/// The user's own directory passes its access rules on to everything inside.
pub(super) fn check_owner(_: &Metadata) -> Result<(), String> {
    Ok(())
}

pub(super) fn check_mode(_: &Metadata) -> Result<(), String> {
    Ok(())
}

/// A file that is open here is not removed from under us.
pub(super) fn is_still_at(_: &File, _: &Path) -> bool {
    true
}

// === pipes ===

pub(super) async fn bind(directory: &Path) -> Result<(Listener, Place), EndpointError> {
    let path = directory.join(FILE);
    if let Ok(metadata) = std::fs::symlink_metadata(&path) {
        let in_the_way = |what| Err(EndpointError::InTheWay { path: path.clone(), what });
        if metadata.is_symlink() {
            return in_the_way(Obstacle::Symlink);
        }
        if metadata.is_dir() {
            return in_the_way(Obstacle::Directory);
        }
        if read(&path).is_none() {
            return in_the_way(Obstacle::File);
        }
    }
    let pipe = format!(r"\\.\pipe\stook-{}", uuid::Uuid::new_v4());
    let owner_only = SecurityDescriptor::deserialize(OWNER_ONLY)
        .map_err(EndpointError::io("describe who may open", Path::new(&pipe)))?;
    let listener = ListenerOptions::new()
        .name(name(&pipe)?)
        .security_descriptor(owner_only)
        .create_tokio()
        .map_err(EndpointError::io("listen on", Path::new(&pipe)))?;

    // Whole or not at all: nobody reads half a name.
    let content = format!("{pipe}\n{}\n", std::process::id());
    let draft = directory.join("endpoint.new");
    std::fs::write(&draft, &content)
        .and_then(|()| std::fs::rename(&draft, &path))
        .map_err(EndpointError::io("write", &path))?;
    Ok((listener, Place { path, content }))
}

pub(super) async fn connect(directory: &Path) -> Result<Stream, EndpointError> {
    let no_host = || EndpointError::NoHost { path: directory.to_owned() };
    let (pipe, pid) = read(&directory.join(FILE)).ok_or_else(no_host)?;
    let stream = Stream::connect(name(&pipe)?).await.map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => no_host(),
        _ => EndpointError::io("connect to", Path::new(&pipe))(error),
    })?;
    // Before the token is shown: a pipe's name alone proves nothing.
    let peer = Peer::of(&stream).map_err(EndpointError::io("identify the host on", Path::new(&pipe)))?;
    if peer.pid == Some(pid) {
        return Ok(stream);
    }
    let why = format!("it is process {:?}, and the host is {pid}", peer.pid);
    Err(EndpointError::ForeignHost { path: directory.to_owned(), why })
}

fn name(pipe: &str) -> Result<Name<'_>, EndpointError> {
    pipe.to_fs_name::<GenericFilePath>().map_err(EndpointError::io("name a pipe", Path::new(pipe)))
}

/// The pipe and the process that a host has written down.
fn read(path: &Path) -> Option<(String, u32)> {
    let text = std::fs::read_to_string(path).ok()?;
    let (pipe, pid) = text.trim_end().split_once('\n')?;
    pipe.starts_with(r"\\.\pipe\stook-").then_some(())?;
    Some((pipe.to_owned(), pid.trim().parse().ok()?))
}

// === impl Place ===

impl Place {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::fs::read_to_string(&self.path).is_ok_and(|content| content == self.content) {
            // A name that leads nowhere is recognised by whoever tries it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

// === peers ===

/// Pipes know processes, not users.
pub(super) fn uid(_: &PeerCreds) -> Option<u32> {
    None
}

pub(super) fn is_ours(_: Option<u32>) -> bool {
    true
}
