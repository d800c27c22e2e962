//! A child with everything that it starts: a process group on Unix, a job on Windows.

use std::io;
use std::process::ExitStatus;

use tokio::process::{Child, Command};

/// A child and its offspring, which are killed together. Dropped, it kills them.
pub(super) struct Group {
    pub(super) child: Child,
    members: sys::Members,
}

impl Group {
    pub(super) fn spawn(command: &mut Command) -> io::Result<Self> {
        sys::prepare(command);
        let child = command.spawn()?;
        let members = sys::Members::of(&child);
        Ok(Self { child, members })
    }

    /// Kills the child and all that it has started.
    pub(super) fn kill(&mut self) {
        self.members.kill();
        // Gone already, or never in the group: the child itself is killed by its handle.
        let _ = self.child.start_kill();
    }

    /// Waits for the end of the child, ends what it leaves behind, and reaps it. Can be cancelled and called again.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        if self.members.leader_ended().await {
            // Before the child is reaped: until then nobody else can have its number.
            self.members.kill();
        }
        let status = self.child.wait().await?;
        self.members.leader_reaped();
        Ok(status)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.members.kill();
    }
}

#[cfg(unix)]
mod sys {
    use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
    use tokio::process::{Child, Command};
    use tokio::signal::unix::{Signal as Signals, SignalKind, signal};

    /// The group, by the number of its leader, until that is reaped.
    pub(super) struct Members {
        leader: Option<Pid>,
        /// Some child of this process has changed its state.
        changes: Option<Signals>,
    }

    pub(super) fn prepare(command: &mut Command) {
        command.process_group(0);
    }

    impl Members {
        pub(super) fn of(child: &Child) -> Self {
            let leader = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
            Self { leader, changes: signal(SignalKind::child()).ok() }
        }

        pub(super) fn kill(&self) {
            if let Some(leader) = self.leader {
                // All of it gone already.
                let _ = kill_process_group(leader, Signal::KILL);
            }
        }

        /// Its number may be anybody's now.
        pub(super) fn leader_reaped(&mut self) {
            self.leader = None;
        }

        /// Returns when the leader has ended, and leaves it to be reaped. False if that cannot be told without reaping.
        pub(super) async fn leader_ended(&mut self) -> bool {
            let (Some(leader), Some(changes)) = (self.leader, &mut self.changes) else { return false };
            let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            loop {
                match waitid(WaitId::Pid(leader), look) {
                    Ok(Some(_)) => return true,
                    Ok(None) if changes.recv().await.is_some() => {}
                    Ok(None) | Err(_) => return false,
                }
            }
        }
    }
}

#[cfg(windows)]
mod sys {
    use tokio::process::{Child, Command};
    use win32job::Job;

    /// A job that holds the child and all that it starts; but what it starts in the instant before it is put into it.
    pub(super) struct Members(Option<Job>);

    pub(super) const fn prepare(_: &mut Command) {}

    impl Members {
        pub(super) fn of(child: &Child) -> Self {
            let job = child.raw_handle().and_then(|process| {
                let job = Job::create().ok()?;
                job.assign_process(process as isize).ok()?;
                Some(job)
            });
            Self(job)
        }

        pub(super) fn kill(&mut self) {
            // Told only now: a host that dies leaves its children alive, for the next one to find.
            if let Some(job) = self.0.take()
                && let Ok(mut limits) = job.query_extended_limit_info()
            {
                limits.limit_kill_on_job_close();
                let _ = job.set_extended_limit_info(&limits);
            }
        }

        /// What it has started is ended now: a job is no number that could be somebody else's.
        pub(super) fn leader_reaped(&mut self) {
            self.kill();
        }

        /// Cannot be told here without waiting for the child, which is as good: see `leader_reaped`.
        pub(super) async fn leader_ended(&mut self) -> bool {
            false
        }
    }
}
