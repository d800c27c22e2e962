//! A directory that only this user can enter.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::platform;
use super::{EndpointError, RUNTIME_DIR_VARIABLE};

/// The directory in which every host has its own, as the environment has it.
pub(super) fn runtime(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, EndpointError> {
    let absolute = |name: &'static str| match variable(name).filter(|value| !value.is_empty()) {
        None => Ok(None),
        Some(path) if Path::new(&path).is_absolute() => Ok(Some(PathBuf::from(path))),
        Some(path) => Err(EndpointError::Relative { variable: name, path: path.into() }),
    };
    if let Some(path) = absolute(RUNTIME_DIR_VARIABLE)? {
        return Ok(path);
    }
    platform::runtime(absolute)?.ok_or(EndpointError::NoDirectory)
}

/// Makes the directory if there is none, and checks it.
pub(super) fn create(path: &Path) -> Result<(), EndpointError> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            platform::create_private(path).map_err(EndpointError::io("create", path))?;
        }
        _ => {}
    }
    check(path)
}

/// Checks that the directory is one, no link, ours, and nobody else's to enter.
pub(super) fn check(path: &Path) -> Result<(), EndpointError> {
    let metadata = std::fs::symlink_metadata(path).map_err(EndpointError::io("look at", path))?;
    let not_private = |why: String, remedy: &str| EndpointError::NotPrivate {
        path: path.to_owned(),
        why,
        remedy: remedy.to_owned(),
    };
    let elsewhere = format!("remove it, or set {RUNTIME_DIR_VARIABLE} to another place");
    if metadata.is_symlink() {
        return Err(not_private("it is a symbolic link".into(), &elsewhere));
    }
    if !metadata.is_dir() {
        return Err(not_private("it is no directory".into(), &elsewhere));
    }
    platform::check_owner(&metadata).map_err(|why| not_private(why, &elsewhere))?;
    platform::check_mode(&metadata)
        .map_err(|why| not_private(why, &format!("run: chmod 700 {}", path.display())))
}
