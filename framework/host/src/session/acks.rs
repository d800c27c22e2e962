//! Acknowledgements and credit wait a moment for more of them.
//!
//! Each write wakes the peer, and its reading wakes us. For collectors that send a little every now and then that would be
//! most of the work.

use tokio::time::{Duration, Instant};

/// What there is to be acknowledged on a connection.
#[derive(Debug, Default)]
pub(super) struct Acks {
    /// So many results do not wait.
    many: usize,
    /// Those that have come since the last write.
    results: usize,
    /// Until when they may wait.
    until: Option<Instant>,
}

/// How long they may wait. Little beside the time in which a collector fills its replay buffer, of which no more than a
/// [`SHARE`]th waits.
const MOMENT: Duration = Duration::from_millis(5);
const SHARE: usize = 16;
/// No more than these wait, however large the buffer is.
const MOST: usize = 64;

impl Acks {
    /// For a collector that keeps so many results. By default nothing waits.
    pub(super) fn of(replay_capacity: u32) -> Self {
        Self { many: (replay_capacity as usize / SHARE).min(MOST), ..Self::default() }
    }

    /// Results have come.
    pub(super) fn came(&mut self, results: usize) {
        self.results += results;
    }

    /// Until when the next write may wait if there is nothing but acknowledgements and credit to write.
    pub(super) fn wait(&mut self) -> Option<Instant> {
        if self.results >= self.many {
            return None;
        }
        let now = Instant::now();
        Some(*self.until.get_or_insert(now + MOMENT)).filter(|until| now < *until)
    }

    /// All that there was is being written.
    pub(super) fn said(&mut self) {
        (self.results, self.until) = (0, None);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_few_wait_a_moment_and_many_do_not() {
        let mut acks = Acks::of(1_024);
        acks.came(1);
        assert_eq!(acks.wait(), Some(Instant::now() + MOMENT));
        advance(MOMENT / 2).await;
        acks.came(1);
        assert_eq!(acks.wait(), Some(Instant::now() + MOMENT / 2), "the first counts");
        acks.came(62);
        assert_eq!(acks.wait(), None);
        acks.said();
        acks.came(1);
        assert_eq!(acks.wait(), Some(Instant::now() + MOMENT));
        advance(MOMENT).await;
        assert_eq!(acks.wait(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn who_keeps_little_is_not_kept_waiting() {
        for mut acks in [Acks::default(), Acks::of(1), Acks::of(31)] {
            acks.came(1);
            assert_eq!(acks.wait(), None);
        }
        assert!(Acks::of(u32::MAX).many <= MOST);
    }
}
