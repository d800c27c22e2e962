//! Signals to children of this process, the host's.

pub(super) use sys::{CAN_STOP, go_on, kill, stop};

#[cfg(unix)]
mod sys {
    use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

    pub(in super::super) const CAN_STOP: bool = true;

    pub(in super::super) fn kill(pid: Option<u32>, _: impl FnOnce()) -> bool {
        send(pid, Signal::KILL)
    }

    pub(in super::super) fn stop(pid: Option<u32>) -> bool {
        send(pid, Signal::STOP)
    }

    pub(in super::super) fn go_on(pid: Option<u32>) -> bool {
        send(pid, Signal::CONT)
    }

    /// Only to a child that has not ended. Whoever reaps it shares this thread: so nobody else can have its number
    /// between the look and the signal.
    fn send(pid: Option<u32>, signal: Signal) -> bool {
        let Some(pid) = pid.and_then(|pid| Pid::from_raw(pid.cast_signed())) else { return false };
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        matches!(waitid(WaitId::Pid(pid), look), Ok(None)) && kill_process(pid, signal).is_ok()
    }
}

#[cfg(not(unix))]
mod sys {
    pub(in super::super) const CAN_STOP: bool = false;

    /// By the handle that the host has of it.
    pub(in super::super) fn kill(_: Option<u32>, by_handle: impl FnOnce()) -> bool {
        by_handle();
        true
    }

    pub(in super::super) fn stop(_: Option<u32>) -> bool {
        false
    }

    pub(in super::super) fn go_on(_: Option<u32>) -> bool {
        false
    }
}
