//! The contract of ordering.

use std::cmp::Ordering;

use crate::Contribution;

/// Says in which order the results of a set are merged (their *effective order*).
///
/// # Contract
///
/// * **Who calls, when.** The host sorts a released set with [`compare`](Self::compare), just before the merge;
///   the sort is stable, so that equal results keep their order of arrival.
/// * **Where.** On the thread that released the set, on owned results, under no lock.
/// * **It must be a total preorder**: transitive, and consistent with itself. A comparison that is not, or that
///   panics, is counted, and the set is merged in order of arrival.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no order",
    note = "`register!(order: …)` takes a type that implements `OrderStrategy`"
)]
pub trait OrderStrategy: Send + Sync + 'static {
    /// How two results of one set compare.
    fn compare(&self, a: &Contribution, b: &Contribution) -> Ordering;

    /// Whether the effective order depends on how processes were scheduled, as arrival does, even of results that all
    /// have a timestamp. A host warns where such an order meets a merge that is not commutative.
    fn depends_on_scheduling(&self) -> bool {
        false
    }
}
