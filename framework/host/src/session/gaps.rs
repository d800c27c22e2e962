//! What the answers to tasks lack: results that were refused.

use std::collections::BTreeMap;

use stook_proto::Lease;
use stook_types::{Refusal, Topic};

/// Of each task that is not over, how many of its results were refused. Their collector may say that it has finished, and
/// does not know.
#[derive(Default)]
pub(super) struct Gaps(BTreeMap<Lease, Gap>);

struct Gap {
    refused: u64,
    topic: Topic,
    reason: Refusal,
}

/// Leases are counted up, so that the first are the oldest: those of a collector that goes on to answer what is over.
const MOST: usize = 4_096;

impl Gaps {
    /// A result under this lease was refused.
    pub(super) fn note(&mut self, lease: Lease, topic: &Topic, reason: Refusal) {
        if reason.leaves_a_gap() {
            let gap = self.0.entry(lease).or_insert_with(|| Gap { refused: 0, topic: topic.clone(), reason });
            gap.refused += 1;
            if self.0.len() > MOST {
                self.0.pop_first();
            }
        }
    }

    /// The task is over: what its answer lacks, in words.
    pub(super) fn take(&mut self, lease: Lease) -> Option<String> {
        let Gap { refused, topic, reason } = self.0.remove(&lease)?;
        Some(match refused {
            1 => format!("a result of it was refused: {reason} ({topic})"),
            many => format!("{many} of its results were refused, the first one: {reason} ({topic})"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_task_lacks_what_was_refused_of_it() {
        let mut gaps = Gaps::default();
        let topic = Topic::new("t.x").unwrap();
        gaps.note(Lease(1), &topic, Refusal::SetFull);
        gaps.note(Lease(2), &topic, Refusal::TopicNotAllowed);
        gaps.note(Lease(2), &topic, Refusal::TooLarge);
        gaps.note(Lease(3), &topic, Refusal::Late);
        assert_eq!(gaps.take(Lease(1)).unwrap(), "a result of it was refused: set-full (t.x)");
        let two = "2 of its results were refused, the first one: topic-not-allowed (t.x)";
        assert_eq!(gaps.take(Lease(2)).unwrap(), two);
        assert_eq!((gaps.take(Lease(2)), gaps.take(Lease(3))), (None, None));
    }

    #[test]
    fn answers_to_what_is_over_take_no_more_than_so_much() {
        let mut gaps = Gaps::default();
        let topic = Topic::new("t.x").unwrap();
        (0..MOST as u64 + 10).for_each(|lease| gaps.note(Lease(lease), &topic, Refusal::SetFull));
        assert_eq!((gaps.0.len(), gaps.take(Lease(0))), (MOST, None));
    }
}
