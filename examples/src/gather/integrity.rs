//! The SHA-256 of every running executable.
//!
//! On Linux the file is read through the process (`/proc/PID/exe`): a binary that was deleted or replaced while
//! it runs is hashed as it runs, whatever stands at its path now. `exe_deleted` with `integrity` = `ok` is
//! just that. Elsewhere the file at the path is hashed, and a deleted one is [`Integrity::Gone`].

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use stook_types::Value;

use super::processes::Process;

/// The largest file that is hashed, in bytes.
pub const MAX_BYTES: u64 = 1 << 30;

/// Remembered hashes, at most. They are all forgotten when there would be one more: a machine that runs so many
/// different files pays for that with one slow scan.
const REMEMBERED: usize = 4096;

const BUFFER_BYTES: usize = 64 * 1024;

/// Hashes executables, each unchanged file once.
#[derive(Debug)]
pub struct Checker {
    known: HashMap<FileKey, String>,
    buffer: Box<[u8]>,
}

/// What became of the executable of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The process.
    pub pid: u32,
    /// The outcome for its executable.
    pub integrity: Integrity,
}

/// The outcome for one executable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Integrity {
    /// It was read to its end.
    Ok {
        /// 64 lower-case hexadecimal digits.
        sha256: String,
    },
    /// It may not be read, is no regular file, is larger than [`MAX_BYTES`] or changed while it was read.
    NotReadable {
        /// What the system said.
        error: String,
    },
    /// The file, or the process with it, was gone before it could be read.
    Gone,
    /// A kernel thread or the like, or (not on Linux) a process that hides its path from us.
    NoExecutable,
}

// === impl Checker ===

impl Checker {
    /// Knows no file yet.
    pub fn new() -> Self {
        Self { known: HashMap::new(), buffer: vec![0; BUFFER_BYTES].into() }
    }

    /// One row per process, in their order. Blocks while files are read: the first call is the slow one.
    pub fn check(&mut self, running: &[Process]) -> Vec<Checked> {
        running
            .iter()
            .map(|process| Checked { pid: process.pid, integrity: self.check_one(process) })
            .collect()
    }

    fn check_one(&mut self, process: &Process) -> Integrity {
        let Some(file) = executable(process) else {
            return Integrity::NoExecutable;
        };
        let path = process.exe.as_deref().unwrap_or(&file);
        match self.sha256(&file, path) {
            Ok(sha256) => Integrity::Ok { sha256 },
            Err(error) if error.kind() == ErrorKind::NotFound => match process.exe {
                Some(_) => Integrity::Gone,
                None => Integrity::NoExecutable,
            },
            Err(error) => Integrity::NotReadable { error: error.to_string() },
        }
    }

    /// Opens the file only if it is a regular one (a pipe in its place would block) and not known.
    fn sha256(&mut self, file: &Path, path: &Path) -> io::Result<String> {
        if let Some(sha256) = self.known.get(&FileKey::new(path, &fs::metadata(file)?)?) {
            return Ok(sha256.clone());
        }
        let mut file = File::open(file)?;
        let before = FileKey::new(path, &file.metadata()?)?;
        let sha256 = self.read(&mut file, before.bytes)?;
        if FileKey::new(path, &file.metadata()?)? != before {
            return Err(io::Error::other("changed while it was read"));
        }
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert(before, sha256.clone());
        Ok(sha256)
    }

