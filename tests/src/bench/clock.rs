//! One clock for all processes of the machine: what one of them notes another one can compare.

use std::time::Duration;

use rustix::time::ClockId;

/// Nanoseconds on the system's monotonic clock, since whatever it counts from.
pub(super) fn now() -> i64 {
    nanos(ClockId::Monotonic)
}

/// What the calling thread has had of a processor, in nanoseconds.
pub(super) fn of_this_thread() -> i64 {
    nanos(ClockId::ThreadCPUTime)
}

/// What this process has had of all processors, in nanoseconds.
pub(super) fn of_this_process() -> i64 {
    nanos(ClockId::ProcessCPUTime)
}

/// What [`now`] will be after so long.
pub(super) fn in_a_while(span: Duration) -> i64 {
    now().saturating_add(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX))
}

/// Waits until [`now`] is this.
pub(super) async fn sleep_until(then: i64) {
    let left = then.saturating_sub(now());
    tokio::time::sleep(Duration::from_nanos(u64::try_from(left).unwrap_or(0))).await;
}

fn nanos(clock: ClockId) -> i64 {
    let now = rustix::time::clock_gettime(clock);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

/// The difference of two of them, in milliseconds.
pub(super) fn ms_between(earlier: i64, later: i64) -> f64 {
    (later - earlier) as f64 / 1e6
}
