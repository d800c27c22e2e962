//! What a shell does with a job that has its terminal: takes it away (Ctrl-Z), gives it back, hangs up.

pub(super) use sys::{has_the_terminal, stop_here, watch};

/// What the view has to know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(unix), expect(dead_code, reason = "no shell stops anything there"))]
pub(super) enum Job {
    /// Ctrl-Z: to stop, after the terminal was given back.
    Stop,
    /// It goes on.
    GoOn,
}

#[cfg(unix)]
mod sys {
    use std::io;

    use rustix::process::{Signal, getpgrp, getpid, kill_process};
    use rustix::termios::tcgetpgrp;
    use tokio::signal::unix::{SignalKind, signal};

    use super::Job;

    /// Whether keys of the terminal come here. Who is in the background must not write over what the shell shows.
    pub(in super::super) fn has_the_terminal() -> bool {
        // A terminal that is not the one of this session has no foreground.
        tcgetpgrp(io::stdout()).map_or(true, |foreground| foreground == getpgrp())
    }

    /// Stops this process, as Ctrl-Z does where nobody listens to it. Returns when it goes on.
    pub(in super::super) fn stop_here() {
        // Cannot fail: it is this process.
        let _ = kill_process(getpid(), Signal::STOP);
    }

    /// Tells of what the shell does. Completes when the terminal hangs up, or Ctrl-\ asks for an end at once: both would
    /// end the process by default, and leave the terminal as it is.
    pub(in super::super) async fn watch(tell: impl Fn(Job)) {
        let listen = |which: Signal| signal(SignalKind::from_raw(which.as_raw()));
        let all = [Signal::TSTP, Signal::CONT, Signal::HUP, Signal::QUIT].map(listen);
        let [Ok(mut stop), Ok(mut go_on), Ok(mut hang_up), Ok(mut quit)] = all else {
            return std::future::pending().await; // then they do what they do by default
        };
        loop {
            tokio::select! {
                _ = stop.recv() => tell(Job::Stop),
                _ = go_on.recv() => tell(Job::GoOn),
                _ = hang_up.recv() => return,
                _ = quit.recv() => return,
            }
        }
    }
}

#[cfg(not(unix))]
mod sys {
    use super::Job;

    pub(in super::super) fn has_the_terminal() -> bool {
        true
    }

    pub(in super::super) fn stop_here() {}

    pub(in super::super) async fn watch(_: impl Fn(Job)) {
        std::future::pending().await
    }
}
