//! `timestamp`: as the collectors saw it happen.

use std::cmp::Ordering;

use stook_plugin::{BuildContext, BuildError, Contribution, NoOptions, OrderStrategy, Plugin, register};

/// By the collectors' own timestamps.
pub struct Timestamp;

impl Plugin for Timestamp {
    const NAME: &'static str = "timestamp";
    const DOCS: &'static str = "Merges results by the timestamps that their collectors gave them, ties by collector, session \
        and sequence number. Results without a timestamp come after all others, in order of arrival.";
    type Options = NoOptions;

    fn build(_: NoOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self)
    }
}

impl OrderStrategy for Timestamp {
    /// A result without timestamp has only its place of arrival, and no comparison that takes the timestamp for
    /// some pairs and the arrival for others is transitive: so the two kinds do not mix.
    fn compare(&self, a: &Contribution, b: &Contribution) -> Ordering {
        match (a.timestamp, b.timestamp) {
            (Some(x), Some(y)) => x.cmp(&y).then_with(|| super::by_sequence(a, b)),
            (None, None) => a.arrival.cmp(&b.arrival),
            (x, y) => x.is_none().cmp(&y.is_none()),
        }
    }
}

register!(order: Timestamp);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::testing::check;

    #[test]
    fn keeps_its_promises() {
        stook_plugin::conformance::plugin::<Timestamp>(&[]);
        stook_plugin::conformance::order(|| Timestamp);
    }

    #[test]
    fn sorts_by_timestamp_then_sequence() {
        check::<Timestamp>(&[("p", 1, 0, Some(2)), ("p", 1, 1, Some(1)), ("p", 1, 2, Some(3))], &[1, 0, 2]);
        check::<Timestamp>(&[("b", 1, 0, Some(1)), ("a", 2, 0, Some(1)), ("a", 1, 7, Some(1))], &[2, 1, 0]);
        check::<Timestamp>(&[("p", 1, 0, Some(i64::MAX)), ("p", 1, 1, Some(i64::MIN))], &[1, 0]);
    }

    #[test]
    fn those_without_come_last_as_they_arrived() {
        check::<Timestamp>(&[("b", 1, 0, None), ("a", 1, 0, Some(9)), ("a", 1, 1, None)], &[1, 0, 2]);
        check::<Timestamp>(&[("b", 1, 0, None), ("a", 1, 0, None)], &[0, 1]);
    }
}