    fn read(&mut self, file: &mut File, bytes: u64) -> io::Result<String> {
        let mut file = file.take(bytes);
        let mut hasher = Sha256::new();
        loop {
            match file.read(&mut self.buffer) {
                Ok(0) => return Ok(hex(&hasher.finalize())),
                Ok(read) => hasher.update(&self.buffer[..read]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Default for Checker {
    fn default() -> Self {
        Self::new()
    }
}

/// Where to read the executable of a process.
fn executable(process: &Process) -> Option<PathBuf> {
    if cfg!(target_os = "linux") {
        Some(format!("/proc/{}/exe", process.pid).into())
    } else {
        process.exe.clone()
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;

    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // into a string: cannot fail
        text
    })
}

// === FileKey ===

/// Equal for as long as the file is the same and nobody wrote to it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct FileKey {
    path: PathBuf,
    bytes: u64,
    modified: Option<SystemTime>,
    id: FileId,
}

impl FileKey {
    fn new(path: &Path, metadata: &Metadata) -> io::Result<Self> {
        if !metadata.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        if metadata.len() > MAX_BYTES {
            return Err(io::Error::other(format!("larger than {} MiB", MAX_BYTES >> 20)));
        }
        Ok(Self {
            path: path.to_owned(),
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
            id: file_id(metadata),
        })
    }
}

/// Device, inode, and the time of the last change of the inode: the one time that a writer cannot set back.
#[cfg(unix)]
type FileId = (u64, u64, i64, i64);

#[cfg(unix)]
fn file_id(metadata: &Metadata) -> FileId {
    use std::os::unix::fs::MetadataExt;

    (metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

/// The time of creation: the standard library does not show the file index of Windows yet.
#[cfg(not(unix))]
type FileId = Option<SystemTime>;

#[cfg(not(unix))]
fn file_id(metadata: &Metadata) -> FileId {
    metadata.created().ok()
}

// === impl Checked ===

impl From<Checked> for Value {
    fn from(checked: Checked) -> Self {
        let (word, sha256, error) = match checked.integrity {
            Integrity::Ok { sha256 } => ("ok", Some(sha256), None),
            Integrity::NotReadable { error } => ("not-readable", None, Some(error)),
            Integrity::Gone => ("gone", None, None),
            Integrity::NoExecutable => ("no-executable", None, None),
        };
        Self::from([
            ("pid", checked.pid.into()),
            ("sha256", sha256.into()),
            ("integrity", word.into()),
            ("integrity_error", Self::from(error)),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gather::processes::Processes;
    use crate::gather::testing::Child;

    /// FIPS 180-4, of "abc".
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn running(pid: u32) -> Process {
        let all = Processes::new().unwrap().scan().unwrap();
        all.into_iter().find(|process| process.pid == pid).unwrap()
    }

    fn check(process: &Process) -> Integrity {
        Checker::new().check(std::slice::from_ref(process)).remove(0).integrity
    }

    fn of_bytes(bytes: &[u8]) -> Integrity {
        Integrity::Ok { sha256: hex(&Sha256::digest(bytes)) }
    }

    #[test]
    fn a_running_executable_has_the_hash_of_its_file() {
        let child = Child::start();

        assert_eq!(check(&running(child.pid())), of_bytes(&fs::read(child.exe()).unwrap()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_replaced_executable_is_hashed_as_it_runs() {
        let child = Child::start();
        let as_it_runs = of_bytes(&fs::read(child.exe()).unwrap());
        fs::remove_file(child.exe()).unwrap();
        fs::write(child.exe(), "somebody else").unwrap();
        let row = running(child.pid());

        assert!(row.exe_deleted);
        assert_eq!(check(&row), as_it_runs);
    }

    #[test]
    fn the_executable_of_a_process_that_ended_is_gone() {
        let child = Child::start();
        let row = running(child.pid());
        drop(child);

        assert_eq!(check(&row), Integrity::Gone);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_without_an_executable_says_so() {
        let nobody = Process { pid: u32::MAX, exe: None, ..running(std::process::id()) };

        assert_eq!(check(&nobody), Integrity::NoExecutable);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_may_not_be_read_is_told_with_the_reason() {
        use std::os::unix::fs::PermissionsExt;

        let child = Child::start();
        fs::set_permissions(child.exe(), fs::Permissions::from_mode(0o000)).unwrap();
        if File::open(child.exe()).is_ok() {
            eprintln!("skipped: this user (root?) may read everything");
            return;
        }

        assert!(
            matches!(check(&running(child.pid())), Integrity::NotReadable { error } if error.contains("denied"))
        );
    }

    #[test]
    fn an_unchanged_file_is_read_once_and_a_changed_one_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "abc").unwrap();
        let mut checker = Checker::new();

        assert_eq!(checker.sha256(&path, &path).unwrap(), ABC);
        for sha256 in checker.known.values_mut() {
            *sha256 = "remembered".to_owned();
        }
        assert_eq!(checker.sha256(&path, &path).unwrap(), "remembered");

        fs::write(&path, "abcd").unwrap();
        assert_eq!(checker.sha256(&path, &path).unwrap(), hex(&Sha256::digest("abcd")));
    }

    #[test]
    fn the_memory_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "abc").unwrap();
        let mut checker = Checker::new();
        for number in 0..REMEMBERED + 10 {
            checker.sha256(&path, Path::new(&number.to_string())).unwrap();
        }

        assert_eq!(checker.known.len(), 10);
    }

    #[test]
    fn what_is_no_regular_file_or_too_large_is_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let mut checker = Checker::new();
        let error = checker.sha256(dir.path(), dir.path()).unwrap_err();
        assert_eq!(error.to_string(), "not a regular file");

        let sparse = dir.path().join("sparse");
        File::create(&sparse).unwrap().set_len(MAX_BYTES + 1).unwrap();
        let error = checker.sha256(&sparse, &sparse).unwrap_err();
        assert_eq!(error.to_string(), "larger than 1024 MiB");
    }

    #[test]
    fn the_rows_as_values() {
        let of = |integrity| format!("{:?}", Value::from(Checked { pid: 7, integrity }));

        assert_eq!(
            of(Integrity::Ok { sha256: "00ff".into() }),
            r#"{"integrity": "ok", "integrity_error": null, "pid": 7, "sha256": "00ff"}"#
        );
        assert_eq!(
            of(Integrity::NotReadable { error: "not a regular file".into() }),
            r#"{"integrity": "not-readable", "integrity_error": "not a regular file", "pid": 7, "sha256": null}"#
        );
        assert_eq!(
            of(Integrity::Gone),
            r#"{"integrity": "gone", "integrity_error": null, "pid": 7, "sha256": null}"#
        );
        assert_eq!(
            of(Integrity::NoExecutable),
            r#"{"integrity": "no-executable", "integrity_error": null, "pid": 7, "sha256": null}"#
        );
    }
}
