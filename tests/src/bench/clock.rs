//! One clock for all processes of the machine: what one of them notes another one can compare.

/// Nanoseconds on the system's monotonic clock, since whatever it counts from.
pub(super) fn now() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

/// What the calling thread has had of a processor, in nanoseconds.
pub(super) fn of_this_thread() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

/// The difference of two of them, in milliseconds.
pub(super) fn ms_between(earlier: i64, later: i64) -> f64 {
    (later - earlier) as f64 / 1e6
}
