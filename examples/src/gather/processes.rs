//! Every process of this machine.

use std::io;
use std::path::{Path, PathBuf};

use stook_types::Value;
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind, Users};

/// Lists processes. Keeps the machine's user names and nothing else from one scan to the next.
#[derive(Debug)]
pub struct Processes {
    users: Users,
}

/// One process, as it was when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its ID, unique while it lives.
    pub pid: u32,
    /// Who started it, or who took it over since.
    pub parent: Option<u32>,
    /// What it calls itself.
    pub name: String,
    /// Its executable; `None` if it has none (a kernel thread) or hides it from us.
    pub exe: Option<PathBuf>,
    /// Whether `exe` is gone from disk, or something else has taken its place, while the process runs on.
    pub exe_deleted: bool,
    /// The name of its user, or the ID of one who was added after [`Processes::new`].
    pub user: Option<String>,
    /// When it started, in seconds since the Unix epoch.
    pub started: Option<i64>,
}

// === impl Processes ===

impl Processes {
    /// Reads the names of the machine's users.
    ///
    /// # Errors
    ///
    /// The system does not list its users.
    pub fn new() -> io::Result<Self> {
        let users = Users::new_with_refreshed_list().map_err(io::Error::other)?;
        Ok(Self { users })
    }

    /// Every process that can be seen, by ascending pid; threads are not processes.
    ///
    /// # Errors
    ///
    /// The system does not list its processes.
    pub fn scan(&self) -> io::Result<Vec<Process>> {
        // Always a new one: it would keep files open between scans, and the old executable of a pid after an exec.
        let mut system = System::new().map_err(io::Error::other)?;
        let wanted = ProcessRefreshKind::nothing()
            .without_tasks() // `nothing` includes them: a thread would count as a process
            .with_exe(UpdateKind::Always)
            .with_user(UpdateKind::Always);
        system.refresh_processes_specifics(ProcessesToUpdate::All, true, wanted);
        let mut processes: Vec<_> = system.processes().values().map(|found| self.row(found)).collect();
        if processes.is_empty() {
            return Err(io::Error::other("the system lists no process, not even this one"));
        }
        processes.sort_unstable_by_key(|process| process.pid);
        Ok(processes)
    }

    fn row(&self, found: &sysinfo::Process) -> Process {
        let pid = found.pid().as_u32();
        let exe = found.exe().map(Path::to_owned);
        Process {
            pid,
            parent: found.parent().map(Pid::as_u32),
            name: found.name().to_string_lossy().into_owned(),
            exe_deleted: exe.as_deref().is_some_and(|exe| is_deleted(pid, exe)),
            exe,
            user: found.user_id().map(|id| match self.users.get_user_by_id(id) {
                Some(user) => user.name().to_owned(),
                None => id.to_string(),
            }),
            started: i64::try_from(found.start_time()).ok().filter(|&seconds| seconds > 0),
        }
    }
}

/// The kernel marks the path of an executable that was unlinked or replaced. Its word counts more than a look
/// at the path, which may belong to another mount namespace.
#[cfg(target_os = "linux")]
fn is_deleted(pid: u32, _exe: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;

    std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|target| {
        // A file may really bear that name.
        target.as_os_str().as_bytes().ends_with(b" (deleted)") && !target.exists()
    })
}

#[cfg(not(target_os = "linux"))]
fn is_deleted(_pid: u32, exe: &Path) -> bool {
    exe.try_exists().is_ok_and(|exists| !exists)
}

// === impl Process ===

impl From<Process> for Value {
    fn from(process: Process) -> Self {
        Self::from([
            ("pid", process.pid.into()),
            ("parent", process.parent.into()),
            ("name", process.name.into()),
            ("exe", process.exe.map(|exe| exe.to_string_lossy().into_owned()).into()),
            ("exe_deleted", process.exe_deleted.into()),
            ("user", process.user.into()),
            ("started", Self::from(process.started)),
        ])
    }
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;
    use crate::gather::testing::Child;

    fn find(pid: u32) -> Process {
        let all = Processes::new().unwrap().scan().unwrap();
        all.into_iter().find(|process| process.pid == pid).unwrap()
    }

    #[test]
    fn this_test_is_among_them() {
        let me = find(std::process::id());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let started = u64::try_from(me.started.unwrap()).unwrap();

        assert_eq!(me.exe, Some(std::env::current_exe().unwrap()));
        assert!(!me.exe_deleted);
        assert!(!me.name.is_empty());
        assert!(me.user.is_some());
        // The kernel counts from boot, in ticks: allow for its rounding.
        assert!((now - 3600..=now + 2).contains(&started), "started {started}, now {now}");
    }

    #[test]
    fn sorted_and_without_threads() {
        let scan = || Processes::new().unwrap().scan().unwrap();
        let thread = std::thread::Builder::new().name("only-a-thread".into());
        let all = thread.spawn(scan).unwrap().join().unwrap();

        assert!(all.is_sorted_by(|a, b| a.pid < b.pid));
        assert!(!all.iter().any(|process| process.name == "only-a-thread"));
    }

    #[test]
    fn a_child_has_this_parent_and_its_own_executable() {
        let child = Child::start();
        let row = find(child.pid());

        assert_eq!(row.parent, Some(std::process::id()));
        assert_eq!(row.exe.as_deref(), Some(child.exe()));
        assert!(!row.exe_deleted);
    }

    /// Windows does not let a running executable be deleted.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_deleted_executable_is_told_and_keeps_its_path() {
        let child = Child::start();
        std::fs::remove_file(child.exe()).unwrap();
        let row = find(child.pid());

        assert!(row.exe_deleted);
        assert_eq!(row.exe.as_deref(), Some(child.exe()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_replaced_executable_counts_as_deleted() {
        let child = Child::start();
        std::fs::remove_file(child.exe()).unwrap();
        std::fs::write(child.exe(), "somebody else").unwrap();

        assert!(find(child.pid()).exe_deleted);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_that_only_looks_deleted_is_not() {
        let child = Child::start_as("honest (deleted)");

        assert!(!find(child.pid()).exe_deleted);
    }

    #[test]
    fn the_row_as_a_value() {
        let process = Process {
            pid: 7,
            parent: Some(1),
            name: "init".into(),
            exe: None,
            exe_deleted: false,
            user: None,
            started: Some(1_700_000_000),
        };

        assert_eq!(
            format!("{:?}", Value::from(process)),
            r#"{"exe": null, "exe_deleted": false, "name": "init", "parent": 1, "pid": 7, "started": 1700000000, "user": null}"#
        );
    }
}
