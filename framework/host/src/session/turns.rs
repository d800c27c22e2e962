//! Who reads next, where more is there to be read than can be taken in.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::yield_now;

/// Counts the reads of all sessions, so that one that waits sees whether others have something.
#[derive(Debug, Default)]
pub(crate) struct Turns(AtomicU64);

/// How many turns of the others one of its own costs a session that is ahead. So it has always a share, and a bound on
/// how long it waits.
const WAITS: usize = 4;

impl Turns {
    /// Ends a turn after a read. One busy session shall not be drained alone. One that is `ahead` lets the others catch up
    /// for as long as they have something: what it would bring only waits for what they bring.
    pub(super) async fn end(&self, ahead: bool) {
        let mut mine = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        yield_now().await;
        for _ in 0..if ahead { WAITS } else { 0 } {
            let now = self.0.load(Ordering::Relaxed);
            if now == mine {
                return;
            }
            mine = now;
            yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::task::JoinSet;

    use super::*;

    /// The order in which sessions read that read so often each. Those in capitals are ahead.
    async fn order(sessions: &[(char, usize)]) -> String {
        let shared = Arc::new((Turns::default(), Mutex::new(String::new())));
        let mut all = JoinSet::new();
        for &(name, reads) in sessions {
            let shared = shared.clone();
            all.spawn(async move {
                let (turns, order) = &*shared;
                for _ in 0..reads {
                    order.lock().unwrap().push(name);
                    turns.end(name.is_uppercase()).await;
                }
            });
        }
        all.join_all().await;
        shared.1.lock().unwrap().clone()
    }

    #[tokio::test]
    async fn who_is_ahead_waits_for_those_who_have_something_and_not_for_ever() {
        assert_eq!(order(&[('A', 3)]).await, "AAA");
        // Those who wait at the same time take their turns in any order.
        let between = async |others| {
            let order = order(&[('A', 2), ('b', others)]).await;
            order.trim_start_matches('b').split('A').nth(1).map(str::len)
        };
        assert!(matches!(between(3).await, Some(2..=3)));
        assert!(matches!(between(100).await, Some(few) if few.abs_diff(WAITS) <= 2));
    }
}
