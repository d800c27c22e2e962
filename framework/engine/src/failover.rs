//! What becomes of tasks whose collector has died: which of them is to blame, and which has killed too often.

use std::collections::VecDeque;
use std::sync::Arc;

use stook_types::{Capability, CollectorId, MonoTime};

use crate::dispatch::Task;

/// Judges tasks that were in flight when a collector died, and remembers those that it condemned.
///
/// One of those in flight may have killed it, and nobody says which. All are suspected once. From the second time on
/// a suspect runs where no other suspect does, and a death is blamed only on those in flight that are suspected most:
/// so the third death has one cause, and no task is condemned for the company it kept.
#[derive(Debug, Default)]
pub struct FailoverManager {
    quarantine: VecDeque<Quarantined>,
}

/// A task that is not given to anybody any more.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Quarantined {
    /// The task.
    pub task: Arc<Task>,
    /// Which part of it.
    pub capability: Capability,
    /// Whom it killed last.
    pub collector: CollectorId,
    /// How many it has killed.
    pub kills: u32,
    /// Since when.
    pub since: MonoTime,
}

/// Deaths that condemn a task.
const POISON: u32 = 3;
/// How many condemned tasks are remembered.
const REMEMBERED: usize = 256;

impl FailoverManager {
    /// The tasks that were condemned last, oldest first.
    pub fn quarantine(&self) -> impl ExactSizeIterator<Item = &Quarantined> {
        self.quarantine.iter()
    }

    /// A collector died with tasks in flight that have so many deaths to their account: adds this one to those
    /// that have the most.
    pub(crate) fn blame(&self, kills: &mut [u32]) {
        let most = kills.iter().max().copied();
        kills.iter_mut().filter(|kills| Some(**kills) == most).for_each(|kills| *kills += 1);
    }

    /// Whether it may run only where no other suspect does.
    pub(crate) const fn is_suspect(&self, kills: u32) -> bool {
        kills + 1 >= POISON
    }

    pub(crate) const fn is_poison(&self, kills: u32) -> bool {
        kills >= POISON
    }

    pub(crate) fn condemn(
        &mut self,
        since: MonoTime,
        task: &Arc<Task>,
        capability: &Capability,
        collector: &CollectorId,
        kills: u32,
    ) {
        if self.quarantine.len() == REMEMBERED {
            self.quarantine.pop_front();
        }
        let (task, capability, collector) = (task.clone(), capability.clone(), collector.clone());
        self.quarantine.push_back(Quarantined { task, capability, collector, kills, since });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_death_is_blamed_on_those_who_are_suspected_most() {
        let judge = FailoverManager::default();
        let check = |mut kills: Vec<u32>, after: &[u32]| {
            judge.blame(&mut kills);
            assert_eq!(kills, after);
        };
        check(vec![], &[]);
        check(vec![0, 0, 0], &[1, 1, 1]);
        check(vec![0, 1, 1], &[0, 2, 2]);
        check(vec![2, 0, 1], &[3, 0, 1]);
        assert!(!judge.is_suspect(1) && judge.is_suspect(2) && !judge.is_poison(2) && judge.is_poison(3));
    }
}
