//! The host's one clock. Everything below the host is told the time; this is who tells it.

use std::time::{Duration, SystemTime};

use stook_types::{MonoTime, WallTime};
use tokio::time::Instant;

/// Monotonic time since the host's start, and the wall-clock time of that start for print.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
    wall: WallTime,
}

/// Past it is never: added to a moment, more than that may be too much for the system's clock.
pub(crate) const CENTURY: Duration = Duration::from_secs(36_525 * 86_400);

impl Clock {
    pub(crate) fn start() -> Self {
        Self { origin: Instant::now(), wall: SystemTime::now().into() }
    }

    pub(crate) fn now(&self) -> MonoTime {
        MonoTime::at(self.origin.elapsed())
    }

    pub(crate) fn instant(&self, time: MonoTime) -> Instant {
        self.origin + time.since_origin().min(CENTURY)
    }

    pub(crate) fn origin_on_the_wall(&self) -> WallTime {
        self.wall
    }
}
