//! How busy this process is.

use std::time::{Duration, Instant};

/// Reads the processor time and the memory of this process.
///
/// Processor time comes from `clock_gettime(CLOCK_PROCESS_CPUTIME_ID)` on every Unix, memory from
/// `/proc/self/status` on Linux. Where a platform has no such source the figure is absent, never a guess.
#[derive(Debug)]
pub(crate) struct Load {
    last: Option<(Instant, Duration)>,
}

impl Load {
    pub(crate) fn new() -> Self {
        Self { last: cpu_time().map(|time| (Instant::now(), time)) }
    }

    /// Share of one core since the last call (`1.0` is one core).
    pub(crate) fn cpu(&mut self) -> Option<f64> {
        let (now, used) = (Instant::now(), cpu_time()?);
        let (then, before) = self.last.replace((now, used))?;
        let elapsed = now.duration_since(then).as_secs_f64();
        (elapsed > 0.0).then(|| used.saturating_sub(before).as_secs_f64() / elapsed)
    }
}

#[cfg(unix)]
fn cpu_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.try_into().ok()
}

#[cfg(not(unix))]
fn cpu_time() -> Option<Duration> {
    None
}

/// Resident bytes.
pub(crate) fn memory_bytes() -> Option<u64> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn linux_tells() {
        let mut load = Load::new();
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(20) {}
        assert!(load.cpu().is_some_and(|cpu| cpu > 0.0));
        assert!(memory_bytes().is_some_and(|bytes| bytes > 100_000));
    }
}
