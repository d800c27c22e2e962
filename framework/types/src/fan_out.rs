//! Whom a task goes to.

use crate::CollectorId;

/// Which collectors a task goes to. Closed: whoever dispatches must know each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FanOut {
    /// For each capability the best by score; another one if that is lost, stalls or gives the task
    /// back. A task that fails with an error is not tried again.
    One,
    /// Every configured or connected collector that has, or last declared, one of the capabilities.
    #[default]
    Each,
    /// These.
    Ids(Vec<CollectorId>),
}
