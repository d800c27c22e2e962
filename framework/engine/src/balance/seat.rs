//! A session as the balancer sees it.

use std::collections::BTreeMap;

use stook_types::{CollectorId, Incarnation, MonoTime, SessionEpoch};

use super::{Modifiers, PoolId};

/// A session that can be given tasks. Never used again after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SeatId(pub(crate) u64);

/// What holds for all of a session's capabilities.
pub(crate) struct Seat {
    pub(crate) collector: CollectorId,
    pub(crate) incarnation: Incarnation,
    pub(crate) epoch: SessionEpoch,
    /// When it came back, if it was here before.
    pub(super) back_since: Option<MonoTime>,
    pub(super) pools: Vec<PoolId>,
    /// It leaves: nothing more for it.
    pub(crate) draining: bool,
    /// Tasks that were taken from it, and that it still sits on, by capability: it gets nothing more of that.
    pub(super) overdue: BTreeMap<PoolId, u32>,
    /// Tasks in flight that are suspected to have killed others.
    pub(crate) suspects: u32,
    pub(super) ejected_until: Option<MonoTime>,
    pub(super) ejections: u32,
}

/// Whom a task must not go to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unfit<'a> {
    /// Whoever has failed it before: the same process would again.
    pub(crate) failed: &'a [Incarnation],
    /// Whether it may only go where no other suspect is, so that the next death has one cause.
    pub(crate) alone: bool,
}

impl Seat {
    pub(crate) fn is_unfit(&self, unfit: Unfit<'_>) -> bool {
        unfit.failed.contains(&self.incarnation) || (unfit.alone && self.suspects > 0)
    }

    /// Tasks that were taken from it, and that it still sits on.
    pub(crate) fn overdue(&self) -> u32 {
        self.overdue.values().sum()
    }

    pub(crate) fn is_ejected(&self, now: MonoTime) -> bool {
        self.ejected_until.is_some_and(|until| until > now)
    }

    pub(crate) fn is_slow(&self, now: MonoTime, modifiers: &Modifiers) -> bool {
        self.back_since.is_some_and(|since| now.since(since) < modifiers.slow_start)
    }
}
