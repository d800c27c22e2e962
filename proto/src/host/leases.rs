//! The assignments of one session, and what is known of those that no longer count.

use std::collections::{BTreeSet, HashMap};

use crate::Lease;

/// Which leases are open, and which are fenced: their tasks may be somebody else's by now.
#[derive(Debug)]
pub(super) struct Leases {
    /// The last that the host had given when this session began. All up to it are of sessions that are over.
    before: Lease,
    open: HashMap<Lease, Open>,
    /// Fenced and ended: a careless collector may go on to answer. The newest, at most [`REMEMBERED`].
    fenced: BTreeSet<Lease>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Open {
    /// Whether the task was said to run.
    started: bool,
    fenced: bool,
}

/// Fenced leases that are remembered when they have ended.
const REMEMBERED: usize = 1024;

impl Leases {
    /// Those of a session that begins when this one is the last that was given.
    pub(super) fn after(last: Lease) -> Self {
        Self { before: last, open: HashMap::new(), fenced: BTreeSet::new() }
    }

    pub(super) fn open(&mut self, lease: Lease) {
        self.open.insert(lease, Open::default());
    }

    pub(super) fn is_open(&self, lease: Lease) -> bool {
        self.open.contains_key(&lease)
    }

    /// Notes that the task runs. `false` if it cannot begin now.
    pub(super) fn start(&mut self, lease: Lease) -> bool {
        self.open.get_mut(&lease).is_some_and(|open| !std::mem::replace(&mut open.started, true))
    }

    /// Closes an open lease. `false` if it is not open.
    pub(super) fn finish(&mut self, lease: Lease) -> bool {
        let Some(open) = self.open.remove(&lease) else { return false };
        if open.fenced {
            self.fenced.insert(lease);
            if self.fenced.len() > REMEMBERED {
                self.fenced.pop_first();
            }
        }
        true
    }

    /// Fences an open lease. `false` if there is nothing to do.
    pub(super) fn fence(&mut self, lease: Lease) -> bool {
        self.open.get_mut(&lease).is_some_and(|open| !std::mem::replace(&mut open.fenced, true))
    }

    /// Whether an answer under this lease comes too late. Never so for one of an earlier life of the host: what was
    /// recorded then is all that is left of it.
    pub(super) fn is_fenced(&self, lease: Lease) -> bool {
        match self.open.get(&lease) {
            Some(open) => open.fenced,
            None => {
                let of_a_session_before = lease.run() == self.before.run() && lease <= self.before;
                of_a_session_before || self.fenced.contains(&lease)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    const RUN: NonZeroU32 = NonZeroU32::new(7).unwrap();

    #[test]
    fn of_a_task_taken_back_the_newest_are_remembered() {
        let mut leases = Leases::after(Lease::origin(RUN));
        let given: Vec<_> =
            std::iter::successors(Some(Lease::origin(RUN).next()), |lease| Some(lease.next()))
                .take(REMEMBERED + 10)
                .collect();
        for lease in &given {
            leases.open(*lease);
            assert!(leases.fence(*lease));
            assert!(!leases.fence(*lease), "once");
        }
        assert!(given.iter().all(|lease| leases.is_fenced(*lease)), "none that is open is forgotten");
        assert!(given.iter().all(|lease| leases.finish(*lease)));
        let fenced = given.iter().map(|lease| leases.is_fenced(*lease));
        assert!(fenced.eq((0..given.len()).map(|n| n >= 10)));
    }

    #[test]
    fn a_run_that_is_full_goes_on() {
        let last = Lease(u64::from(u32::MAX));
        assert_eq!((last.run(), last.next()), (0, Lease::origin(NonZeroU32::MIN)));
        assert_eq!(Lease(u64::MAX).next(), Lease::origin(NonZeroU32::MIN), "0 is no lease");
        assert_eq!((Lease::origin(RUN).run(), Lease::origin(RUN).next()), (7, Lease((7 << 32) + 1)));
    }
}
