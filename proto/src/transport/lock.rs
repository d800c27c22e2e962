//! One host per directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::Path;

use super::{Endpoint, EndpointError, Listener, platform};

/// A host's place: nobody else can take it while this lives. The system frees it even if the host is killed.
#[derive(Debug)]
pub struct HostLock {
    endpoint: Endpoint,
    /// Locked until it is closed.
    file: File,
}

const FILE: &str = "lock";

impl HostLock {
    pub(super) fn take(endpoint: &Endpoint) -> Result<Self, EndpointError> {
        let path = endpoint.directory().join(FILE);
        // A host that leaves takes its file and directory with it: then what we have opened is nobody's, and we
        // begin again. More than a few times in a row is something else.
        for _ in 0..8 {
            endpoint.create_directory()?;
            let file =
                match OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path) {
                    Err(error) if error.kind() == ErrorKind::NotFound => continue,
                    opened => opened.map_err(EndpointError::io("open", &path))?,
                };
            match file.try_lock() {
                Ok(()) if platform::is_still_at(&file, &path) => {
                    let this = Self { endpoint: endpoint.clone(), file };
                    this.sign(&path)?;
                    return Ok(this);
                }
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(EndpointError::HostRunning {
                        path: endpoint.directory().to_owned(),
                        pid: read_pid(&path),
                    });
                }
                Err(TryLockError::Error(error)) => return Err(EndpointError::io("lock", &path)(error)),
            }
        }
        Err(EndpointError::io("lock", &path)(ErrorKind::ResourceBusy.into()))
    }

    /// Where this is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Listens. Must be called within a tokio runtime. Drop the listener before the lock.
    ///
    /// # Errors
    /// If something is in the way that is not our own dead socket.
    pub async fn bind(&self) -> Result<Listener, EndpointError> {
        Listener::bind(self.endpoint.directory()).await
    }

    /// Leaves the process id for whoever finds the place taken.
    fn sign(&self, path: &Path) -> Result<(), EndpointError> {
        let mut file = &self.file;
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(EndpointError::io("write", path))
    }
}

/// Leaves nothing behind: first the file, while it is locked, then the directory if it is empty.
impl Drop for HostLock {
    fn drop(&mut self) {
        let directory = self.endpoint.directory();
        // Nothing can be done about a failure, and a file that stays is no harm.
        let _ = std::fs::remove_file(directory.join(FILE));
        let _ = std::fs::remove_dir(directory);
    }
}

fn read_pid(path: &Path) -> Option<u32> {
    let mut text = String::new();
    File::open(path).ok()?.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
