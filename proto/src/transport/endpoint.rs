//! The place where a host can be found.

use std::path::{Path, PathBuf};

use super::{ENDPOINT_VARIABLE, EndpointError, HostLock, Stream, directory, platform};

/// The private directory of one host: its socket, its lock, whatever else it keeps while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    directory: PathBuf,
    /// The runtime directory above, if that is ours to make and to check.
    above: Option<PathBuf>,
}

impl Endpoint {
    /// The endpoint of the host of this name, in the private runtime directory of this user: the first of
    /// `$STOOK_RUNTIME_DIR`, `$XDG_RUNTIME_DIR/stook`, `/run/stook` (root only), `$TMPDIR/stook` (macOS only, if
    /// that is private), `$HOME/.stook/run`; on Windows `$STOOK_RUNTIME_DIR` or `%LOCALAPPDATA%\stook\run`.
    ///
    /// # Errors
    /// If the name is none, or the environment names no absolute directory.
    pub fn of_host(name: &str) -> Result<Self, EndpointError> {
        let name = checked(name)?;
        let above = directory::runtime(|variable| std::env::var_os(variable))?;
        Ok(Self { directory: above.join(name), above: Some(above) })
    }

    /// The endpoint that `$STOOK_ENDPOINT` names, as a host sets it for the collectors that it spawns; else that
    /// of the host of this name.
    ///
    /// # Errors
    /// As [`of_host`](Self::of_host).
    pub fn from_env(name: &str) -> Result<Self, EndpointError> {
        let set = std::env::var_os(ENDPOINT_VARIABLE).filter(|value| !value.is_empty());
        match set.map(PathBuf::from) {
            None => Self::of_host(name),
            Some(path) if path.is_absolute() => Ok(Self::in_directory(path)),
            Some(path) => Err(EndpointError::Relative { variable: ENDPOINT_VARIABLE, path }),
        }
    }

    /// The endpoint in this directory, which is the host's own. Nobody else may be able to exchange it: what is
    /// above is the caller's care.
    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), above: None }
    }

    /// The host's directory; what `$STOOK_ENDPOINT` is set to.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Makes the directory, for this user only, and checks that it is so.
    ///
    /// # Errors
    /// If it or the runtime directory is a link, belongs to somebody else, or lets others in.
    pub fn create_directory(&self) -> Result<(), EndpointError> {
        if let Some(above) = &self.above {
            directory::create(above)?;
        }
        directory::create(&self.directory)
    }

    /// Makes the directory and takes the host's place in it, for as long as the lock lives.
    ///
    /// # Errors
    /// [`EndpointError::HostRunning`] if another process has it, or as
    /// [`create_directory`](Self::create_directory).
    pub fn lock(&self) -> Result<HostLock, EndpointError> {
        HostLock::take(self)
    }

    /// Connects to the host.
    ///
    /// # Errors
    /// [`EndpointError::NoHost`] if nobody listens; others if somebody does whom one should not talk to.
    pub async fn connect(&self) -> Result<Stream, EndpointError> {
        match directory::check(&self.directory) {
            Err(EndpointError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Err(EndpointError::NoHost { path: self.directory.clone() })
            }
            Err(error) => Err(error),
            Ok(()) => platform::connect(&self.directory).await,
        }
    }
}

/// As a name of a directory on every system.
fn checked(name: &str) -> Result<&str, EndpointError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if (1..=64).contains(&name.len()) && !name.starts_with('.') && name.chars().all(allowed) {
        Ok(name)
    } else {
        Err(EndpointError::Name(name.chars().take(64).collect()))
    }
}
